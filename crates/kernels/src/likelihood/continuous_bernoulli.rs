//! Continuous Bernoulli pixels: the density on [0, 1] that is proportional to `exp(x l)`.
//!
//! Source: Loaiza-Ganem and Cunningham, *The continuous Bernoulli: fixing a pervasive error in variational autoencoders*
//! (2019), whose `λ` is `σ(l)` and whose normalising constant `2 artanh(1 - 2λ) / (1 - 2λ)` is `l / tanh(l / 2)`.

use super::{Pixel, Term};
use crate::exponential::exp;
use crate::logarithm::ln;
use crate::vectors::Arithmetic;

pub(super) struct ContinuousBernoulli;

/// The logarithm of the integral of `exp(x l)` over [0, 1], `log((exp(l) - 1) / l)`, and its derivative, the mean.
struct Normaliser {
    log: f32,
    mean: f32,
}

/// Half logits below it take the series, in which nothing cancels; it is 0 over 0 at 0.
const SERIES: f32 = 0.75;

/// With `h = |l| / 2`: `log((exp(l) - 1) / l) = l / 2 + log(sinh h / h)`, and its derivative is
/// `1/2 + sign(l) (coth h - 1/h) / 2`.
///
/// Near 0, `log(sinh h / h) = h²/6 - h⁴/180 + h⁶/2835 - …` and `coth h - 1/h` is its derivative; the terms left out, from
/// h¹⁴ on, are below 1e-8. Elsewhere `log sinh h = h - log 2 + log(1 - exp(-2h))`.
#[inline(always)]
fn normaliser<A: Arithmetic>(logit: f32) -> Normaliser {
    let half = 0.5 * logit.abs();
    let square = half * half;
    // The coefficients of the logarithm are 2^(2n) B_2n / (2n (2n)!).
    let (mut log_series, mut slope_series) = (0.0, 0.0);
    let coefficients = [
        (12.0, -691.0 / 3_831_077_250.0),
        (10.0, 1.0 / 467_775.0),
        (8.0, -1.0 / 37_800.0),
        (6.0, 1.0 / 2_835.0),
        (4.0, -1.0 / 180.0),
        (2.0, 1.0 / 6.0),
    ];
    for (power, coefficient) in coefficients {
        log_series = A::multiply_add(log_series, square, coefficient);
        slope_series = A::multiply_add(slope_series, square, power * coefficient);
    }
    // Where the series is taken, the logarithm must only be finite.
    let (far, e) = if half < SERIES { (1.0, 0.0) } else { (half, exp::<A>(-2.0 * half)) };
    let log_far = far + ln::<A>((1.0 - e) / (2.0 * far));
    let slope_far = (1.0 + e) / (1.0 - e) - 1.0 / far;
    let (log, slope) =
        if half < SERIES { (log_series * square, slope_series * half) } else { (log_far, slope_far) };
    let signed = if logit < 0.0 { -0.5 * slope } else { 0.5 * slope };
    Normaliser { log: A::multiply_add(0.5, logit, log), mean: 0.5 + signed }
}

impl Pixel for ContinuousBernoulli {
    type Scale = ();

    #[inline(always)]
    fn term<A: Arithmetic>(logit: f32, value: f32, (): ()) -> Term {
        let Normaliser { log, mean } = normaliser::<A>(logit);
        Term { nll: A::multiply_add(-value, logit, log), of_output: mean - value, of_log_scale: 0.0 }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::vectors::{Fused, Separate};

    /// By the formula of the source, but for a value at 0.
    pub fn defined(l: f64, x: f64) -> f64 {
        let normaliser = if l.abs() < 1e-4 { l / 2.0 + l * l / 24.0 } else { (l.exp_m1() / l).ln() };
        normaliser - x * l
    }

    /// Of numbers of about 1, a few roundings.
    const ABSOLUTE: f64 = 5e-7;

    fn check<A: Arithmetic>(logit: f32) {
        let l = f64::from(logit);
        let Normaliser { log, mean } = normaliser::<A>(logit);
        // exp(l) overflows: log((exp(l) - 1) / l) is l - log(l) then.
        let expected = if l > 700.0 { l - l.ln() } else { defined(l, 0.0) };
        let limit = ABSOLUTE * (1.0 + l.abs());
        assert!((f64::from(log) - expected).abs() <= limit, "log at {logit}: {log}, expected {expected}");
        let expected = if l.abs() < 1e-3 { 0.5 + l / 12.0 } else { 0.5 + 0.5 / (0.5 * l).tanh() - 1.0 / l };
        assert!(
            (f64::from(mean) - expected).abs() <= ABSOLUTE,
            "mean at {logit}: {mean}, expected {expected}"
        );
    }

    #[test]
    fn the_normaliser_and_the_mean_are_accurate_everywhere_and_where_the_series_ends() {
        let even = (0..=20_000).map(|step| step as f32 * 1e-2);
        let small = (0..30).map(|power| 1.3 * 10f32.powi(-power));
        let near_the_end = [2.0 * SERIES, 2.0 * SERIES - 1e-6, 2.0 * SERIES + 1e-6];
        for logit in even.chain(small).chain(near_the_end).chain([1e4, 1e30]) {
            for logit in [logit, -logit] {
                check::<Fused>(logit);
                check::<Separate>(logit);
            }
        }
        assert!(normaliser::<Fused>(f32::NAN).log.is_nan() && normaliser::<Fused>(f32::NAN).mean.is_nan());
    }

    /// By the midpoint rule, whose error is a millionth here.
    #[test]
    fn the_density_integrates_to_one_and_the_mean_is_its_own() {
        const STEPS: i32 = 20_000;
        for logit in [-30.0f32, -3.0, -0.01, 0.0, 0.4, 1.49, 1.51, 8.0] {
            let (mut mass, mut mean) = (0.0, 0.0);
            for step in 0..STEPS {
                let x = (f64::from(step) + 0.5) / f64::from(STEPS);
                let Normaliser { log, .. } = normaliser::<Fused>(logit);
                let density = (x * f64::from(logit) - f64::from(log)).exp() / f64::from(STEPS);
                mass += density;
                mean += x * density;
            }
            assert!((mass - 1.0).abs() < 1e-5, "{logit}: {mass}");
            let found = f64::from(normaliser::<Fused>(logit).mean);
            assert!((mean - found).abs() < 1e-5, "{logit}: {found}, expected {mean}");
        }
    }
}
