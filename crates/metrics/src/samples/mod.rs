//! Divergences estimated from samples, each with its standard error.
//!
//! Samples are the rows of an array, `[samples, dimensions]`. How far two distributions are apart:
//!
//! - [`histogram`]: exact divergences of binned samples. Robust, blind within a bin and beyond three dimensions.
//! - [`neighbours`]: Kullback-Leibler divergence and entropy from distances to nearest neighbours. No bins, any dimension,
//!   noisy.
//! - [`mmd`]: maximum mean discrepancy. Unbiased and precise in any dimension, but not in nats.
//! - [`energy`]: the energy distance, a discrepancy without a bandwidth.
//! - [`transport`]: Wasserstein distances, in one dimension, of Normals, and sliced.
//! - [`permutation`]: whether any of them is more than chance.
//!
//! What counts tell of an entropy: [`counts`]. How much two variables tell of each other: [`mutual_information`]. How far
//! samples of different classes keep apart: [`classification`], [`logistic`]. Whether drawn samples look like real ones, and like all of them: [`coverage`]. What weighted samples are worth: [`importance`]. A density to draw more of them from: [`mixture`].

pub mod classification;
pub mod counts;
pub mod coverage;
pub(crate) mod draws;
pub mod energy;
mod error;
mod estimate;
pub mod histogram;
pub mod importance;
pub mod logistic;
pub mod mixture;
pub mod mmd;
pub mod mutual_information;
pub mod neighbours;
mod pairs;
pub mod permutation;
pub(crate) mod points;
pub mod transport;
mod tree;

pub use error::SampleError;
pub use estimate::Estimate;
