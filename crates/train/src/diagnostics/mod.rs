//! What is measured of a trained network on the held-out images, once, at the end of its training.

mod calibration;
mod components;
mod data_reference;
mod decode;
mod diagnose;
mod held_out;
mod integrated_likelihood;
mod measured;
mod part_likelihoods;
mod posteriors;
mod probes;
mod quadrature;
mod sampled_likelihood;
mod subject;

pub(crate) use calibration::Normaliser;
pub use calibration::{Calibration, calibrate};
pub use data_reference::{DataReference, SharedReference, baselines};
pub use decode::{Decode, OnDevice};
pub use diagnose::{TRAINING_IMAGES, diagnose};
pub use held_out::Subset;
pub use integrated_likelihood::{Integrands, integrated_likelihoods};
pub use measured::{Measured, Part, Probes, ProbesOfPart, latent_diagnostics, term_errors};
pub use posteriors::EncodedImages;
pub use quadrature::Integral;
pub use sampled_likelihood::{SampledLikelihood, sampled_likelihoods};
pub use subject::{Calibrated, Floors, Measurement, Subject, calibrated, calibration_rows};
