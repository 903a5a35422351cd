//! What a slice has to satisfy to be read as a distribution.

use crate::error::{Argument, DivergenceError};

/// How far from 1 the sum of a distribution may lie.
///
/// Wide enough for probabilities that went through decimal notation with ten digits or were summed naively over
/// millions of bins, far too narrow for counts or for a forgotten bin. Probabilities in 32-bit floats miss it: take
/// them through [`normalized`].
pub const SUM_TOLERANCE: f64 = 1e-8;

/// The distribution that is proportional to `weights`: counts, say, or a density on a grid.
///
/// Every divergence insists on a sum of 1; this is how one asks for the other reading.
///
/// # Errors
///
/// [`DivergenceError`] if `weights` is empty, if an entry is negative, NaN or infinite, or if the sum is 0 or too
/// large for an `f64`.
///
/// ```
/// assert_eq!(metrics::normalized(&[3.0, 0.0, 1.0])?, [0.75, 0.0, 0.25]);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn normalized(weights: &[f64]) -> Result<Vec<f64>, DivergenceError> {
    let argument = Argument::P;
    check_entries(argument, weights)?;
    let sum: f64 = weights.iter().sum();
    if !(sum > 0.0 && sum.is_finite()) {
        return Err(DivergenceError::NotNormalizable { argument, sum });
    }
    Ok(weights.iter().map(|weight| weight / sum).collect())
}

pub(crate) fn check_entries(argument: Argument, values: &[f64]) -> Result<(), DivergenceError> {
    if values.is_empty() {
        return Err(DivergenceError::Empty { argument });
    }
    for (index, &value) in values.iter().enumerate() {
        if value.is_nan() {
            return Err(DivergenceError::NotANumber { argument, index });
        }
        if value < 0.0 {
            return Err(DivergenceError::Negative { argument, index, value });
        }
        if value.is_infinite() {
            return Err(DivergenceError::Infinite { argument, index });
        }
    }
    Ok(())
}

pub(crate) fn check_distribution(argument: Argument, values: &[f64]) -> Result<(), DivergenceError> {
    check_entries(argument, values)?;
    let sum: f64 = values.iter().sum();
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(DivergenceError::SumNotOne { argument, sum, tolerance: SUM_TOLERANCE });
    }
    Ok(())
}

pub(crate) fn check_pair(p: &[f64], q: &[f64]) -> Result<(), DivergenceError> {
    if p.len() != q.len() {
        return Err(DivergenceError::LengthMismatch {
            argument: Argument::Q,
            expected: p.len(),
            found: q.len(),
        });
    }
    check_distribution(Argument::P, p)?;
    check_distribution(Argument::Q, q)
}
