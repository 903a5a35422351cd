//! How much noise a decoder should have been given.

use std::f64::consts::{E, TAU};

use model::{Likelihood, Variance};

/// The likeliest tempering of a decoder's distributions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// The temperature `T` at which the images are likeliest under the density proportional to `p(x|z)^(1/T)`.
    pub temperature: f64,
    /// `-log` of that density, in nats, the mean over the images. It is of a normalised density, so that it can be compared
    /// between coefficients, whatever the temperature of each.
    pub nll: f64,
}

/// Newton's method ends when a step changes less than this share.
const PRECISION: f64 = 1e-10;
const MOST_STEPS: usize = 60;

/// The calibration of images under the outputs that a code of each was decoded to, for the likelihoods whose spread is given
/// and not learnt; `None` of the others, and of no image.
///
/// - Gaussian pixels of variance `v`: the tempered density is that of variance `v T`, the likeliest `T` is `SSE / (P v)`, and
///   the loss then `P/2 log(2πe SSE / P)`, with the squared error `SSE` of an image of `P` pixels.
/// - Grey Bernoulli scores: the tempered score normalises to the continuous Bernoulli density of the logits `l / T`, whose
///   logarithm is concave in `1 / T`, so that Newton's method finds the one maximum.
///
/// What is trained with the coefficient `c` is, up to a factor, the ELBO of the tempered score with `T = c`. A coefficient that
/// is its member's own temperature is therefore the one that the data would choose.
///
/// Sources: Rybkin, Daniilidis and Levine, *Simple and Effective VAE Training with Calibrated Decoders* (2021), for Gaussian
/// pixels; Loaiza-Ganem and Cunningham, *The continuous Bernoulli* (2019), for the normaliser.
///
/// # Panics
///
/// Panics if there are not as many outputs as values, or no whole number of images.
pub fn calibrate(likelihood: Likelihood, outputs: &[f32], values: &[f32], pixels: usize) -> Option<Calibration> {
    assert_eq!(outputs.len(), values.len(), "outputs and values");
    assert_eq!(outputs.len() % pixels, 0, "whole images of {pixels} pixels");
    let images = (outputs.len() / pixels) as f64;
    let pairs = || outputs.iter().zip(values).map(|(&output, &value)| (f64::from(output), f64::from(value)));
    if outputs.is_empty() {
        return None;
    }
    match likelihood {
        Likelihood::Gaussian { variance: Variance::Fixed(variance) } => {
            let mean_square = pairs().map(|(mean, x)| (x - mean).powi(2)).sum::<f64>() / outputs.len() as f64;
            let nll = 0.5 * pixels as f64 * (TAU * E * mean_square).ln();
            Some(Calibration { temperature: mean_square / variance, nll })
        }
        Likelihood::GreyBernoulli => {
            let inverse = likeliest_inverse(pairs);
            let nll = pairs().map(|(l, x)| Normaliser::of(l * inverse).log - x * l * inverse).sum::<f64>() / images;
            Some(Calibration { temperature: inverse.recip(), nll })
        }
        _ => None,
    }
}

/// The inverse temperature at which grey levels are likeliest under continuous Bernoulli densities of the logits times it.
fn likeliest_inverse<I: Iterator<Item = (f64, f64)>>(pairs: impl Fn() -> I) -> f64 {
    let mut inverse: f64 = 1.0;
    for _ in 0..MOST_STEPS {
        let (slope, curvature) = pairs().fold((0.0, 0.0), |(slope, curvature), (l, x)| {
            let Normaliser { mean, variance, .. } = Normaliser::of(l * inverse);
            (slope + l * (x - mean), curvature + l * l * variance)
        });
        // Logits that are all 0 are alike at every temperature.
        if curvature == 0.0 {
            break;
        }
        // Far from the maximum a step may overshoot: by a factor of two at most, and never to 0.
        let next = (inverse + slope / curvature).clamp(0.5 * inverse, 2.0 * inverse);
        let change = (next - inverse).abs();
        inverse = next;
        if change <= PRECISION * inverse {
            break;
        }
    }
    inverse
}

/// `A(l) = log ∫ exp(x l) dx` over [0, 1] and its first two derivatives, the mean and the variance.
struct Normaliser {
    log: f64,
    mean: f64,
    variance: f64,
}

