//! What a training step computes on the processor, in as few passes over memory as it takes.
//!
//! Each operation stands beside a plain form of tensor operations, which the other backends use and the tests compare it
//! with.

mod adam;
mod bernoulli;
mod denormals;
mod logistic;
mod network;
mod product;
mod simd;

pub(crate) use adam::{AdamStep, update};
pub use denormals::flush_denormals_to_zero;
pub(crate) use network::{
    Batch, Buffers, Layer, LayerGradient, PerLayer, TermSums, terms, terms_and_gradient,
};
