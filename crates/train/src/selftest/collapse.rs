//! Total collapse of a linear decoder on MNIST, at the coefficient that theory names.
//!
//! Where the decoder is linear, the last latent dimension in use dies at the greatest eigenvalue of the images' covariance,
//! whitened by the curvature of the Bernoulli cross-entropy at the mean image. Just below it, the KL is `ln(λ / c) / 2`, as in
//! the Gaussian case that it is to the second order.
//!
//! Source: Lucas, Tucker, Grosse and Norouzi, *Don't Blame the ELBO!* (2019).

use anyhow::{Context, Result};
use record::{NetworkConfig, OptimizerConfig, RunConfig};

use super::check::{Case, Check};
use super::trained_sweep::trained;
use crate::device::any_device;
use crate::linear_collapse::collapse_coefficients;

/// Relative to the predicted coefficient of collapse.
const SHARES: [f64; 4] = [0.81, 0.93, 1.06, 1.18];
const EPOCHS: usize = 12;
/// Ten times the usual one: close to collapse, gradients are small.
const LEARNING_RATE: f64 = 1e-2;
/// In nats: what the fourth order of the objective and a test set other than the training images change.
const BELOW: f64 = 0.02;
/// Above, nothing is left but what single steps of Adam stir up.
const ABOVE: f64 = 0.005;

/// The KL of members on both sides of the predicted collapse.
pub fn case() -> Result<Case> {
    let mut config = RunConfig {
        name: "collapse".to_string(),
        epochs: EPOCHS,
        model: NetworkConfig { decoder_hidden: Vec::new(), ..NetworkConfig::default() },
        optimizer: OptimizerConfig { learning_rate: LEARNING_RATE, ..OptimizerConfig::default() },
        ..RunConfig::default()
    };
    let dataset = data::load(&config.data, &()).context("cannot load MNIST")?;
    let predicted = collapse_coefficients(&dataset.train, &config.model, &any_device()?)?;
    let predicted = *predicted.first().context("MNIST has pixels that change")?;
    config.kl_coefficients = SHARES.map(|share| share * predicted).to_vec();
    let checks = trained(&config, &dataset)?.into_iter().map(|result| {
        let kl = (0.5 * (predicted / result.c).ln()).max(0.0);
        let tolerance = if kl > 0.0 { BELOW } else { ABOVE };
        Check::value(format!("c = {:.2}: KL", result.c), kl, tolerance, result.test.kl)
    });
    Ok(Case {
        title: format!(
            "Collapse of a linear decoder on MNIST, predicted at c = {predicted:.2}; nats an image"
        ),
        checks: checks.collect(),
    })
}
