//! The loops of a norm of each row.

use crate::vectors::{Arithmetic, for_each_set};

/// Numbers that are added up beside each other.
const LANES: usize = 16;

/// The sum of a function of each place of a row, in 64-bit lanes.
#[inline(always)]
fn sum_of(count: usize, value: impl Fn(usize) -> f32) -> f64 {
    let mut lanes = [0.0f64; LANES];
    let whole = count - count % LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f64::from(value(start + lane));
        }
    }
    for place in whole..count {
        lanes[place - whole] += f64::from(value(place));
    }
    lanes.iter().sum()
}

for_each_set! {
    pub(super) fn row_moments(input: &[f32], columns: usize, mean: &mut [f32], variance: &mut [f32]) = row_moments_body
}

#[inline(always)]
fn row_moments_body<A: Arithmetic>(input: &[f32], columns: usize, mean: &mut [f32], variance: &mut [f32]) {
    let rows = input.chunks_exact(columns.max(1));
    for (row, (mean, variance)) in rows.zip(mean.iter_mut().zip(variance)) {
        let of_row = (sum_of(row.len(), |place| row[place]) / row.len() as f64) as f32;
        let squares = sum_of(row.len(), |place| {
            let off = row[place] - of_row;
            off * off
        });
        *mean = of_row;
        *variance = (squares / row.len() as f64) as f32;
    }
}

for_each_set! {
    pub(super) fn scale_by_rows(rows: &mut [f32], mean: &[f32], scale: &[f32], gain: &[f32], shift: &[f32]) = scale_by_rows_body
}

#[inline(always)]
fn scale_by_rows_body<A: Arithmetic>(
    rows: &mut [f32],
    mean: &[f32],
    scale: &[f32],
    gain: &[f32],
    shift: &[f32],
) {
    let moments = mean.iter().zip(scale);
    for (row, (mean, scale)) in rows.chunks_exact_mut(gain.len().max(1)).zip(moments) {
        for ((value, &gain), &shift) in row.iter_mut().zip(gain).zip(shift) {
            *value = A::multiply_add((*value - mean) * scale, gain, shift);
        }
    }
}

for_each_set! {
    pub(super) fn add_gradients_by_rows(
        input: &[f32], gradient: &[f32], mean: &[f32], scale: &[f32], shift: &mut [f64], gain: &mut [f64],
    ) = add_gradients_by_rows_body
}

#[inline(always)]
fn add_gradients_by_rows_body<A: Arithmetic>(
    input: &[f32],
    gradient: &[f32],
    mean: &[f32],
    scale: &[f32],
    shift: &mut [f64],
    gain: &mut [f64],
) {
    let columns = shift.len().max(1);
    let rows = input.chunks_exact(columns).zip(gradient.chunks_exact(columns));
    for ((input, gradient), (mean, scale)) in rows.zip(mean.iter().zip(scale)) {
        let sums = shift.iter_mut().zip(gain.iter_mut());
        for ((shift, gain), (&value, &gradient)) in sums.zip(input.iter().zip(gradient)) {
            *shift += f64::from(gradient);
            *gain += f64::from(gradient * ((value - mean) * scale));
        }
    }
}

for_each_set! {
    pub(super) fn input_gradients_by_rows(
        rows: &mut [f32], gradient: &[f32], mean: &[f32], scale: &[f32], gain: &[f32],
    ) = input_gradients_by_rows_body
}

/// Turns rows of the input into their gradients.
#[inline(always)]
fn input_gradients_by_rows_body<A: Arithmetic>(
    rows: &mut [f32],
    gradient: &[f32],
    mean: &[f32],
    scale: &[f32],
    gain: &[f32],
) {
    let columns = gain.len().max(1);
    let pairs = rows.chunks_exact_mut(columns).zip(gradient.chunks_exact(columns));
    for ((row, gradient), (mean, scale)) in pairs.zip(mean.iter().zip(scale)) {
        let scaled = |place: usize| gradient[place] * gain[place];
        let normalised = |row: &[f32], place: usize| (row[place] - mean) * scale;
        let of_mean = (sum_of(columns, scaled) / columns as f64) as f32;
        let of_scale = sum_of(columns, |place| scaled(place) * normalised(row, place)) / columns as f64;
        let of_scale = of_scale as f32;
        for place in 0..columns {
            row[place] = scale * (scaled(place) - of_mean - normalised(row, place) * of_scale);
        }
    }
}
