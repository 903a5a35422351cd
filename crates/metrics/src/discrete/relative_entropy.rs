//! Kullback-Leibler divergence, its terms, and its symmetric sum.

use super::pass::{Folded, Terms, fold};
use super::probabilities::{Probabilities, with_pair};
use crate::error::DivergenceError;
use crate::numeric::CompensatedSum;
use crate::numeric::logarithm::{SMALLEST_REGULAR, careful_kl_term, careful_ln_ratio, kl_term, ln_ratio};

/// The Kullback-Leibler divergence of `p` from the reference `q`,
///
/// ```text
/// KL(P ‖ Q) = sum_i p_i ln(p_i / q_i)
/// ```
///
/// in nats: how many more nats a code made for `q` needs per outcome drawn from `p` than the code made for `p`.
/// It is at least 0, 0 only for equal distributions, not symmetric, and infinite where an outcome of `p` has
/// probability 0 under `q`; `0 ln 0 = 0`.
///
/// # What is computed
///
/// `sum (p ln(p / q) - p + q)`. Since both distributions sum to 1, this is the same number; but each of its terms is at
/// least 0 and is computed to full relative precision, so that no two inputs, however close, give a negative number or
/// rounding noise. Sums that miss 1 by what [`SUM_TOLERANCE`](super::SUM_TOLERANCE) allows are divided out exactly: the
/// result is the divergence between the distributions that `p` and `q` are proportional to.
///
/// # Errors
///
/// [`DivergenceError`] if the slices are empty or of different lengths, if an entry is negative, NaN or infinite, or
/// if a sum is not 1 within [`SUM_TOLERANCE`](super::SUM_TOLERANCE).
///
/// # Source
///
/// Kullback and Leibler, *On Information and Sufficiency*, Ann. Math. Stat. 22 (1951).
///
/// ```
/// let kl = metrics::kl_divergence(&[0.10, 0.40, 0.50], &[0.80, 0.15, 0.05])?;
/// assert_eq!(format!("{kl:.3}"), "1.336");
/// assert_eq!(metrics::kl_divergence(&[0.5, 0.5], &[1.0, 0.0])?, f64::INFINITY);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn kl_divergence(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    with_pair(p, q, kl)
}

pub(super) fn kl(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    let Folded { p, q, terms: [kl] } = fold(p, q, &KullbackLeibler)?;
    Ok(kl_of_sums(kl, p, q))
}

struct KullbackLeibler;

impl Terms<1> for KullbackLeibler {
    #[inline(always)]
    fn regular(&self, p: f64, q: f64) -> [f64; 1] {
        [kl_term(p, q)]
    }

    fn careful(&self, p: f64, q: f64) -> [f64; 1] {
        [careful_kl_term(p, q)]
    }
}

/// The divergence of the normalised distributions from `terms = sum (p ln(p / q) - p + q)` and the two sums.
///
/// With `Q / P = 1 + x` for the sums, `KL = terms / P - (x - ln(1 + x))`.
pub(crate) fn kl_of_sums(terms: CompensatedSum, p: CompensatedSum, q: CompensatedSum) -> f64 {
    let x = q.minus(p) / p.value();
    // The next term is x^4 / 4, and |x| is at most twice the tolerance of the sums.
    let correction = x * x * (0.5 - x / 3.0);
    (terms.value() / p.value() - correction).max(0.0)
}

/// The terms `p_i ln(p_i / q_i)` of the Kullback-Leibler divergence, in nats, with `q` as the reference.
///
/// They are what each outcome contributes, and may be negative; a term is 0 where `p` is 0 and infinite where only `q`
/// is 0. Their sum is [`kl_divergence`] up to the rounding of the sums of `p` and `q`, which that function takes out.
///
/// # Errors
///
/// As for [`kl_divergence`].
///
/// ```
/// let terms = metrics::rel_entr(&[0.0, 0.5, 0.5], &[0.5, 0.5, 0.0])?;
/// assert_eq!(terms, [0.0, 0.0, f64::INFINITY]);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn rel_entr(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<Vec<f64>, DivergenceError> {
    with_pair(p, q, kl_terms)
}

