//! What a training step computes on the processor, in as few passes over memory as it takes.
//!
//! Each operation stands beside a plain form of tensor operations, which the other backends use and the tests compare it
//! with.

#[cfg(feature = "flex")]
mod adam;
#[cfg(feature = "flex")]
mod bernoulli;
mod denormals;
#[cfg(feature = "flex")]
mod logistic;
#[cfg(feature = "flex")]
mod network;
#[cfg(feature = "flex")]
mod per_layer;
#[cfg(feature = "flex")]
mod product;
#[cfg(feature = "flex")]
mod simd;

#[cfg(feature = "flex")]
pub(crate) use adam::{AdamStep, Parameter};
pub use denormals::flush_denormals_to_zero;
#[cfg(feature = "flex")]
pub(crate) use network::{Batch, Buffers, Layer, LayerState, TermSums, terms, train_step};
#[cfg(feature = "flex")]
pub(crate) use per_layer::PerLayer;
