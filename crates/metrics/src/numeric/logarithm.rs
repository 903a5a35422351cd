//! The logarithm of a ratio, and the terms of a divergence, without a branch and without cancellation.
//!
//! A call of `f64::ln` costs some ten nanoseconds and cannot be vectorised; these functions are plain arithmetic that
//! the compiler turns into vector instructions when it finds them in a loop. They use no fused multiply-add, so that
//! every processor computes the same bits.
//!
//! # How it works
//!
//! For positive `p` and `q` choose the power of two `2^e` that brings `q' = 2^e q` closest to `p`. Then
//!
//! ```text
//! ln(p / q) = e ln 2 + 2 atanh(s),     s = (p - q') / (p + q'),     |s| <= 1/5
//! atanh(s)  = s + s^3 R(s^2)
//! ```
//!
//! with a polynomial `R` from `scripts/log_polynomial.py`. Near `p = q` the exponent is 0 and `p - q` is exact, so that
//! the logarithm has full relative precision there too, which `(p / q).ln()` has not.
//!
//! The term of the divergence, `p ln(p / q) - p + q`, is about `(p - q)^2 / 2q` near `p = q`, far less than any of its
//! three parts. With `p + q' = (p - q') / s` it becomes
//!
//! ```text
//! s (p - q') + 2 p s^3 R(s^2) + (p e ln 2 + q - q')
//! ```
//!
//! whose last bracket is exactly 0 for `e = 0`, and in which nothing is left to cancel.

use std::f64::consts::LN_2;

/// Below this, other than at 0, the fast functions would meet numbers that are not normal. A power of two with room
/// for the products that they form.
pub(crate) const SMALLEST_REGULAR: f64 = f64::from_bits((1023 - 960) << 52);

const FRACTION_BITS: u32 = 52;
const EXPONENT_MASK: u64 = 0xFFF0_0000_0000_0000;
/// The bits of 2^52: an integer below 2^52 that is or-ed into them reads as 2^52 plus that integer.
const TWO_TO_52: u64 = 0x4330_0000_0000_0000;
const BIAS: f64 = 1023.0;
/// The exponent's bias and one half: the difference of two bit patterns is the difference of two base-2 logarithms,
/// piecewise linear in between, and this rounds it to the nearest integer.
const BIAS_AND_HALF: u64 = (1023 << FRACTION_BITS) + (1 << (FRACTION_BITS - 1));

/// `q` brought next to `p` by a power of two.
struct Aligned {
    /// The exponent `e`.
    exponent: f64,
    /// `q' = 2^e q`.
    q: f64,
}

#[inline(always)]
fn align(p: f64, q: f64) -> Aligned {
    let biased = p.to_bits().wrapping_sub(q.to_bits()).wrapping_add(BIAS_AND_HALF);
    let exponent = f64::from_bits((biased >> FRACTION_BITS) | TWO_TO_52) - (f64::from_bits(TWO_TO_52) + BIAS);
    Aligned { exponent, q: q * f64::from_bits(biased & EXPONENT_MASK) }
}

/// `R(z) = (atanh(s) / s - 1) / z` with `z = s^2`, for `z <= 1/25`.
///
/// The coefficients and the bound of 2e-17 on the error are what `python scripts/log_polynomial.py` prints.
#[inline(always)]
fn atanh_tail(z: f64) -> f64 {
    const R: [f64; 8] = [
        0.333_333_333_333_333_3,
        0.200_000_000_000_039_7,
        0.142_857_142_836_379_68,
        0.111_111_115_241_757_94,
        0.090_908_688_131_514_69,
        0.076_944_339_028_068_59,
        0.066_048_541_210_297_31,
        0.068_045_151_314_292_49,
    ];
    let z2 = z * z;
    let low = (R[0] + R[1] * z) + (R[2] + R[3] * z) * z2;
    let high = (R[4] + R[5] * z) + (R[6] + R[7] * z) * z2;
    low + high * (z2 * z2)
}

/// `ln(p / q)` for regular positive arguments.
#[inline(always)]
pub(crate) fn ln_ratio(p: f64, q: f64) -> f64 {
    let aligned = align(p, q);
    let s = (p - aligned.q) / (p + aligned.q);
    let z = s * s;
    let tail = 2.0 * s * z * atanh_tail(z);
    aligned.exponent * LN_2 + (2.0 * s + tail)
}

/// `p ln(p / q) - p + q` for regular arguments: at least 0, `q` where `p` is 0, infinite where only `q` is 0.
#[inline(always)]
pub(crate) fn kl_term(p: f64, q: f64) -> f64 {
    let aligned = align(p, q);
    edges(p, q, assemble(p, q, &aligned, p - aligned.q))
}

/// [`kl_term`] where `p - q` is known better than the rounded `q` tells, as it is for the mean of two numbers.
#[inline(always)]
pub(crate) fn kl_term_with_difference(p: f64, q: f64, difference: f64) -> f64 {
    let aligned = align(p, q);
    let aligned_difference = if aligned.exponent == 0.0 { difference } else { p - aligned.q };
    edges(p, q, assemble(p, q, &aligned, aligned_difference))
}

#[inline(always)]
fn assemble(p: f64, q: f64, aligned: &Aligned, difference: f64) -> f64 {
    let s = difference / (p + aligned.q);
    let z = s * s;
    let near = s * difference + 2.0 * p * (s * z) * atanh_tail(z);
    let far = p * (aligned.exponent * LN_2) + (q - aligned.q);
    near + far
}

