//! From a configuration to a network and its optimiser.

use burn::tensor::Device;
use model::{AdamConfig, Vae, VaeConfig};
use record::{Likelihood, NetworkConfig, OptimizerConfig, RunConfig, Variance};

use crate::random::{Purpose, stream};

/// A network as `model` takes it.
pub fn vae_config(config: &NetworkConfig) -> VaeConfig {
    let NetworkConfig { encoder_hidden, latent, decoder_hidden, likelihood, variance } = config.clone();
    VaeConfig { encoder_hidden, latent, decoder_hidden, likelihood: likelihood_of(likelihood, variance) }
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

/// The initial network of a seed.
///
/// Every coefficient starts from it: nothing of the coefficient goes into it.
pub fn initial_vae(config: &RunConfig, pixels: usize, seed: u64, device: &Device) -> Vae {
    let mut weights = stream(seed, Purpose::InitialWeights, 0, 0);
    vae_config(&config.model).init(pixels, &mut weights, &device.clone().autodiff())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_crates_mean_the_same_by_the_classic_network_and_its_optimiser() {
        assert_eq!(vae_config(&NetworkConfig::default()), VaeConfig::default());
        assert_eq!(adam_config(&OptimizerConfig::default()), AdamConfig::default());
    }
}
