//! The natural logarithm in a form that compiles to vectors.

use crate::vectors::Arithmetic;

/// `ln x` of a positive normal number, with an error of about one unit in the last place of the greater of it and 1; NaN gives
/// NaN.
///
/// `x = 2^n m` with `m` between √½ and √2, and `ln m = 2 artanh(s) = 2 s (1 + s²/3 + s⁴/5 + …)` of `s = (m - 1) / (m + 1)`. As
/// `|s| <= 0.172`, the terms left out after `s⁸/9` are below 3e-9 of the sum.
#[inline(always)]
pub(crate) fn ln<A: Arithmetic>(x: f32) -> f32 {
    // ln 2 in two parts: the product of the upper one with any `n` here is exact.
    const LN_2_UPPER: f32 = 0.693_359_4;
    const LN_2_LOWER: f32 = -2.121_944_4e-4;
    const EXPONENT_BIT: u32 = 23;

    // What the exponent's bits are above those of √½ is n.
    let above = x.to_bits().wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits());
    let exponent = (above as i32) >> EXPONENT_BIT;
    let m = f32::from_bits(x.to_bits().wrapping_sub((exponent as u32) << EXPONENT_BIT));
    let n = exponent as f32;
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut sum = 1.0 / 9.0;
    for coefficient in [1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0, 1.0] {
        sum = A::multiply_add(sum, square, coefficient);
    }
    let value = A::multiply_add(n, LN_2_UPPER, A::multiply_add(n, LN_2_LOWER, 2.0 * s * sum));
    if x.is_nan() { x } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{Fused, Separate};

    #[test]
    fn the_whole_range_is_accurate_to_two_units() {
        const RELATIVE: f64 = 2.4e-7;
        let powers =
            (-126..128).flat_map(|power| [1.0, 1.2, 1.414, 1.415, 1.9].map(|m| m * 2f32.powi(power)));
        let near_one = (-1000..1000).map(|step| 1.0 + step as f32 * 1e-4);
        for x in powers.chain(near_one).chain([f32::MIN_POSITIVE, f32::MAX]) {
            let expected = f64::from(x).ln();
            for found in [ln::<Fused>(x), ln::<Separate>(x)] {
                let limit = RELATIVE * expected.abs().max(f64::from(f32::MIN_POSITIVE));
                assert!((f64::from(found) - expected).abs() <= limit, "ln({x}) = {found}, not {expected}");
            }
        }
        assert!(ln::<Fused>(f32::NAN).is_nan());
    }
}