#[inline(always)]
fn edges(p: f64, q: f64, inside: f64) -> f64 {
    let inside = if q == 0.0 { f64::INFINITY } else { inside };
    if p == 0.0 { q } else { inside }
}

/// [`ln_ratio`] for all finite positive arguments, subnormal ones included.
pub(crate) fn careful_ln_ratio(p: f64, q: f64) -> f64 {
    let (p, q) = (Split::of(p), Split::of(q));
    let aligned = align(p.fraction, q.fraction);
    let s = (p.fraction - aligned.q) / (p.fraction + aligned.q);
    let z = s * s;
    let exponent = aligned.exponent + f64::from(p.exponent - q.exponent);
    exponent * LN_2 + (2.0 * s + 2.0 * s * z * atanh_tail(z))
}

/// [`kl_term`] for all finite arguments from 0 up, subnormal ones included.
pub(crate) fn careful_kl_term(p: f64, q: f64) -> f64 {
    if p == 0.0 || q == 0.0 {
        return edges(p, q, 0.0);
    }
    let (split_p, split_q) = (Split::of(p), Split::of(q));
    let aligned = align(split_p.fraction, split_q.fraction);
    let unit = power_of_two(split_p.exponent);
    let difference = split_p.fraction - aligned.q;
    let s = difference / (split_p.fraction + aligned.q);
    let z = s * s;
    let near = unit * (s * difference + 2.0 * split_p.fraction * (s * z) * atanh_tail(z));
    let exponent = aligned.exponent + f64::from(split_p.exponent - split_q.exponent);
    (near + (p * (exponent * LN_2) + (q - unit * aligned.q))).max(0.0)
}

/// A positive number as `fraction * 2^exponent` with a fraction from 1 up to 2.
struct Split {
    fraction: f64,
    exponent: i32,
}

impl Split {
    /// Works on the bits alone: a thread that trains flushes subnormal operands to zero.
    fn of(x: f64) -> Self {
        let bits = x.to_bits();
        let stored = (bits >> FRACTION_BITS) as i32;
        let (fraction_bits, exponent) = if stored == 0 {
            let shift = bits.leading_zeros() - (u64::BITS - 1 - FRACTION_BITS);
            (bits << shift, -1022 - shift as i32)
        } else {
            (bits, stored - 1023)
        };
        let fraction = f64::from_bits((fraction_bits & !EXPONENT_MASK) | 1.0_f64.to_bits());
        Self { fraction, exponent }
    }
}

/// `2^exponent` for every exponent that [`Split`] yields.
fn power_of_two(exponent: i32) -> f64 {
    if exponent >= -1022 {
        f64::from_bits(((exponent + 1023) as u64) << FRACTION_BITS)
    } else {
        f64::from_bits(1 << (exponent + 1074))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two units in the last place: one for the polynomial's roundings, one for the last addition.
    const LN_TOLERANCE: f64 = 4.0 * f64::EPSILON;

    #[test]
    fn the_logarithm_agrees_with_the_standard_library() {
        let mut x = 1e-280;
        while x < 1e280 {
            let (ours, std) = (ln_ratio(x, 1.0), x.ln());
            assert!((ours - std).abs() <= LN_TOLERANCE * std.abs(), "ln({x}) = {ours}, not {std}");
            assert_eq!(ours.to_bits(), careful_ln_ratio(x, 1.0).to_bits(), "ln({x})");
            x *= 1.000_7 + 1e-5 * x.fract();
        }
    }

    #[test]
    fn the_logarithm_near_one_keeps_relative_precision() {
        for k in 1..=52 {
            let d = 0.5_f64.powi(k);
            let (ours, std) = (ln_ratio(1.0 + d, 1.0), d.ln_1p());
            assert!((ours - std).abs() <= LN_TOLERANCE * std.abs(), "ln(1 + {d}) = {ours}, not {std}");
        }
    }

    #[test]
    fn terms_are_at_least_zero_and_exact_at_the_edges() {
        assert_eq!(kl_term(0.0, 0.25), 0.25);
        assert_eq!(kl_term(0.0, 0.0), 0.0);
        assert_eq!(kl_term(0.25, 0.0), f64::INFINITY);
        assert_eq!(kl_term(0.3, 0.3), 0.0);
        assert_eq!(careful_kl_term(5e-324, 5e-324), 0.0);
        assert_eq!(careful_kl_term(0.0, 5e-324), 5e-324);
        for i in 1..2000 {
            let q = 0.001 * f64::from(i);
            let term = kl_term(1.0, q);
            assert!(term >= 0.0, "{q}: {term}");
            assert_eq!(term.to_bits(), careful_kl_term(1.0, q).to_bits(), "{q}");
        }
    }

    #[test]
    fn terms_near_equality_keep_relative_precision() {
        for k in 4..=52 {
            let d = 0.5_f64.powi(k);
            let term = kl_term(1.0 + d, 1.0);
            // (1 + d) ln(1 + d) - d = d^2/2 - d^3/6 + d^4/12 - ...
            let series: f64 = (2..40).rev().map(|n| (-d).powi(n) / f64::from(n * (n - 1))).sum();
            assert!((term - series).abs() <= 4.0 * f64::EPSILON * series, "{d}: {term}, not {series}");
        }
    }

    #[test]
    fn subnormal_numbers_have_logarithms() {
        let smallest = f64::from_bits(1);
        assert_eq!(careful_ln_ratio(smallest, 1.0), -1074.0 * LN_2);
        assert_eq!(careful_ln_ratio(1.0, smallest), 1074.0 * LN_2);
        assert_eq!(careful_ln_ratio(6.0 * smallest, 3.0 * smallest), LN_2);
    }
}
