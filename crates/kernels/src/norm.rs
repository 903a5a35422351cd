//! Rows or columns brought to mean 0 and variance 1, then scaled and shifted, forward and backward.

use crate::KernelSet;
use crate::helper::in_halves;
use crate::memory::{Parts, written};
use crate::vectors::{Arithmetic, for_each_set};

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
    fn row_moments(input: &[f32], columns: usize, mean: &mut [f32], variance: &mut [f32]) = row_moments_body
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
    fn scale_by_rows(rows: &mut [f32], mean: &[f32], scale: &[f32], gain: &[f32], shift: &[f32]) = scale_by_rows_body
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

for_each_set! { fn scale_by_columns(rows: &mut [f32], factor: &[f32], offset: &[f32]) = scale_by_columns_body }

#[inline(always)]
fn scale_by_columns_body<A: Arithmetic>(rows: &mut [f32], factor: &[f32], offset: &[f32]) {
    for row in rows.chunks_exact_mut(factor.len().max(1)) {
        for ((value, &factor), &offset) in row.iter_mut().zip(factor).zip(offset) {
            *value = A::multiply_add(*value, factor, offset);
        }
    }
}

for_each_set! { fn add_rows_f64(rows: &[f32], sums: &mut [f64]) = add_rows_f64_body }

#[inline(always)]
fn add_rows_f64_body<A: Arithmetic>(rows: &[f32], sums: &mut [f64]) {
    for row in rows.chunks_exact(sums.len().max(1)) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
}

