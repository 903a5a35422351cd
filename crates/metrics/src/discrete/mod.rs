//! Divergences between discrete distributions, in nats.

mod divergences;
mod validate;

pub use divergences::{
    bhattacharyya_coefficient, bhattacharyya_distance, chi_squared, cross_entropy, entropy,
    generalized_jensen_shannon, hellinger, jeffreys, jensen_shannon_distance, jensen_shannon_divergence,
    kl_divergence, mutual_information, rel_entr, renyi_divergence, total_variation, tsallis_divergence,
};
pub use validate::{SUM_TOLERANCE, normalized};
