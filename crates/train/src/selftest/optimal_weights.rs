//! The linear Gaussian case with weights at the optimum: whatever is measured of a network, where every number is known.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use data::Dataset;
use record::{MemberId, MemberResult};

use super::check::{Case, Check};
use super::gaussian_data::exact_gaussian;
use super::linear_network::{dataset, linear_config};
use super::linear_optimum::{EIGENVALUES, LATENT, Optimum};
use super::measured_columns::{Missed, checks, without_expectation};
use crate::device::any_device;
use crate::diagnostics::{DataReference, diagnose};
use crate::evaluate::evaluate;
use crate::linear_collapse::collapse_coefficients;

/// Between the eigenvalues and on them.
const COEFFICIENTS: [f64; 7] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
const TRAIN_IMAGES: usize = 20_000;
const TEST_IMAGES: usize = 10_000;

/// Every column of a result, beside its closed form.
pub fn case() -> Result<Case> {
    let (device, dataset) = (any_device()?, images());
    let collapse = collapse_coefficients(&dataset.train, &linear_config(LATENT).model, &device)?;
    let mut checks_of_all: Vec<Check> = EIGENVALUES
        .into_iter()
        .zip(collapse)
        .enumerate()
        .map(|(at, (eigenvalue, found))| {
            Check::value(format!("collapse of dimension {at}"), eigenvalue, 1e-3, found)
        })
        .collect();
    let reference = DataReference::of(&dataset)?;
    let mut unknown = BTreeSet::new();
    for c in COEFFICIENTS {
        let optimum = Optimum::new(&EIGENVALUES, LATENT, c);
        let vae = optimum.weights().network(EIGENVALUES.len(), &device)?;
        let test = evaluate(&vae, &dataset.test, 0, 0, &device)?.terms;
        let member = MemberId { kl_coefficient: c, seed: 0 };
        let measured =
            diagnose(&vae, &dataset, &reference, member, &device).with_context(|| format!("at c = {c}"))?;
        let result = MemberResult {
            c,
            seed: 0,
            epochs: 0,
            test,
            objective: test.objective(c),
            elbo_loss: test.elbo_loss(),
            clamped_log_vars: 0,
            diagnostics: measured.diagnostics,
            warnings: Vec::new(),
            kernels: None,
            seconds: None,
            diagnostics_seconds: None,
        };
        checks_of_all.extend(checks(&result, &optimum, TEST_IMAGES, Missed::NOTHING));
        unknown.extend(without_expectation(&result, &optimum, TEST_IMAGES));
    }
    let unknown = match unknown.into_iter().collect::<Vec<_>>() {
        columns if columns.is_empty() => String::new(),
        columns => format!("; without an expected value: {}", columns.join(", ")),
    };
    Ok(Case {
        title: format!(
            "The linear Gaussian case, weights at the optimum: every column of {TEST_IMAGES} images; nats an image{unknown}"
        ),
        checks: checks_of_all,
    })
}

/// Images of the eigenvalues, exactly.
pub fn images() -> Dataset {
    dataset(&exact_gaussian(TRAIN_IMAGES, &EIGENVALUES, 6), &exact_gaussian(TEST_IMAGES, &EIGENVALUES, 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_its_closed_form() {
        let case = case().unwrap();
        assert!(case.passed(), "{case}");
    }
}
