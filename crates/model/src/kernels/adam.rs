//! Adam in one pass over a parameter and its moments.

use rayon::join;

use super::simd::{Arithmetic, widest_vectors};

/// The numbers of one update, the same for every parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep {
    pub beta_1: f32,
    pub beta_2: f32,
    /// `1 - beta_1`, rounded once.
    pub one_minus_beta_1: f32,
    /// `1 - beta_2`, rounded once.
    pub one_minus_beta_2: f32,
    /// `learning_rate / (1 - beta_1^t)`.
    pub step_size: f32,
    /// `1 / √(1 - beta_2^t)`.
    pub second_moment_scale: f32,
    pub epsilon: f32,
}

/// Values above which a parameter is worth two threads.
const HALVED_ABOVE: usize = 1 << 14;

/// Updates a parameter and its moments in place, as [`Adam`](crate::Adam) states it.
///
/// # Panics
///
/// Panics if the slices differ in length.
pub(crate) fn update(
    step: AdamStep,
    weights: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
) {
    let length = weights.len();
    assert_eq!([first.len(), second.len(), gradient.len()], [length; 3], "values of moments and gradient");
    if length <= HALVED_ABOVE {
        return update_slice(step, weights, first, second, gradient);
    }
    let middle = length / 2;
    let (weights_a, weights_b) = weights.split_at_mut(middle);
    let (first_a, first_b) = first.split_at_mut(middle);
    let (second_a, second_b) = second.split_at_mut(middle);
    let (gradient_a, gradient_b) = gradient.split_at(middle);
    join(
        || update_slice(step, weights_a, first_a, second_a, gradient_a),
        || update_slice(step, weights_b, first_b, second_b, gradient_b),
    );
}

widest_vectors! {
    pub(crate) fn update_slice(
        step: AdamStep, weights: &mut [f32], first: &mut [f32], second: &mut [f32], gradient: &[f32],
    ) = body
}

#[inline(always)]
fn body<A: Arithmetic>(
    step: AdamStep,
    weights: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: &[f32],
) {
    let values = weights.iter_mut().zip(first).zip(second).zip(gradient);
    for (((weight, first), second), &gradient) in values {
        *first = A::multiply_add(step.beta_1, *first, step.one_minus_beta_1 * gradient);
        *second = A::multiply_add(step.beta_2, *second, step.one_minus_beta_2 * gradient * gradient);
        let deviation = A::multiply_add(second.sqrt(), step.second_moment_scale, step.epsilon);
        *weight -= step.step_size * *first / deviation;
    }
}
