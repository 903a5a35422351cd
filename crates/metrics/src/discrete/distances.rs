//! The arithmetic members of the family: total variation, Hellinger, chi-squared, Bhattacharyya.

use super::pass::{Folded, Terms, fold};
use super::probabilities::{Probabilities, with_pair};
use crate::error::DivergenceError;

/// The total variation distance
///
/// ```text
/// TV(P, Q) = sum_i |p_i - q_i| / 2 = max over events A of |P(A) - Q(A)|
/// ```
///
/// from 0 to 1, without a unit. Symmetric, a metric. Pinsker's inequality bounds it by the divergence:
/// `2 TV^2 <= KL(P ‖ Q)` in nats.
///
/// # Errors
///
/// As for [`kl_divergence`](super::kl_divergence).
///
/// ```
/// assert_eq!(metrics::total_variation(&[0.5, 0.5, 0.0], &[0.0, 0.5, 0.5])?, 0.5);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn total_variation(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    with_pair(p, q, half_of_differences)
}

fn half_of_differences(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    let sums = fold(p, q, &())?;
    let (p_sum, q_sum) = (sums.p.value(), sums.q.value());
    let Folded { terms: [terms], .. } =
        fold(p, q, &ScaledDifference { q_sum, excess: sums.p.minus(sums.q) })?;
    Ok((0.5 * terms.value() / (p_sum * q_sum)).min(1.0))
}

/// `|p Q - q P|` for the sums P and Q, in which the exact difference of the probabilities is kept.
struct ScaledDifference {
    q_sum: f64,
    /// P - Q.
    excess: f64,
}

impl Terms<1> for ScaledDifference {
    #[inline(always)]
    fn regular(&self, p: f64, q: f64) -> [f64; 1] {
        [((p - q) * self.q_sum - q * self.excess).abs()]
    }
}

/// The Hellinger distance
///
/// ```text
/// H(P, Q) = sqrt(sum_i (sqrt p_i - sqrt q_i)^2 / 2) = sqrt(1 - BC(P, Q))
/// ```
///
/// from 0 to 1, without a unit. Symmetric, a metric. (Some authors leave out the division by 2.)
///
/// # Errors
///
/// As for [`kl_divergence`](super::kl_divergence).
///
/// # Source
///
/// Le Cam and Yang, *Asymptotics in Statistics*, Springer (2000), section 3.
///
/// ```
/// assert_eq!(metrics::hellinger(&[1.0, 0.0], &[0.0, 1.0])?, 1.0);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn hellinger(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    Ok(with_pair(p, q, Affinity::of)?.squared_hellinger.sqrt())
}

/// The Bhattacharyya coefficient
///
/// ```text
/// BC(P, Q) = sum_i sqrt(p_i q_i)
/// ```
///
/// from 0 for distributions without a common outcome to 1 for equal ones, without a unit. Symmetric.
///
/// # Errors
///
/// As for [`kl_divergence`](super::kl_divergence).
///
/// # Source
///
/// Bhattacharyya, *On a Measure of Divergence Between Two Statistical Populations*, Bull. Calcutta Math. Soc. 35 (1943).
///
/// ```
/// assert_eq!(metrics::bhattacharyya_coefficient(&[0.5, 0.5], &[0.5, 0.5])?, 1.0);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn bhattacharyya_coefficient(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    Ok(with_pair(p, q, Affinity::of)?.coefficient)
}

/// The Bhattacharyya distance `-ln BC(P, Q)`, in nats: half the Rényi divergence of order 1/2.
///
/// Symmetric, from 0 to infinity, not a metric. See [`bhattacharyya_coefficient`].
///
/// # Errors
///
/// As for [`kl_divergence`](super::kl_divergence).
///
/// ```
/// assert_eq!(metrics::bhattacharyya_distance(&[1.0, 0.0], &[0.0, 1.0])?, f64::INFINITY);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn bhattacharyya_distance(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    let Affinity { coefficient, squared_hellinger } = with_pair(p, q, Affinity::of)?;
    // Each of the two is precise where it is small.
    Ok(if squared_hellinger < 0.5 { -libm::log1p(-squared_hellinger) } else { -libm::log(coefficient) })
}

/// The overlap of two distributions and what it lacks of 1, each computed without the other.
struct Affinity {
    coefficient: f64,
    squared_hellinger: f64,
}

impl Affinity {
    fn of(p: &[f64], q: &[f64]) -> Result<Self, DivergenceError> {
        let Folded { p, q, terms: [products, squares] } = fold(p, q, &Roots)?;
        let (p_root, q_root) = (p.value().sqrt(), q.value().sqrt());
        let root_difference = p.minus(q) / (p_root + q_root);
        let squared_hellinger =
            0.5 * (squares.value() - root_difference * root_difference) / (p_root * q_root);
        Ok(Self {
            coefficient: (products.value() / (p_root * q_root)).min(1.0),
            squared_hellinger: squared_hellinger.clamp(0.0, 1.0),
        })
    }
}

/// `sqrt(p q)` and `(sqrt p - sqrt q)^2`, the latter from the exact difference of the probabilities.
struct Roots;

