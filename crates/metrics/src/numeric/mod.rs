//! Arithmetic that the divergences have in common: sums, logarithms, special functions, quadrature.

mod bures;
pub(crate) mod logarithm;
mod quadrature;
pub(crate) mod special;
mod sum;

pub(crate) use bures::{bures_distance, singular_values};
pub(crate) use quadrature::{Integral, integrate};
pub(crate) use sum::{CompensatedSum, LANES, LaneSums};

/// The exponent of the power of two just above the absolute values of all numbers, 0 where all are 0.
pub(crate) fn exponent_above<'a>(numbers: impl Iterator<Item = &'a f64>) -> i32 {
    let greatest = numbers.fold(0.0, |greatest: f64, number| greatest.max(number.abs()));
    libm::frexp(greatest).1
}
