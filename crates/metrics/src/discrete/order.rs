//! The divergences with an order: Rényi's and Tsallis'.

use super::pass::{Folded, Terms, fold};
use super::probabilities::{Probabilities, with_pair};
use super::relative_entropy::kl;
use crate::error::DivergenceError;
use crate::numeric::CompensatedSum;
use crate::numeric::logarithm::careful_ln_ratio;

/// The Rényi divergence of `p` from the reference `q`, of order `alpha`,
///
/// ```text
/// D_a(P ‖ Q) = ln(sum_i p_i^a q_i^(1 - a)) / (a - 1)
/// ```
///
/// in nats. It is at least 0 and grows with the order. The limits are taken where the formula has none: order 0 is
/// `-ln Q(p > 0)`, order 1 [`kl_divergence`](super::kl_divergence), infinite order `ln max(p / q)`. Infinite where only `q` is 0 for orders from
/// 1 up, and for distributions without a common outcome for all.
///
/// # Errors
///
/// As for [`kl_divergence`](super::kl_divergence), and [`DivergenceError::InvalidOrder`] if `alpha` is negative or NaN.
///
/// # Source
///
/// van Erven and Harremoës, *Rényi Divergence and Kullback-Leibler Divergence*, IEEE Trans. Inf. Theory 60 (2014).
///
/// ```
/// use metrics::renyi_divergence;
///
/// let (p, q) = ([0.5, 0.5, 0.0], [0.25, 0.25, 0.5]);
/// for alpha in [0.0, 0.5, 1.0, 2.0, f64::INFINITY] {
///     assert!((renyi_divergence(&p, &q, alpha)? - 2.0_f64.ln()).abs() < 1e-15);
/// }
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn renyi_divergence(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
    alpha: f64,
) -> Result<f64, DivergenceError> {
    with_pair(p, q, |p, q| renyi(p, q, alpha))
}

fn renyi(p: &[f64], q: &[f64], alpha: f64) -> Result<f64, DivergenceError> {
    if alpha.is_nan() || alpha < 0.0 {
        return Err(DivergenceError::InvalidOrder { alpha, expected: "0, a positive number or infinity" });
    }
    if alpha == 1.0 {
        return kl(p, q);
    }
    if alpha > LARGEST_ORDER {
        return largest_log_ratio(p, q);
    }
    let tsallis = tsallis(p, q, alpha)?;
    let power_sum_less_one = (alpha - 1.0) * tsallis;
    // Between these limits the sum is close enough to 1 that its distance from 1 is the better number.
    let renyi = if (-0.5..=1.0).contains(&power_sum_less_one) {
        libm::log1p(power_sum_less_one) / (alpha - 1.0)
    } else {
        log_power_sum(p, q, alpha)? / (alpha - 1.0)
    };
    Ok(renyi.max(0.0))
}

/// Beyond this order `(a - 1) ln(p / q)` may overflow, and the divergence has been that of infinite order for long: what
/// it lacks is `ln(1 / p) / a`.
pub(super) const LARGEST_ORDER: f64 = 1e300;

/// The Tsallis divergence of `p` from the reference `q`, of order `alpha`,
///
/// ```text
/// T_a(P ‖ Q) = (sum_i p_i^a q_i^(1 - a) - 1) / (a - 1)
/// ```
///
/// in nats in the sense that order 1 is [`kl_divergence`](super::kl_divergence); order 2 is [`chi_squared`](super::chi_squared) and order 1/2
/// four times the squared [`hellinger`](super::hellinger) distance. At least 0. For orders below 1 it is at most
/// `1 / (1 - a)`; for orders from 1 up it is infinite where only `q` is 0.
///
/// A divergence of `e^x` has a relative error of up to `x` times the machine epsilon; [`renyi_divergence`] is its
/// well-conditioned logarithm.
///
/// # Errors
///
/// As for [`kl_divergence`](super::kl_divergence), and [`DivergenceError::InvalidOrder`] unless `alpha` is finite and at least 0.
///
/// # Source
///
/// Tsallis, *Generalized Entropy-based Criterion for Consistent Testing*, Phys. Rev. E 58 (1998).
///
/// ```
/// assert_eq!(metrics::tsallis_divergence(&[0.75, 0.25], &[0.5, 0.5], 2.0)?, 0.25);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn tsallis_divergence(
    p: &(impl Probabilities + ?Sized),
    q: &(impl Probabilities + ?Sized),
    alpha: f64,
) -> Result<f64, DivergenceError> {
    with_pair(p, q, |p, q| tsallis(p, q, alpha))
}

