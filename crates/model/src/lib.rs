//! The variational autoencoder that klsweep trains, and nothing about files or terminals.
//!
//! An encoder maps an image `x` to a Gaussian posterior `q(z|x) = N(mean, diag(exp(log_var)))`, a decoder maps a
//! code `z` to the distribution `p(x|z)` of the pixels, one [`Likelihood`] or another, and the objective is
//!
//! ```text
//! objective = reconstruction + c * KL(q(z|x) ‖ N(0, I))
//! ```
//!
//! in nats per image: summed over pixels and over latent dimensions, averaged over images. With `c = 1` it is the
//! negative evidence lower bound of Kingma and Welling, *Auto-Encoding Variational Bayes* (2013); with another `c`, the
//! β-VAE of Higgins et al. (2017).
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use model::{Vae, VaeConfig};
//! use rand::{SeedableRng, rngs::StdRng};
//!
//! let device = Device::flex();
//! let vae: Vae = VaeConfig::default().init(784, &mut StdRng::seed_from_u64(0), &device);
//! let images = Tensor::zeros([8, 784], &device);
//! let noise = Tensor::zeros([8, 2], &device);
//! let terms = vae.forward(images.clone(), noise).elbo_terms(images);
//! let objective = terms.objective(0.02);
//! assert_eq!(objective.dims(), [1]);
//! ```
//!
//! A network learns by [`Vae::train_step`]:
//!
//! ```
//! # use burn::tensor::{Device, Tensor};
//! # use rand::{SeedableRng, rngs::StdRng};
//! use model::{Adam, AdamConfig, Batch, TrainStep, VaeConfig};
//!
//! let device = Device::flex();
//! let vae = VaeConfig::default().init(784, &mut StdRng::seed_from_u64(0), &device.clone().autodiff());
//! let mut adam = Adam::new(AdamConfig::default(), &vae);
//! let images = Tensor::zeros([8, 784], &device);
//! let noise = Tensor::zeros([8, 2], &device);
//! let TrainStep { vae, terms, .. } = vae.train_step(Batch::new(images, noise), 0.02, &mut adam);
//! ```
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![forbid(unsafe_code)]

mod adam;
mod config;
mod convolutional;
mod decoder;
mod encoder;
mod gradients;
mod layers;
mod likelihood;
mod linear;
mod loss;
mod norm;
mod ops;
mod parameters;
mod step;
mod training;
mod vae;

pub use adam::{Adam, AdamConfig, Moments};
pub use config::{ConvolutionSize, Hidden, NoOutput, VaeConfig, convolutions};
pub use convolutional::{ConvolutionLayer, Level, ResidualBlock, Upsampling, Way};
pub use decoder::Decoder;
pub use encoder::{Encoder, LOG_VAR_MAX, LOG_VAR_MIN, Posterior};
pub use gradients::{ParameterGradients, gradients};
pub use kernels::{Activation, Convolution, NormAxis};
pub use layers::Layer;
pub use likelihood::{Likelihood, PixelDistribution, Variance};
pub use loss::ElboTerms;
pub use norm::Norm;
pub use ops::{
    BatchNormalized, activate, batch_norm, bernoulli_nll, convolve, convolve_transposed, dense, gaussian_kl,
    layer_norm, linear, reparameterize,
};
pub use parameters::{NamedTensor, ParameterError, load_parameters, named_parameters};
pub use step::{Measured, TrainStep};
pub use training::Batch;
pub use vae::{Vae, VaeOutput};
