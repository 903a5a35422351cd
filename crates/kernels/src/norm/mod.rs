//! Rows or columns brought to mean 0 and variance 1, then scaled and shifted, forward and backward.

mod by_columns;
mod by_rows;

use self::by_columns::{
    ColumnSums, add_gradients_by_columns, add_rows_f64, add_squares, input_gradients_by_columns,
    scale_by_columns,
};
use self::by_rows::{add_gradients_by_rows, input_gradients_by_rows, row_moments, scale_by_rows};
use crate::KernelSet;
use crate::helper::in_halves;
use crate::memory::{Parts, written};

/// Added to a variance, so that numbers that are all the same can be divided.
pub const NORM_EPSILON: f32 = 1e-5;

/// What is brought to mean 0 and variance 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormAxis {
    /// The numbers of each row.
    ///
    /// Source: Ba, Kiros and Hinton, *Layer Normalization* (2016).
    Rows,
    /// Those of each column, over all rows.
    ///
    /// Source: Ioffe and Szegedy, *Batch Normalization* (2015).
    Columns,
}

/// What [`normalize`] gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalized {
    /// `(input - mean) / √(variance + NORM_EPSILON) gain + shift`, of the shape of the input.
    pub output: Vec<f32>,
    /// The mean of each row or column.
    pub mean: Vec<f32>,
    /// The variance of each, the mean square of what is off the mean.
    pub variance: Vec<f32>,
}

/// The gradients of [`normalize`].
#[derive(Clone, Debug, PartialEq)]
pub struct NormGradients {
    /// Of the shape of the input.
    pub input: Vec<f32>,
    /// One for each column.
    pub gain: Vec<f32>,
    /// One for each column.
    pub shift: Vec<f32>,
}

/// Normalises the rows or the columns of a matrix whose rows have as many numbers as there are gains.
///
/// # Panics
///
/// Panics if the numbers are no whole rows, or there are not as many shifts as gains.
pub fn normalize(input: &[f32], gain: &[f32], shift: &[f32], axis: NormAxis) -> Normalized {
    normalize_with(KernelSet::active(), input, gain, shift, axis)
}

fn normalize_with(set: KernelSet, input: &[f32], gain: &[f32], shift: &[f32], axis: NormAxis) -> Normalized {
    let rows = rows_of(input, gain);
    assert_eq!(shift.len(), gain.len(), "shifts and gains");
    let [mean, variance] = match axis {
        NormAxis::Rows => moments_of_rows(set, input, gain.len()),
        NormAxis::Columns => moments_of_columns(set, input, rows, gain.len()),
    };
    let output = scaled_and_shifted(set, input, (&mean, &variance), (gain, shift), axis);
    Normalized { output, mean, variance }
}

/// `(input - mean) / √(variance + NORM_EPSILON) gain + shift`, with a mean and a variance for each column.
///
/// # Panics
///
/// Panics if the numbers are no whole rows, or there are not as many of the others as gains.
pub fn normalize_by(input: &[f32], mean: &[f32], variance: &[f32], gain: &[f32], shift: &[f32]) -> Vec<f32> {
    rows_of(input, gain);
    for others in [mean, variance, shift] {
        assert_eq!(others.len(), gain.len(), "numbers of columns");
    }
    let set = KernelSet::active();
    scaled_and_shifted(set, input, (mean, variance), (gain, shift), NormAxis::Columns)
}

/// The gradients of [`normalize`] from the gradient with respect to its output.
///
/// # Panics
///
/// Panics if the sizes are not those of the call that gave `mean` and `variance`.
pub fn normalize_backward(
    input: &[f32],
    mean: &[f32],
    variance: &[f32],
    gain: &[f32],
    gradient: &[f32],
    axis: NormAxis,
) -> NormGradients {
    normalize_backward_with(KernelSet::active(), input, (mean, variance), gain, gradient, axis)
}

fn normalize_backward_with(
    set: KernelSet,
    input: &[f32],
    (mean, variance): (&[f32], &[f32]),
    gain: &[f32],
    gradient: &[f32],
    axis: NormAxis,
) -> NormGradients {
    let (rows, columns) = (rows_of(input, gain), gain.len());
    assert_eq!(gradient.len(), input.len(), "numbers and their gradients");
    let scale = inverse_deviations(variance);
    assert_eq!(
        (mean.len(), scale.len()),
        match axis {
            NormAxis::Rows => (rows, rows),
            NormAxis::Columns => (columns, columns),
        },
        "means and variances"
    );
    // The sums over all rows of the gradient, and of its product with the normalised numbers.
    let [shift, of_gain] = in_two_parts(rows, columns, |range, [shift, of_gain]| {
        let part = range.start * columns..range.end * columns;
        let (input, gradient) = (&input[part.clone()], &gradient[part]);
        match axis {
            NormAxis::Rows => {
                add_gradients_by_rows(
                    set,
                    input,
                    gradient,
                    &mean[range.clone()],
                    &scale[range],
                    shift,
                    of_gain,
                );
            }
            NormAxis::Columns => add_gradients_by_columns(set, input, gradient, mean, &scale, shift, of_gain),
        }
    });
    let write = |output: &mut [std::mem::MaybeUninit<f32>]| {
        let parts = Parts::new(output);
        in_halves(rows, cut(columns), |range| {
            let part = range.start * columns..range.end * columns;
            // SAFETY: `output` is borrowed for as long, and the halves do not overlap.
            let output = unsafe { parts.part(part.clone()) };
            for (output, input) in output.iter_mut().zip(&input[part.clone()]) {
                output.write(*input);
            }
            // SAFETY: they were just written.
            let output = unsafe { output.assume_init_mut() };
            let gradient = &gradient[part];
            match axis {
                NormAxis::Rows => {
                    input_gradients_by_rows(set, output, gradient, &mean[range.clone()], &scale[range], gain);
                }
                NormAxis::Columns => {
                    let sums = ColumnSums { rows: rows as f64, shift: &shift, gain: &of_gain };
                    input_gradients_by_columns(set, output, gradient, mean, &scale, gain, sums);
                }
            }
        });
    };
    // SAFETY: the halves together are all rows.
    let input = unsafe { written(input.len(), write) };
    let [shift, of_gain] = [shift, of_gain].map(|sums| sums.into_iter().map(|sum| sum as f32).collect());
    NormGradients { input, gain: of_gain, shift }
}

