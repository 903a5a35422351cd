//! The network in a configuration: its layers, and what they are followed by.

use serde::{Deserialize, Serialize};

use crate::config::ensure;
use crate::error::{RecordError, Result};
use crate::likelihood::{Likelihood, Variance};
use crate::shape::Shape;

/// The network: its layers, all but the size of the images, which the data decides, and its likelihood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// The encoder's convolutions, from the image on, for example `[{ filters = 32 }, { filters = 64 }]`; the decoder ends with
    /// their mirror. Empty for a dense network.
    pub convolutions: Vec<ConvolutionConfig>,
    /// How the decoder gets back to the size of an image.
    pub upsampling: Upsampling,
    /// Residual blocks of two 3 x 3 convolutions after each of the encoder's convolutions, and before each of the decoder's.
    pub residual_blocks: usize,
    /// Widths of the encoder's dense hidden layers, from the image or the convolutions to the code; empty for a linear encoder.
    pub encoder_hidden: Vec<usize>,
    /// Dimensions of the code.
    pub latent: usize,
    /// Widths of the decoder's dense hidden layers, from the code to the image or the convolutions; empty for a linear decoder.
    pub decoder_hidden: Vec<usize>,
    /// What follows each hidden layer.
    pub activation: Activation,
    /// What stands between a hidden layer and its activation.
    pub norm: Norm,
    /// The share of each dense hidden layer's outputs that a training step leaves out.
    pub dropout: f64,
    /// The distribution of the pixels.
    pub likelihood: Likelihood,
    /// The variance of the Gaussian likelihood.
    pub variance: Variance,
}

/// One of the encoder's convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvolutionConfig {
    /// Channels of its output.
    pub filters: usize,
    /// Height and width of its kernel.
    #[serde(default = "default_kernel")]
    pub kernel: usize,
    /// Pixels from one position of the output to the next.
    #[serde(default = "default_stride")]
    pub stride: usize,
    /// Rows and columns of zeros on each side of its input; half the kernel, less a half, if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padding: Option<usize>,
}

fn default_kernel() -> usize {
    4
}

fn default_stride() -> usize {
    2
}

impl ConvolutionConfig {
    /// Rows and columns of zeros on each side of its input: with an even kernel and a stride of 2, the output has half the size.
    pub fn padding(&self) -> usize {
        self.padding.unwrap_or(self.kernel.saturating_sub(1) / 2)
    }
}

/// How the decoder gets back to the size of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upsampling {
    /// By transposed convolutions.
    #[default]
    Transposed,
    /// By repeating pixels before a convolution that keeps the size.
    Resize,
}

/// What follows each hidden layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `x Φ(x)`.
    Gelu,
    /// `x σ(x)`.
    Silu,
    /// `tanh(x)`.
    Tanh,
    /// `x` above 0 and `exp(x) - 1` below.
    Elu,
}

/// What stands between a hidden layer and its activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Nothing.
    #[default]
    None,
    /// Layer norm: over the features of an image, of convolutions over the channels of a position.
    Layer,
    /// Batch norm: over the images of a batch, of convolutions over all their positions too.
    Batch,
}

impl Default for NetworkConfig {
    /// The classic network.
    fn default() -> Self {
        Self {
            convolutions: Vec::new(),
            upsampling: Upsampling::default(),
            residual_blocks: 0,
            encoder_hidden: vec![256],
            latent: 2,
            decoder_hidden: vec![256],
            activation: Activation::default(),
            norm: Norm::default(),
            dropout: 0.0,
            likelihood: Likelihood::GreyBernoulli,
            variance: Variance::Fixed(1.0),
        }
    }
}

