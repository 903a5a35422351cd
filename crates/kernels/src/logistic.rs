//! The logistic function and its logarithm, in a form that compiles to vectors.

use crate::exponential::exp;
use crate::vectors::Arithmetic;

/// What the cross-entropy of a pixel needs of its logit `l`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logistic {
    /// `σ(l) = 1 / (1 + exp(-l))`, the pixel's expected grey level.
    pub sigmoid: f32,
    /// `-log σ(-l) = log(1 + exp(l))`.
    pub softplus: f32,
}

/// The logistic function of a logit.
///
/// With `e = exp(-|l|)`, which never overflows: `softplus = max(l, 0) + log(1 + e)`, and `σ` is `1 / (1 + e)` for
/// `l >= 0` and `e / (1 + e)` else. Infinite logits give the limits; NaN gives NaN.
#[inline(always)]
pub(crate) fn logistic<A: Arithmetic>(logit: f32) -> Logistic {
    let e = exp::<A>(-logit.abs());
    // One division serves both fractions, 1 / (1 + e) and e / (2 + e).
    let (one, two) = (1.0 + e, 2.0 + e);
    let inverse = 1.0 / (one * two);
    let numerator = if logit >= 0.0 { 1.0 } else { e };
    // `max` would turn NaN into 0.
    let positive = if logit <= 0.0 { 0.0 } else { logit };
    Logistic {
        sigmoid: numerator * (two * inverse),
        softplus: positive + log_ratio::<A>(e * (one * inverse)),
    }
}

/// `log(1 + e)` from `s = e / (2 + e)`, for `e` between 0 and 1, to about one unit in the last place.
///
/// `log(1 + e) = 2 artanh(s) = 2 s (1 + s²/3 + s⁴/5 + …)`. As `s <= 1/3`, the terms left out after `s¹⁶/17` are below 1e-9
/// of the sum.
#[inline(always)]
fn log_ratio<A: Arithmetic>(s: f32) -> f32 {
    let square = s * s;
    let mut sum = 1.0 / 17.0;
    for coefficient in [1.0 / 15.0, 1.0 / 13.0, 1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0] {
        sum = A::multiply_add(sum, square, coefficient);
    }
    2.0 * s * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{Fused, Separate};

    /// A few roundings of 32-bit numbers, 6e-8 each.
    const RELATIVE: f64 = 5e-7;
    /// Below it, results are flushed to zero.
    const LEAST_NORMAL: f64 = f32::MIN_POSITIVE as f64;

    fn assert_exact(what: &str, logit: f32, found: f32, expected: f64) {
        let limit = RELATIVE * expected.abs() + LEAST_NORMAL;
        assert!(
            (f64::from(found) - expected).abs() <= limit,
            "{what}({logit}): {found:e}, expected {expected:e}, limit {limit:e}"
        );
    }

    fn check<A: Arithmetic>(logit: f32) {
        let l = f64::from(logit);
        let Logistic { sigmoid, softplus } = logistic::<A>(logit);
        let e = (-l.abs()).exp();
        assert_exact("sigmoid", logit, sigmoid, if l >= 0.0 { 1.0 } else { e } / (1.0 + e));
        assert_exact("softplus", logit, softplus, l.max(0.0) + e.ln_1p());
    }

    #[test]
    fn the_whole_range_is_accurate_to_a_few_roundings() {
        let small = (0..40).flat_map(|power| [1.0, 1.4].map(|factor: f32| factor * 10f32.powi(-power)));
        let even = (0..=200_000).map(|step| step as f32 * 1e-3);
        for logit in even.chain(small).chain([87.33654, 87.4, 88.8, 1e4, f32::MAX]) {
            for logit in [logit, -logit] {
                check::<Fused>(logit);
                check::<Separate>(logit);
            }
        }
    }

    #[test]
    fn infinite_logits_give_the_limits_and_nan_is_passed_on() {
        let Logistic { sigmoid, softplus } = logistic::<Fused>(f32::INFINITY);
        assert_eq!((sigmoid, softplus), (1.0, f32::INFINITY));
        let Logistic { sigmoid, softplus } = logistic::<Fused>(f32::NEG_INFINITY);
        assert_eq!((sigmoid, softplus), (0.0, 0.0));
        let Logistic { sigmoid, softplus } = logistic::<Fused>(f32::NAN);
        assert!(sigmoid.is_nan() && softplus.is_nan());
    }
}
