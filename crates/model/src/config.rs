use burn::tensor::Device;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{Decoder, Encoder, Likelihood, Vae};

/// The sizes of a [`Vae`], all but that of the images, which the data decides, and its likelihood.
///
/// The default is the classic network: one hidden layer of 256 units on each side of a two-dimensional code, and grey levels
/// scored as Bernoulli probabilities. Without hidden layers, encoder and decoder are linear.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VaeConfig {
    /// Widths of the encoder's hidden layers, from the image to the code.
    pub encoder_hidden: Vec<usize>,
    /// Dimensions of the code.
    pub latent: usize,
    /// Widths of the decoder's hidden layers, from the code to the image.
    pub decoder_hidden: Vec<usize>,
    /// The distribution of the pixels.
    pub likelihood: Likelihood,
}

impl Default for VaeConfig {
    fn default() -> Self {
        Self {
            encoder_hidden: vec![256],
            latent: 2,
            decoder_hidden: vec![256],
            likelihood: Likelihood::GreyBernoulli,
        }
    }
}

impl VaeConfig {
    /// A network for images of `pixels` values, with Glorot-uniform weights and zero biases.
    ///
    /// The weights are drawn from `rng` on the host, layer after layer in the order of the forward pass (the mean's head
    /// before the log-variance's), so the same `rng` gives the same weights on every backend.
    pub fn init<R: Rng>(&self, pixels: usize, rng: &mut R, device: &Device) -> Vae {
        Vae {
            encoder: Encoder::init(pixels, &self.encoder_hidden, self.latent, rng, device),
            decoder: Decoder::init(self.latent, &self.decoder_hidden, pixels, self.likelihood, rng, device),
        }
    }
}
