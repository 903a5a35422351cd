//! Networks without hidden layers, with weights that are given.

use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, TensorData};
use data::{Dataset, Split};
use model::{NamedTensor, Vae, load_parameters};
use ndarray::Array2;
use record::{Likelihood, NetworkConfig, RunConfig, Shape, Variance};

use crate::network::vae_config;
use crate::random::{Purpose, stream};

/// The weights of a linear network whose posteriors have the same variance for every image: each latent dimension reads one
/// pixel and writes that one, the first the first, ...
#[derive(Clone, Debug)]
pub struct DiagonalWeights {
    /// Of each dimension, from its pixel to the posterior's mean.
    pub encoder: Vec<f64>,
    /// Of each dimension, the logarithm of the posterior's variance.
    pub log_var: Vec<f64>,
    /// Of each dimension, to its pixel.
    pub decoder: Vec<f64>,
}

/// A configuration of linear encoder and decoder, and Gaussian pixels of variance 1.
pub fn linear_config(latent: usize) -> RunConfig {
    let model = NetworkConfig {
        encoder_hidden: Vec::new(),
        latent,
        decoder_hidden: Vec::new(),
        likelihood: Likelihood::Gaussian,
        variance: Variance::Fixed(1.0),
        ..NetworkConfig::default()
    };
    RunConfig { model, ..RunConfig::default() }
}

/// A data set of vectors, `[images, pixels]`.
pub fn dataset(train: &Array2<f64>, test: &Array2<f64>) -> Dataset {
    let split = |rows: &Array2<f64>| {
        let numbers = rows.iter().map(|&value| value as f32).collect();
        Split::of_numbers(Shape::grey(1, rows.ncols()), numbers, None)
    };
    Dataset::new(split(train), None, split(test))
}

impl DiagonalWeights {
    /// The network for images of so many pixels.
    pub fn network(&self, pixels: usize, device: &Device) -> Result<Vae> {
        let latent = self.encoder.len();
        let diagonal = |rows: usize, columns: usize, values: &[f64]| {
            let mut weight = vec![0.0f32; rows * columns];
            for (place, &value) in values.iter().enumerate() {
                weight[place * columns + place] = value as f32;
            }
            TensorData::new(weight, [rows, columns])
        };
        let zeros = |count: usize| TensorData::new(vec![0.0f32; count], [count]);
        let log_var: Vec<f32> = self.log_var.iter().map(|&value| value as f32).collect();
        let parameters = [
            ("encoder.mean.weight", diagonal(pixels, latent, &self.encoder)),
            ("encoder.mean.bias", zeros(latent)),
            ("encoder.log_var.weight", diagonal(pixels, latent, &[])),
            ("encoder.log_var.bias", TensorData::new(log_var, [latent])),
            ("decoder.logits.weight", diagonal(latent, pixels, &self.decoder)),
            ("decoder.logits.bias", zeros(pixels)),
        ];
        network_of(&linear_config(latent), pixels, parameters, device)
    }
}

/// The network of a configuration with these parameters.
pub fn network_of<const N: usize>(
    config: &RunConfig,
    pixels: usize,
    parameters: [(&str, TensorData); N],
    device: &Device,
) -> Result<Vae> {
    let shape = Shape::grey(1, pixels);
    let vae = vae_config(&config.model, &shape)?.init(
        pixels,
        &mut stream(0, Purpose::InitialWeights, 0, 0),
        device,
    );
    let named = |(name, data): (&str, TensorData)| NamedTensor { name: name.to_string(), data };
    Ok(load_parameters(vae, parameters.into_iter().map(named).collect())?.no_grad())
}
