//! The exponential function in a form that compiles to vectors.

use crate::vectors::Arithmetic;

/// Below it, results of [`exp`] are 0: the logarithm of the least normal number, rounded up.
const UNDERFLOW: f32 = -87.336_54;
/// Above it, results of [`exp`] are infinite: the logarithm of the greatest number, rounded down.
const OVERFLOW: f32 = 88.722_83;

/// `e^x`, to about one unit in the last place; 0 where the result would be below 1.2e-38. NaN gives NaN.
///
/// `x = n ln 2 + r` with an integer `n` and `|r| <= ln(2) / 2`; then `e^x = 2^n e^r`, with the Taylor polynomial of degree 7,
/// whose error is below `(ln(2) / 2)^8 / 8! = 5e-9`.
#[inline(always)]
pub(crate) fn exp<A: Arithmetic>(x: f32) -> f32 {
    // ln 2 in two parts: the product of the upper one with any `n` here is exact.
    const LN_2_UPPER: f32 = 0.693_359_4;
    const LN_2_LOWER: f32 = -2.121_944_4e-4;
    // Adding it shifts the integer part to the lowest bits of the significand.
    const SHIFT: f32 = 12_582_912.0;

    let clamped = if x < UNDERFLOW { UNDERFLOW } else { x };
    let clamped = if clamped > OVERFLOW { OVERFLOW } else { clamped };
    let shifted = A::multiply_add(clamped, std::f32::consts::LOG2_E, SHIFT);
    let n = shifted - SHIFT;
    let r = A::multiply_add(n, -LN_2_LOWER, A::multiply_add(n, -LN_2_UPPER, clamped));
    let mut sum = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        sum = A::multiply_add(sum, r, coefficient);
    }
    // 2^n by its exponent bits, of which there are none for 2^128: of positive numbers, 2^(n - 1) and twice.
    let (bias, factor) = if x > 0.0 { (126, 2.0) } else { (127, 1.0) };
    let power = f32::from_bits((shifted.to_bits().wrapping_add(bias)) << 23);
    let value = sum * factor * power;
    if x < UNDERFLOW {
        0.0
    } else if x > OVERFLOW {
        f32::INFINITY
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{Fused, Separate};

    /// Two units in the last place.
    const RELATIVE: f64 = 2.4e-7;

    fn check<A: Arithmetic>(x: f32) {
        let (found, expected) = (f64::from(exp::<A>(x)), f64::from(x).exp());
        assert!((found / expected - 1.0).abs() <= RELATIVE, "exp({x}) = {found:e}, expected {expected:e}");
    }

    #[test]
    fn the_whole_range_is_accurate_to_two_units() {
        for step in -87_336..=88_722 {
            check::<Fused>(step as f32 * 1e-3);
            check::<Separate>(step as f32 * 1e-3);
        }
        for x in [UNDERFLOW, OVERFLOW, 1e-30, -1e-30, 0.0] {
            check::<Fused>(x);
            check::<Separate>(x);
        }
    }

    #[test]
    fn beyond_the_range_there_are_zero_and_infinity() {
        assert_eq!(exp::<Fused>(-88.0), 0.0);
        assert_eq!(exp::<Fused>(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp::<Fused>(89.0), f32::INFINITY);
        assert_eq!(exp::<Fused>(f32::INFINITY), f32::INFINITY);
        assert!(exp::<Fused>(f32::NAN).is_nan());
    }
}
