use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use rand::Rng;

use crate::convolutional::Level;
use crate::linear::{glorot_linear, glorot_stack, hidden_stack, norms};
use crate::norm::Norm;
use crate::ops::count_at_bounds;
use crate::training::Training;
use crate::{Activation, VaeConfig, linear};

/// The least log-variance that an [`Encoder`] gives out.
///
/// At this value the variance, 1.8e-35, is still a normal 32-bit number.
pub const LOG_VAR_MIN: f32 = -80.0;

/// The greatest log-variance that an [`Encoder`] gives out.
///
/// At this value the variance is 2.4e17, so that the KL, its gradient and the square of the gradient in Adam's second
/// moment stay below the greatest 32-bit number, 3.4e38, summed over a batch.
pub const LOG_VAR_MAX: f32 = 40.0;

/// Maps images to the parameters of their posteriors.
#[derive(Module, Debug)]
pub struct Encoder {
    /// Convolutions, none for dense networks.
    pub levels: Vec<Level>,
    /// Dense hidden layers.
    pub hidden: Vec<Linear>,
    /// The norm of each dense hidden layer, between its sums and its activation; none for networks without.
    pub norms: Vec<Norm>,
    /// The head that gives the posterior's mean.
    pub mean: Linear,
    /// The head that gives the logarithm of the posterior's variance.
    pub log_var: Linear,
    /// Of each hidden layer.
    #[module(skip)]
    pub activation: Activation,
    /// Rows, columns and channels of the images that the convolutions take.
    #[module(skip)]
    image: Option<[usize; 3]>,
}

/// The diagonal Gaussian `q(z|x)` of each image of a batch.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// Means, `[batch, latent]`.
    pub mean: Tensor<2>,
    /// Logarithms of the variances, `[batch, latent]`, between [`LOG_VAR_MIN`] and [`LOG_VAR_MAX`].
    pub log_var: Tensor<2>,
}

impl Posterior {
    /// How many of the log-variances were clamped to their bounds, `[1]`. No gradient passes through a clamped one.
    pub fn clamped(&self) -> Tensor<1> {
        count_at_bounds(self.log_var.clone().inner(), LOG_VAR_MIN, LOG_VAR_MAX)
    }
}

impl Encoder {
    pub(crate) fn init<R: Rng>(config: &VaeConfig, pixels: usize, rng: &mut R, device: &Device) -> Self {
        let VaeConfig { convolutions, residual_blocks, encoder_hidden, latent, hidden, .. } = config;
        let mut level = |&convolution| Level::down(convolution, *residual_blocks, *hidden, rng, device);
        let levels = convolutions.iter().map(&mut level).collect();
        let given = config.flattened(pixels);
        let features = *encoder_hidden.last().unwrap_or(&given);
        Self {
            levels,
            hidden: glorot_stack(given, encoder_hidden, rng, device),
            norms: norms(*hidden, encoder_hidden, device),
            mean: glorot_linear(features, *latent, rng, device),
            log_var: glorot_linear(features, *latent, rng, device),
            activation: hidden.activation,
            image: convolutions.first().map(|first| [first.image[0], first.image[1], first.channels]),
        }
    }

    /// The posterior of each image.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, pixels]`, values between 0 and 1
    /// - mean and log-variance of the output: `[batch, latent]`
    ///
    /// # Panics
    ///
    /// Panics if the images have another number of pixels than the network was made for.
    pub fn forward(&self, images: Tensor<2>) -> Posterior {
        self.pass(images, None)
    }

    pub(crate) fn pass(&self, images: Tensor<2>, mut training: Option<&mut Training>) -> Posterior {
        let features = match self.image {
            Some([height, width, channels]) => {
                let images = images.reshape([-1, height as i64, width as i64, channels as i64]);
                let through = |images, level: &Level| level.forward(images, training.as_deref_mut());
                self.levels.iter().fold(images, through).flatten(1, 3)
            }
            None => images,
        };
        let features = hidden_stack(&self.hidden, &self.norms, self.activation, features, training);
        let mean = linear(&self.mean, features.clone(), Activation::Identity);
        let bounds = Activation::Clamp { min: LOG_VAR_MIN, max: LOG_VAR_MAX };
        Posterior { mean, log_var: linear(&self.log_var, features, bounds) }
    }

    /// The norms in the order of the forward pass.
    pub(crate) fn norms(&mut self) -> impl Iterator<Item = &mut Norm> {
        self.levels.iter_mut().flat_map(Level::norms).chain(&mut self.norms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VaeConfig;
    use burn::tensor::TensorData;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn log_variances_are_clamped_where_their_exponential_would_overflow_and_counted() {
        let device = Device::flex();
        let mut encoder = VaeConfig::default().init(4, &mut StdRng::seed_from_u64(1), &device).encoder;
        encoder.log_var.bias = Some(burn::module::Param::from_data([1e4f32, -1e4], &device));
        let posterior = encoder.forward(Tensor::zeros([3, 4], &device));
        posterior.log_var.to_data().assert_eq(&TensorData::from([[LOG_VAR_MAX, LOG_VAR_MIN]; 3]), true);
        assert_eq!(posterior.clamped().into_scalar::<f32>(), 6.0);
    }

    #[test]
    fn ordinary_log_variances_pass_unchanged() {
        let device = Device::flex();
        let mut encoder = VaeConfig::default().init(4, &mut StdRng::seed_from_u64(1), &device).encoder;
        encoder.log_var.bias = Some(burn::module::Param::from_data([39.5f32, -79.5], &device));
        let posterior = encoder.forward(Tensor::zeros([1, 4], &device));
        posterior.log_var.to_data().assert_eq(&TensorData::from([[39.5f32, -79.5]]), true);
        assert_eq!(posterior.clamped().into_scalar::<f32>(), 0.0);
    }
}
