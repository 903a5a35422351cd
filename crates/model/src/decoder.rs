use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use rand::Rng;

use crate::convolutional::Level;
use crate::linear::{glorot_linear, glorot_stack, hidden_stack, norms};
use crate::norm::Norm;
use crate::training::Training;
use crate::{Activation, Likelihood, PixelDistribution, VaeConfig, Variance, linear};

/// The logarithm of a learnt variance before training: that of standardised values.
const INITIAL_LOG_VARIANCE: f32 = 0.0;
/// The logarithm of the scale of discretised logistic pixels before training: some 35 levels of 256.
const INITIAL_LOG_SCALE: f32 = -2.0;

/// Maps codes to the distributions of the pixels.
#[derive(Module, Debug)]
pub struct Decoder {
    /// Dense hidden layers; of convolutional networks, the last one gives what the first level takes.
    pub hidden: Vec<Linear>,
    /// The norm of each dense hidden layer, between its sums and its activation; none for networks without.
    pub norms: Vec<Norm>,
    /// Of dense networks, the layer that gives each pixel's logit, or its mean where the likelihood has one.
    pub logits: Option<Linear>,
    /// Of convolutional networks, the levels up to the image, of which the last gives the same.
    pub levels: Vec<Level>,
    /// The logarithms of the variances or scales that are learnt, `[1]` or `[pixels]`.
    pub log_scales: Option<Param<Tensor<1>>>,
    /// Which distributions.
    #[module(skip)]
    pub likelihood: Likelihood,
    /// Of each hidden layer.
    #[module(skip)]
    pub activation: Activation,
    #[module(skip)]
    pixels: usize,
    /// Rows, columns and channels that the first level takes.
    #[module(skip)]
    pub smallest: Option<[usize; 3]>,
}

impl Decoder {
    pub(crate) fn init<R: Rng>(config: &VaeConfig, pixels: usize, rng: &mut R, device: &Device) -> Self {
        let VaeConfig { convolutions, decoder_hidden, latent, likelihood, .. } = config;
        let smallest = convolutions.last().map(|last| {
            let [rows, columns] = last.output().expect("`VaeConfig::init` has checked the convolutions");
            [rows, columns, last.filters]
        });
        let mut widths = decoder_hidden.clone();
        widths.extend(smallest.map(|_| config.flattened(pixels)));
        let hidden = glorot_stack(*latent, &widths, rng, device);
        let features = *widths.last().unwrap_or(latent);
        let logits = smallest.is_none().then(|| glorot_linear(features, pixels, rng, device));
        let mut level = |(number, &convolution)| {
            let VaeConfig { upsampling, residual_blocks, hidden, .. } = *config;
            Level::up(convolution, upsampling, residual_blocks, hidden, number == 0, rng, device)
        };
        Self {
            hidden,
            norms: norms(config.hidden, &widths, device),
            logits,
            levels: convolutions.iter().enumerate().rev().map(&mut level).collect(),
            log_scales: initial_log_scales(*likelihood, pixels, device),
            likelihood: *likelihood,
            activation: config.hidden.activation,
            pixels,
            smallest,
        }
    }

    /// How many numbers an image has.
    pub fn pixels(&self) -> usize {
        self.pixels
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
        self.pass(codes, None)
    }

    pub(crate) fn pass(&self, codes: Tensor<2>, mut training: Option<&mut Training>) -> Tensor<2> {
        let Self { hidden, norms, activation, .. } = self;
        let features = hidden_stack(hidden, norms, *activation, codes, training.as_deref_mut());
        let features = match &self.logits {
            Some(logits) => return linear(logits, features, Activation::Identity),
            None => features,
        };
        let [rows, columns, channels] = self.smallest.expect("what gives no logits has levels");
        let images = features.reshape([-1, rows as i64, columns as i64, channels as i64]);
        let through = |images, level: &Level| level.forward(images, training.as_deref_mut());
        self.levels.iter().fold(images, through).flatten(1, 3)
    }

    /// The norms in the order of the forward pass.
    pub(crate) fn norms(&mut self) -> impl Iterator<Item = &mut Norm> {
        self.norms.iter_mut().chain(self.levels.iter_mut().flat_map(Level::norms))
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
                Some(Tensor::from_data([variance.ln() as f32], &self.device()))
            }
            (None, _) => None,
        }
    }

    /// The variance that is kept and not trained.
    pub(crate) fn kept_variance(&self) -> Option<&Param<Tensor<1>>> {
        let kept = self.likelihood == Likelihood::Gaussian { variance: Variance::Optimal };
        self.log_scales.as_ref().filter(|_| kept)
    }

    fn device(&self) -> Device {
        let weight = self.hidden.first().or(self.logits.as_ref()).map(|layer| &layer.weight);
        weight.expect("every decoder has a dense layer").val().device()
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
        let log_scales = self.log_scales().map(|scales| scales.into_data().iter::<f32>().collect::<Vec<_>>());
        self.likelihood.on_host(self.pixels, &log_scales.unwrap_or_default())
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
