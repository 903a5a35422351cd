//! The exponential function of many numbers at a time.
//!
//! A call of `f64::exp` cannot be vectorised, and its last bits depend on the system's library; this one is plain
//! arithmetic without fused multiply-add, which the compiler turns into vector instructions when it finds it in a loop,
//! and which gives the same bits everywhere.

use std::f64::consts::LOG2_E;

/// Below this, the result of [`exp_f64`] would not be a normal number.
pub const EXP_F64_LEAST: f64 = -708.0;

/// `e^x` for finite `x <= 0`, within two units in the last place; `e^-708 = 3e-308` for all that is smaller still.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`, and `e^r` from its Taylor series up to `r^13 / 13!`, whose rest is below
/// 2^-56 there.
#[inline(always)]
pub fn exp_f64(x: f64) -> f64 {
    // Added to a small number, it leaves the nearest integer in the last bits.
    const INTEGER: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    // ln 2 in two parts, the first with so few bits that n times it is exact.
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const COEFFICIENTS: [f64; 13] = [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ];
    let x = if x < EXP_F64_LEAST { EXP_F64_LEAST } else { x };
    let shifted = x * LOG2_E + INTEGER;
    let n = shifted - INTEGER;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut power = 1.0 / 6_227_020_800.0;
    for coefficient in COEFFICIENTS {
        power = power * r + coefficient;
    }
    // n into the exponent.
    f64::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_function() {
        for i in 0..=708_000 {
            let x = -f64::from(i) * 1e-3;
            let (found, expected) = (exp_f64(x), x.exp());
            // The library's own error is below one unit in the last place, 2.2e-16.
            assert!((found / expected - 1.0).abs() < 5e-16, "{x}: {found}, not {expected}");
        }
        assert_eq!(exp_f64(0.0), 1.0);
        assert_eq!(exp_f64(-1e300), exp_f64(EXP_F64_LEAST));
        assert!(exp_f64(EXP_F64_LEAST) > 0.0);
    }
}
