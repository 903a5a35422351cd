//! The loops that klsweep spends its time in: everything that needs vectors or `unsafe`, on slices.
//!
//! There is a set of kernels for each kind of processor, see [`KernelSet`]. The same set gives the same bits everywhere, on
//! however many threads.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod activation;
mod adam;
#[cfg(feature = "allocator")]
mod allocator;
mod convolution;
mod dense;
mod exponential;
mod exponential_f64;
mod gaussian;
mod helper;
mod likelihood;
mod logarithm;
mod logistic;
mod memory;
mod norm;
mod product;
mod scale;
mod set;
mod vectorized;
mod vectors;

pub use activation::{Activation, activate, activate_backward};
pub use adam::{AdamStep, adam, adam_by_product};
#[cfg(feature = "allocator")]
pub use allocator::{give_back_freed_pages, keep_freed_pages};
pub use convolution::{
    Convolution, ConvolutionGradients, convolve, convolve_backward, convolve_transposed,
    convolve_transposed_backward,
};
pub use dense::{DenseGradients, DenseWanted, dense, dense_backward};
pub use exponential_f64::{EXP_F64_LEAST, exp_f64};
pub use gaussian::{
    PosteriorGradients, kl_to_standard_normal, kl_to_standard_normal_backward, sample, sample_backward,
};
pub use helper::assisted;
pub use likelihood::{Family, Likelihood, NllGradients};
pub use norm::{
    NORM_EPSILON, NormAxis, NormGradients, Normalized, normalize, normalize_backward, normalize_by,
};
pub use product::{Matrix, multiply};
pub use scale::scale_rows;
pub use set::{KernelSet, SetError, VARIABLE};
pub use vectorized::{Vectorized, vectorized};
