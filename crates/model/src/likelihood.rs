use burn::tensor::activation::{sigmoid, softplus};
use burn::tensor::{Tensor, TensorData};
use kernels::Family;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::ops::{nll, scaled_nll};

/// The distribution `p(x|z)` of the pixels, which are independent of each other given the decoder's output.
///
/// Objectives of two likelihoods are not comparable: their reconstruction terms are of different units, and densities of
/// different measures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// The cross-entropy of grey levels from 0 to 1 with Bernoulli distributions given by their logits. A score and not a
    /// likelihood: over the grey levels it does not integrate to 1. Its expectation over images binarised at random, with
    /// the grey level as the probability, is their negative log-likelihood.
    #[default]
    GreyBernoulli,
    /// Pixels that are 0 or 1, given by their logits.
    Bernoulli,
    /// The density on [0, 1] that is proportional to `exp(x l)` for a logit `l`.
    ///
    /// Source: Loaiza-Ganem and Cunningham, *The continuous Bernoulli: fixing a pervasive error in variational
    /// autoencoders* (2019).
    ContinuousBernoulli,
    /// Any numbers, normal around the decoder's output.
    Gaussian {
        /// Its variance.
        variance: Variance,
    },
    /// The 256 grey levels, each with the mass that a logistic distribution around the decoder's output, whose scale is
    /// learnt, has nearest to it.
    ///
    /// Source: Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, *Improved Variational Inference with Inverse
    /// Autoregressive Flow* (2016), section 5.
    DiscretisedLogistic,
}

/// Where the variance of a Gaussian likelihood comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variance {
    /// Given. With it, the coefficient `c` is the variance `c v` of the decoder for which `c = 1` has the same optimum.
    Fixed(f64),
    /// One, learnt by gradient descent as a parameter of the decoder.
    Learned,
    /// One for each pixel, learnt.
    LearnedPerPixel,
    /// One, the mean squared error of the batch: the variance at which the batch is likeliest. What is kept for images
    /// that are not trained on is its running average.
    ///
    /// Source: Rybkin, Daniilidis and Levine, *Simple and Effective VAE Training with Calibrated Decoders* (2021), section
    /// 4.2.
    Optimal,
}

/// Of images that are reconstructed to the last bit, the optimal variance would be 0 and the loss negative without end.
const LEAST_VARIANCE: f32 = 1e-12;

impl Likelihood {
    /// Whether the likelihood sums or integrates to 1 over all images.
    pub fn normalised(self) -> bool {
        self != Self::GreyBernoulli
    }

    /// Whether the pixels have a probability each, not a density: then the loss counts bits.
    pub fn is_discrete(self) -> bool {
        matches!(self, Self::Bernoulli | Self::DiscretisedLogistic)
    }

    /// The likelihood of outputs that were brought to the host, with the logarithms of its scales; see [`kernels::Likelihood::new`].
    pub fn on_host(self, pixels: usize, log_scales: &[f32]) -> kernels::Likelihood {
        kernels::Likelihood::new(self.family(), pixels, log_scales)
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::GreyBernoulli | Self::Bernoulli => Family::Bernoulli,
            Self::ContinuousBernoulli => Family::ContinuousBernoulli,
            Self::Gaussian { .. } => Family::Gaussian,
            Self::DiscretisedLogistic => Family::DiscretisedLogistic,
        }
    }
}

/// The distribution `p(x|z)` of each image of a batch.
#[derive(Clone, Debug)]
pub struct PixelDistribution {
    /// Which distributions.
    pub likelihood: Likelihood,
    /// What the decoder gave out for each pixel, a logit or a mean, `[batch, pixels]`.
    pub outputs: Tensor<2>,
    /// The logarithms of the variances or scales, `[1]` or `[pixels]`; `None` of likelihoods without.
    pub log_scales: Option<Tensor<1>>,
}

impl PixelDistribution {
    /// `-log p(x|z)` of each image, in nats, summed over its pixels.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, pixels]`
    /// - output: `[batch]`
    ///
    /// # Panics
    ///
    /// Panics if the images are not of the shape of the outputs.
    pub fn nll(self, images: Tensor<2>) -> Tensor<1> {
        let family = self.likelihood.family();
        match self.log_scales {
            None => nll(family, self.outputs, images),
            Some(log_scales) => scaled_nll(family, log_scales, self.outputs, images),
        }
    }

    /// Where the variance is the optimal one of each batch, that of these images takes the place of the kept one, and is given
    /// back, `[1]`.
    ///
    /// It has no gradient: at the optimum, the derivative of the loss with respect to it is 0.
    pub(crate) fn take_optimal_variance(&mut self, images: &Tensor<2>) -> Option<Tensor<1>> {
        if self.likelihood != (Likelihood::Gaussian { variance: Variance::Optimal }) {
            return None;
        }
        let differences = self.outputs.clone().inner() - images.clone();
        let variance = differences.square().mean().clamp_min(LEAST_VARIANCE);
        self.log_scales = Some(Tensor::from_inner(variance.clone().log()));
        Some(variance)
    }

