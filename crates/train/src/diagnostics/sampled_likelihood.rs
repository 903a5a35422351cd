//! The likelihood of images by importance sampling, for networks of more latent dimensions than can be integrated over.

use anyhow::{Result, ensure};
use metrics::samples::importance::{effective_samples, log_mean, pareto_shape};
use record::MemberId;

use super::decode::Decode;
use super::held_out::Subset;
use super::posteriors::EncodedImages;
use crate::random::{Purpose, noise};
use crate::together::together;

/// Codes decoded at a time, at most.
const BATCH: usize = 200;
/// One in so many codes is drawn from the prior, which reaches everywhere: no weight is then above so many times the greatest
/// likelihood, whatever the encoder does.
const PRIOR_IN: usize = 20;
/// The shape of a tail without spread, and of a sample too small to have one.
const NO_TAIL: f64 = -1.0;

/// What importance sampling says of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledLikelihood {
    /// `log p(x)`, in expectation too small by at most what the number of codes leaves.
    pub log_likelihood: f64,
    /// The shape of the tail of the weights: see [`pareto_shape`].
    pub pareto_k: f64,
    /// How many independent codes the weights are worth.
    pub effective_samples: f64,
}

/// One latent dimension of a proposal.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Normal {
    mean: f64,
    variance: f64,
}

/// The posterior that the encoder would have at `c = 1`, of one latent dimension.
///
/// Trained with a coefficient `c`, the encoder fits `p(x|z)^(1/c) p(z)`: of a likelihood of precision `l` it has the
/// precision `1 + l / c`. In natural parameters, the precision without `c` is `1 + c (precision - 1)`, and the product of
/// precision and mean grows by `c`. It is exact where the decoder is linear and the likelihood Gaussian. A posterior that
/// is wider than the prior belongs to no likelihood, and counts as one of precision 0.
///
/// With `c = 0` nothing of the likelihood's precision is left in the encoder: there it is the prior.
fn untempered(mean: f64, log_var: f64, kl_coefficient: f64) -> Normal {
    let tempered = (-log_var).exp();
    let precision = 1.0 + (kl_coefficient * (tempered - 1.0)).max(0.0);
    Normal { mean: kl_coefficient * tempered * mean / precision, variance: precision.recip() }
}