for_each_set! { fn add_squares(rows: &[f32], mean: &[f32], sums: &mut [f64]) = add_squares_body }

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
    fn add_gradients_by_rows(
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
    fn add_gradients_by_columns(
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

for_each_set! {
    fn input_gradients_by_rows(
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

/// The sums over all rows of the gradient, and of its product with the normalised numbers.
struct ColumnSums<'a> {
    rows: f64,
    shift: &'a [f64],
    gain: &'a [f64],
}

for_each_set! {
    fn input_gradients_by_columns(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assisted;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    struct Case {
        input: Vec<f32>,
        gain: Vec<f32>,
        shift: Vec<f32>,
        gradient: Vec<f32>,
        axis: NormAxis,
    }

    fn case(rows: usize, columns: usize, axis: NormAxis) -> Case {
        let mut rng = StdRng::seed_from_u64(3);
        let mut random = |count: usize, offset: f32| -> Vec<f32> {
            (0..count).map(|_| offset + 2.0 * rng.random::<f32>() - 1.0).collect()
        };
        Case {
            input: random(rows * columns, 3.0),
            gain: random(columns, 0.5),
            shift: random(columns, 0.0),
            gradient: random(rows * columns, 0.0),
            axis,
        }
    }

    impl Case {
        fn run(&self, set: KernelSet) -> (Normalized, NormGradients) {
            let Self { input, gain, shift, gradient, axis } = self;
            let normalized = normalize_with(set, input, gain, shift, *axis);
            let moments = (&*normalized.mean, &*normalized.variance);
            let gradients = normalize_backward_with(set, input, moments, gain, gradient, *axis);
            (normalized, gradients)
        }

        /// `Σ output gradient` by the definition, in 64-bit numbers.
        fn weighted_sum(&self, input: &[f64], gain: &[f64]) -> f64 {
            let columns = gain.len();
            let rows = input.len() / columns;
            let group = |place: usize| -> Vec<f64> {
                match self.axis {
                    NormAxis::Rows => input[place / columns * columns..][..columns].to_vec(),
                    NormAxis::Columns => {
                        (0..rows).map(|row| input[row * columns + place % columns]).collect()
                    }
                }
            };
            (0..input.len())
                .map(|place| {
                    let group = group(place);
                    let mean = group.iter().sum::<f64>() / group.len() as f64;
                    let variance = group.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / group.len() as f64;
                    let normalised = (input[place] - mean) / (variance + f64::from(NORM_EPSILON)).sqrt();
                    let output = normalised * gain[place % columns] + f64::from(self.shift[place % columns]);
                    output * f64::from(self.gradient[place])
                })
                .sum()
        }
    }

    fn wide(numbers: &[f32]) -> Vec<f64> {
        numbers.iter().copied().map(f64::from).collect()
    }

    #[test]
    fn gradients_are_the_slopes_of_the_definition() {
        // Central differences of 64-bit numbers are exact to 1e-9 here; the rest is 32-bit rounding of sums of some 100.
        const STEP: f64 = 1e-5;
        const ABSOLUTE: f64 = 2e-5;
        for set in KernelSet::available() {
            for (rows, columns) in [(5, 3), (2, 40), (33, 1), (7, 17)] {
                for axis in [NormAxis::Rows, NormAxis::Columns] {
                    let case = case(rows, columns, axis);
                    let (normalized, gradients) = case.run(set);
                    let sum: f64 = normalized
                        .output
                        .iter()
                        .zip(&case.gradient)
                        .map(|(&output, &gradient)| f64::from(output) * f64::from(gradient))
                        .sum();
                    let (input, gain) = (wide(&case.input), wide(&case.gain));
                    assert!(
                        (sum - case.weighted_sum(&input, &gain)).abs() < ABSOLUTE * (rows * columns) as f64
                    );
                    let slope = |of_gain: bool, place: usize| {
                        let at = |step: f64| {
                            let (mut input, mut gain) = (input.clone(), gain.clone());
                            if of_gain {
                                gain[place] += step
                            } else {
                                input[place] += step
                            }
                            case.weighted_sum(&input, &gain)
                        };
                        (at(STEP) - at(-STEP)) / (2.0 * STEP)
                    };
                    for place in 0..input.len() {
                        let (found, expected) = (f64::from(gradients.input[place]), slope(false, place));
                        assert!(
                            (found - expected).abs() < ABSOLUTE * (1.0 + expected.abs()),
                            "{set} {axis:?} {rows}x{columns}: {found}, not {expected}"
                        );
                    }
                    for column in 0..columns {
                        let (found, expected) = (f64::from(gradients.gain[column]), slope(true, column));
                        assert!(
                            (found - expected).abs() < ABSOLUTE * (1.0 + expected.abs()),
                            "{found}, not {expected}"
                        );
                        let of_shift: f64 =
                            (0..rows).map(|row| f64::from(case.gradient[row * columns + column])).sum();
                        assert!((f64::from(gradients.shift[column]) - of_shift).abs() < ABSOLUTE);
                    }
                }
            }
        }
    }

    #[test]
    fn with_the_moments_of_a_batch_a_column_is_normalised_as_in_that_batch() {
        let case = case(9, 5, NormAxis::Columns);
        let (Normalized { output, mean, variance }, _) = case.run(KernelSet::active());
        assert_eq!(normalize_by(&case.input, &mean, &variance, &case.gain, &case.shift), output);
    }

    #[test]
    fn numbers_that_are_all_the_same_become_the_shift() {
        for axis in [NormAxis::Rows, NormAxis::Columns] {
            let normalized = normalize(&[7.0; 12], &[2.0; 3], &[0.5, -1.0, 3.0], axis);
            assert_eq!(normalized.output, [0.5, -1.0, 3.0].repeat(4), "{axis:?}");
        }
    }

    #[test]
    fn a_second_thread_changes_no_bit() {
        for axis in [NormAxis::Rows, NormAxis::Columns] {
            let case = case(701, 33, axis);
            for set in KernelSet::available() {
                let alone = case.run(set);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
                for _ in 0..20 {
                    let (shared, ()) = pool.install(|| assisted(|| case.run(set), || ()));
                    assert!(shared == alone, "{set} {axis:?}");
                }
            }
        }
    }

    #[test]
    fn no_row_gives_no_output() {
        for axis in [NormAxis::Rows, NormAxis::Columns] {
            assert!(normalize(&[], &[1.0; 3], &[0.0; 3], axis).output.is_empty());
        }
    }
}
