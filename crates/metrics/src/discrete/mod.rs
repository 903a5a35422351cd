//! Divergences between discrete distributions, in nats.

mod along;
mod distances;
mod entropy;
mod jensen_shannon;
#[cfg(feature = "tensor")]
pub mod logits;
mod mutual_information;
mod order;
mod order_entropy;
mod pairwise;
mod pass;
mod probabilities;
mod relative_entropy;
#[cfg(feature = "tensor")]
pub mod tensor;
mod validate;

pub use along::{along, along_one};
pub use distances::{
    bhattacharyya_coefficient, bhattacharyya_distance, chi_squared, hellinger, total_variation,
};
pub use entropy::{cross_entropy, entropy};
pub use jensen_shannon::{generalized_jensen_shannon, jensen_shannon_distance, jensen_shannon_divergence};
pub use mutual_information::{conditional_entropy, joint_entropy, mutual_information};
pub use order::{renyi_divergence, tsallis_divergence};
pub use order_entropy::{perplexity, renyi_entropy, tsallis_entropy};
pub use pairwise::{pairwise, pairwise_symmetric};
pub use probabilities::{Probabilities, Weights, normalized};
pub use relative_entropy::{jeffreys, kl_divergence, rel_entr};
pub use validate::{SUM_TOLERANCE, SUM_TOLERANCE_F32};
