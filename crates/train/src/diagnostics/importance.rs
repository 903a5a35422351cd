//! The importance-weighted bound on the likelihood of the data.

use anyhow::{Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use data::Split;
use model::Vae;

use super::posteriors::EncodedImages;
use crate::random::{Purpose, noise};

/// Codes decoded at a time.
const BATCH: usize = 1000;

/// How much tighter the importance-weighted bound is than the evidence lower bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImportanceGap {
    /// The mean over the images, in nats; never negative.
    pub mean: f64,
    /// Its standard error over the images.
    pub standard_error: f64,
}

/// The gap between two bounds on `log p(x)`, from `samples` codes `z_k ~ q(z|x)` an image:
///
/// ```text
/// gap = ln (1/K sum_k w_k) - 1/K sum_k ln w_k,    w_k = p(x|z_k) p(z_k) / q(z_k|x)
/// ```
///
/// The first term is the importance-weighted bound, the second the evidence lower bound, from the same codes. As the
/// logarithm is concave, no gap is negative, whatever the codes; and in expectation it grows with the number of samples,
/// up to `KL(q(z|x) ‖ p(z|x))`.
///
/// The gap varies from image to image far less than either bound does, so that a part of the images gives it precisely:
/// when there are more than `most_images`, every second, third, ... of them is taken.
///
/// # Errors
///
/// Fails when a weight is not finite.
///
/// # Panics
///
/// Panics if `samples` or `most_images` is 0.
///
/// # Source
///
/// Burda, Grosse and Salakhutdinov, *Importance Weighted Autoencoders* (2016), equation 8 and theorem 1.
pub fn importance_gap(
    vae: &Vae,
    images: &Split,
    encoded: &EncodedImages,
    samples: usize,
    most_images: usize,
    seed: u64,
    device: &Device,
) -> Result<ImportanceGap> {
    let (pixels, latent) = (images.numbers(), vae.latent());
    let likelihood = vae.decoder.likelihood_on_host();
    let stride = images.count().div_ceil(most_images);
    let taken: Vec<usize> = (0..images.count()).step_by(stride).collect();
    let mut gaps = Vec::with_capacity(taken.len());
    for chunk in taken.chunks((BATCH / samples).max(1)) {
        let mut codes = Vec::with_capacity(chunk.len() * samples * latent);
        let mut log_weights = Vec::with_capacity(chunk.len() * samples);
        for &image in chunk {
            let noise = noise(seed, Purpose::ImportanceNoise, 0, image, samples * latent);
            let (means, log_vars) = (encoded.means.row(image), encoded.log_vars.row(image));
            for noise in noise.chunks(latent) {
                let mut log_weight = 0.0;
                for ((mean, log_var), &noise) in means.iter().zip(log_vars).zip(noise) {
                    let noise = f64::from(noise);
                    let z = mean + (0.5 * log_var).exp() * noise;
                    codes.push(z as f32);
                    // ln p(z) - ln q(z|x); the constants cancel.
                    log_weight += 0.5 * (noise * noise + log_var - z * z);
                }
                log_weights.push(log_weight);
            }
        }
        let codes = Tensor::from_data(TensorData::new(codes, [chunk.len() * samples, latent]), device);
        let outputs = vae.decoder.forward(codes).into_data();
        let outputs = outputs.as_slice::<f32>().expect("the network computes with 32-bit numbers");
        for (row, &image) in chunk.iter().enumerate() {
            let grey = images.rows(image..image + 1)?;
            let log_weights = &mut log_weights[row * samples..(row + 1) * samples];
            let outputs = &outputs[row * samples * pixels..][..samples * pixels];
            for (log_weight, nll) in log_weights.iter_mut().zip(likelihood.nll_of_codes(outputs, &grey)) {
                *log_weight -= f64::from(nll);
            }
            let gap = gap(log_weights);
            ensure!(gap.is_finite(), "test image {image} has no finite likelihood");
            gaps.push(gap);
        }
    }
    let count = gaps.len() as f64;
    let mean = gaps.iter().sum::<f64>() / count;
    let squares: f64 = gaps.iter().map(|gap| (gap - mean).powi(2)).sum();
    Ok(ImportanceGap { mean, standard_error: (squares / (count - 1.0).max(1.0) / count).sqrt() })
}

/// `ln(mean(exp(log_weights))) - mean(log_weights)`.
fn gap(log_weights: &[f64]) -> f64 {
    let count = log_weights.len() as f64;
    let greatest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = log_weights.iter().map(|w| w - greatest).sum::<f64>() / count;
    let sum: f64 = log_weights.iter().map(|w| (w - greatest).exp()).sum();
    // Jensen's inequality, which rounding may break where all weights are alike.
    ((sum / count).ln() - mean).max(0.0)
}
