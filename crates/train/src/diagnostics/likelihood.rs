//! The likelihood of single images, fast enough for hundreds of millions of pixels.

use std::f32::consts::LOG2_E;

/// Pixels taken together, each in a sum and a product of its own. The number is part of the result: it decides the order
/// of additions, which is the same on every processor.
const LANES: usize = 32;
/// Factors between 1 and 2 that are multiplied before a logarithm is taken: their product stays below 2^100, far from
/// overflow at 2^128.
const FACTORS: usize = 100;

/// `log p(x|z)` of an image under one Bernoulli distribution per pixel, in nats:
///
/// ```text
/// sum x l - softplus(l),    softplus(l) = max(l, 0) + ln(1 + exp(-|l|))
/// ```
///
/// for logits `l`. The logarithms are taken of products of many factors `1 + exp(-|l|)`, which lie between 1 and 2. The
/// error is a few units in the last place of the greatest 32-bit sum within, below 1e-3 nats for a thousand pixels.
///
/// # Panics
///
/// Panics if there are not as many pixels as logits.
pub fn bernoulli_log_likelihood(logits: &[f32], image: &[f32]) -> f64 {
    assert_eq!(logits.len(), image.len(), "every logit has a pixel");
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the feature that the function is compiled for.
            return unsafe { with_avx512(logits, image) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { with_avx2(logits, image) };
        }
    }
    anywhere(logits, image)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn with_avx512(logits: &[f32], image: &[f32]) -> f64 {
    anywhere(logits, image)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(logits: &[f32], image: &[f32]) -> f64 {
    anywhere(logits, image)
}

#[inline(always)]
fn anywhere(logits: &[f32], image: &[f32]) -> f64 {
    let mut total = 0.0;
    for (logits, image) in logits.chunks(LANES * FACTORS).zip(image.chunks(LANES * FACTORS)) {
        let (mut sums, mut products) = ([0.0_f32; LANES], [1.0_f32; LANES]);
        let (whole, rest) = logits.as_chunks::<LANES>();
        let (whole_image, rest_image) = image.as_chunks::<LANES>();
        for (logits, image) in whole.iter().zip(whole_image) {
            for lane in 0..LANES {
                let (l, x) = (logits[lane], image[lane]);
                sums[lane] += x * l - positive_part(l);
                products[lane] *= 1.0 + exp(-l.abs());
            }
        }
        for (lane, (&l, &x)) in rest.iter().zip(rest_image).enumerate() {
            sums[lane] += x * l - positive_part(l);
            products[lane] *= 1.0 + exp(-l.abs());
        }
        for (sum, product) in sums.into_iter().zip(products) {
            total += f64::from(sum) - f64::from(product.ln());
        }
    }
    total
}

#[inline(always)]
fn positive_part(l: f32) -> f32 {
    if l > 0.0 { l } else { 0.0 }
}

/// `e^x` for `x <= 0` within two units in the last place; below -87, where the result would not be normal, `e^-87`.
///
/// `x = n ln 2 + r` with `|r| <= ln 2 / 2`, and `e^r` from its Taylor series up to `r^7 / 7!`, whose rest is below 2^-26.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Added to a small number, it leaves the nearest integer in the last bits.
    const INTEGER: f32 = 12_582_912.0; // 1.5 * 2^23
    // ln 2 in two parts, the first with so few bits that n times it is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    const COEFFICIENTS: [f32; 7] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * LOG2_E + INTEGER;
    let n = shifted - INTEGER;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut power = 1.0 / 5040.0;
    for coefficient in COEFFICIENTS {
        power = power * r + coefficient;
    }
    // n into the exponent.
    f32::from_bits(power.to_bits().wrapping_add(shifted.to_bits() << 23))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Term by term in 64-bit numbers.
    fn plain(logits: &[f32], image: &[f32]) -> f64 {
        let term = |(&l, &x): (&f32, &f32)| {
            let (l, x) = (f64::from(l), f64::from(x));
            x * l - l.max(0.0) - (-l.abs()).exp().ln_1p()
        };
        logits.iter().zip(image).map(term).sum()
    }

    #[test]
    fn it_is_the_sum_over_the_pixels() {
        for pixels in [1, 31, 32, 33, 784, LANES * FACTORS, 2 * LANES * FACTORS + 5] {
            for scale in [0.0, 1e-3, 1.0, 20.0, 1e4] {
                let logits: Vec<f32> =
                    (0..pixels).map(|i| scale * ((i * 7919 % 1000) as f32 / 500.0 - 1.0)).collect();
                let image: Vec<f32> = (0..pixels).map(|i| (i * 104_729 % 256) as f32 / 255.0).collect();
                let (found, expected) = (bernoulli_log_likelihood(&logits, &image), plain(&logits, &image));
                // 32-bit rounding, 6e-8 of each term and of each partial sum and product.
                let limit = 1e-6 * logits.iter().map(|l| 1.0 + f64::from(l.abs())).sum::<f64>();
                assert!((found - expected).abs() <= limit, "{pixels}, {scale}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn certain_pixels_cost_nothing_and_impossible_ones_their_logit() {
        assert_eq!(bernoulli_log_likelihood(&[1e30, -1e30], &[1.0, 0.0]), 0.0);
        assert_eq!(bernoulli_log_likelihood(&[200.0], &[0.0]), -200.0);
    }

    #[test]
    fn the_exponential_is_that_of_the_library() {
        for i in 0..=870_000 {
            let x = -(i as f32) * 1e-4;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found / expected - 1.0).abs() < 2.4e-7, "{x}: {found}, not {expected}");
        }
    }
}