/// The likelihoods of some images, from `samples` codes of each,
///
/// ```text
/// log p(x) ≈ ln (1/K sum_k w_k),    w_k = p(x|z_k) p(z_k) / ((1 - a) q(z_k|x) + a p(z_k))
/// ```
///
/// where `q` is the encoder's posterior untempered, and of the `K` codes `a K`, one in twenty, are drawn from the prior.
/// Importance sampling from the posterior itself would rank encoders, not models: at small coefficients it is far narrower
/// than `p(z|x)`, and misses most of the likelihood.
///
/// # Errors
///
/// Fails when the decoder does, or a likelihood is not finite.
///
/// # Panics
///
/// Panics if there are fewer than two samples.
///
/// # Source
///
/// Burda, Grosse and Salakhutdinov, *Importance Weighted Autoencoders* (2016), equation 8, for the bound; Veach and Guibas,
/// *Optimally Combining Sampling Techniques* (1995), for the mixture.
pub fn sampled_likelihoods(
    decoder: &dyn Decode,
    subset: &Subset<'_>,
    encoded: &EncodedImages,
    member: MemberId,
    samples: usize,
) -> Result<Vec<SampledLikelihood>> {
    assert!(samples >= 2, "a mixture of two has a code of each");
    let MemberId { kl_coefficient, seed } = member;
    let (pixels, latent) = (decoder.numbers(), decoder.latent());
    let likelihood = decoder.likelihood_on_host();
    let of_prior = (samples / PRIOR_IN).max(1);
    let share = of_prior as f64 / samples as f64;
    let mut found = Vec::with_capacity(subset.count());
    let mut normals = Vec::with_capacity(latent);
    let batch = together(BATCH, pixels);
    let images = (batch / samples).max(1);
    for (chunk, positions) in subset.positions.chunks(images).enumerate() {
        let mut codes = Vec::with_capacity(positions.len() * samples * latent);
        let mut log_weights = Vec::with_capacity(positions.len() * samples);
        for (row, &position) in positions.iter().enumerate() {
            let image = chunk * images + row;
            let parameters = encoded.means.row(image).into_iter().zip(encoded.log_vars.row(image));
            normals.clear();
            normals.extend(parameters.map(|(mean, log_var)| untempered(*mean, *log_var, kl_coefficient)));
            let noise = noise(seed, Purpose::ImportanceNoise, 0, position as usize, samples * latent);
            for (k, noise) in noise.chunks(latent).enumerate() {
                // The logarithms of the two densities, without the constant that they share.
                let (mut of_normal, mut of_prior_) = (0.0, 0.0);
                for (Normal { mean, variance }, noise) in normals.iter().zip(noise) {
                    let noise = f64::from(*noise);
                    let z = if k < of_prior { noise } else { mean + variance.sqrt() * noise };
                    codes.push(z as f32);
                    of_normal -= 0.5 * ((z - mean).powi(2) / variance + variance.ln());
                    of_prior_ -= 0.5 * z * z;
                }
                let mixture = log_sum([of_normal + (1.0 - share).ln(), of_prior_ + share.ln()]);
                log_weights.push(of_prior_ - mixture);
            }
        }
        // Either all codes of some images, or some of one.
        for (codes, log_weights) in codes.chunks(batch * latent).zip(log_weights.chunks_mut(batch)) {
            let outputs = decoder.outputs(codes.to_vec())?;
            let of_images = log_weights.chunks_mut(samples).zip(outputs.chunks(samples * pixels));
            for ((log_weights, outputs), position) in of_images.zip(positions) {
                let image = subset.images.gather(&[*position])?;
                for (log_weight, nll) in log_weights.iter_mut().zip(likelihood.nll_of_codes(outputs, &image))
                {
                    *log_weight -= f64::from(nll);
                }
            }
        }
        for (log_weights, position) in log_weights.chunks(samples).zip(positions) {
            let log_likelihood = log_mean(log_weights);
            ensure!(log_likelihood.is_finite(), "image {position} has no finite likelihood");
            found.push(SampledLikelihood {
                log_likelihood,
                pareto_k: pareto_shape(log_weights).unwrap_or(NO_TAIL).clamp(NO_TAIL, f64::from(f32::MAX)),
                effective_samples: effective_samples(log_weights),
            });
        }
    }
    Ok(found)
}

/// `ln(exp(a) + exp(b))`.
fn log_sum([a, b]: [f64; 2]) -> f64 {
    let (greater, less) = if a > b { (a, b) } else { (b, a) };
    greater + (less - greater).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear decoder of unit noise: the likelihood of precision `l` and mean `m` makes the posterior at `c` one of precision
    /// `1 + l / c` and mean `(l / c) m / (1 + l / c)`, and the one at 1 is got back.
    #[test]
    fn untempering_is_exact_where_the_likelihood_is_gaussian() {
        for (precision, mean) in [(40.0, 1.7), (0.3, -2.0), (1e4, 0.01)] {
            for c in [1e-3, 0.02, 0.5, 1.0, 20.0] {
                let tempered: f64 = 1.0 + precision / c;
                let found = untempered(precision / c * mean / tempered, -tempered.ln(), c);
                let variance = 1.0 / (1.0 + precision);
                assert!((found.variance / variance - 1.0).abs() < 1e-9, "{found:?} at {c}");
                assert!((found.mean / (precision * mean * variance) - 1.0).abs() < 1e-9, "{found:?} at {c}");
            }
        }
    }

    #[test]
    fn a_posterior_wider_than_the_prior_becomes_no_wider() {
        assert_eq!(untempered(0.4, 1.0, 20.0).variance, 1.0);
        assert_eq!(untempered(3.0, -80.0, 0.0), Normal { mean: 0.0, variance: 1.0 });
    }
}
