//! The operations that training spends its time in, each one a Burn backend extension: a plain form of tensor operations for
//! every backend, a kernel for Flex, and a gradient of its own there.
//!
//! Everything else on `[batch, latent]`, such as the coefficient, is plain Burn: a module that is written with these
//! operations trains at their speed, whatever its objective.

#![allow(deprecated, reason = "Burn will drop `NdArray`; klsweep keeps it as long as Burn does")]

/// The trait's plain form on every backend but Flex, and its gradient by that of the tensor operations.
macro_rules! plain_backends {
    ($operations:ident) => {
        #[cfg(feature = "ndarray")]
        impl $operations for burn::backend::NdArray {}
        #[cfg(feature = "ndarray")]
        impl<C: burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy> $operations
            for burn::backend::Autodiff<burn::backend::NdArray, C>
        {
        }
        #[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
        impl $operations for burn::backend::Cube {}
        #[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
        impl<C: burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy> $operations
            for burn::backend::Autodiff<burn::backend::Cube, C>
        {
        }
    };
}
use plain_backends;

mod activation;
mod adam;
mod convolution;
mod dense;
#[cfg(feature = "flex")]
mod flex;
mod gaussian;
mod likelihood;
mod norm;
mod product;

pub use activation::activate;
pub(crate) use adam::{AdamUpdate, adam, adam_by_product};
pub use convolution::{convolve, convolve_transposed};
pub use dense::{dense, linear};
pub(crate) use gaussian::count_at_bounds;
pub use gaussian::{gaussian_kl, reparameterize};
pub use likelihood::bernoulli_nll;
pub(crate) use likelihood::{nll, scaled_nll};
pub(crate) use norm::NORM_EPSILON;
pub use norm::{BatchNormalized, batch_norm, layer_norm};
pub(crate) use product::{Product, Products, deferring_products, node_of};
