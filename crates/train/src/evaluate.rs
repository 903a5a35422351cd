//! What is measured of a network.

use burn::tensor::{Device, Tensor, TensorData};
use model::{Measured, Vae};
use serde::{Deserialize, Serialize};

use crate::data::Images;
use crate::diagnostics::EncodedImages;
use crate::random::{Purpose, noise};

/// The two terms of the objective, in nats per image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// `-E[log p(x|z)]`.
    pub reconstruction: f64,
    /// `KL(q(z|x) ‖ N(0, I))`.
    pub kl: f64,
}

impl Terms {
    /// `reconstruction + kl_coefficient * kl`.
    pub fn objective(&self, kl_coefficient: f64) -> f64 {
        self.reconstruction + kl_coefficient * self.kl
    }

    /// `reconstruction + kl`, comparable between coefficients.
    pub fn elbo_loss(&self) -> f64 {
        self.objective(1.0)
    }
}

/// How far each latent dimension is in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatentUse {
    /// `KL(q(z_d|x) ‖ N(0, 1))` of each dimension, in nats per image.
    pub kl_per_dim: Vec<f64>,
    /// Dimensions whose mean varies over the images, with a variance above [`ACTIVE_VARIANCE`](metrics::latent::ACTIVE_VARIANCE).
    pub active_units: usize,
}

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
pub fn evaluate(vae: &Vae, images: &Images, seed: u64, epoch: usize, device: &Device) -> Evaluation {
    let (count, latent) = (images.count(), vae.latent());
    let mut sums = Terms { reconstruction: 0.0, kl: 0.0 };
    let mut encoded = EncodedImages::with_capacity(count, latent);
    for (step, start) in (0..count).step_by(EVALUATION_BATCH).enumerate() {
        let range = start..(start + EVALUATION_BATCH).min(count);
        let size = range.len();
        let noise = noise(seed, Purpose::EvaluationNoise, epoch, step, size * latent);
        let noise = Tensor::from_data(TensorData::new(noise, [size, latent]), device);
        let Measured { terms, mean, log_var } = vae.measure(images.range(range, device), noise);
        encoded.push(mean, log_var);
        sums.reconstruction += f64::from(terms.reconstruction.into_scalar::<f32>()) * size as f64;
        sums.kl += f64::from(terms.kl.into_scalar::<f32>()) * size as f64;
    }
    Evaluation {
        terms: Terms { reconstruction: sums.reconstruction / count as f64, kl: sums.kl / count as f64 },
        latent: encoded.latent_use(),
    }
}
