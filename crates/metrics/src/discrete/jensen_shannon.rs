//! Jensen-Shannon divergence, its square root, and its form for several weighted distributions.

use std::borrow::Cow;
use std::f64::consts::LN_2;

use super::pass::{Folded, Terms, fold};
use super::probabilities::{Probabilities, read, with_pair};
use super::validate::check_distribution;
use crate::base::Base;
use crate::error::{Argument, DivergenceError};
use crate::numeric::CompensatedSum;
use crate::numeric::logarithm::{SMALLEST_REGULAR, careful_kl_term, kl_term_with_difference};

/// The Jensen-Shannon divergence
///
/// ```text
/// JS(P, Q) = KL(P ‖ M) / 2 + KL(Q ‖ M) / 2,     M = (P + Q) / 2
/// ```
///
/// in nats. Symmetric, finite for all inputs, from 0 for equal distributions to `ln 2` (1 bit) for distributions
/// without a common outcome. It is the mutual information between an outcome and which of the two it was drawn from.
///
/// Each term is computed in the form that [`kl_divergence`](super::kl_divergence) explains, and sums that miss 1 by what
/// [`SUM_TOLERANCE`](super::SUM_TOLERANCE) allows are divided out.
///
/// # Errors
///
/// As for [`kl_divergence`](super::kl_divergence).
///
/// # Source
///
/// Lin, *Divergence Measures Based on the Shannon Entropy*, IEEE Trans. Inf. Theory 37 (1991).
///
/// ```
/// use metrics::{Base, jensen_shannon_divergence};
///
/// let js = jensen_shannon_divergence(&[0.10, 0.40, 0.50], &[0.80, 0.15, 0.05])?;
/// assert_eq!(format!("{:.3} bits", Base::Bits.from_nats(js)), "0.420 bits");
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn jensen_shannon_divergence(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    with_pair(p, q, js)
}

fn js(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    let Folded { p, q, terms: [of_p, of_q] } = fold(p, q, &JensenShannon)?;
    // With sums P = Q (1 + x) the function F(x) = sum js(p, (1 + x) q) has to be evaluated where the sums agree.
    // F'(0) = KL(Q ‖ M) / 2 - x / 4 and F''(0) = sum p q / (p + q) / 2, which is 1/4 for close distributions, the only
    // ones for which the second order can be seen.
    let x = p.minus(q) / q.value();
    let (of_p, of_q) = (of_p.value(), of_q.value());
    let js = (0.5 * (of_p + of_q) + 0.5 * x * of_q - 0.125 * x * x) / p.value();
    Ok(js.clamp(0.0, LN_2))
}

struct JensenShannon;

impl Terms<2> for JensenShannon {
    /// The mean is rounded, half the difference is not: it is what keeps close distributions precise.
    #[inline(always)]
    fn regular(&self, p: f64, q: f64) -> [f64; 2] {
        let mean = 0.5 * p + 0.5 * q;
        let half_difference = 0.5 * (p - q);
        [
            kl_term_with_difference(p, mean, half_difference),
            kl_term_with_difference(q, mean, -half_difference),
        ]
    }

    fn careful(&self, p: f64, q: f64) -> [f64; 2] {
        // Halving the smallest subnormal number rounds to 0, and adding first does not.
        let mean = 0.5 * (p + q);
        let mean = if mean == 0.0 { p.max(q) } else { mean };
        [careful_kl_term(p, mean), careful_kl_term(q, mean)]
    }
}

/// The Jensen-Shannon distance, the square root of [`jensen_shannon_divergence`] expressed in `base`.
///
/// Unlike the divergence it is a metric: it satisfies the triangle inequality. It is at most 1 in bits and
/// `sqrt(ln 2) = 0.833` in nats. A root does not commute with a change of unit, hence the argument; SciPy's
/// `jensenshannon` takes nats where nothing is said.
///
/// # Errors
///
/// As for [`jensen_shannon_divergence`].
///
/// # Source
///
/// Endres and Schindelin, *A New Metric for Probability Distributions*, IEEE Trans. Inf. Theory 49 (2003).
///
/// ```
/// use metrics::{Base, jensen_shannon_distance};
///
/// let distance = jensen_shannon_distance(&[0.10, 0.40, 0.50], &[0.80, 0.15, 0.05], Base::Bits)?;
/// assert_eq!(format!("{distance:.3}"), "0.648");
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn jensen_shannon_distance(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
    base: Base,
) -> Result<f64, DivergenceError> {
    Ok(base.from_nats(jensen_shannon_divergence(p, q)?).sqrt())
}

/// The Jensen-Shannon divergence of any number of `distributions` with `weights`,
///
/// ```text
/// JS_w(P_1, ..., P_n) = sum_k w_k KL(P_k ‖ M) = H(M) - sum_k w_k H(P_k),     M = sum_k w_k P_k
/// ```
///
/// in nats, from 0 to the entropy of the weights. Two distributions with weights `[w, 1 - w]` give the skewed form, with
/// `[0.5, 0.5]` [`jensen_shannon_divergence`]. It is the mutual information between an outcome and the number of the
/// distribution that it was drawn from.
///
/// # Errors
///
/// [`DivergenceError`] if the weights or one of the distributions are not a distribution in the sense of
/// [`kl_divergence`](super::kl_divergence), if there is not one weight for each, or if the lengths differ.
///
/// # Source
///
/// Lin, as above, section V.
///
/// ```
/// use metrics::{Base, generalized_jensen_shannon};
///
/// let corners: [&[f64]; 4] = [&[1., 0., 0., 0.], &[0., 1., 0., 0.], &[0., 0., 1., 0.], &[0., 0., 0., 1.]];
/// let js = generalized_jensen_shannon(&corners, &[0.25; 4])?;
/// assert_eq!(Base::Bits.from_nats(js), 2.0);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn generalized_jensen_shannon<P: Probabilities + ?Sized>(
    distributions: &[&P],
    weights: &(impl Probabilities + ?Sized),
) -> Result<f64, DivergenceError> {
    let distributions = distributions.iter().enumerate().map(|(k, p)| read(Argument::Distribution(k), *p));
    js_of_several(&distributions.collect::<Result<Vec<_>, _>>()?, &read(Argument::Weights, weights)?)
}

