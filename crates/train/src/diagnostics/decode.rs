//! A decoder as measurements need it: from codes to outputs, on the host.

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use model::{Likelihood, Vae};

use crate::encode_images::values;

/// A decoder, whatever runs it.
pub trait Decode {
    /// Dimensions of a code.
    fn latent(&self) -> usize;

    /// Numbers of an example.
    fn numbers(&self) -> usize;

    /// Which distributions its outputs give.
    fn likelihood(&self) -> Likelihood;

    /// The same with its scales, for outputs on the host.
    fn likelihood_on_host(&self) -> kernels::Likelihood;

    /// What the distributions are given by, `[codes, numbers]`, for codes `[codes, latent]`.
    ///
    /// # Errors
    ///
    /// Fails when whatever runs the decoder does.
    fn outputs(&self, codes: Vec<f32>) -> Result<Vec<f32>>;

    /// The means of the distributions, `[codes, numbers]`, for codes `[codes, latent]`.
    ///
    /// # Errors
    ///
    /// Fails when whatever runs the decoder does.
    fn means(&self, codes: Vec<f32>) -> Result<Vec<f32>>;
}

/// The decoder of a network on a device.
#[derive(Clone, Copy)]
pub struct OnDevice<'a> {
    /// The network.
    pub vae: &'a Vae,
    /// Where it is.
    pub device: &'a Device,
}

impl OnDevice<'_> {
    fn decode(&self, codes: Vec<f32>) -> Tensor<2> {
        let shape = [codes.len() / self.latent(), self.latent()];
        self.vae.decoder.forward(Tensor::from_data(TensorData::new(codes, shape), self.device))
    }
}

impl Decode for OnDevice<'_> {
    fn latent(&self) -> usize {
        self.vae.latent()
    }

    fn numbers(&self) -> usize {
        self.vae.decoder.pixels()
    }

    fn likelihood(&self) -> Likelihood {
        self.vae.decoder.likelihood
    }

    fn likelihood_on_host(&self) -> kernels::Likelihood {
        self.vae.decoder.likelihood_on_host()
    }

    fn outputs(&self, codes: Vec<f32>) -> Result<Vec<f32>> {
        Ok(values(self.decode(codes)))
    }

    fn means(&self, codes: Vec<f32>) -> Result<Vec<f32>> {
        Ok(values(self.vae.decoder.distribution(self.decode(codes)).mean()))
    }
}
