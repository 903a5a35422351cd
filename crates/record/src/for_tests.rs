//! Members for tests.

use crate::result::{Diagnostics, MemberResult};
use crate::terms::Terms;

/// A finished member of plausible numbers, after a change.
pub fn finished(c: f64, seed: u64, change: impl FnOnce(&mut MemberResult)) -> MemberResult {
    let diagnostics = Diagnostics {
        active_units: Some(2),
        iwae_nll: Some(149.0),
        iwae_standard_error: Some(0.02),
        mutual_information: Some(5.0),
        marginal_kl: Some(0.9),
        total_correlation: Some(0.5),
        dimension_kl: Some(0.4),
        js_to_prior: Some(0.08),
        kl_to_prior: Some(0.4),
        prior_near_data: Some(0.94),
        knn_accuracy: Some(0.74),
        kl_per_dim: vec![3.0, 2.9],
        z_mean: vec![0.0, 0.1],
        z_std: vec![1.0, 0.9],
        #[cfg(test)]
        added_by_a_test: Some(seed as f64),
    };
    let test = Terms { reconstruction: 146.0, kl: 5.9 };
    let mut result = MemberResult {
        c,
        seed,
        epochs: 40,
        test,
        objective: test.objective(c),
        elbo_loss: test.elbo_loss(),
        saturated_log_vars: 0,
        diagnostics,
        warnings: Vec::new(),
        kernels: Some("avx2".into()),
        seconds: Some(30.0),
        diagnostics_seconds: Some(1.5),
    };
    change(&mut result);
    result
}