impl NetworkConfig {
    /// The layers in a line, for examples of a shape.
    pub fn in_words(&self, shape: &Shape) -> String {
        let Self { convolutions, encoder_hidden, latent, decoder_hidden, .. } = self;
        let dense = encoder_hidden.iter().chain([latent]).chain(decoder_hidden).map(usize::to_string);
        let of_convolution = |convolution: &ConvolutionConfig| {
            let ConvolutionConfig { filters, kernel, stride, .. } = convolution;
            format!("{filters} filters of {kernel} x {kernel}, stride {stride}")
        };
        if convolutions.is_empty() {
            let numbers = shape.numbers().to_string();
            return [numbers.clone()].into_iter().chain(dense).chain([numbers]).collect::<Vec<_>>().join("-");
        }
        let of_convolutions = convolutions.iter().map(of_convolution).collect::<Vec<_>>().join("; ");
        let blocks = match self.residual_blocks {
            0 => String::new(),
            1 => " with a residual block each".to_string(),
            blocks => format!(" with {blocks} residual blocks each"),
        };
        let dense = dense.collect::<Vec<_>>().join("-");
        format!("convolutions ({of_convolutions}){blocks}, dense {dense}, and the convolutions' mirror")
    }

    /// What follows each hidden layer, in a line.
    pub fn hidden_in_words(&self) -> String {
        let activation = match self.activation {
            Activation::Relu => "ReLU",
            Activation::Gelu => "GELU",
            Activation::Silu => "SiLU",
            Activation::Tanh => "tanh",
            Activation::Elu => "ELU",
        };
        let norm = match self.norm {
            Norm::None => "",
            Norm::Layer => "layer norm, ",
            Norm::Batch => "batch norm, ",
        };
        let dropout = match self.dropout {
            0.0 => String::new(),
            share => format!(", dropout of {share} after dense ones"),
        };
        format!("{norm}{activation}{dropout}")
    }

    pub(crate) fn check(&self) -> Result<()> {
        ensure!(self.latent > 0, "model.latent = 0: the code needs at least one dimension");
        for (key, widths) in
            [("encoder_hidden", &self.encoder_hidden), ("decoder_hidden", &self.decoder_hidden)]
        {
            ensure!(!widths.contains(&0), "model.{key} = {widths:?}: a hidden layer has at least one unit");
        }
        for (number, &ConvolutionConfig { filters, kernel, stride, .. }) in
            self.convolutions.iter().enumerate()
        {
            for (key, size) in [("filters", filters), ("kernel", kernel), ("stride", stride)] {
                ensure!(
                    size > 0,
                    "model.convolutions: the {key} of convolution {} is 0, and must be at least 1",
                    number + 1
                );
            }
        }
        ensure!(
            self.residual_blocks == 0 || !self.convolutions.is_empty(),
            "model.residual_blocks = {}: they follow convolutions, and model.convolutions lists none",
            self.residual_blocks
        );
        ensure!(
            (0.0..1.0).contains(&self.dropout),
            "model.dropout = {}: it must be a share, from 0 to less than 1",
            self.dropout
        );
        if let Variance::Fixed(variance) = self.variance {
            ensure!(
                variance.is_finite() && variance > 0.0,
                "model.variance = {variance}: it must be a finite number above 0, or one of {}",
                Variance::NAMES.map(|name| format!("\"{name}\"")).join(", ")
            );
        }
        ensure!(
            self.likelihood == Likelihood::Gaussian || self.variance == Self::default().variance,
            "model.variance is that of the likelihood \"gaussian\", and model.likelihood is \"{}\"",
            self.likelihood
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_told_in_a_line() {
        let shape = Shape::grey(28, 28);
        assert_eq!(NetworkConfig::default().in_words(&shape), "784-256-2-256-784");
        let convolution = |filters| ConvolutionConfig { filters, kernel: 4, stride: 2, padding: None };
        let config = NetworkConfig {
            convolutions: vec![convolution(32), convolution(64)],
            residual_blocks: 1,
            latent: 16,
            ..NetworkConfig::default()
        };
        assert_eq!(
            config.in_words(&shape),
            "convolutions (32 filters of 4 x 4, stride 2; 64 filters of 4 x 4, stride 2) with a residual block each, dense \
             256-16-256, and the convolutions' mirror"
        );
    }
}
