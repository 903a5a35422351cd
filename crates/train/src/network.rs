//! From a configuration to a network and its optimiser.

use anyhow::{Context, Result};
use burn::tensor::Device;
use model::{Activation, AdamConfig, ConvolutionSize, Hidden, NormAxis, Vae, VaeConfig, convolutions};
use record::{
    ConvolutionConfig, Likelihood, NetworkConfig, Norm, OptimizerConfig, RunConfig, Shape, Variance,
};

use crate::random::{Purpose, stream};

/// A network as `model` takes it, for examples of a shape.
///
/// # Errors
///
/// Fails when the convolutions do not fit the images, or there are no images.
pub fn vae_config(config: &NetworkConfig, shape: &Shape) -> Result<VaeConfig> {
    let size = |convolution: &ConvolutionConfig| ConvolutionSize {
        filters: convolution.filters,
        kernel: convolution.kernel,
        stride: convolution.stride,
        padding: convolution.padding(),
    };
    let sizes: Vec<_> = config.convolutions.iter().map(size).collect();
    let convolutions = if sizes.is_empty() {
        Vec::new()
    } else {
        let image = shape.image().context(
            "model.convolutions are of images, and the data is a table: leave them out, and list model.encoder_hidden and \
             model.decoder_hidden instead",
        )?;
        convolutions(image, &sizes)
            .with_context(|| format!("model.convolutions do not fit images of {shape}"))?
    };
    Ok(VaeConfig {
        convolutions,
        upsampling: match config.upsampling {
            record::Upsampling::Transposed => model::Upsampling::Transposed,
            record::Upsampling::Resize => model::Upsampling::Resize,
        },
        residual_blocks: config.residual_blocks,
        encoder_hidden: config.encoder_hidden.clone(),
        latent: config.latent,
        decoder_hidden: config.decoder_hidden.clone(),
        hidden: Hidden {
            activation: match config.activation {
                record::Activation::Relu => Activation::Relu,
                record::Activation::Gelu => Activation::Gelu,
                record::Activation::Silu => Activation::Silu,
                record::Activation::Tanh => Activation::Tanh,
                record::Activation::Elu => Activation::Elu,
            },
            norm: match config.norm {
                Norm::None => None,
                Norm::Layer => Some(NormAxis::Rows),
                Norm::Batch => Some(NormAxis::Columns),
            },
            dropout: config.dropout,
        },
        likelihood: likelihood_of(config.likelihood, config.variance),
    })
}

/// A likelihood as `model` takes it.
pub fn likelihood_of(likelihood: Likelihood, variance: Variance) -> model::Likelihood {
    let variance = match variance {
        Variance::Fixed(variance) => model::Variance::Fixed(variance),
        Variance::Learned => model::Variance::Learned,
        Variance::LearnedPerPixel => model::Variance::LearnedPerPixel,
        Variance::Optimal => model::Variance::Optimal,
    };
    match likelihood {
        Likelihood::GreyBernoulli => model::Likelihood::GreyBernoulli,
        Likelihood::Bernoulli => model::Likelihood::Bernoulli,
        Likelihood::ContinuousBernoulli => model::Likelihood::ContinuousBernoulli,
        Likelihood::Gaussian => model::Likelihood::Gaussian { variance },
        Likelihood::DiscretisedLogistic => model::Likelihood::DiscretisedLogistic,
    }
}

/// The constants of the optimiser as `model` takes them.
pub fn adam_config(config: &OptimizerConfig) -> AdamConfig {
    let OptimizerConfig { learning_rate, beta_1, beta_2, epsilon } = *config;
    AdamConfig { learning_rate, beta_1, beta_2, epsilon }
}

/// The initial network of a seed, for examples of a shape.
///
/// Every coefficient starts from it: nothing of the coefficient goes into it.
///
/// # Errors
///
/// Fails when the network does not fit the examples.
pub fn initial_vae(config: &RunConfig, shape: &Shape, seed: u64, device: &Device) -> Result<Vae> {
    let mut weights = stream(seed, Purpose::InitialWeights, 0, 0);
    let network = vae_config(&config.model, shape)?;
    Ok(network.init(shape.numbers(), &mut weights, &device.clone().autodiff()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_crates_mean_the_same_by_the_classic_network_and_its_optimiser() {
        let classic = vae_config(&NetworkConfig::default(), &Shape::grey(28, 28)).unwrap();
        assert_eq!(classic, VaeConfig::default());
        assert_eq!(adam_config(&OptimizerConfig::default()), AdamConfig::default());
    }

    #[test]
    fn convolutions_that_do_not_fit_are_refused_in_words() {
        let convolution = ConvolutionConfig { filters: 8, kernel: 7, stride: 4, padding: Some(0) };
        let config = NetworkConfig { convolutions: vec![convolution; 2], ..NetworkConfig::default() };
        let error = format!("{:#}", vae_config(&config, &Shape::grey(28, 28)).unwrap_err());
        assert!(error.contains("do not fit images of") && error.contains("its input of 6 x 6"), "{error}");
        let table = Shape::Table { columns: vec!["a".to_string()] };
        let error = format!("{:#}", vae_config(&config, &table).unwrap_err());
        assert!(error.contains("the data is a table"), "{error}");
    }
}
