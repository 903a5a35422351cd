//! What is measured of a trained network on the test images, once, at the end of its training.

mod diagnose;
mod importance;
mod posteriors;
mod prior_samples;

pub use diagnose::diagnose;
pub use importance::{ImportanceGap, importance_gap};
pub use posteriors::EncodedImages;
pub use prior_samples::prior_near_data;