    /// The mean of each pixel, `[batch, pixels]`.
    ///
    /// Of discretised logistic pixels it is that before they are rounded to levels.
    pub fn mean(self) -> Tensor<2> {
        let Self { likelihood, outputs, log_scales } = self;
        match (likelihood, log_scales) {
            (Likelihood::GreyBernoulli | Likelihood::Bernoulli, _) => sigmoid(outputs),
            (Likelihood::ContinuousBernoulli, _) => continuous_bernoulli_mean(outputs),
            (Likelihood::DiscretisedLogistic, Some(log_scales)) => clipped_logistic_mean(outputs, log_scales),
            (Likelihood::Gaussian { .. } | Likelihood::DiscretisedLogistic, _) => outputs,
        }
    }

    /// An image drawn from each distribution, `[batch, pixels]`, with numbers drawn from `rng` on the host.
    ///
    /// Of grey Bernoulli scores it is a binary one.
    pub fn sample<R: Rng>(self, rng: &mut R) -> Tensor<2> {
        let (device, [batch, pixels]) = (self.outputs.device(), self.outputs.dims());
        let log_scales: Vec<f64> = self
            .log_scales
            .iter()
            .flat_map(|scales| scales.to_data().iter::<f64>().collect::<Vec<_>>())
            .collect();
        let outputs = self.outputs.into_data();
        let drawn: Vec<f32> = outputs
            .iter::<f64>()
            .enumerate()
            .map(|(at, output)| {
                let log_scale = match log_scales.as_slice() {
                    [one] => *one,
                    each => each.get(at % pixels).copied().unwrap_or(0.0),
                };
                draw(self.likelihood, output, log_scale, rng) as f32
            })
            .collect();
        Tensor::from_data(TensorData::new(drawn, [batch, pixels]), &device)
    }
}

/// `1/2 + (coth h - 1/h) / 2` with `h = l / 2`, near 0 by its series.
fn continuous_bernoulli_mean(logits: Tensor<2>) -> Tensor<2> {
    const SERIES: f64 = 0.1;
    let half = logits.div_scalar(2.0);
    let near = half.clone().abs().lower_elem(SERIES);
    let series = half.clone().div_scalar(3.0) - half.clone().powi_scalar(3).div_scalar(45.0);
    let far = half.mask_fill(near.clone(), 1.0);
    let slope = far.clone().tanh().recip() - far.recip();
    slope.mask_where(near, series).div_scalar(2.0).add_scalar(0.5)
}

/// The mean of a logistic variable clipped to [0, 1]: `∫ P(X > t) dt = s (softplus(m / s) - softplus((m - 1) / s))`.
fn clipped_logistic_mean(locations: Tensor<2>, log_scales: Tensor<1>) -> Tensor<2> {
    let scales = log_scales.exp().unsqueeze::<2>();
    let above = |distance: Tensor<2>| softplus(distance / scales.clone(), 1.0) * scales.clone();
    above(locations.clone()) - above(locations.sub_scalar(1.0))
}

fn draw<R: Rng>(likelihood: Likelihood, output: f64, log_scale: f64, rng: &mut R) -> f64 {
    match likelihood {
        Likelihood::GreyBernoulli | Likelihood::Bernoulli => {
            f64::from(u8::from(rng.random::<f64>() < 1.0 / (1.0 + (-output).exp())))
        }
        Likelihood::ContinuousBernoulli => continuous_bernoulli_quantile(output, rng.random()),
        Likelihood::Gaussian { .. } => {
            let normal: f64 = StandardNormal.sample(rng);
            output + (0.5 * log_scale).exp() * normal
        }
        Likelihood::DiscretisedLogistic => {
            let uniform: f64 = rng.random();
            let logistic = output + log_scale.exp() * (uniform / (1.0 - uniform)).ln();
            (255.0 * logistic.clamp(0.0, 1.0)).round() / 255.0
        }
    }
}