fn kl_terms(p: &[f64], q: &[f64]) -> Result<Vec<f64>, DivergenceError> {
    fold(p, q, &())?;
    Ok(p.iter().zip(q).map(|(&p, &q)| plain_term(p, q)).collect())
}

/// A pass that checks and sums, and adds up nothing else.
impl Terms<0> for () {
    #[inline(always)]
    fn regular(&self, _: f64, _: f64) -> [f64; 0] {
        []
    }
}

#[inline(always)]
fn plain_term(p: f64, q: f64) -> f64 {
    if p == 0.0 {
        0.0
    } else if q == 0.0 {
        f64::INFINITY
    } else if p >= SMALLEST_REGULAR && q >= SMALLEST_REGULAR {
        p * ln_ratio(p, q)
    } else {
        p * careful_ln_ratio(p, q)
    }
}

/// The Jeffreys divergence
///
/// ```text
/// J(P, Q) = KL(P ‖ Q) + KL(Q ‖ P) = sum_i (p_i - q_i) ln(p_i / q_i)
/// ```
///
/// in nats. Symmetric, at least 0, infinite where only one of the two is 0.
///
/// # Errors
///
/// As for [`kl_divergence`].
///
/// # Source
///
/// Jeffreys, *An Invariant Form for the Prior Probability in Estimation Problems*, Proc. R. Soc. A 186 (1946).
pub fn jeffreys(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    with_pair(p, q, kl_both_ways)
}

fn kl_both_ways(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    let Folded { p, q, terms: [forward, reverse] } = fold(p, q, &Jeffreys)?;
    Ok(kl_of_sums(forward, p, q) + kl_of_sums(reverse, q, p))
}

struct Jeffreys;

impl Terms<2> for Jeffreys {
    #[inline(always)]
    fn regular(&self, p: f64, q: f64) -> [f64; 2] {
        [kl_term(p, q), kl_term(q, p)]
    }

    fn careful(&self, p: f64, q: f64) -> [f64; 2] {
        [careful_kl_term(p, q), careful_kl_term(q, p)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_infinite_where_scipy_says_so() {
        assert_eq!(kl_divergence(&[0.0, 1.0], &[5e-324, 1.0]), Ok(5e-324));
    }

    #[test]
    fn equal_distributions_are_at_distance_zero() {
        let p = [0.1, 0.2, 0.3, 0.4];
        assert_eq!(kl_divergence(&p, &p), Ok(0.0));
        assert_eq!(jeffreys(&p, &p), Ok(0.0));
    }

    #[test]
    fn neighbouring_numbers_give_neither_nan_nor_a_negative_number() {
        let p: [f64; 4] = [0.1, 0.2, 0.3, 0.4];
        for i in 0..4 {
            let mut q = p;
            q[i] = q[i].next_up();
            let kl = kl_divergence(&p, &q).unwrap();
            assert!((0.0..1e-31).contains(&kl), "{kl}");
        }
    }

    #[test]
    fn the_sums_are_divided_out() {
        let p = [0.25, 0.75];
        let scaled = p.map(|p| p * (1.0 + 2.0_f64.powi(-27)));
        let q = [0.5, 0.5];
        let (kl, of_scaled) = (kl_divergence(&p, &q).unwrap(), kl_divergence(&scaled, &q).unwrap());
        assert!((kl - of_scaled).abs() <= 4.0 * f64::EPSILON * kl, "{kl} and {of_scaled}");
        assert_eq!(kl_divergence(&p, &scaled), Ok(0.0));
    }

    #[test]
    fn jeffreys_is_the_sum_of_both_directions() {
        let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
        assert_eq!(
            jeffreys(&p, &q).unwrap(),
            kl_divergence(&p, &q).unwrap() + kl_divergence(&q, &p).unwrap()
        );
        assert_eq!(jeffreys(&[1.0, 0.0], &[0.5, 0.5]), Ok(f64::INFINITY));
    }
}
