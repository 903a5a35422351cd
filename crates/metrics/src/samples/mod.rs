//! Divergences estimated from samples, each with its standard error.
//!
//! Samples are the rows of an array, `[samples, dimensions]`. Three estimators with different blind spots:
//!
//! - [`histogram`]: exact divergences of binned samples. Robust, blind within a bin and beyond three dimensions.
//! - [`neighbours`]: Kullback-Leibler divergence from distances to nearest neighbours. No bins, any dimension, noisy.
//! - [`mmd`]: maximum mean discrepancy. Unbiased and precise in any dimension, but not in nats.
//!
//! And [`classification`]: how far samples of different classes keep apart.

pub mod classification;
mod error;
mod estimate;
pub mod histogram;
pub mod mmd;
pub mod neighbours;
mod points;

pub use error::SampleError;
pub use estimate::Estimate;

#[cfg(test)]
pub(crate) mod draws;
