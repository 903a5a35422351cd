//! What is measured of a trained network on the held-out images, once, at the end of its training.

mod calibration;
mod diagnose;
mod held_out;
mod importance;
mod posteriors;
mod prior_samples;
mod probes;
mod sampled_likelihood;

pub(crate) use calibration::Normaliser;
pub use calibration::{Calibration, calibrate};
pub use diagnose::{Measurement, diagnose};
pub use held_out::Subset;
pub use importance::{ImportanceGap, importance_gap};
pub use posteriors::EncodedImages;
pub use prior_samples::prior_near_data;
pub use sampled_likelihood::{SampledLikelihood, sampled_likelihoods};
