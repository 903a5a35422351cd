//! How much noise a decoder should have been given.

use std::f64::consts::TAU;

use kernels::{Vectorized, exp_f64, vectorized};
use model::{Likelihood, Variance};
use record::Estimate;

/// The likeliest tempering of a decoder's distributions.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The temperature `T` at which the images are likeliest under the density proportional to `p(x|z)^(1/T)`.
    pub temperature: Estimate,
    /// `-log` of that density of each image, in nats. It is of a normalised density, so that it can be compared between
    /// coefficients, whatever the temperature of each.
    pub nll: Vec<f64>,
}

/// Newton's method ends when a step changes less than this share.
const PRECISION: f64 = 1e-10;
const MOST_STEPS: usize = 60;

/// The calibration of images under the outputs that a code of each was decoded to, for the likelihoods whose spread is given
/// and not learnt; `None` of the others, and of no image.
///
/// - Gaussian pixels of variance `v`: the tempered density is that of variance `v T`, the likeliest `T` is `SSE / (P v)`, and
///   the loss then `P/2 log(2πe SSE / P)` on average, with the squared error `SSE` of an image of `P` pixels.
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
pub fn calibrate(
    likelihood: Likelihood,
    outputs: &[f32],
    values: &[f32],
    pixels: usize,
) -> Option<Calibration> {
    assert_eq!(outputs.len(), values.len(), "outputs and values");
    assert_eq!(outputs.len() % pixels, 0, "whole images of {pixels} pixels");
    if outputs.is_empty() {
        return None;
    }
    let images = Pairs { outputs, values, pixels };
    match likelihood {
        Likelihood::Gaussian { variance: Variance::Fixed(variance) } => {
            let mean_square = |pairs: &mut dyn Iterator<Item = (f64, f64)>| {
                pairs.map(|(mean, x)| (x - mean).powi(2)).sum::<f64>() / pixels as f64
            };
            let errors: Vec<f64> = images.each(mean_square);
            let temperature = Estimate::of_mean(errors.iter().map(|error| error / variance))?;
            let noise = temperature.value * variance;
            let nll = |error: &f64| 0.5 * pixels as f64 * ((TAU * noise).ln() + error / noise);
            Some(Calibration { temperature, nll: errors.iter().map(nll).collect() })
        }
        Likelihood::GreyBernoulli => {
            let inverse = images.likeliest_inverse();
            let nll = |pairs: &mut dyn Iterator<Item = (f64, f64)>| {
                pairs.map(|(l, x)| log_normaliser(l * inverse) - x * l * inverse).sum()
            };
            let temperature =
                Estimate { value: inverse.recip(), standard_error: images.error_of_temperature(inverse) };
            Some(Calibration { temperature, nll: images.each(nll) })
        }
        _ => None,
    }
}

/// The outputs and values of some images.
struct Pairs<'a> {
    outputs: &'a [f32],
    values: &'a [f32],
    pixels: usize,
}

/// Derivatives of the logarithm of tempered densities by the inverse temperature.
#[derive(Clone, Copy, Debug)]
struct Derivatives {
    slope: f64,
    /// Of the other sign.
    curvature: f64,
}

/// Pixels whose sums are computed side by side.
const LANES: usize = 16;

/// The derivatives of an image under continuous Bernoulli densities of the logits times `inverse`.
struct OfImage<'a> {
    logits: &'a [f32],
    values: &'a [f32],
    inverse: f64,
}

impl Vectorized for OfImage<'_> {
    type Output = Derivatives;

    #[inline(always)]
    fn run(self) -> Derivatives {
        let Self { logits, values, inverse } = self;
        let (mut slopes, mut curvatures) = ([0.0; LANES], [0.0; LANES]);
        for (logits, values) in logits.chunks(LANES).zip(values.chunks(LANES)) {
            // Pixels of the logit 0 add nothing.
            let (mut l, mut x) = ([0.0; LANES], [0.0; LANES]);
            l[..logits.len()].copy_from_slice(logits);
            x[..values.len()].copy_from_slice(values);
            for lane in 0..LANES {
                let (l, x) = (f64::from(l[lane]), f64::from(x[lane]));
                let Moments { mean, variance } = Moments::of(l * inverse);
                slopes[lane] += l * (x - mean);
                curvatures[lane] += l * l * variance;
            }
        }
        Derivatives { slope: slopes.iter().sum(), curvature: curvatures.iter().sum() }
    }
}

