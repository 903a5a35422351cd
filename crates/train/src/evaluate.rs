//! What is measured of a network.

use burn::tensor::{Device, Tensor, TensorData};
use data::{Result, Split};
use model::{Measured, Vae};
use record::{LatentUse, Terms};

use crate::diagnostics::EncodedImages;
use crate::image_tensors::ImageTensors;
use crate::random::{Purpose, noise};
use crate::together::together;

/// What is measured after every epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The terms of the objective, with one sampled code for each image.
    pub terms: Terms,
    /// The use of the latent dimensions.
    pub latent: LatentUse,
}

/// Images encoded and decoded at a time. It decides the order of summation, hence the last bits of the result.
const EVALUATION_BATCH: usize = 500;

/// The means over all images.
///
/// The noise depends only on `seed` and `epoch`, so the members of a seed are measured with the same.
///
/// # Errors
///
/// Fails when a file that the images are read from has changed.
pub fn evaluate(vae: &Vae, images: &Split, seed: u64, epoch: usize, device: &Device) -> Result<Evaluation> {
    let (count, latent) = (images.count(), vae.latent());
    let mut sums = Terms { reconstruction: 0.0, kl: 0.0 };
    let mut encoded = EncodedImages::with_capacity(count, latent);
    let batch = together(EVALUATION_BATCH, images.numbers());
    for (step, start) in (0..count).step_by(batch).enumerate() {
        let range = start..(start + batch).min(count);
        let size = range.len();
        let noise = noise(seed, Purpose::EvaluationNoise, epoch, step, size * latent);
        let noise = Tensor::from_data(TensorData::new(noise, [size, latent]), device);
        let Measured { terms, mean, log_var } = vae.measure(images.range(range, device)?, noise);
        encoded.push(mean, log_var);
        sums.reconstruction += f64::from(terms.reconstruction.into_scalar::<f32>()) * size as f64;
        sums.kl += f64::from(terms.kl.into_scalar::<f32>()) * size as f64;
    }
    Ok(Evaluation {
        terms: Terms { reconstruction: sums.reconstruction / count as f64, kl: sums.kl / count as f64 },
        latent: encoded.latent_use(),
    })
}