fn tsallis(p: &[f64], q: &[f64], alpha: f64) -> Result<f64, DivergenceError> {
    if !(alpha.is_finite() && alpha >= 0.0) {
        return Err(DivergenceError::InvalidOrder { alpha, expected: "0 or a positive number" });
    }
    if alpha == 1.0 {
        return kl(p, q);
    }
    let order = Order::of(alpha);
    let Folded { p, q, terms: [terms] } = fold(p, q, &order)?;
    let (p, q) = if order.exchanged { (q, p) } else { (p, q) };
    let ln_scale = order.alpha * libm::log1p(p.above_one()) - order.less_one * libm::log1p(q.above_one());
    let x = p.minus(q) / q.value();
    let terms = terms.value() - q.value() * order.of_unequal_sums(x);
    let tsallis = (terms / libm::exp(ln_scale)).max(0.0);
    Ok(if order.exchanged { alpha / (1.0 - alpha) * tsallis } else { tsallis })
}

/// The order of a divergence and its distance from 1, neither rounded where it is small.
///
/// Below 1/2 it is the order of the exchanged distributions, since `T_a(P ‖ Q) = a / (1 - a) T_(1 - a)(Q ‖ P)`: for a tiny
/// order all of `a` is in the distance of `1 - a` from 1.
struct Order {
    alpha: f64,
    less_one: f64,
    exchanged: bool,
}

impl Order {
    fn of(alpha: f64) -> Self {
        if alpha > 0.0 && alpha < 0.5 {
            Self { alpha: 1.0 - alpha, less_one: -alpha, exchanged: true }
        } else {
            Self { alpha, less_one: alpha - 1.0, exchanged: false }
        }
    }

    /// `((1 + x)^a - 1 - a x) / (a - 1)`: what sums that differ by a fraction `x` add to the divergence.
    fn of_unequal_sums(&self, x: f64) -> f64 {
        let a = self.alpha;
        if (a * x).abs() > 0.5 {
            return (libm::expm1(a * libm::log1p(x)) - a * x) / self.less_one;
        }
        // The binomial series; the term of degree 17 is below 0.5^15 2 / 17! of the first.
        let mut term = 0.5 * a * x * x;
        let mut sum = term;
        for k in 2..16 {
            term *= (a - f64::from(k)) * x / f64::from(k + 1);
            sum += term;
        }
        sum
    }
}

/// `(p^a q^(1 - a) - a p - (1 - a) q) / (a - 1)`, at least 0; the sums of `p` and `q` being 1, its sum is the Tsallis
/// divergence.
impl Terms<1> for Order {
    fn regular(&self, p: f64, q: f64) -> [f64; 1] {
        let (p, q) = if self.exchanged { (q, p) } else { (p, q) };
        if p == 0.0 {
            return [q];
        }
        if self.alpha == 0.0 {
            return [0.0];
        }
        let e = self.less_one;
        if q == 0.0 {
            return [if e > 0.0 { f64::INFINITY } else { -self.alpha * p / e }];
        }
        // With l = ln(p / q), so that q = p exp(-l): p expm1(e l) / e + p expm1(-l).
        let l = careful_ln_ratio(p, q);
        let term = if l.abs() < SERIES_LIMIT && (e * l).abs() < SERIES_LIMIT {
            p * series(l, e)
        } else {
            p * (libm::expm1(e * l) / e) + (q - p)
        };
        [term.max(0.0)]
    }
}

/// Where the two exponentials nearly cancel and their series is used.
const SERIES_LIMIT: f64 = 0.5;

/// `expm1(e l) / e + expm1(-l) = sum_{k >= 2} l^k / k! (e^(k - 1) + (-1)^k)`.
fn series(l: f64, e: f64) -> f64 {
    let mut sum = 0.0;
    let (mut power, mut order_power, mut sign) = (l, 1.0, -1.0);
    // The term of degree 17 is below 0.5^17 / 17! = 2e-20 of the first.
    for k in 2..=17 {
        power *= l / f64::from(k);
        order_power *= e;
        sign = -sign;
        sum += power * (order_power + sign);
    }
    sum
}

