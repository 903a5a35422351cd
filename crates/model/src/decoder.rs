use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use rand::Rng;

use crate::linear::{glorot_linear, glorot_stack, relu_stack};
use crate::{Activation, linear};

/// Maps codes to the logits of one Bernoulli distribution per pixel.
#[derive(Module, Debug)]
pub struct Decoder {
    /// Hidden layers, each followed by a ReLU.
    pub hidden: Vec<Linear>,
    /// The layer that gives the logits.
    pub logits: Linear,
}

impl Decoder {
    pub(crate) fn init<R: Rng>(
        latent: usize,
        hidden: &[usize],
        pixels: usize,
        rng: &mut R,
        device: &Device,
    ) -> Self {
        let features = *hidden.last().unwrap_or(&latent);
        Self {
            hidden: glorot_stack(latent, hidden, rng, device),
            logits: glorot_linear(features, pixels, rng, device),
        }
    }

    /// The logits of the pixels: `sigmoid` of them is each pixel's expected grey level between 0 and 1.
    ///
    /// # Shapes
    ///
    /// - codes: `[batch, latent]`
    /// - output: `[batch, pixels]`
    ///
    /// # Panics
    ///
    /// Panics if the codes have another number of dimensions than the network was made for.
    pub fn forward(&self, codes: Tensor<2>) -> Tensor<2> {
        linear(&self.logits, relu_stack(&self.hidden, codes), Activation::Identity)
    }
}
