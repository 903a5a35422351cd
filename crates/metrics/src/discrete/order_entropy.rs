//! The entropies with an order, Rényi's and Tsallis', and the perplexity.

use super::entropy::{entropy, shannon};
use super::probabilities::{Probabilities, read};
use super::validate::check_distribution;
use crate::error::{Argument, DivergenceError};
use crate::numeric::CompensatedSum;
use crate::numeric::logarithm::careful_ln_ratio;

/// Rényi's entropy of order `alpha`,
///
/// ```text
/// H_a(P) = ln(sum_i p_i^a) / (1 - a)
/// ```
///
/// in nats, from 0 to `ln n`, and falling with the order: order 0 is the logarithm of the number of possible outcomes,
/// order 1 [`entropy`], order 2 the collision entropy, infinite order the min-entropy `-ln max p`.
///
/// # Errors
///
/// As for [`entropy`], and [`DivergenceError::InvalidOrder`] if `alpha` is negative or NaN.
///
/// # Source
///
/// Rényi, *On Measures of Entropy and Information*, Proc. 4th Berkeley Symp. Math. Stat. Prob. 1 (1961).
///
/// ```
/// use metrics::{Base, renyi_entropy};
///
/// let p = [0.5, 0.25, 0.25, 0.0];
/// assert!((renyi_entropy(&p, 0.0)? - 3f64.ln()).abs() < 1e-15);
/// assert_eq!(Base::Bits.from_nats(renyi_entropy(&p, 1.0)?), 1.5);
/// assert_eq!(Base::Bits.from_nats(renyi_entropy(&p, f64::INFINITY)?), 1.0);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn renyi_entropy(p: &(impl Probabilities + ?Sized), alpha: f64) -> Result<f64, DivergenceError> {
    renyi(&read(Argument::P, p)?, alpha)
}

fn renyi(p: &[f64], alpha: f64) -> Result<f64, DivergenceError> {
    if alpha.is_nan() || alpha < 0.0 {
        return Err(DivergenceError::InvalidOrder { alpha, expected: "0, a positive number or infinity" });
    }
    if alpha == 1.0 {
        return shannon(p);
    }
    let logs = Logarithms::of(p)?;
    if alpha > super::order::LARGEST_ORDER {
        return Ok((-logs.largest).max(0.0));
    }
    let e = alpha - 1.0;
    let lacking = e * logs.tsallis(alpha);
    let ln_sum = if lacking <= 0.5 {
        libm::log1p(-lacking)
    } else {
        // The sum of powers is far from 1: by its largest term.
        let scaled = logs.each().map(|(_, log)| libm::exp(alpha * (log - logs.largest)));
        alpha * logs.largest + libm::log(CompensatedSum::of(scaled).value())
    };
    Ok((-ln_sum / e).max(0.0))
}

/// Tsallis' entropy of order `alpha`,
///
/// ```text
/// S_a(P) = (1 - sum_i p_i^a) / (a - 1)
/// ```
///
/// in nats in the sense that order 1 is [`entropy`]; order 2 is the Gini-Simpson index `1 - sum p^2`, order 0 the number of
/// possible outcomes less 1.
///
/// # Errors
///
/// As for [`entropy`], and [`DivergenceError::InvalidOrder`] unless `alpha` is finite and at least 0.
///
/// # Source
///
/// Tsallis, *Possible generalization of Boltzmann-Gibbs statistics*, J. Stat. Phys. 52 (1988).
///
/// ```
/// assert_eq!(metrics::tsallis_entropy(&[0.5, 0.25, 0.25], 2.0)?, 0.625);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn tsallis_entropy(p: &(impl Probabilities + ?Sized), alpha: f64) -> Result<f64, DivergenceError> {
    tsallis(&read(Argument::P, p)?, alpha)
}

fn tsallis(p: &[f64], alpha: f64) -> Result<f64, DivergenceError> {
    if !(alpha.is_finite() && alpha >= 0.0) {
        return Err(DivergenceError::InvalidOrder { alpha, expected: "0 or a positive number" });
    }
    if alpha == 1.0 {
        return shannon(p);
    }
    Ok(Logarithms::of(p)?.tsallis(alpha))
}

