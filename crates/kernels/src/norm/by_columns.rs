//! The loops of a norm of each column.

use crate::vectors::{Arithmetic, for_each_set};

for_each_set! { pub(super) fn scale_by_columns(rows: &mut [f32], factor: &[f32], offset: &[f32]) = scale_by_columns_body }

#[inline(always)]
fn scale_by_columns_body<A: Arithmetic>(rows: &mut [f32], factor: &[f32], offset: &[f32]) {
    for row in rows.chunks_exact_mut(factor.len().max(1)) {
        for ((value, &factor), &offset) in row.iter_mut().zip(factor).zip(offset) {
            *value = A::multiply_add(*value, factor, offset);
        }
    }
}

for_each_set! { pub(super) fn add_rows_f64(rows: &[f32], sums: &mut [f64]) = add_rows_f64_body }

#[inline(always)]
fn add_rows_f64_body<A: Arithmetic>(rows: &[f32], sums: &mut [f64]) {
    for row in rows.chunks_exact(sums.len().max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
}

for_each_set! { pub(super) fn add_squares(rows: &[f32], mean: &[f32], sums: &mut [f64]) = add_squares_body }

#[inline(always)]
fn add_squares_body<A: Arithmetic>(rows: &[f32], mean: &[f32], sums: &mut [f64]) {
    for row in rows.chunks_exact(sums.len().max(1)) {
        for ((sum, &mean), &value) in sums.iter_mut().zip(mean).zip(row) {
            let off = value - mean;
            *sum += f64::from(off * off);
        }
    }
}

for_each_set! {
    pub(super) fn add_gradients_by_columns(
        input: &[f32], gradient: &[f32], mean: &[f32], scale: &[f32], shift: &mut [f64], gain: &mut [f64],
    ) = add_gradients_by_columns_body
}

#[inline(always)]
fn add_gradients_by_columns_body<A: Arithmetic>(
    input: &[f32],
    gradient: &[f32],
    mean: &[f32],
    scale: &[f32],
    shift: &mut [f64],
    gain: &mut [f64],
) {
    let columns = shift.len().max(1);
    for (input, gradient) in input.chunks_exact(columns).zip(gradient.chunks_exact(columns)) {
        for column in 0..shift.len() {
            let normalised = (input[column] - mean[column]) * scale[column];
            shift[column] += f64::from(gradient[column]);
            gain[column] += f64::from(gradient[column] * normalised);
        }
    }
}

/// The sums over all rows of the gradient, and of its product with the normalised numbers.
pub(super) struct ColumnSums<'a> {
    pub rows: f64,
    pub shift: &'a [f64],
    pub gain: &'a [f64],
}

for_each_set! {
    pub(super) fn input_gradients_by_columns(
        rows: &mut [f32], gradient: &[f32], mean: &[f32], scale: &[f32], gain: &[f32], sums: ColumnSums<'_>,
    ) = input_gradients_by_columns_body
}

/// Turns rows of the input into their gradients.
#[inline(always)]
fn input_gradients_by_columns_body<A: Arithmetic>(
    rows: &mut [f32],
    gradient: &[f32],
    mean: &[f32],
    scale: &[f32],
    gain: &[f32],
    sums: ColumnSums<'_>,
) {
    let columns = gain.len();
    let means =
        |sums: &[f64], rows: f64| -> Vec<f32> { sums.iter().map(|sum| (sum / rows) as f32).collect() };
    let (of_mean, of_scale) = (means(sums.shift, sums.rows), means(sums.gain, sums.rows));
    let factor: Vec<f32> = gain.iter().zip(scale).map(|(gain, scale)| gain * scale).collect();
    let pairs = rows.chunks_exact_mut(columns.max(1)).zip(gradient.chunks_exact(columns.max(1)));
    for (row, gradient) in pairs {
        for column in 0..columns {
            let normalised = (row[column] - mean[column]) * scale[column];
            row[column] =
                factor[column] * (gradient[column] - of_mean[column] - normalised * of_scale[column]);
        }
    }
}
