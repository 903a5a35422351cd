//! Adam in one pass over a parameter and its moments.

use crate::KernelSet;
use crate::helper::in_halves;
use crate::memory::Parts;
use crate::product::{Matrix, multiply_in_bands, rows_of_a_half};
use crate::vectors::{Arithmetic, for_each_set};

/// The numbers of one update, the same for every parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Decay of the average of the gradient.
    pub beta_1: f32,
    /// Decay of the average of the squared gradient.
    pub beta_2: f32,
    /// `1 - beta_1`, rounded once.
    pub one_minus_beta_1: f32,
    /// `1 - beta_2`, rounded once.
    pub one_minus_beta_2: f32,
    /// `learning_rate / (1 - beta_1^t)`.
    pub step_size: f32,
    /// `1 / √(1 - beta_2^t)`.
    pub second_moment_scale: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
}

impl AdamStep {
    /// The least gradient whose `(1 - beta_2) g²` is no denormal number.
    #[inline]
    pub fn least_gradient(&self) -> f32 {
        (f32::MIN_POSITIVE / self.one_minus_beta_2).sqrt()
    }
}

/// A few thousand numbers are updated before a second thread could begin.
const NUMBERS_OF_A_HALF: usize = 8192;

/// Updates weights and their moments in place:
///
/// ```text
/// m = beta_1 m + (1 - beta_1) g
/// v = beta_2 v + (1 - beta_2) g²
/// w = w - step_size m / (second_moment_scale √v + epsilon)
/// ```
///
/// Denormal numbers, which a processor computes a hundred times slower than others, are kept out: a moment that would become
/// one becomes 0, and so counts a gradient whose `(1 - beta_2) g²` would be one, below 3.4e-18 for the usual 0.999.
///
/// Source: Kingma and Ba, *Adam: A Method for Stochastic Optimization* (2015), algorithm 1.
///
/// # Panics
///
/// Panics if the slices differ in length.
pub fn adam(step: &AdamStep, weights: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32]) {
    adam_with(KernelSet::active(), step, weights, first, second, gradient);
}

fn adam_with(
    set: KernelSet,
    step: &AdamStep,
    weights: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
) {
    let count = gradient.len();
    assert_lengths(count, weights, first, second);
    let parts = [weights, first, second].map(Parts::new);
    in_halves(count, NUMBERS_OF_A_HALF, |range| {
        // SAFETY: the slices are borrowed for as long, and the halves do not overlap.
        let [weights, first, second] = parts.map(|part| unsafe { part.part(range.clone()) });
        update(set, step, weights, first, second, &gradient[range]);
    });
}

/// [`adam`] by a gradient that is the product of two matrices, row after row: each part of it is used as soon as it is summed,
/// and never leaves the cache. The bits are those of [`adam`] by [`multiply`](crate::multiply)'s product.
///
/// # Panics
///
/// Panics if the left factor has not as many columns as the right one has rows, or a slice not as many values as the product.
pub fn adam_by_product(
    step: &AdamStep,
    weights: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
) {
    adam_by_product_with(KernelSet::active(), step, weights, first, second, lhs, rhs);
}

fn adam_by_product_with(
    set: KernelSet,
    step: &AdamStep,
    weights: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
) {
    let (rows, columns) = (lhs.rows(), rhs.columns());
    assert_lengths(rows * columns, weights, first, second);
    let parts = [weights, first, second].map(Parts::new);
    in_halves(rows, rows_of_a_half(set, lhs.columns(), columns), |range| {
        multiply_in_bands(set, lhs.rows_between(range.start, range.end), rhs, &mut |row, gradient| {
            let start = (range.start + row) * columns;
            let range = start..start + gradient.len();
            // SAFETY: the slices are borrowed for as long, and neither the halves nor the bands overlap.
            let [weights, first, second] = parts.map(|part| unsafe { part.part(range.clone()) });
            update(set, step, weights, first, second, gradient);
        });
    });
}

fn assert_lengths(count: usize, weights: &[f32], first: &[f32], second: &[f32]) {
    assert!(
        [weights.len(), first.len(), second.len()] == [count; 3],
        "{count} gradients for {} weights with {} and {} moments",
        weights.len(),
        first.len(),
        second.len()
    );
}

for_each_set! {
    fn update(
        step: &AdamStep, weights: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32],
    ) = update_body
}