fn js_of_several(distributions: &[Cow<'_, [f64]>], weights: &[f64]) -> Result<f64, DivergenceError> {
    let weight_sum = check_distribution(Argument::Weights, weights)?;
    if distributions.len() != weights.len() {
        return Err(DivergenceError::LengthMismatch {
            argument: Argument::Weights,
            expected: distributions.len(),
            found: weights.len(),
        });
    }
    let outcomes = distributions[0].len();
    let mut sums = Vec::with_capacity(weights.len());
    for (k, p) in distributions.iter().enumerate() {
        let argument = Argument::Distribution(k);
        sums.push(check_distribution(argument, p.iter())?);
        if p.len() != outcomes {
            return Err(DivergenceError::LengthMismatch { argument, expected: outcomes, found: p.len() });
        }
    }
    let weights: Vec<CompensatedSum> =
        weights.iter().map(|&w| CompensatedSum::from(w).divided_by(weight_sum)).collect();

    // Everything to twice the precision up to the differences from the mean, whose squares are what close distributions
    // have as their divergence.
    let mut js = CompensatedSum::default();
    let mut shares = vec![CompensatedSum::default(); distributions.len()];
    for outcome in 0..outcomes {
        let mut mean = CompensatedSum::default();
        for (((share, p), sum), weight) in shares.iter_mut().zip(distributions).zip(&sums).zip(&weights) {
            *share = CompensatedSum::from(p[outcome]).divided_by(*sum);
            mean.add_product(*weight, *share);
        }
        for (weight, share) in weights.iter().zip(&shares).filter(|(weight, _)| weight.value() > 0.0) {
            let (p, m) = (share.value(), mean.value());
            let term = if p >= SMALLEST_REGULAR && m >= SMALLEST_REGULAR {
                kl_term_with_difference(p, m, share.minus(mean))
            } else {
                careful_kl_term(p, m)
            };
            js.add(weight.value() * term);
        }
    }
    let entropy_of_weights: f64 =
        weights.iter().map(|w| w.value()).filter(|w| *w > 0.0).map(|w| -w * libm::log(w)).sum();
    Ok(js.value().clamp(0.0, entropy_of_weights.max(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disjoint_distributions_are_one_bit_apart() {
        let (p, q) = ([0.3, 0.7, 0.0, 0.0], [0.0, 0.0, 0.9, 0.1]);
        let distance = jensen_shannon_distance(&p, &q, Base::Bits).unwrap();
        assert!((1.0 - f64::EPSILON..=1.0).contains(&distance), "{distance}");
    }

    #[test]
    fn equal_distributions_are_at_distance_zero() {
        let p = [0.1, 0.2, 0.3, 0.4];
        assert_eq!(jensen_shannon_divergence(&p, &p), Ok(0.0));
        assert_eq!(generalized_jensen_shannon(&[&p, &p, &p], &[0.2, 0.3, 0.5]), Ok(0.0));
    }

    #[test]
    fn close_distributions_keep_relative_precision() {
        // sum (p - q)^2 / (p + q) / 4 with two equal terms of d^2, up to terms of the order d^4.
        let d = 2.0_f64.powi(-45);
        let js = jensen_shannon_divergence(&[0.5 + d, 0.5 - d], &[0.5, 0.5]).unwrap();
        let expected = d * d / 2.0;
        assert!((js - expected).abs() <= 4.0 * f64::EPSILON * expected, "{js}, not {expected}");
    }

    #[test]
    fn two_weighted_distributions_are_the_plain_form() {
        let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
        let (two, many) = (
            jensen_shannon_divergence(&p, &q).unwrap(),
            generalized_jensen_shannon(&[&p, &q], &[0.5, 0.5]).unwrap(),
        );
        assert!((two - many).abs() <= 4.0 * f64::EPSILON * two, "{two} and {many}");
    }

    #[test]
    fn a_weight_of_zero_removes_a_distribution() {
        let (p, q) = ([1.0, 0.0], [0.0, 1.0]);
        assert_eq!(generalized_jensen_shannon(&[&p, &q], &[1.0, 0.0]), Ok(0.0));
    }

    #[test]
    fn the_sums_are_divided_out() {
        let (p, q) = ([0.10, 0.40, 0.50], [0.80, 0.15, 0.05]);
        let scaled = q.map(|q| q * (1.0 - 2.0_f64.powi(-27)));
        for (p, q, scaled) in [(p, q, scaled), (q, q, scaled), (scaled, q, q)] {
            let js = jensen_shannon_divergence(&p, &q).unwrap();
            let of_scaled = jensen_shannon_divergence(&p, &scaled).unwrap();
            // Second-order terms of the correction, 2^-54, times the distance of the distributions, are dropped; the
            // scaled slice itself is rounded.
            assert!((js - of_scaled).abs() <= 4.0 * f64::EPSILON * js.max(1e-12), "{js} and {of_scaled}");
        }
    }
}
