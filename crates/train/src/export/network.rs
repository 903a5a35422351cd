//! A network as a list of steps with their numbers: all that exports know of it.

use anyhow::{Result, ensure};
use burn::nn::Linear;
use burn::tensor::Tensor;
use model::{Activation, LOG_VAR_MAX, LOG_VAR_MIN, Likelihood, Norm, Vae, Variance};

use crate::encode_images::values;

/// A network, step by step.
pub struct Network {
    /// From an image to the features that both heads take.
    pub encoder: Vec<Step>,
    /// The mean of the posterior.
    pub mean: Dense,
    /// The logarithm of its variance, before it is clamped.
    pub log_var: Dense,
    /// Where that is clamped to.
    pub log_var_bounds: [f32; 2],
    /// From a code to the outputs.
    pub decoder: Vec<Step>,
    /// What makes means of them.
    pub means: Means,
    /// The logarithms of variances or scales, where there are some.
    pub log_scales: Option<Vec<f32>>,
    /// Numbers of an image.
    pub numbers: usize,
    /// Dimensions of a code.
    pub latent: usize,
}

/// A step of a network.
pub enum Step {
    Dense(Dense),
    Norm(Normalisation),
    Activation(Activation),
}

/// `x weight + bias`.
pub struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    /// `[inputs, outputs]`, row by row.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// Features less their mean, divided by their deviation, times gains plus shifts.
pub struct Normalisation {
    pub gain: Vec<f32>,
    pub shift: Vec<f32>,
    /// Running means and variances of a batch norm; a layer norm takes those of the row.
    pub running: Option<[Vec<f32>; 2]>,
}

/// What makes means of a decoder's outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Means {
    /// `1 / (1 + exp(-l))`.
    Logistic,
    /// `1 / (1 - exp(-l)) - 1 / l`.
    ContinuousBernoulli,
    /// They are the means.
    Identity,
    /// `s (softplus(m / s) - softplus((m - 1) / s))` with this scale.
    DiscretisedLogistic(f32),
}

impl Network {
    /// That of a trained network.
    ///
    /// # Errors
    ///
    /// Fails for networks with convolutions.
    pub fn of(vae: &Vae) -> Result<Self> {
        let (encoder, decoder) = (&vae.encoder, &vae.decoder);
        ensure!(
            encoder.levels.is_empty() && decoder.levels.is_empty(),
            "the network has convolutions, and only networks of dense layers are exported so far; `klsweep encode` and `decode` \
             work with both"
        );
        let log_scales = decoder.log_scales.as_ref().map(|scales| values(scales.val()));
        let fixed = match decoder.likelihood {
            Likelihood::Gaussian { variance: Variance::Fixed(variance) } => Some(vec![variance.ln() as f32]),
            _ => None,
        };
        let mut to_outputs = hidden(&decoder.hidden, &decoder.norms, decoder.activation);
        to_outputs.extend(decoder.logits.as_ref().map(|logits| Step::Dense(Dense::of(logits))));
        Ok(Self {
            encoder: hidden(&encoder.hidden, &encoder.norms, encoder.activation),
            mean: Dense::of(&encoder.mean),
            log_var: Dense::of(&encoder.log_var),
            log_var_bounds: [LOG_VAR_MIN, LOG_VAR_MAX],
            decoder: to_outputs,
            means: match decoder.likelihood {
                Likelihood::GreyBernoulli | Likelihood::Bernoulli => Means::Logistic,
                Likelihood::ContinuousBernoulli => Means::ContinuousBernoulli,
                Likelihood::Gaussian { .. } => Means::Identity,
                Likelihood::DiscretisedLogistic => {
                    Means::DiscretisedLogistic(log_scales.as_ref().map_or(1.0, |scales| scales[0].exp()))
                }
            },
            log_scales: log_scales.or(fixed),
            numbers: decoder.pixels(),
            latent: vae.latent(),
        })
    }
}

/// Hidden layers, each followed by its norm, if there are any, and the activation.
fn hidden(layers: &[Linear], norms: &[Norm], activation: Activation) -> Vec<Step> {
    let of_layer = |(place, layer): (usize, &Linear)| {
        let norm = norms.get(place).map(|norm| Step::Norm(Normalisation::of(norm)));
        [Some(Step::Dense(Dense::of(layer))), norm, Some(Step::Activation(activation))].into_iter().flatten()
    };
    layers.iter().enumerate().flat_map(of_layer).collect()
}

impl Dense {
    fn of(layer: &Linear) -> Self {
        let [inputs, outputs] = layer.weight.dims();
        let bias = layer.bias.as_ref().map_or_else(|| vec![0.0; outputs], |bias| values(bias.val()));
        Self { inputs, outputs, weight: values(layer.weight.val()), bias }
    }

    /// The weight as PyTorch has it, `[outputs, inputs]`.
    pub fn transposed(&self) -> Vec<f32> {
        let Self { inputs, outputs, weight, .. } = self;
        (0..inputs * outputs).map(|place| weight[place % inputs * outputs + place / inputs]).collect()
    }
}

impl Normalisation {
    fn of(norm: &Norm) -> Self {
        let numbers = |tensor: Tensor<1>| values(tensor);
        let running = norm.mean.as_ref().zip(norm.variance.as_ref());
        Self {
            gain: numbers(norm.gain.val()),
            shift: numbers(norm.shift.val()),
            running: running.map(|(mean, variance)| [mean, variance].map(|kept| numbers(kept.val()))),
        }
    }
}
