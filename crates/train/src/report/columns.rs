//! The columns of the report's table: what each number is, and whether low or high is good.

use serde::Serialize;

use super::comparison::Better;
use crate::member::{EpochRow, MemberResult};

/// A number that members are compared by.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Column {
    /// Its name in `summary.csv`.
    pub key: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it is, in a sentence or two.
    pub description: &'static str,
    /// Which values are good; nothing where neither is.
    pub better: Option<Better>,
    /// Decimals shown.
    pub digits: usize,
    /// Its value.
    #[serde(skip)]
    pub value: fn(&MemberResult) -> Option<f64>,
}

const NATS: &str = "nats per image";

/// The columns in the order of the table.
pub const COLUMNS: [Column; 15] = [
    Column {
        key: "reconstruction",
        label: "Reconstruction",
        unit: NATS,
        description: "−E[log p(x|z)] of the test images with one sampled code each: the distortion.",
        better: Some(Better::Low),
        digits: 2,
        value: |result| Some(result.test.reconstruction),
    },
    Column {
        key: "kl",
        label: "KL",
        unit: NATS,
        description: "KL(q(z|x) ‖ N(0, I)), the rate: what the codes cost beyond the prior.",
        better: None,
        digits: 2,
        value: |result| Some(result.test.kl),
    },
    Column {
        key: "objective",
        label: "Objective",
        unit: NATS,
        description: "reconstruction + c · KL: what training minimised. Not comparable between coefficients.",
        better: None,
        digits: 2,
        value: |result| Some(result.objective),
    },
    Column {
        key: "elbo_loss",
        label: "ELBO loss",
        unit: NATS,
        description: "reconstruction + KL, the negative evidence lower bound: comparable between coefficients.",
        better: Some(Better::Low),
        digits: 2,
        value: |result| Some(result.elbo_loss),
    },
    Column {
        key: "iwae_nll",
        label: "IW-NLL",
        unit: NATS,
        description: "The importance-weighted upper bound on −log p(x) with 100 codes an image: how well prior and decoder \
                      together explain the test images.",
        better: Some(Better::Low),
        digits: 2,
        value: |result| Some(result.diagnostics.iwae_nll),
    },
    Column {
        key: "mutual_information",
        label: "I(x; z)",
        unit: "nats",
        description: "Mutual information of image and code: what a code tells about which image it is of. At most the KL and \
                      the logarithm of the number of test images.",
        better: Some(Better::High),
        digits: 2,
        value: |result| Some(result.diagnostics.mutual_information),
    },
    Column {
        key: "marginal_kl",
        label: "KL(q(z) ‖ p(z))",
        unit: "nats",
        description: "Marginal KL, how far all codes together are from the prior; with the mutual information it adds up to \
                      the KL.",
        better: Some(Better::Low),
        digits: 3,
        value: |result| Some(result.diagnostics.marginal_kl),
    },
    Column {
        key: "total_correlation",
        label: "Total correlation",
        unit: "nats",
        description: "KL(q(z) ‖ Π q(z_d)), how much the latent dimensions depend on each other: the first part of the marginal \
                      KL.",
        better: Some(Better::Low),
        digits: 3,
        value: |result| Some(result.diagnostics.total_correlation),
    },
    Column {
        key: "dimension_kl",
        label: "Dimension KL",
        unit: "nats",
        description: "Σ KL(q(z_d) ‖ p(z_d)), how far each latent dimension by itself is from the prior: the other part of the \
                      marginal KL.",
        better: Some(Better::Low),
        digits: 3,
        value: |result| Some(result.diagnostics.dimension_kl),
    },
    Column {
        key: "js_to_prior",
        label: "JS to prior",
        unit: "bits",
        description: "Jensen-Shannon divergence between the codes and the prior on a grid of 24 bins an axis: 0 when they \
                      match, 1 when they have nothing in common.",
        better: Some(Better::Low),
        digits: 3,
        value: |result| result.diagnostics.js_to_prior,
    },
    Column {
        key: "kl_to_prior",
        label: "KL to prior",
        unit: "bits",
        description: "Kullback-Leibler divergence of the codes from the prior on the same grid.",
        better: Some(Better::Low),
        digits: 3,
        value: |result| result.diagnostics.kl_to_prior,
    },
    Column {
        key: "prior_near_data",
        label: "Prior near data",
        unit: "share",
        description: "Share of 1,000 decoded prior samples that are as near to a test image as 95 % of the reconstructions are.",
        better: Some(Better::High),
        digits: 3,
        value: |result| Some(result.diagnostics.prior_near_data),
    },
    Column {
        key: "knn_accuracy",
        label: "10-NN accuracy",
        unit: "share",
        description: "Share of test images whose class is that of most of their 10 nearest training images, by the posterior \
                      means.",
        better: Some(Better::High),
        digits: 3,
        value: |result| result.diagnostics.knn_accuracy,
    },
    Column {
        key: "active_units",
        label: "Active units",
        unit: "dimensions",
        description: "Latent dimensions whose posterior mean has a variance above 0.01 over the test images.",
        better: None,
        digits: 0,
        value: |result| Some(result.diagnostics.active_units as f64),
    },
    Column {
        key: "seconds",
        label: "Training",
        unit: "seconds",
        description: "How long the member trained, beside others on the same machine.",
        better: None,
        digits: 1,
        value: |result| Some(result.seconds),
    },
];

/// What is known of a member that still trains, by the keys of the columns: of its last epoch.
pub fn of_last_epoch(row: &EpochRow, c: f64) -> [(&'static str, f64); 5] {
    [
        ("reconstruction", row.test.reconstruction),
        ("kl", row.test.kl),
        ("objective", row.test.objective(c)),
        ("elbo_loss", row.test.elbo_loss()),
        ("active_units", row.test_latent.active_units as f64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Diagnostics;
    use crate::report::testing::finished;

    #[test]
    fn every_scalar_of_the_summary_has_its_column() {
        for name in Diagnostics::columns(0) {
            let known = COLUMNS.iter().any(|column| column.key == name) || name == "iwae_standard_error";
            assert!(known, "{name} is in summary.csv and not in the table");
        }
    }

    #[test]
    fn values_are_those_of_the_member() {
        let member = finished(2.0, 0, |result| result.diagnostics.js_to_prior = None);
        let value = |key: &str| {
            let column = COLUMNS.iter().find(|column| column.key == key).expect("it is there");
            (column.value)(&member)
        };
        assert_eq!(value("objective"), Some(157.8));
        assert_eq!(value("js_to_prior"), None);
    }
}