impl Terms<2> for Roots {
    #[inline(always)]
    fn regular(&self, p: f64, q: f64) -> [f64; 2] {
        let (p_root, q_root) = (p.sqrt(), q.sqrt());
        let sum = p_root + q_root;
        let difference = if sum == 0.0 { 0.0 } else { (p - q) / sum };
        [p_root * q_root, difference * difference]
    }
}

/// Pearson's chi-squared divergence of `p` from the reference `q`,
///
/// ```text
/// chi^2(P ‖ Q) = sum_i (p_i - q_i)^2 / q_i
/// ```
///
/// from 0 to infinity, without a unit. Not symmetric; infinite where only `q` is 0. It bounds the divergence:
/// `KL(P ‖ Q) <= ln(1 + chi^2(P ‖ Q))` in nats.
///
/// # Errors
///
/// As for [`kl_divergence`](super::kl_divergence).
///
/// # Source
///
/// Pearson, *On the Criterion that a Given System of Deviations ...*, Phil. Mag. 50 (1900).
///
/// ```
/// assert_eq!(metrics::chi_squared(&[0.75, 0.25], &[0.5, 0.5])?, 0.25);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn chi_squared(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    with_pair(p, q, pearson)
}

fn pearson(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    let Folded { p, q, terms: [terms] } = fold(p, q, &Pearson)?;
    let (p_sum, q_sum) = (p.value(), q.value());
    let x = p.minus(q) / p_sum;
    Ok((terms.value() * q_sum / (p_sum * p_sum) - x * x).max(0.0))
}

struct Pearson;

impl Terms<1> for Pearson {
    #[inline(always)]
    fn regular(&self, p: f64, q: f64) -> [f64; 1] {
        let difference = p - q;
        [if difference == 0.0 { 0.0 } else { difference * (difference / q) }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete::renyi_divergence;

    /// For sums of a handful of terms.
    const TOLERANCE: f64 = 8.0 * f64::EPSILON;

    #[test]
    fn values_by_hand() {
        let (p, q) = ([0.5, 0.5, 0.0], [0.125, 0.375, 0.5]);
        assert_eq!(total_variation(&p, &q), Ok(0.5));
        assert_eq!(chi_squared(&p, &q).unwrap(), 0.375 * 3.0 + 0.125 / 3.0 + 0.5);
        let bc = 0.0625_f64.sqrt() + 0.1875_f64.sqrt();
        assert!((bhattacharyya_coefficient(&p, &q).unwrap() - bc).abs() <= TOLERANCE);
        assert!((hellinger(&p, &q).unwrap() - (1.0 - bc).sqrt()).abs() <= TOLERANCE);
        assert!((bhattacharyya_distance(&p, &q).unwrap() + bc.ln()).abs() <= TOLERANCE);
    }

    #[test]
    fn close_distributions_keep_relative_precision() {
        let d = 2.0_f64.powi(-45);
        let (p, q) = ([0.5 + d, 0.5 - d], [0.5, 0.5]);
        // The first term of each series; the next is of the order d^4.
        let within = |value: f64, expected: f64| {
            assert!((value - expected).abs() <= TOLERANCE * expected, "{value}, not {expected}");
        };
        within(total_variation(&p, &q).unwrap(), d);
        within(chi_squared(&p, &q).unwrap(), 4.0 * d * d);
        within(hellinger(&p, &q).unwrap(), (0.5_f64).sqrt() * d);
        within(bhattacharyya_distance(&p, &q).unwrap(), 0.5 * d * d);
    }

    #[test]
    fn a_missing_outcome() {
        assert_eq!(chi_squared(&[0.5, 0.5], &[1.0, 0.0]), Ok(f64::INFINITY));
        assert_eq!(chi_squared(&[1.0, 0.0], &[0.5, 0.5]), Ok(1.0));
        assert_eq!(chi_squared(&[1.0, 0.0], &[1.0, 0.0]), Ok(0.0));
    }

    #[test]
    fn bhattacharyya_is_half_of_renyi_at_one_half() {
        let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
        let (distance, renyi) =
            (bhattacharyya_distance(&p, &q).unwrap(), renyi_divergence(&p, &q, 0.5).unwrap());
        assert!((distance - 0.5 * renyi).abs() <= TOLERANCE * distance, "{distance} and {renyi} / 2");
    }

    #[test]
    fn the_sums_are_divided_out() {
        let p = [0.25, 0.75];
        let scaled = p.map(|p| p * (1.0 + 2.0_f64.powi(-27)));
        // What is left is the rounding of a correction of 2^-54; the Hellinger distance is the root of such a number.
        let limit = f64::EPSILON * 2.0_f64.powi(-54);
        let squared_hellinger = |p: &[f64], q: &[f64]| hellinger(p, q).map(|distance| distance.powi(2));
        for (p, q) in [(p, scaled), (scaled, p)] {
            assert_eq!(total_variation(&p, &q), Ok(0.0));
            for divergence in [squared_hellinger, chi_squared, bhattacharyya_distance] {
                let value = divergence(&p, &q).unwrap();
                assert!((0.0..=limit).contains(&value), "{value}");
            }
        }
    }
}