/// The perplexity `exp(H(P))`: of how many equally likely outcomes the distribution is as uncertain.
///
/// # Errors
///
/// As for [`entropy`].
///
/// ```
/// assert!((metrics::perplexity(&[0.25; 4])? - 4.0).abs() < 1e-15);
/// assert_eq!(metrics::perplexity(&[1.0, 0.0])?, 1.0);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn perplexity(p: &(impl Probabilities + ?Sized)) -> Result<f64, DivergenceError> {
    Ok(libm::exp(entropy(p)?))
}

/// The logarithms of the probabilities above 0, of the distribution that the slice is proportional to.
struct Logarithms<'a> {
    p: &'a [f64],
    sum: f64,
    ln_sum: f64,
    largest: f64,
}

impl<'a> Logarithms<'a> {
    fn of(p: &'a [f64]) -> Result<Self, DivergenceError> {
        let sum = check_distribution(Argument::P, p)?;
        let mut logs = Self { p, sum: sum.value(), ln_sum: libm::log1p(sum.above_one()), largest: 0.0 };
        logs.largest = logs.each().map(|(_, log)| log).fold(f64::NEG_INFINITY, f64::max);
        Ok(logs)
    }

    /// Each probability above 0 with its logarithm.
    fn each(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let possible = self.p.iter().filter(|p| **p > 0.0);
        possible.map(|&p| (p / self.sum, (careful_ln_ratio(p, 1.0) - self.ln_sum).min(0.0)))
    }

    /// Tsallis' entropy, as `sum_i (p_i - p_i^a) / (a - 1)` with terms that are at least 0 and, near order 1 and near
    /// certainty, free of cancellation: there `p^(a - 1)` is close to 1.
    fn tsallis(&self, alpha: f64) -> f64 {
        let e = alpha - 1.0;
        let term = |(p, log): (f64, f64)| {
            if (e * log).abs() < 1.0 {
                p * (-libm::expm1(e * log) / e)
            } else {
                (p - libm::exp(alpha * log)) / e
            }
        };
        CompensatedSum::of(self.each().map(term)).value().max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: [f64; 4] = [0.5, 0.25, 0.25, 0.0];

    #[test]
    fn entropies_fall_with_the_order_and_join_at_one() {
        let orders =
            [0.0, 1e-300, 0.3, 0.999_999_999, 1.0, 1.000_000_001, 2.0, 50.0, 1e10, 1e308, f64::INFINITY];
        let values = orders.map(|order| renyi_entropy(&P, order).unwrap());
        assert!(values.is_sorted_by(|a, b| *a >= *b - 1e-15), "{values:?}");
        assert!((values[3] - values[5]).abs() < 1e-9 && values[9] == values[10]);
        let near_one = [0.999_999_999, 1.000_000_001].map(|order| tsallis_entropy(&P, order).unwrap());
        assert!(near_one.iter().all(|s| (s - entropy(&P).unwrap()).abs() < 1e-9), "{near_one:?}");
    }

    #[test]
    fn certain_and_uniform_distributions() {
        for order in [0.0, 0.5, 2.0, 1e6] {
            assert_eq!(renyi_entropy(&[0.0, 1.0], order), Ok(0.0));
            assert_eq!(tsallis_entropy(&[0.0, 1.0], order), Ok(0.0));
            let uniform = renyi_entropy(&[0.125; 8], order).unwrap();
            assert!((uniform - 8f64.ln()).abs() <= 4.0 * f64::EPSILON * uniform, "{order}: {uniform}");
        }
        // The smallest probability of all.
        assert!(renyi_entropy(&[1.0, 5e-324], 2.0).unwrap() < 1e-300);
    }

    #[test]
    fn orders_without_a_meaning_are_refused() {
        for order in [-1.0, f64::NAN] {
            assert!(matches!(renyi_entropy(&P, order), Err(DivergenceError::InvalidOrder { .. })));
        }
        assert!(tsallis_entropy(&P, f64::INFINITY).is_err());
        assert!(matches!(renyi_entropy(&[0.5], 2.0), Err(DivergenceError::SumNotOne { .. })));
    }
}
