//! Arithmetic that the divergences have in common: sums, logarithms, special functions, quadrature.

mod bures;
pub(crate) mod logarithm;
mod quadrature;
pub(crate) mod special;
mod sum;

pub(crate) use bures::{bures_distance, singular_values};
pub(crate) use quadrature::{Integral, integrate};
pub(crate) use sum::{CompensatedSum, LANES, LaneSums};