impl Pairs<'_> {
    fn each<T>(&self, of_image: impl Fn(&mut dyn Iterator<Item = (f64, f64)>) -> T) -> Vec<T> {
        let images = self.outputs.chunks_exact(self.pixels).zip(self.values.chunks_exact(self.pixels));
        let widened = |(&output, &value): (&f32, &f32)| (f64::from(output), f64::from(value));
        images.map(|(outputs, values)| of_image(&mut outputs.iter().zip(values).map(widened))).collect()
    }

    /// The derivatives of each image under continuous Bernoulli densities of the logits times `inverse`.
    fn derivatives(&self, inverse: f64) -> Vec<Derivatives> {
        let images = self.outputs.chunks_exact(self.pixels).zip(self.values.chunks_exact(self.pixels));
        images.map(|(logits, values)| vectorized(OfImage { logits, values, inverse })).collect()
    }

    /// The inverse temperature at which grey levels are likeliest.
    fn likeliest_inverse(&self) -> f64 {
        let mut inverse: f64 = 1.0;
        for _ in 0..MOST_STEPS {
            let of_images = self.derivatives(inverse);
            let slope: f64 = of_images.iter().map(|image| image.slope).sum();
            let curvature: f64 = of_images.iter().map(|image| image.curvature).sum();
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

    /// The standard error over the images: that of the root of the mean slope, by its curvature there; `None` of one image.
    fn error_of_temperature(&self, inverse: f64) -> Option<f64> {
        let of_images = self.derivatives(inverse);
        let curvature: f64 = of_images.iter().map(|image| image.curvature).sum();
        let slope = Estimate::of_mean(of_images.iter().map(|image| image.slope))?;
        let of_inverse = slope.standard_error? * of_images.len() as f64 / curvature;
        (curvature > 0.0).then_some(of_inverse / (inverse * inverse))
    }
}

/// `A(l) = log ∫ exp(x l) dx` over [0, 1] and its first two derivatives, the mean and the variance of the continuous Bernoulli
/// density of the logit `l`.
pub(crate) struct Normaliser {
    pub log: f64,
    pub mean: f64,
    pub variance: f64,
}

impl Normaliser {
    /// Of the density that has this mean, between 0 and 1; at the ends the variance is 0.
    pub fn of_mean(mean: f64) -> Self {
        // The mean rises with the logit, and is about `1 - 1/l` of great ones.
        let reach = 2.0 / mean.min(1.0 - mean).max(1e-9);
        let [mut low, mut high] = [-reach, reach];
        while high - low > PRECISION * high.abs().max(1.0) {
            let middle = 0.5 * (low + high);
            if Self::of(middle).mean < mean { low = middle } else { high = middle }
        }
        let found = Self::of(0.5 * (low + high));
        if mean > 0.0 && mean < 1.0 { found } else { Self { variance: 0.0, ..found } }
    }

    pub(crate) fn of(l: f64) -> Self {
        let Moments { mean, variance } = Moments::of(l);
        Self { log: log_normaliser(l), mean, variance }
    }
}

/// `A(l) = l/2 + log(sinh h / h)` with `h = l / 2`, near 0 by its series: the terms left out are below 1e-12.
fn log_normaliser(l: f64) -> f64 {
    let half = 0.5 * l.abs();
    if half < SERIES {
        let square = l * l;
        return 0.5 * l + square / 24.0 - square * square / 2880.0 + square.powi(3) / 181_440.0;
    }
    0.5 * l + half + ((1.0 - (-2.0 * half).exp()) / (2.0 * half)).ln()
}

/// Half logits below it take series, in which nothing cancels.
const SERIES: f64 = 0.05;

/// The derivatives of [`Normaliser::log`].
struct Moments {
    mean: f64,
    variance: f64,
}

impl Moments {
    /// `1/2 + sign(l) (coth h - 1/h) / 2` and `1/l² - e/(1 - e)²` with `h = |l| / 2` and `e = exp(-2h)`; near 0 by their series.
    /// Without a branch, so that it can be computed in vectors.
    #[inline(always)]
    fn of(l: f64) -> Self {
        let half = 0.5 * l.abs();
        let square = l * l;
        let mean_series = l * (1.0 / 12.0 - square * (1.0 / 720.0 - square / 30_240.0));
        let variance_series = 1.0 / 12.0 - square * (1.0 / 240.0 - square / 6048.0);
        // Where the series are taken, these must only be finite.
        let far = if half < SERIES { 1.0 } else { half };
        let e = exp_f64(-2.0 * far);
        let (ratio, inverse) = (1.0 / (1.0 - e), 0.5 / far);
        let mean_far = (0.5 * (1.0 + e) * ratio - inverse).copysign(l);
        let variance_far = inverse * inverse - e * ratio * ratio;
        let near = half < SERIES;
        Self {
            mean: 0.5 + if near { mean_series } else { mean_far },
            variance: if near { variance_series } else { variance_far },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_density_is_found_by_its_mean() {
        for mean in [1e-6, 0.01, 0.25, 0.5, 0.5001, 0.93, 1.0 - 1e-6] {
            let found = Normaliser::of_mean(mean);
            assert!((found.mean - mean).abs() < 1e-9, "{}, not {mean}", found.mean);
        }
        // Near 0 it is exponential, whose deviation is its mean.
        assert!((Normaliser::of_mean(1e-3).variance.sqrt() / 1e-3 - 1.0).abs() < 1e-6);
        assert_eq!([0.0, 1.0].map(|mean| Normaliser::of_mean(mean).variance), [0.0; 2]);
    }

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
        let error = temperature.standard_error.expect("there are many");
        assert!((temperature.value - 1.0 / 3.0).abs() < 4.0 * error, "{temperature:?}");
        // The information on 1/T is n E[l² variance], with l a third of what the data was drawn with.
        let information: f64 =
            logits.iter().map(|&l| f64::from(l).powi(2) * Normaliser::of(3.0 * f64::from(l)).variance).sum();
        let expected = information.sqrt().recip() / 9.0;
        assert!((error / expected - 1.0).abs() < 0.05, "{error}, expected {expected}");
        // No other temperature is likelier.
        let nll = nll.iter().sum::<f64>() / nll.len() as f64;
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
        let found =
            calibrate(likelihood, &[0.0, 1.0, 2.0, 3.0], &[1.0, 1.0, 2.0, 5.0], 2).expect("two images");
        // The squared errors 1, 0, 0 and 4 have the mean 1.25.
        assert!((found.temperature.value - 2.5).abs() < 1e-12);
        let nll = found.nll.iter().sum::<f64>() / 2.0;
        assert!((nll - (TAU * std::f64::consts::E * 1.25).ln()).abs() < 1e-12);
        assert_eq!(calibrate(likelihood, &[], &[], 2), None);
        assert_eq!(calibrate(Likelihood::DiscretisedLogistic, &[0.0], &[0.0], 1), None);
    }
}