impl Normaliser {
    /// `A = l/2 + log(sinh h / h)` with `h = l / 2`, near 0 by its series: the terms left out are below 1e-12.
    fn of(l: f64) -> Self {
        let half = 0.5 * l.abs();
        if half < 0.05 {
            let square = l * l;
            Self {
                log: 0.5 * l + square / 24.0 - square * square / 2880.0 + square.powi(3) / 181_440.0,
                mean: 0.5 + l / 12.0 - l * square / 720.0 + l * square * square / 30_240.0,
                variance: 1.0 / 12.0 - square / 240.0 + square * square / 6048.0,
            }
        } else {
            let e = (-2.0 * half).exp();
            let hyperbolic = 0.5 * (1.0 + e) / (1.0 - e) - 0.25 / (0.5 * half);
            Self {
                log: 0.5 * l + half + ((1.0 - e) / (2.0 * half)).ln(),
                mean: 0.5 + hyperbolic.copysign(l),
                variance: 1.0 / (l * l) - e / (1.0 - e).powi(2),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normaliser_is_the_integral_and_its_derivatives_are_its_moments() {
        for l in [-60.0, -3.0, -0.1001, -0.0999, 0.0, 1e-5, 0.0999, 0.1001, 2.0, 25.0] {
            const STEPS: i32 = 100_000;
            // Beside its greatest value, so that nothing overflows.
            let greatest = f64::max(l, 0.0);
            let moment = |power: i32| {
                let of_step = |step: i32| {
                    let x = (f64::from(step) + 0.5) / f64::from(STEPS);
                    x.powi(power) * (x * l - greatest).exp() / f64::from(STEPS)
                };
                (0..STEPS).map(of_step).sum::<f64>()
            };
            let (mass, mean) = (moment(0), moment(1) / moment(0));
            let variance = moment(2) / mass - mean * mean;
            let Normaliser { log, mean: found_mean, variance: found_variance } = Normaliser::of(l);
            for (found, expected) in
                [(log, mass.ln() + greatest), (found_mean, mean), (found_variance, variance)]
            {
                assert!((found - expected).abs() < 1e-6, "at {l}: {found}, expected {expected}");
            }
        }
    }

    /// Grey levels drawn from continuous Bernoulli densities of logits that the decoder gives a third of.
    #[test]
    fn the_temperature_that_the_data_was_drawn_with_is_found() {
        use rand::{RngExt, SeedableRng, rngs::StdRng};
        let mut rng = StdRng::seed_from_u64(1);
        let (mut logits, mut grey) = (Vec::new(), Vec::new());
        for _ in 0..200_000 {
            let l = 8.0 * rng.random::<f64>() - 4.0;
            let u: f64 = rng.random();
            logits.push((l / 3.0) as f32);
            grey.push(((u * l.exp_m1()).ln_1p() / l) as f32);
        }
        let Calibration { temperature, nll } =
            calibrate(Likelihood::GreyBernoulli, &logits, &grey, 20).expect("there are images");
        // The standard error is 1/√(n l² variance) of about 1/√(200,000 · 5.3 · 0.07) in units of 1/T = 3.
        assert!((temperature - 1.0 / 3.0).abs() < 0.005, "{temperature}");
        // No other temperature is likelier.
        for inverse in [2.9, 3.1] {
            let other: f64 = logits
                .iter()
                .zip(&grey)
                .map(|(&l, &x)| {
                    let l = f64::from(l) * inverse;
                    Normaliser::of(l).log - f64::from(x) * l
                })
                .sum();
            assert!(other / 10_000.0 > nll, "{inverse}");
        }
    }

    #[test]
    fn gaussian_pixels_have_the_temperature_of_their_squared_error() {
        let likelihood = Likelihood::Gaussian { variance: Variance::Fixed(0.5) };
        let found = calibrate(likelihood, &[0.0, 1.0, 2.0, 3.0], &[1.0, 1.0, 2.0, 5.0], 2).expect("two images");
        // The squared errors 1, 0, 0 and 4 have the mean 1.25.
        assert!((found.temperature - 2.5).abs() < 1e-12);
        assert!((found.nll - (TAU * E * 1.25).ln()).abs() < 1e-12);
        assert_eq!(calibrate(likelihood, &[], &[], 2), None);
        assert_eq!(calibrate(Likelihood::DiscretisedLogistic, &[0.0], &[0.0], 1), None);
    }
}