/// `ln sum p^a q^(1 - a)` of the normalised distributions, free of overflow and underflow.
fn log_power_sum(p: &[f64], q: &[f64], alpha: f64) -> Result<f64, DivergenceError> {
    let sums = fold(p, q, &())?;
    let logs = || {
        p.iter().zip(q).filter(|(p, _)| **p > 0.0).map(|(&p, &q)| match q {
            0.0 if alpha > 1.0 => f64::INFINITY,
            0.0 => f64::NEG_INFINITY,
            _ => careful_ln_ratio(p, 1.0) + (alpha - 1.0) * careful_ln_ratio(p, q),
        })
    };
    let largest = logs().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return Ok(largest);
    }
    let scaled = CompensatedSum::of(logs().map(|log| libm::exp(log - largest))).value();
    let scale = alpha * libm::log1p(sums.p.above_one()) + (1.0 - alpha) * libm::log1p(sums.q.above_one());
    Ok(largest + libm::log(scaled) - scale)
}

fn largest_log_ratio(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    let sums = fold(p, q, &())?;
    let largest = p
        .iter()
        .zip(q)
        .filter(|(p, _)| **p > 0.0)
        .map(|(&p, &q)| if q == 0.0 { f64::INFINITY } else { careful_ln_ratio(p, q) })
        .fold(f64::NEG_INFINITY, f64::max);
    Ok((largest - libm::log1p(sums.p.above_one()) + libm::log1p(sums.q.above_one())).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discrete::{chi_squared, hellinger, kl_divergence};

    const P: [f64; 3] = [0.10, 0.40, 0.50];
    const Q: [f64; 3] = [0.80, 0.15, 0.05];
    /// For three terms with an exponential each.
    const TOLERANCE: f64 = 16.0 * f64::EPSILON;

    fn assert_close(value: f64, expected: f64) {
        assert!((value - expected).abs() <= TOLERANCE * expected.abs(), "{value}, not {expected}");
    }

    #[test]
    fn known_members() {
        assert_close(tsallis_divergence(&P, &Q, 2.0).unwrap(), chi_squared(&P, &Q).unwrap());
        assert_close(tsallis_divergence(&P, &Q, 0.5).unwrap(), 2.0 * hellinger(&P, &Q).unwrap().powi(2));
        assert_close(renyi_divergence(&P, &Q, f64::INFINITY).unwrap(), 10.0_f64.ln());
        assert_close(renyi_divergence(&[0.5, 0.5, 0.0], &Q, 0.0).unwrap(), -(0.95_f64.ln()));
    }

    #[test]
    fn orders_next_to_one_are_the_divergence() {
        let kl = kl_divergence(&P, &Q).unwrap();
        for d in [1e-15, -1e-15] {
            assert_close(renyi_divergence(&P, &Q, 1.0 + d).unwrap(), kl);
            assert_close(tsallis_divergence(&P, &Q, 1.0 + d).unwrap(), kl);
        }
    }

    #[test]
    fn close_distributions_keep_relative_precision() {
        let d = 2.0_f64.powi(-40);
        let (p, q) = ([0.5 + d, 0.5 - d], [0.5, 0.5]);
        for alpha in [0.25, 0.5, 2.0, 7.0] {
            // The first term of the series; the next is of the order d^4.
            assert_close(renyi_divergence(&p, &q, alpha).unwrap(), 2.0 * alpha * d * d);
        }
        assert_eq!(renyi_divergence(&p, &q, 0.0), Ok(0.0));
    }

    #[test]
    fn large_orders_do_not_overflow() {
        let divergence = renyi_divergence(&P, &Q, 1e4).unwrap();
        // p^a q^(1 - a) of the third outcome outweighs the rest: (ln 0.5 + (a - 1) ln 10) / (a - 1).
        assert_close(divergence, 10.0_f64.ln() + 0.5_f64.ln() / (1e4 - 1.0));
    }

    #[test]
    fn disjoint_distributions() {
        let (p, q) = ([1.0, 0.0], [0.0, 1.0]);
        for alpha in [0.0, 0.5, 1.0, 2.0, f64::INFINITY] {
            assert_eq!(renyi_divergence(&p, &q, alpha), Ok(f64::INFINITY), "order {alpha}");
        }
        assert_eq!(tsallis_divergence(&p, &q, 0.5), Ok(2.0));
    }

    #[test]
    fn orders_without_a_meaning_are_refused() {
        for alpha in [-1.0, f64::NAN, f64::NEG_INFINITY] {
            assert!(matches!(renyi_divergence(&P, &Q, alpha), Err(DivergenceError::InvalidOrder { .. })));
            assert!(matches!(tsallis_divergence(&P, &Q, alpha), Err(DivergenceError::InvalidOrder { .. })));
        }
        assert!(tsallis_divergence(&P, &Q, f64::INFINITY).is_err());
    }
}
