use burn::tensor::Tensor;

use crate::norm::BatchMoments;

/// What a training step learns from.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, pixels]`, values that the likelihood knows.
    pub images: Tensor<2>,
    /// Standard normal numbers, from which the codes are drawn, `[batch, latent]`.
    pub noise: Tensor<2>,
    /// What the outputs of the dense hidden layers are multiplied with, the encoder's before the decoder's, each
    /// `[batch, width]`: 0 for those that are left out, `1 / (1 - dropout)` for the rest. Empty for a network without dropout.
    pub masks: Vec<Tensor<2>>,
}

impl Batch {
    /// A batch for a network without dropout.
    pub fn new(images: Tensor<2>, noise: Tensor<2>) -> Self {
        Self { images, noise, masks: Vec::new() }
    }
}

/// What a forward pass in training has beyond one of a trained network.
pub(crate) struct Training {
    /// Masks of the layers to come.
    masks: std::vec::IntoIter<Tensor<2>>,
    /// Those of the batch norms passed, in the order of the pass.
    pub moments: Vec<BatchMoments>,
}

impl Training {
    pub fn new(masks: Vec<Tensor<2>>) -> Self {
        Self { masks: masks.into_iter(), moments: Vec::new() }
    }

    /// A dense hidden layer's outputs without those that the step leaves out.
    ///
    /// Source: Srivastava et al., *Dropout* (2014).
    pub fn drop_out(&mut self, output: Tensor<2>) -> Tensor<2> {
        match self.masks.next() {
            Some(mask) => output * mask,
            None => output,
        }
    }
}
