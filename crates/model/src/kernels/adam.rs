//! Adam in one pass over a parameter and its moments.

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

/// A parameter and Adam's moments of it, or a part of them.
pub(crate) struct Parameter<'a> {
    pub values: &'a mut [f32],
    pub first: &'a mut [f32],
    pub second: &'a mut [f32],
}

impl Parameter<'_> {
    /// The first `middle` values and the others.
    pub(super) fn split_at(self, middle: usize) -> (Self, Self) {
        let (values, values_b) = self.values.split_at_mut(middle);
        let (first, first_b) = self.first.split_at_mut(middle);
        let (second, second_b) = self.second.split_at_mut(middle);
        (Self { values, first, second }, Self { values: values_b, first: first_b, second: second_b })
    }

    /// Updates the values from `start` on, in place, as [`Adam`](crate::Adam) states it.
    pub(super) fn update(&mut self, step: AdamStep, start: usize, gradient: &[f32]) {
        let part = start..start + gradient.len();
        let Self { values, first, second } = self;
        update(step, &mut values[part.clone()], &mut first[part.clone()], &mut second[part], gradient);
    }
}

widest_vectors! {
    pub(crate) fn update(
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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Of values of about 1: a few roundings of 6e-8.
    const ABSOLUTE: f64 = 3e-7;

    #[test]
    fn a_part_is_updated_by_the_definition_and_the_rest_stays() {
        let mut rng = StdRng::seed_from_u64(1);
        let step = AdamStep {
            beta_1: 0.9,
            beta_2: 0.999,
            one_minus_beta_1: 0.1,
            one_minus_beta_2: 0.001,
            step_size: 1e-2,
            second_moment_scale: 3.0,
            epsilon: 1e-7,
        };
        for (length, start) in [(1, 0), (15, 0), (16, 3), (100, 7), (4_000, 1)] {
            let mut random = |scale: f32, count: usize| -> Vec<f32> {
                (0..count).map(|_| scale * (2.0 * rng.random::<f32>() - 1.0)).collect()
            };
            let (before, first, gradient) =
                (random(1.0, start + length + 2), random(1e-2, start + length + 2), random(1e-1, length));
            let second: Vec<f32> = random(1e-2, start + length + 2).into_iter().map(f32::abs).collect();
            let (mut values, mut new_first, mut new_second) = (before.clone(), first.clone(), second.clone());
            Parameter { values: &mut values, first: &mut new_first, second: &mut new_second }
                .update(step, start, &gradient);
            for at in 0..before.len() {
                let (mut w, mut m, mut v) =
                    (f64::from(before[at]), f64::from(first[at]), f64::from(second[at]));
                if let Some(&gradient) = at.checked_sub(start).and_then(|at| gradient.get(at)) {
                    let g = f64::from(gradient);
                    m = 0.9 * m + 0.1 * g;
                    v = 0.999 * v + 0.001 * g * g;
                    w -= 1e-2 * m / (v.sqrt() * 3.0 + 1e-7);
                }
                for (found, expected) in [(values[at], w), (new_first[at], m), (new_second[at], v)] {
                    assert!((f64::from(found) - expected).abs() <= ABSOLUTE, "{found}, expected {expected}");
                }
            }
        }
    }
}
