//! The linear Gaussian case trained: a sweep over coefficients between the eigenvalues.

use anyhow::Result;
use record::{MemberResult, OptimizerConfig, RunConfig};

use super::check::Case;
use super::linear_network::linear_config;
use super::linear_optimum::{EIGENVALUES, LATENT, Optimum};
use super::measured_columns::{Missed, checks};
use super::optimal_weights::images;
use super::trained_sweep::trained;

/// Half an octave beside the eigenvalues: at one, a dimension dies slowest.
const COEFFICIENTS: [f64; 7] = [0.35, 0.7, 1.4, 2.8, 5.6, 11.0, 23.0];
/// Ten thousand steps: after two thousand the dimensions of small coefficients have not yet turned to the axes.
const EPOCHS: usize = 50;
const BATCH: usize = 100;
/// Steps of Adam this long keep the weights within about as much of the optimum.
const LEARNING_RATE: f64 = 5e-3;
/// By what training misses the optimum.
const MISSED: Missed = Missed { distortion: 0.3, kl: 0.06 };

/// What is recorded of each member, beside the closed form.
pub fn case() -> Result<Case> {
    case_of(linear_config(LATENT), &COEFFICIENTS)
}

fn case_of(config: RunConfig, coefficients: &[f64]) -> Result<Case> {
    let config = RunConfig {
        name: "selftest".to_string(),
        kl_coefficients: coefficients.to_vec(),
        epochs: EPOCHS,
        batch_size: BATCH,
        optimizer: OptimizerConfig { learning_rate: LEARNING_RATE, ..config.optimizer.clone() },
        ..config
    };
    let dataset = images();
    let of_member = |result: MemberResult| {
        let optimum = Optimum::new(&EIGENVALUES, LATENT, result.c);
        checks(&result, &optimum, dataset.test.count(), MISSED)
    };
    Ok(Case {
        title: format!(
            "The linear Gaussian case, trained for {EPOCHS} epochs of {} images: every column; nats an image",
            dataset.train.count()
        ),
        checks: trained(&config, &dataset)?.into_iter().flat_map(of_member).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_reaches_the_optimum_and_one_of_another_likelihood_does_not() {
        let case = case().unwrap();
        assert!(case.passed(), "{case}");
        let mut other = linear_config(LATENT);
        other.model.variance = record::Variance::Fixed(1.2);
        assert!(!case_of(other, &COEFFICIENTS[3..4]).unwrap().passed());
    }
}
