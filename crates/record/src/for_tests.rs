//! Members for tests.

use crate::baselines::Generated;
use crate::estimate::Estimate;
use crate::result::{Diagnostics, MemberResult, Nll, NllMethod, PartDiagnostics, TermErrors};
use crate::terms::Terms;

/// A finished member of plausible numbers, after a change.
pub fn finished(c: f64, seed: u64, change: impl FnOnce(&mut MemberResult)) -> MemberResult {
    let estimate = |value, error| Some(Estimate { value, standard_error: Some(error) });
    let part = |offset: f64| PartDiagnostics {
        images: 5000,
        reconstruction: estimate(146.0 + offset, 0.6),
        kl: estimate(5.9, 0.01),
        elbo_loss: estimate(151.9 + offset, 0.6),
        distortion_floor: Some(45.5),
        nll: Some(Nll {
            mean: Estimate { value: 149.0 + offset, standard_error: Some(0.6) },
            images: 2000,
            method: NllMethod::Quadrature { error: 0.002 },
        }),
        probe_accuracy: estimate(0.7, 0.0065),
        few_labels_accuracy: estimate(0.6, 0.0069),
        knn_accuracy: estimate(0.74, 0.0062),
        generated: Some(Generated {
            density: Estimate { value: 0.7, standard_error: Some(0.01) },
            coverage: Estimate { value: 0.6, standard_error: Some(0.007) },
        }),
    };
    let diagnostics = Diagnostics {
        active_units: Some(2),
        mutual_information: estimate(5.0, 0.01),
        marginal_kl: estimate(0.9, 0.01),
        total_correlation: estimate(0.5, 0.01),
        dimension_kl: estimate(0.4, 0.01),
        kl_per_dim: vec![3.0, 2.9],
        z_mean: vec![0.0, 0.1],
        z_std: vec![1.0, 0.9],
        js_to_prior_nats: estimate(0.055, 0.003),
        js_to_prior_floor: Some(0.001),
        kl_to_prior_nats: estimate(0.28, 0.01),
        kl_to_prior_floor: Some(0.004),
        neighbour_kl_to_prior_nats: estimate(0.4, 0.02),
        collapsed_share: vec![0.0, 0.01],
        posterior_variance: vec![0.003, 0.004],
        information_upper: estimate(5.2, 0.02),
        information_saturated: Some(false),
        term_errors: Some(TermErrors {
            reconstruction: Some(0.4),
            kl: 0.01,
            objective: Some(0.4),
            elbo_loss: Some(0.4),
            excess: Some(0.35),
        }),
        distortion_floor: Some(45.5),
        temperature: estimate(0.6, 0.01),
        calibrated_elbo_loss: estimate(-900.0, 5.0),
        bits_per_dimension: estimate(0.28, 0.001),
        choose: part(0.0),
        report: part(0.25),
        not_measured: Vec::new(),
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
        clamped_log_vars: 0,
        diagnostics,
        warnings: Vec::new(),
        kernels: Some("avx2".into()),
        seconds: Some(30.0),
        diagnostics_seconds: Some(1.5),
    };
    change(&mut result);
    result
}
