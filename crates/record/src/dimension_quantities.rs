//! The numbers that are measured of every latent dimension.

use crate::quantity::{NATS, SHARE};
use crate::result::MemberResult;

/// A number that is measured of every latent dimension.
#[derive(Clone, Copy, Debug)]
pub struct DimensionQuantity {
    /// Its name in files.
    pub key: &'static str,
    /// What the columns of tables are called, before `_0`, `_1`, ...
    pub column: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it is, in a sentence.
    pub description: &'static str,
    /// Whether its sign is an accident of the initial weights, so that only its size can be compared between members.
    pub sign_is_arbitrary: bool,
    /// Its value for each dimension; empty if it was not measured.
    pub values: fn(&MemberResult) -> &[f64],
}

/// Every quantity of latent dimensions.
pub const DIMENSION_QUANTITIES: &[DimensionQuantity] = &[
    DimensionQuantity {
        key: "kl_per_dim",
        column: "kl_dim",
        label: "KL of each dimension",
        unit: NATS,
        description: "KL(q(z_d|x) ‖ N(0, 1)): how much each latent dimension is used.",
        sign_is_arbitrary: false,
        values: |result| &result.diagnostics.kl_per_dim,
    },
    DimensionQuantity {
        key: "collapsed_share",
        column: "collapsed_share",
        label: "Collapsed share",
        unit: SHARE,
        description: "Share of the held-out images of which each latent dimension carries less than 0.01 nats.",
        sign_is_arbitrary: false,
        values: |result| &result.diagnostics.collapsed_share,
    },
    DimensionQuantity {
        key: "posterior_variance",
        column: "posterior_variance",
        label: "Variance of the posteriors",
        unit: "prior σ² = 1",
        description: "Mean variance of the posteriors in each latent dimension, as a share of the prior's: 1 where the dimension \
                      has collapsed.",
        sign_is_arbitrary: false,
        values: |result| &result.diagnostics.posterior_variance,
    },
    DimensionQuantity {
        key: "z_mean",
        column: "z_mean",
        label: "|mean| of the codes",
        unit: "prior σ = 1",
        description: "Absolute value of the mean of the sampled codes in each latent dimension: the prior has 0.",
        sign_is_arbitrary: true,
        values: |result| &result.diagnostics.z_mean,
    },
    DimensionQuantity {
        key: "z_std",
        column: "z_std",
        label: "Std of the codes",
        unit: "prior σ = 1",
        description: "Standard deviation of the sampled codes in each latent dimension: the prior has 1.",
        sign_is_arbitrary: false,
        values: |result| &result.diagnostics.z_std,
    },
];
