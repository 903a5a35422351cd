use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use rand::Rng;

use crate::linear::{glorot_linear, glorot_stack, relu_stack};
use crate::{Activation, Likelihood, PixelDistribution, Variance, linear};

/// The logarithm of a learnt variance before training: that of standardised values.
const INITIAL_LOG_VARIANCE: f32 = 0.0;
/// The logarithm of the scale of discretised logistic pixels before training: some 35 levels of 256.
const INITIAL_LOG_SCALE: f32 = -2.0;

/// Maps codes to the distributions of the pixels.
#[derive(Module, Debug)]
pub struct Decoder {
    /// Hidden layers, each followed by a ReLU.
    pub hidden: Vec<Linear>,
    /// The layer that gives each pixel's logit, or its mean where the likelihood has one.
    pub logits: Linear,
    /// The logarithms of the variances or scales that are learnt, `[1]` or `[pixels]`.
    pub log_scales: Option<Param<Tensor<1>>>,
    /// Which distributions.
    #[module(skip)]
    pub likelihood: Likelihood,
}

impl Decoder {
    pub(crate) fn init<R: Rng>(
        latent: usize,
        hidden: &[usize],
        pixels: usize,
        likelihood: Likelihood,
        rng: &mut R,
        device: &Device,
    ) -> Self {
        let features = *hidden.last().unwrap_or(&latent);
        Self {
            hidden: glorot_stack(latent, hidden, rng, device),
            logits: glorot_linear(features, pixels, rng, device),
            log_scales: initial_log_scales(likelihood, pixels, device),
            likelihood,
        }
    }

    /// What the [distributions](Self::distribution) of the pixels are given by: the logit or mean of each.
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

    /// The distribution of each image of a batch that was decoded to these outputs.
    pub fn distribution(&self, outputs: Tensor<2>) -> PixelDistribution {
        let log_scales = self.log_scales();
        PixelDistribution { likelihood: self.likelihood, outputs, log_scales }
    }

    fn log_scales(&self) -> Option<Tensor<1>> {
        match (&self.log_scales, self.likelihood) {
            (Some(log_scales), _) => Some(log_scales.val()),
            (None, Likelihood::Gaussian { variance: Variance::Fixed(variance) }) => {
                Some(Tensor::from_data([variance.ln() as f32], &self.logits.weight.val().device()))
            }
            (None, _) => None,
        }
    }

    /// The objective with a gradient of 0 for the kept variance, which is not trained.
    pub(crate) fn without_training_variance(&self, objective: Tensor<1>) -> Tensor<1> {
        match (&self.log_scales, self.likelihood) {
            (Some(kept), Likelihood::Gaussian { variance: Variance::Optimal }) => {
                objective + kept.val().mul_scalar(0.0)
            }
            _ => objective,
        }
    }

    /// Takes the optimal variance of a batch, `[1]`, into the kept average: the mean of the first hundred batches, then one
    /// that forgets a hundredth with each.
    pub(crate) fn keep_variance(mut self, variance: Tensor<1>, updates: u64) -> Self {
        let share = (1.0 / updates as f64).max(0.01);
        self.log_scales = self.log_scales.map(|kept| {
            kept.map(|kept| {
                let average = kept.inner().exp().mul_scalar(1.0 - share) + variance.mul_scalar(share);
                Tensor::from_inner(average.log()).require_grad()
            })
        });
        self
    }

    /// The likelihood with its scales for outputs that were brought to the host.
    pub fn likelihood_on_host(&self) -> kernels::Likelihood {
        let [_, pixels] = self.logits.weight.dims();
        let log_scales = self.log_scales().map(|scales| scales.into_data().iter::<f32>().collect::<Vec<_>>());
        kernels::Likelihood::new(self.likelihood.family(), pixels, &log_scales.unwrap_or_default())
    }
}

fn initial_log_scales(likelihood: Likelihood, pixels: usize, device: &Device) -> Option<Param<Tensor<1>>> {
    let all = |count: usize, value: f32| Some(Param::from_tensor(Tensor::full([count], value, device)));
    match likelihood {
        Likelihood::Gaussian { variance: Variance::Learned | Variance::Optimal } => {
            all(1, INITIAL_LOG_VARIANCE)
        }
        Likelihood::Gaussian { variance: Variance::LearnedPerPixel } => all(pixels, INITIAL_LOG_VARIANCE),
        Likelihood::DiscretisedLogistic => all(1, INITIAL_LOG_SCALE),
        Likelihood::Gaussian { variance: Variance::Fixed(_) }
        | Likelihood::GreyBernoulli
        | Likelihood::Bernoulli
        | Likelihood::ContinuousBernoulli => None,
    }
}
