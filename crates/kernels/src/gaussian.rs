//! Codes drawn from diagonal Gaussian posteriors, and the divergence of these from the standard Gaussian.

use crate::KernelSet;
use crate::exponential::exp;
use crate::vectors::{Arithmetic, for_each_set};

/// The gradients of something with respect to the parameters of posteriors.
#[derive(Clone, Debug, PartialEq)]
pub struct PosteriorGradients {
    /// With respect to the means.
    pub mean: Vec<f32>,
    /// With respect to the logarithms of the variances.
    pub log_var: Vec<f32>,
}

/// Codes `z = mean + exp(log_var / 2) noise`.
///
/// # Panics
///
/// Panics if the slices differ in length.
pub fn sample(mean: &[f32], log_var: &[f32], noise: &[f32]) -> Vec<f32> {
    assert_alike(mean, log_var, noise.len());
    let mut codes = mean.to_vec();
    add_noise(KernelSet::active(), &mut codes, log_var, noise);
    codes
}

/// The gradient with respect to the log-variances through [`sample`], from the one with respect to the codes:
/// `gradient (z - mean) / 2`, as `z - mean = exp(log_var / 2) noise`. That with respect to the means is `gradient` itself.
///
/// # Panics
///
/// Panics if the slices differ in length.
pub fn sample_backward(log_var: &[f32], noise: &[f32], gradient: &[f32]) -> Vec<f32> {
    assert_alike(log_var, noise, gradient.len());
    let mut of_log_var = gradient.to_vec();
    through_noise(KernelSet::active(), &mut of_log_var, log_var, noise);
    of_log_var
}

/// `KL(N(mean, exp(log_var)) ‖ N(0, 1)) = (mean² + exp(log_var) - log_var - 1) / 2`, in nats.
///
/// # Panics
///
/// Panics if the slices differ in length.
pub fn kl_to_standard_normal(mean: &[f32], log_var: &[f32]) -> Vec<f32> {
    assert_alike(mean, log_var, mean.len());
    let mut kl = mean.to_vec();
    divergence(KernelSet::active(), &mut kl, log_var);
    kl
}

/// The gradients of [`kl_to_standard_normal`], times those with respect to it: `mean` and `(exp(log_var) - 1) / 2`.
///
/// # Panics
///
/// Panics if the slices differ in length.
pub fn kl_to_standard_normal_backward(mean: &[f32], log_var: &[f32], gradient: &[f32]) -> PosteriorGradients {
    assert_alike(mean, log_var, gradient.len());
    let (mut of_mean, mut of_log_var) = (mean.to_vec(), log_var.to_vec());
    divergence_backward(KernelSet::active(), &mut of_mean, &mut of_log_var, gradient);
    PosteriorGradients { mean: of_mean, log_var: of_log_var }
}

fn assert_alike(a: &[f32], b: &[f32], count: usize) {
    assert!(
        a.len() == count && b.len() == count,
        "{}, {} and {count} numbers of the same posteriors",
        a.len(),
        b.len()
    );
}

for_each_set! { fn add_noise(codes: &mut [f32], log_var: &[f32], noise: &[f32]) = add_noise_body }

#[inline(always)]
fn add_noise_body<A: Arithmetic>(codes: &mut [f32], log_var: &[f32], noise: &[f32]) {
    for ((code, &log_var), &noise) in codes.iter_mut().zip(log_var).zip(noise) {
        *code += exp::<A>(0.5 * log_var) * noise;
    }
}

for_each_set! { fn through_noise(gradient: &mut [f32], log_var: &[f32], noise: &[f32]) = through_noise_body }

#[inline(always)]
fn through_noise_body<A: Arithmetic>(gradient: &mut [f32], log_var: &[f32], noise: &[f32]) {
    for ((gradient, &log_var), &noise) in gradient.iter_mut().zip(log_var).zip(noise) {
        *gradient *= 0.5 * (exp::<A>(0.5 * log_var) * noise);
    }
}

for_each_set! { fn divergence(mean_to_kl: &mut [f32], log_var: &[f32]) = divergence_body }

#[inline(always)]
fn divergence_body<A: Arithmetic>(mean_to_kl: &mut [f32], log_var: &[f32]) {
    for (kl, &log_var) in mean_to_kl.iter_mut().zip(log_var) {
        *kl = 0.5 * (A::multiply_add(*kl, *kl, exp::<A>(log_var)) - log_var - 1.0);
    }
}

for_each_set! {
    fn divergence_backward(mean: &mut [f32], log_var: &mut [f32], gradient: &[f32]) = divergence_backward_body
}

#[inline(always)]
fn divergence_backward_body<A: Arithmetic>(mean: &mut [f32], log_var: &mut [f32], gradient: &[f32]) {
    for ((mean, log_var), &gradient) in mean.iter_mut().zip(log_var).zip(gradient) {
        *mean *= gradient;
        *log_var = 0.5 * gradient * (exp::<A>(*log_var) - 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A few roundings of 6e-8.
    const RELATIVE: f64 = 6e-7;

    fn assert_close(found: f32, expected: f64, scale: f64) {
        assert!((f64::from(found) - expected).abs() <= RELATIVE * scale, "{found}, expected {expected}");
    }

    #[test]
    fn codes_divergences_and_gradients_are_those_of_the_definition() {
        let grid = |count: usize, scale: f32| -> Vec<f32> {
            (0..count).map(|at| scale * ((at * 7919 % 101) as f32 / 50.0 - 1.0)).collect()
        };
        let (mean, log_var) = (grid(37, 5.0), grid(74, 30.0)[37..].to_vec());
        let (noise, gradient) = (grid(111, 3.0)[74..].to_vec(), grid(148, 2.0)[111..].to_vec());
        let codes = sample(&mean, &log_var, &noise);
        let through_codes = sample_backward(&log_var, &noise, &gradient);
        let kl = kl_to_standard_normal(&mean, &log_var);
        let through_kl = kl_to_standard_normal_backward(&mean, &log_var, &gradient);
        for at in 0..mean.len() {
            let [m, l, e, g] = [mean[at], log_var[at], noise[at], gradient[at]].map(f64::from);
            let spread = (0.5 * l).exp() * e;
            assert_close(codes[at], m + spread, m.abs() + spread.abs());
            assert_close(through_codes[at], 0.5 * g * spread, (g * spread).abs());
            assert_close(kl[at], 0.5 * (m * m + l.exp() - l - 1.0), m * m + l.exp() + l.abs() + 1.0);
            assert_close(through_kl.mean[at], g * m, (g * m).abs());
            assert_close(through_kl.log_var[at], 0.5 * g * (l.exp() - 1.0), g.abs() * (l.exp() + 1.0));
        }
    }

    #[test]
    #[should_panic(expected = "2, 2 and 3 numbers of the same posteriors")]
    fn slices_of_other_lengths_are_refused() {
        sample(&[0.0; 2], &[0.0; 2], &[0.0; 3]);
    }
}