/// The value below which a continuous Bernoulli variable of this logit lies with probability `u`:
/// `log(1 + u (exp(l) - 1)) / l`.
fn continuous_bernoulli_quantile(logit: f64, u: f64) -> f64 {
    match logit {
        // The same from the other end: the exponential of a great logit overflows.
        l if l > 0.0 => 1.0 - continuous_bernoulli_quantile(-l, 1.0 - u),
        l if l > -1e-8 => u,
        l => ((u * l.exp_m1()).ln_1p() / l).min(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use rand::{SeedableRng, rngs::StdRng};

    fn distribution(likelihood: Likelihood, outputs: &[f32], log_scale: Option<f32>) -> PixelDistribution {
        let device = Device::flex();
        let outputs = Tensor::from_data(TensorData::new(outputs.to_vec(), [1, outputs.len()]), &device);
        PixelDistribution {
            likelihood,
            outputs,
            log_scales: log_scale.map(|log_scale| Tensor::from_data([log_scale], &device)),
        }
    }

    fn numbers(tensor: Tensor<2>) -> Vec<f64> {
        tensor.into_data().iter::<f64>().collect()
    }

    /// Every likelihood, with the logarithm of its scale and outputs for which its means lie all over its range.
    fn cases() -> [(Likelihood, Option<f32>, [f32; 4]); 6] {
        let gaussian = Likelihood::Gaussian { variance: Variance::Fixed(0.25) };
        [
            (Likelihood::GreyBernoulli, None, [-3.0, 0.0, 0.5, 4.0]),
            (Likelihood::Bernoulli, None, [-3.0, 0.0, 0.5, 4.0]),
            (Likelihood::ContinuousBernoulli, None, [-40.0, -1e-3, 0.19, 5.0]),
            (gaussian, Some(0.25f32.ln()), [-2.0, 0.0, 0.5, 1.0]),
            (Likelihood::DiscretisedLogistic, Some(-2.0), [-0.3, 0.1, 0.5, 1.2]),
            (Likelihood::DiscretisedLogistic, Some(-4.0), [0.0, 0.1, 0.5, 0.99]),
        ]
    }

    #[test]
    fn samples_have_the_means() {
        const DRAWS: usize = 20_000;
        for (likelihood, log_scale, outputs) in cases() {
            let means = numbers(distribution(likelihood, &outputs, log_scale).mean());
            let mut rng = StdRng::seed_from_u64(3);
            let drawn = numbers(distribution(likelihood, &outputs.repeat(DRAWS), log_scale).sample(&mut rng));
            for (pixel, mean) in means.into_iter().enumerate() {
                let of_pixel: Vec<f64> = drawn.iter().copied().skip(pixel).step_by(outputs.len()).collect();
                let found = of_pixel.iter().sum::<f64>() / DRAWS as f64;
                let squares: f64 = of_pixel.iter().map(|x| (x - found).powi(2)).sum();
                let standard_error = squares.sqrt() / DRAWS as f64;
                // The rounding to levels moves the mean of a narrow logistic distribution by less than a hundredth of one.
                assert!(
                    (found - mean).abs() < 4.5 * standard_error + 4e-5,
                    "{likelihood:?}: {found}, not {mean}"
                );
            }
        }
    }

    /// By the midpoint rule, or the sum over all levels.
    #[test]
    fn normalised_likelihoods_integrate_to_one() {
        for (likelihood, log_scale, outputs) in cases() {
            if !likelihood.normalised() {
                continue;
            }
            let (values, weight): (Vec<f32>, f64) = match likelihood {
                Likelihood::Bernoulli => (vec![0.0, 1.0], 1.0),
                Likelihood::DiscretisedLogistic => ((0..256).map(|k| k as f32 / 255.0).collect(), 1.0),
                Likelihood::ContinuousBernoulli => {
                    ((0..4000).map(|k| (k as f32 + 0.5) / 4000.0).collect(), 1.0 / 4000.0)
                }
                _ => ((0..4000).map(|k| (k as f32 + 0.5) / 400.0 - 5.0).collect(), 1.0 / 400.0),
            };
            for output in outputs {
                let device = Device::flex();
                let mut one = distribution(likelihood, &vec![output; values.len()], log_scale);
                one.outputs = one.outputs.transpose();
                let values = Tensor::from_data(TensorData::new(values.clone(), [values.len(), 1]), &device);
                let nll = one.nll(values).into_data();
                let mass: f64 = nll.iter::<f64>().map(|nll| (-nll).exp() * weight).sum();
                assert!((mass - 1.0).abs() < 1e-4, "{likelihood:?} of {output}: {mass}");
            }
        }
    }

    #[test]
    fn the_mean_of_discretised_logistic_pixels_is_that_of_their_levels() {
        let (location, log_scale) = (0.93f32, -2.5f32);
        let levels: Vec<f32> = (0..256).map(|level| level as f32 / 255.0).collect();
        let mut one = distribution(Likelihood::DiscretisedLogistic, &[location; 256], Some(log_scale));
        one.outputs = one.outputs.transpose();
        let values = Tensor::from_data(TensorData::new(levels.clone(), [256, 1]), &Device::flex());
        let expected: f64 = one
            .nll(values)
            .into_data()
            .iter::<f64>()
            .zip(&levels)
            .map(|(nll, &level)| (-nll).exp() * f64::from(level))
            .sum();
        let found =
            numbers(distribution(Likelihood::DiscretisedLogistic, &[location], Some(log_scale)).mean())[0];
        assert!((found - expected).abs() < 1e-5, "{found}, expected {expected}");
    }
}