#[inline(always)]
fn update_body<A: Arithmetic>(
    step: &AdamStep,
    weights: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
) {
    let AdamStep {
        beta_1,
        beta_2,
        one_minus_beta_1,
        one_minus_beta_2,
        step_size,
        second_moment_scale,
        epsilon,
    } = *step;
    let least_gradient = step.least_gradient();
    let flush = |value: f32, least: f32| if value.abs() < least { 0.0 } else { value };
    let values = weights.iter_mut().zip(first).zip(second).zip(gradient);
    for (((weight, first), second), &gradient) in values {
        let gradient = flush(gradient, least_gradient);
        *first = flush(A::multiply_add(beta_1, *first, one_minus_beta_1 * gradient), f32::MIN_POSITIVE);
        *second = flush(
            A::multiply_add(beta_2, *second, one_minus_beta_2 * gradient * gradient),
            f32::MIN_POSITIVE,
        );
        let deviation = A::multiply_add(second.sqrt(), second_moment_scale, epsilon);
        *weight -= step_size * *first / deviation;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Of values of about 1: a few roundings of 6e-8.
    const ABSOLUTE: f64 = 3e-7;
    const STEP: AdamStep = AdamStep {
        beta_1: 0.9,
        beta_2: 0.999,
        one_minus_beta_1: 0.1,
        one_minus_beta_2: 0.001,
        step_size: 1e-2,
        second_moment_scale: 3.0,
        epsilon: 1e-7,
    };

    #[test]
    fn an_update_is_that_of_the_definition() {
        let mut rng = StdRng::seed_from_u64(1);
        for set in KernelSet::available() {
            for count in [0, 1, 15, 16, 107, 4_001] {
                let mut random = |scale: f32| -> Vec<f32> {
                    (0..count).map(|_| scale * (2.0 * rng.random::<f32>() - 1.0)).collect()
                };
                let (before, first, gradient) = (random(1.0), random(1e-2), random(1e-1));
                let second: Vec<f32> = random(1e-2).into_iter().map(f32::abs).collect();
                let (mut values, mut new_first, mut new_second) =
                    (before.clone(), first.clone(), second.clone());
                adam_with(set, &STEP, &mut values, &mut new_first, &mut new_second, &gradient);
                for at in 0..count {
                    let [w, m, v, g] = [before[at], first[at], second[at], gradient[at]].map(f64::from);
                    let m = 0.9 * m + 0.1 * g;
                    let v = 0.999 * v + 0.001 * g * g;
                    let w = w - 1e-2 * m / (v.sqrt() * 3.0 + 1e-7);
                    for (found, expected) in [(values[at], w), (new_first[at], m), (new_second[at], v)] {
                        assert!(
                            (f64::from(found) - expected).abs() <= ABSOLUTE,
                            "{set}: {found}, expected {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_update_by_a_product_has_the_bits_of_one_by_its_values() {
        let mut rng = StdRng::seed_from_u64(2);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        for set in KernelSet::available() {
            for (rows, inner, columns) in
                [(1, 1, 1), (0, 3, 2), (3, 0, 2), (3, 2, 0), (13, 300, 70), (784, 16, 90), (5, 20, 9_000)]
            {
                let mut random = |count: usize| -> Vec<f32> {
                    (0..count).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect()
                };
                let (a, b, weights, first) = (
                    random(inner * rows),
                    random(inner * columns),
                    random(rows * columns),
                    random(rows * columns),
                );
                let second: Vec<f32> = random(rows * columns).into_iter().map(f32::abs).collect();
                let (lhs, rhs) = (Matrix::new(&a, inner, rows).transposed(), Matrix::new(&b, inner, columns));
                let mut gradient = vec![0.0; rows * columns];
                crate::product::multiply_with(set, lhs, rhs, crate::memory::as_uninit(&mut gradient));
                let state = || [weights.clone(), first.clone(), second.clone()];
                let [mut w, mut m, mut v] = state();
                adam_with(set, &STEP, &mut w, &mut m, &mut v, &gradient);
                let expected = [w, m, v];
                let by_product = || {
                    let [mut w, mut m, mut v] = state();
                    adam_by_product_with(set, &STEP, &mut w, &mut m, &mut v, lhs, rhs);
                    [w, m, v]
                };
                assert!(by_product() == expected, "{set}, {rows} x {inner} x {columns}");
                let (shared, ()) = pool.install(|| crate::assisted(by_product, || ()));
                assert!(shared == expected, "{set}, {rows} x {inner} x {columns}, two threads");
            }
        }
    }

    #[test]
    #[should_panic(expected = "6 gradients for 4 weights")]
    fn a_product_of_another_size_is_refused() {
        let (a, b) = ([1.0; 2], [1.0; 3]);
        let (mut weights, mut first, mut second) = ([0.0; 4], [0.0; 4], [0.0; 4]);
        let (lhs, rhs) = (Matrix::new(&a, 2, 1), Matrix::new(&b, 1, 3));
        adam_by_product(&STEP, &mut weights, &mut first, &mut second, lhs, rhs);
    }

    #[test]
    fn moments_without_gradient_end_in_zero_and_not_among_the_denormals() {
        for set in KernelSet::available() {
            let (mut weight, mut first, mut second) = ([1.0], [1e-30], [1e-36]);
            for _ in 0..5_000 {
                adam_with(set, &STEP, &mut weight, &mut first, &mut second, &[0.0]);
                for moment in [first[0], second[0]] {
                    assert!(moment == 0.0 || moment.is_normal(), "{moment:e}");
                }
            }
            assert_eq!((first, second), ([0.0], [0.0]));
        }
    }

    #[test]
    fn gradients_whose_square_would_be_denormal_count_as_zero() {
        for set in KernelSet::available() {
            let (mut weight, mut first, mut second) = ([1.0; 3], [0.0; 3], [0.0; 3]);
            adam_with(set, &STEP, &mut weight, &mut first, &mut second, &[1e-40, 3e-18, 4e-18]);
            assert_eq!((first[0], first[1]), (0.0, 0.0));
            assert!(first[2].is_normal() && second[2].is_normal());
        }
    }

    #[test]
    fn nan_is_passed_on() {
        let (mut weight, mut first, mut second) = ([1.0], [0.0], [0.0]);
        adam(&STEP, &mut weight, &mut first, &mut second, &[f32::NAN]);
        assert!(weight[0].is_nan() && first[0].is_nan() && second[0].is_nan());
    }
}
