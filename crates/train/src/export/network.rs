//! A network as a list of steps with their numbers: all that exports know of it.

use burn::nn::Linear;
use model::{LOG_VAR_MAX, LOG_VAR_MIN, Likelihood, Vae, Variance};

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
    /// The logarithms of variances or scales that were learnt.
    pub log_scales: Option<Vec<f32>>,
}

/// A step of a network.
pub enum Step {
    Dense(Dense),
    Relu,
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
    pub fn of(vae: &Vae) -> Self {
        let hidden = |layers: &[Linear]| {
            layers.iter().flat_map(|layer| [Step::Dense(Dense::of(layer)), Step::Relu]).collect::<Vec<_>>()
        };
        let log_scales = vae.decoder.log_scales.as_ref().map(|scales| values(scales.val()));
        let means = match vae.decoder.likelihood {
            Likelihood::GreyBernoulli | Likelihood::Bernoulli => Means::Logistic,
            Likelihood::ContinuousBernoulli => Means::ContinuousBernoulli,
            Likelihood::Gaussian { .. } => Means::Identity,
            Likelihood::DiscretisedLogistic => {
                Means::DiscretisedLogistic(log_scales.as_ref().map_or(1.0, |scales| scales[0].exp()))
            }
        };
        let variance = match vae.decoder.likelihood {
            Likelihood::Gaussian { variance: Variance::Fixed(variance) } => Some(vec![variance.ln() as f32]),
            _ => None,
        };
        let mut decoder = hidden(&vae.decoder.hidden);
        decoder.push(Step::Dense(Dense::of(&vae.decoder.logits)));
        Self {
            encoder: hidden(&vae.encoder.hidden),
            mean: Dense::of(&vae.encoder.mean),
            log_var: Dense::of(&vae.encoder.log_var),
            log_var_bounds: [LOG_VAR_MIN, LOG_VAR_MAX],
            decoder,
            means,
            log_scales: log_scales.or(variance),
        }
    }

    /// Numbers of an image.
    pub fn numbers(&self) -> usize {
        let first = self.encoder.iter().find_map(Step::dense).unwrap_or(&self.mean);
        first.inputs
    }

    /// Dimensions of a code.
    pub fn latent(&self) -> usize {
        self.mean.outputs
    }
}

impl Step {
    fn dense(&self) -> Option<&Dense> {
        match self {
            Self::Dense(dense) => Some(dense),
            Self::Relu => None,
        }
    }
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
