//! What a slice has to satisfy to be read as a distribution.

use crate::error::{Argument, DivergenceError};
use crate::numeric::CompensatedSum;

/// How far from 1 the sum of a distribution may lie.
///
/// Wide enough for probabilities that went through decimal notation with nine digits or were summed naively over
/// millions of bins, far too narrow for counts or for a forgotten bin.
pub const SUM_TOLERANCE: f64 = 1e-8;

/// The same for probabilities in 32-bit floats: wide enough for a softmax over a vocabulary whose denominator was summed
/// naively.
pub const SUM_TOLERANCE_F32: f64 = 1e-5;

/// The entries over their sum.
pub(crate) fn divided_by_sum(argument: Argument, mut weights: Vec<f64>) -> Result<Vec<f64>, DivergenceError> {
    let sum = check_entries(argument, &weights)?.value();
    if !(sum > 0.0 && sum.is_finite()) {
        return Err(DivergenceError::NotNormalizable { argument, sum });
    }
    weights.iter_mut().for_each(|weight| *weight /= sum);
    Ok(weights)
}

/// Checks the entries but not their sum, and gives that.
pub(crate) fn check_entries<'a>(
    argument: Argument,
    values: impl IntoIterator<Item = &'a f64>,
) -> Result<CompensatedSum, DivergenceError> {
    let mut sum = CompensatedSum::default();
    let mut entries = 0;
    for (index, &value) in values.into_iter().enumerate() {
        if value.is_nan() {
            return Err(DivergenceError::NotANumber { argument, index });
        }
        if value < 0.0 {
            return Err(DivergenceError::Negative { argument, index, value });
        }
        if value.is_infinite() {
            return Err(DivergenceError::Infinite { argument, index });
        }
        sum.add(value);
        entries += 1;
    }
    if entries == 0 { Err(DivergenceError::Empty { argument }) } else { Ok(sum) }
}

pub(crate) fn check_sum(argument: Argument, sum: f64) -> Result<(), DivergenceError> {
    check_sum_within(SUM_TOLERANCE, argument, sum)
}

pub(crate) fn check_sum_within(tolerance: f64, argument: Argument, sum: f64) -> Result<(), DivergenceError> {
    if (sum - 1.0).abs() <= tolerance {
        Ok(())
    } else {
        Err(DivergenceError::SumNotOne { argument, sum, tolerance })
    }
}

/// Checks a distribution outside a [`pass`](super::pass), and gives its sum.
pub(crate) fn check_distribution<'a>(
    argument: Argument,
    values: impl IntoIterator<Item = &'a f64>,
) -> Result<CompensatedSum, DivergenceError> {
    let sum = check_entries(argument, values)?;
    check_sum(argument, sum.value())?;
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{kl_divergence, normalized};

    /// A distribution with room for a bad entry behind the first block of the vectorised pass.
    fn long(bad: f64) -> Vec<f64> {
        let mut values = vec![1.0 / 1024.0; 1024];
        values[777] = bad;
        values
    }

    #[test]
    fn bad_entries_are_named() {
        let q = vec![1.0 / 1024.0; 1024];
        let (argument, index) = (Argument::P, 777);
        let cases = [
            (-1e-300, DivergenceError::Negative { argument, index, value: -1e-300 }),
            (-5e-324, DivergenceError::Negative { argument, index, value: -5e-324 }),
            (f64::NEG_INFINITY, DivergenceError::Negative { argument, index, value: f64::NEG_INFINITY }),
            (f64::INFINITY, DivergenceError::Infinite { argument, index }),
        ];
        for (bad, error) in cases {
            assert_eq!(kl_divergence(&long(bad), &q), Err(error), "{bad}");
        }
        assert!(matches!(
            kl_divergence(&q, &long(f64::NAN)),
            Err(DivergenceError::NotANumber { argument: Argument::Q, index: 777 })
        ));
    }

    #[test]
    fn lengths_and_sums_are_named() {
        assert_eq!(
            kl_divergence(&[0.0; 0], &[0.0; 0]),
            Err(DivergenceError::Empty { argument: Argument::P })
        );
        assert_eq!(
            kl_divergence(&[1.0], &[0.5, 0.5]),
            Err(DivergenceError::LengthMismatch { argument: Argument::Q, expected: 1, found: 2 })
        );
        assert_eq!(
            kl_divergence(&[0.5, 0.5], &[0.5, 0.25]),
            Err(DivergenceError::SumNotOne { argument: Argument::Q, sum: 0.75, tolerance: SUM_TOLERANCE })
        );
        assert!(matches!(
            kl_divergence(&[f64::MAX, f64::MAX], &[0.5, 0.5]),
            Err(DivergenceError::SumNotOne { argument: Argument::P, .. })
        ));
    }

    #[test]
    fn the_tolerance_is_for_rounding_only() {
        assert!(kl_divergence(&[0.333333333, 0.333333333, 0.333333333], &[0.5, 0.25, 0.25]).is_ok());
        assert!(kl_divergence(&[0.333, 0.333, 0.333], &[0.5, 0.25, 0.25]).is_err());
    }

    #[test]
    fn negative_zero_is_zero() {
        assert_eq!(kl_divergence(&[1.0, -0.0], &[1.0, 0.0]), Ok(0.0));
        assert_eq!(kl_divergence(&[1.0, -0.0], &[0.5, 0.5]), kl_divergence(&[1.0, 0.0], &[0.5, 0.5]));
    }

    #[test]
    fn weights_without_a_sum_cannot_be_normalised() {
        let argument = Argument::Weights;
        assert_eq!(normalized(&[0.0, 0.0]), Err(DivergenceError::NotNormalizable { argument, sum: 0.0 }));
        assert!(normalized(&[f64::MAX, f64::MAX]).is_err());
        assert_eq!(normalized(&[0.0; 0]), Err(DivergenceError::Empty { argument }));
    }
}
