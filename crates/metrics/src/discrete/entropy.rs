//! Entropy and cross-entropy.

use super::pass::{Folded, Terms, fold, fold_named};
use super::probabilities::{Probabilities, read, with_pair};
use crate::error::{Argument, DivergenceError};
use crate::numeric::logarithm::{SMALLEST_REGULAR, careful_ln_ratio, ln_ratio};

/// Shannon's entropy
///
/// ```text
/// H(P) = -sum_i p_i ln p_i
/// ```
///
/// in nats, from 0 for a certain outcome to `ln n` for `n` equally likely ones; `0 ln 0 = 0`.
///
/// A sum that misses 1 by what [`SUM_TOLERANCE`](super::SUM_TOLERANCE) allows is divided out exactly.
///
/// # Errors
///
/// [`DivergenceError`] if `p` is empty, if an entry is negative, NaN or infinite, or if the sum is not 1 within
/// [`SUM_TOLERANCE`](super::SUM_TOLERANCE).
///
/// # Source
///
/// Shannon, *A Mathematical Theory of Communication*, Bell Syst. Tech. J. 27 (1948).
///
/// ```
/// use metrics::{Base, entropy};
///
/// assert_eq!(Base::Bits.from_nats(entropy(&[0.5, 0.25, 0.25])?), 1.5);
/// assert_eq!(entropy(&[0.0, 1.0])?, 0.0);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn entropy(p: &(impl Probabilities + ?Sized)) -> Result<f64, DivergenceError> {
    shannon(&read(Argument::P, p)?)
}

pub(super) fn shannon(p: &[f64]) -> Result<f64, DivergenceError> {
    // The entropy is the cross-entropy with itself.
    let Folded { p: sum, terms: [terms], .. } =
        fold_named((Argument::P, p), (Argument::P, p), &CrossEntropy)?;
    let entropy = terms.value() / sum.value() + libm::log1p(sum.above_one());
    Ok(entropy.clamp(0.0, libm::log(p.len() as f64)))
}

/// The cross-entropy of `p` with the reference `q`,
///
/// ```text
/// H(P, Q) = -sum_i p_i ln q_i = H(P) + KL(P ‖ Q)
/// ```
///
/// in nats: the expected length of the code made for `q` when the outcomes come from `p`. Infinite where only `q` is 0.
///
/// Sums that miss 1 by what [`SUM_TOLERANCE`](super::SUM_TOLERANCE) allows are divided out exactly.
///
/// # Errors
///
/// As for [`kl_divergence`](super::kl_divergence).
///
/// ```
/// use metrics::{Base, cross_entropy};
///
/// assert_eq!(Base::Bits.from_nats(cross_entropy(&[0.5, 0.5, 0.0], &[0.5, 0.25, 0.25])?), 1.5);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn cross_entropy(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    with_pair(p, q, mean_code_length)
}

fn mean_code_length(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    let Folded { p, q, terms: [terms] } = fold(p, q, &CrossEntropy)?;
    Ok((terms.value() / p.value() + libm::log1p(q.above_one())).max(0.0))
}

struct CrossEntropy;

impl Terms<1> for CrossEntropy {
    #[inline(always)]
    fn regular(&self, p: f64, q: f64) -> [f64; 1] {
        let inside = if q == 0.0 { f64::INFINITY } else { p * ln_ratio(1.0, q) };
        [if p == 0.0 { 0.0 } else { inside }]
    }

    fn careful(&self, p: f64, q: f64) -> [f64; 1] {
        if p == 0.0 || q == 0.0 || q >= SMALLEST_REGULAR {
            self.regular(p, q)
        } else {
            [p * careful_ln_ratio(1.0, q)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kl_divergence;

    #[test]
    fn a_peaked_distribution_keeps_relative_precision() {
        // H = -(1 - d) ln(1 - d) - d ln d, and the rounding of 1 - d, which is far above d times the machine epsilon, is
        // divided out again.
        let d = 1e-12_f64;
        let expected = d * (1.0 - d.ln()) - d * d / 2.0;
        let h = entropy(&[1.0 - d, d]).unwrap();
        assert!((h - expected).abs() <= 4.0 * f64::EPSILON * expected, "{h}, not {expected}");
    }

    #[test]
    fn cross_entropy_is_entropy_and_divergence() {
        let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
        let (whole, parts) =
            (cross_entropy(&p, &q).unwrap(), entropy(&p).unwrap() + kl_divergence(&p, &q).unwrap());
        assert!((whole - parts).abs() <= 4.0 * f64::EPSILON * whole, "{whole} and {parts}");
    }

    #[test]
    fn impossible_outcomes() {
        assert_eq!(cross_entropy(&[0.5, 0.5], &[1.0, 0.0]), Ok(f64::INFINITY));
        assert_eq!(cross_entropy(&[1.0, 0.0], &[1.0, 0.0]), Ok(0.0));
        let h = cross_entropy(&[0.5, 0.5], &[1.0, 5e-324]).unwrap();
        assert_eq!(h, 0.5 * 1074.0 * std::f64::consts::LN_2);
    }

    #[test]
    fn the_argument_is_called_p() {
        assert_eq!(entropy(&[0.0; 0]), Err(DivergenceError::Empty { argument: Argument::P }));
        assert!(matches!(entropy(&[0.5]), Err(DivergenceError::SumNotOne { argument: Argument::P, .. })));
    }
}