fn rows_of(input: &[f32], gain: &[f32]) -> usize {
    let columns = gain.len().max(1);
    assert!(
        input.len().is_multiple_of(columns),
        "{} numbers are no whole rows of {}",
        input.len(),
        gain.len()
    );
    input.len() / columns
}

/// Rows that a thread does before a second one could begin.
fn cut(columns: usize) -> usize {
    const NUMBERS: usize = 4096;
    NUMBERS.div_ceil(columns.max(1))
}

fn inverse_deviations(variance: &[f32]) -> Vec<f32> {
    variance.iter().map(|variance| (variance + NORM_EPSILON).sqrt().recip()).collect()
}

/// Two sums for each column over some rows: those over each half of the rows by itself, on however many threads, then added.
fn in_two_parts(
    rows: usize,
    columns: usize,
    add: impl Fn(std::ops::Range<usize>, [&mut [f64]; 2]) + Sync,
) -> [Vec<f64>; 2] {
    let middle = rows / 2;
    let mut sums = vec![0.0; 4 * columns];
    let parts = Parts::new(&mut sums);
    in_halves(2, 1, |halves| {
        for half in halves {
            // SAFETY: `sums` is borrowed for as long, and the halves do not overlap.
            let sums = unsafe { parts.part(2 * half * columns..2 * (half + 1) * columns) };
            add([0..middle, middle..rows][half].clone(), sums.split_at_mut(columns).into());
        }
    });
    let sum =
        |which: usize, column: usize| sums[which * columns + column] + sums[(2 + which) * columns + column];
    [0, 1].map(|which| (0..columns).map(|column| sum(which, column)).collect())
}

fn moments_of_rows(set: KernelSet, input: &[f32], columns: usize) -> [Vec<f32>; 2] {
    let rows = input.len() / columns.max(1);
    let (mut mean, mut variance) = (vec![0.0; rows], vec![0.0; rows]);
    let (means, variances) = (Parts::new(&mut mean), Parts::new(&mut variance));
    in_halves(rows, cut(columns), |range| {
        let input = &input[range.start * columns..range.end * columns];
        // SAFETY: both are borrowed for as long, and the halves do not overlap.
        let (mean, variance) = unsafe { (means.part(range.clone()), variances.part(range)) };
        row_moments(set, input, columns, mean, variance);
    });
    [mean, variance]
}

fn moments_of_columns(set: KernelSet, input: &[f32], rows: usize, columns: usize) -> [Vec<f32>; 2] {
    let count = rows.max(1) as f64;
    let part = |range: std::ops::Range<usize>| &input[range.start * columns..range.end * columns];
    let [sums, _] = in_two_parts(rows, columns, |range, [sums, _]| add_rows_f64(set, part(range), sums));
    let mean: Vec<f32> = sums.into_iter().map(|sum| (sum / count) as f32).collect();
    let [squares, _] =
        in_two_parts(rows, columns, |range, [squares, _]| add_squares(set, part(range), &mean, squares));
    let variance = squares.into_iter().map(|sum| (sum / count) as f32).collect();
    [mean, variance]
}

fn scaled_and_shifted(
    set: KernelSet,
    input: &[f32],
    (mean, variance): (&[f32], &[f32]),
    (gain, shift): (&[f32], &[f32]),
    axis: NormAxis,
) -> Vec<f32> {
    let columns = gain.len();
    let scale = inverse_deviations(variance);
    // `factor x + offset` of each column, where they are the same for all rows.
    let factor: Vec<f32> = scale.iter().zip(gain).map(|(scale, gain)| scale * gain).collect();
    let offset: Vec<f32> =
        factor.iter().zip(mean).zip(shift).map(|((factor, mean), shift)| shift - factor * mean).collect();
    let mut output = input.to_vec();
    let parts = Parts::new(&mut output);
    in_halves(input.len() / columns.max(1), cut(columns), |range| {
        // SAFETY: `output` is borrowed for as long, and the halves do not overlap.
        let output = unsafe { parts.part(range.start * columns..range.end * columns) };
        match axis {
            NormAxis::Rows => scale_by_rows(set, output, &mean[range.clone()], &scale[range], gain, shift),
            NormAxis::Columns => scale_by_columns(set, output, &factor, &offset),
        }
    });
    output
}

#[cfg(test)]
mod tests;
