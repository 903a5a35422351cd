//! What is measured of a network on a set of images.

use serde::{Deserialize, Deserializer, Serialize};

/// The two terms of the objective, in nats per image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// `-E[log p(x|z)]`; NaN, in files `null`, where it is not known: of a network of which another program left no losses.
    #[serde(deserialize_with = "number_or_null")]
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

    /// Both terms and both sums with their names in `history.csv`, after `train_` or `test_`.
    pub fn named(&self, kl_coefficient: f64) -> [(&'static str, f64); 4] {
        [
            ("reconstruction", self.reconstruction),
            ("kl", self.kl),
            ("objective", self.objective(kl_coefficient)),
            ("elbo_loss", self.elbo_loss()),
        ]
    }
}

/// A number, or NaN where `null` stands for it, as JSON has it.
pub(crate) fn number_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// How far each latent dimension is in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatentUse {
    /// `KL(q(z_d|x) ‖ N(0, 1))` of each dimension, in nats per image.
    pub kl_per_dim: Vec<f64>,
    /// Dimensions whose posterior mean has a variance above 0.01 over the images.
    pub active_units: usize,
}
