//! What the codes of a variational autoencoder look like: each posterior, all of them together, and beside the prior.
//!
//! The encoder gives every image `x_i` of `N` a diagonal Gaussian posterior `q(z|x_i)`; the prior is `p(z) = N(0, I)`.
//! Taken together the posteriors are the *aggregate posterior* `q(z) = 1/N sum_i q(z|x_i)`.
//!
//! - [`kl_per_dimension`], [`active_units`], [`collapsed_shares`]: what each latent dimension carries, from the posteriors alone.
//! - [`decompose_kl`]: how much of the KL tells images apart, and how much is distance of `q(z)` from the prior.
//! - [`compare_to_prior`], [`binned_comparison`]: the cloud of sampled codes beside the prior.

mod decomposition;
mod dimensions;
mod information_upper;
mod posteriors;
mod prior;

pub use decomposition::{KlDecomposition, decompose_kl};
pub use dimensions::{ACTIVE_VARIANCE, active_units, collapsed_shares, kl_per_dimension};
pub use posteriors::Posteriors;
pub use prior::{BinnedComparison, PriorComparison, binned_comparison, compare_to_prior, grid};
