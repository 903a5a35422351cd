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
                NormAxis::Columns => (0..rows).map(|row| input[row * columns + place % columns]).collect(),
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
                assert!((sum - case.weighted_sum(&input, &gain)).abs() < ABSOLUTE * (rows * columns) as f64);
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
