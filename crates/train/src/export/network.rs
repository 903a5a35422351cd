//! A network as a list of steps with their numbers: all that exports know of it.

use burn::nn::Linear;
use burn::tensor::Tensor;
use model::{
    Activation, ConvolutionLayer, LOG_VAR_MAX, LOG_VAR_MIN, Level, Likelihood, Norm, Vae, Variance, Way,
};

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

/// A step of a network. Images are `[batch, rows, columns, channels]`.
pub enum Step {
    Dense(Dense),
    Norm(Normalisation),
    Activation(Activation),
    /// From rows of numbers to images of these rows, columns and channels.
    ToImages([usize; 3]),
    /// From images to rows of numbers.
    Flatten,
    Convolution(Convolution),
    /// Repeats the nearest pixels until there are so many rows and columns.
    Resize([usize; 2]),
    /// Added to what it takes.
    Residual(Vec<Step>),
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

/// A convolution, or a transposed one.
pub struct Convolution {
    pub kernel: [usize; 2],
    pub inputs: usize,
    pub outputs: usize,
    pub stride: [usize; 2],
    pub padding: [usize; 2],
    /// Of a transposed convolution, the rows and columns at the end that no stride reaches.
    pub transposed: Option<[usize; 2]>,
    /// As PyTorch has it: `[outputs, inputs, rows, columns]`, or transposed `[inputs, outputs, rows, columns]`.
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
    /// Whether it is of the channels of images.
    pub of_images: bool,
}

/// The size of a logit below which the mean of a continuous Bernoulli distribution is taken from its series: what is subtracted from each
/// other is great there.
pub const NEAR: f32 = 0.5;
/// The coefficients of `(mean - 1/2) / l` in powers of `l²`, the highest first.
pub const SERIES: [f32; 4] = [-1.0 / 1_209_600.0, 1.0 / 30_240.0, -1.0 / 720.0, 1.0 / 12.0];

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
        let (encoder, decoder) = (&vae.encoder, &vae.decoder);
        let log_scales = decoder.log_scales.as_ref().map(|scales| values(scales.val()));
        let fixed = match decoder.likelihood {
            Likelihood::Gaussian { variance: Variance::Fixed(variance) } => Some(vec![variance.ln() as f32]),
            _ => None,
        };
        let mut to_outputs = hidden(&decoder.hidden, &decoder.norms, decoder.activation);
        to_outputs.extend(decoder.logits.as_ref().map(|logits| Step::Dense(Dense::of(logits))));
        to_outputs.extend(through(decoder.smallest, &decoder.levels));
        let mut to_features = through(encoder.image, &encoder.levels);
        to_features.extend(hidden(&encoder.hidden, &encoder.norms, encoder.activation));
        Self {
            encoder: to_features,
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
        }
    }
}

/// Hidden layers, each followed by its norm, if there are any, and the activation.
fn hidden(layers: &[Linear], norms: &[Norm], activation: Activation) -> Vec<Step> {
    let of_layer = |(place, layer): (usize, &Linear)| {
        let norm = norms.get(place).map(|norm| Step::Norm(Normalisation::of(norm, false)));
        [Some(Step::Dense(Dense::of(layer))), norm, Some(Step::Activation(activation))].into_iter().flatten()
    };
    layers.iter().enumerate().flat_map(of_layer).collect()
}

/// Levels of convolutions, from images of this size, if there are any.
fn through(image: Option<[usize; 3]>, levels: &[Level]) -> Vec<Step> {
    let Some(image) = image.filter(|_| !levels.is_empty()) else { return Vec::new() };
    let of_level = |level: &Level| {
        let change = convolution(&level.convolution);
        let blocks = level.blocks.iter().flat_map(|block| {
            let steps = [&block.first, &block.second].into_iter().flat_map(convolution).collect();
            [Step::Residual(steps), Step::Activation(block.activation)]
        });
        match level.is_up() {
            true => blocks.chain(change).collect::<Vec<_>>(),
            false => change.into_iter().chain(blocks).collect(),
        }
    };
    let steps = levels.iter().flat_map(of_level);
    [Step::ToImages(image)].into_iter().chain(steps).chain([Step::Flatten]).collect()
}

/// A convolution with what follows it.
fn convolution(layer: &ConvolutionLayer) -> Vec<Step> {
    let size = layer.convolution;
    let resize = (layer.way == Way::Resized).then_some(Step::Resize(size.image));
    let norm = layer.norm.as_ref().map(|norm| Step::Norm(Normalisation::of(norm, true)));
    let activation = (layer.activation != Activation::Identity).then_some(Step::Activation(layer.activation));
    let steps = [resize, Some(Step::Convolution(Convolution::of(layer))), norm, activation];
    steps.into_iter().flatten().collect()
}

impl Convolution {
    fn of(layer: &ConvolutionLayer) -> Self {
        let model::Convolution { image, channels, filters, kernel, stride, padding } = layer.convolution;
        let transposed = layer.way == Way::Transposed;
        // [rows, columns, channels, filters]
        let weight = values(layer.weight.val());
        let [rows, columns] = kernel;
        let at = |filter: usize, channel: usize, row: usize, column: usize| {
            weight[((row * columns + column) * channels + channel) * filters + filter]
        };
        let mut ordered = Vec::with_capacity(weight.len());
        for filter in 0..filters {
            for channel in 0..channels {
                for row in 0..rows {
                    ordered.extend((0..columns).map(|column| at(filter, channel, row, column)));
                }
            }
        }
        let smaller = layer.convolution.output().unwrap_or(image);
        let reached = |axis: usize| (smaller[axis] - 1) * stride[axis] + kernel[axis] - 2 * padding[axis];
        let (inputs, outputs) = if transposed { (filters, channels) } else { (channels, filters) };
        Self {
            kernel,
            inputs,
            outputs,
            stride,
            padding,
            transposed: transposed.then(|| [image[0] - reached(0), image[1] - reached(1)]),
            weight: ordered,
            bias: values(layer.bias.val()),
        }
    }

    /// The shape of its weight.
    pub fn shape(&self) -> [usize; 4] {
        let [first, second] =
            if self.transposed.is_some() { [self.inputs, self.outputs] } else { [self.outputs, self.inputs] };
        [first, second, self.kernel[0], self.kernel[1]]
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

impl Normalisation {
    fn of(norm: &Norm, of_images: bool) -> Self {
        let numbers = |tensor: Tensor<1>| values(tensor);
        let running = norm.mean.as_ref().zip(norm.variance.as_ref());
        Self {
            gain: numbers(norm.gain.val()),
            shift: numbers(norm.shift.val()),
            running: running.map(|(mean, variance)| [mean, variance].map(|kept| numbers(kept.val()))),
            of_images,
        }
    }
}
