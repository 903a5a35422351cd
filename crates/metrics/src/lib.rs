//! Numbers about distributions: divergences between them, and what a cloud of samples looks like beside one.
#![warn(missing_docs)]

mod base;
pub mod discrete;
mod error;
pub mod latent;
pub mod samples;

pub use base::Base;
pub use discrete::{
    bhattacharyya_coefficient, bhattacharyya_distance, chi_squared, cross_entropy, entropy,
    generalized_jensen_shannon, hellinger, jeffreys, jensen_shannon_distance, jensen_shannon_divergence,
    kl_divergence, mutual_information, normalized, rel_entr, renyi_divergence, total_variation,
    tsallis_divergence,
};
pub use error::{Argument, DivergenceError};
