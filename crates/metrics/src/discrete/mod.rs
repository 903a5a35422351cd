//! Divergences between discrete distributions, in nats.

mod alpha;
pub mod batched;
mod entropy;
mod family;
mod fold;
mod jensen_shannon;
mod logarithm;
#[cfg(feature = "tensor")]
pub mod logits;
mod mutual_information;
mod relative_entropy;
mod sum;
#[cfg(feature = "tensor")]
pub mod tensor;
mod validate;

pub use alpha::{renyi_divergence, tsallis_divergence};
pub use entropy::{cross_entropy, entropy};
pub use family::{
    bhattacharyya_coefficient, bhattacharyya_distance, chi_squared, hellinger, total_variation,
};
pub use jensen_shannon::{generalized_jensen_shannon, jensen_shannon_distance, jensen_shannon_divergence};
pub use mutual_information::mutual_information;
pub use relative_entropy::{jeffreys, kl_divergence, rel_entr};
pub(crate) use sum::CompensatedSum;
pub use validate::{SUM_TOLERANCE, normalized};
