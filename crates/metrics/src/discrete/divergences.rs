//! The divergences.

use ndarray::ArrayView2;

use super::validate::{check_distribution, check_pair};
use crate::base::Base;
use crate::error::{Argument, DivergenceError};

fn term(p: f64, q: f64) -> f64 {
    if p == 0.0 { 0.0 } else { p * (p / q).ln() }
}

/// `H(P) = -sum p ln p`, in nats.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` is a distribution.
pub fn entropy(p: &[f64]) -> Result<f64, DivergenceError> {
    check_distribution(Argument::P, p)?;
    Ok(p.iter().map(|&p| -term(p, 1.0)).sum::<f64>().max(0.0))
}

/// `H(P, Q) = -sum p ln q`, in nats.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn cross_entropy(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    check_pair(p, q)?;
    Ok(p.iter().zip(q).map(|(&p, &q)| if p == 0.0 { 0.0 } else { -p * q.ln() }).sum::<f64>().max(0.0))
}

/// `KL(P ‖ Q) = sum p ln(p / q)`, in nats. `q` is the reference.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn kl_divergence(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    check_pair(p, q)?;
    Ok(p.iter().zip(q).map(|(&p, &q)| term(p, q)).sum::<f64>().max(0.0))
}

/// The terms `p ln(p / q)` of the KL divergence, in nats.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn rel_entr(p: &[f64], q: &[f64]) -> Result<Vec<f64>, DivergenceError> {
    check_pair(p, q)?;
    Ok(p.iter().zip(q).map(|(&p, &q)| term(p, q)).collect())
}

/// `J(P, Q) = KL(P ‖ Q) + KL(Q ‖ P)`, in nats.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn jeffreys(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    Ok(kl_divergence(p, q)? + kl_divergence(q, p)?)
}

/// `JS(P, Q) = KL(P ‖ M) / 2 + KL(Q ‖ M) / 2` with `M = (P + Q) / 2`, in nats.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn jensen_shannon_divergence(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    check_pair(p, q)?;
    let sum: f64 = p
        .iter()
        .zip(q)
        .map(|(&p, &q)| {
            let m = 0.5 * (p + q);
            0.5 * (term(p, m) + term(q, m))
        })
        .sum();
    Ok(sum.clamp(0.0, std::f64::consts::LN_2))
}

/// The square root of the Jensen-Shannon divergence expressed in `base`.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes and `base` is valid.
pub fn jensen_shannon_distance(p: &[f64], q: &[f64], base: Base) -> Result<f64, DivergenceError> {
    let base = base.checked()?;
    Ok(base.from_nats(jensen_shannon_divergence(p, q)?).sqrt())
}

/// `H(sum w_k P_k) - sum w_k H(P_k)`, in nats.
///
/// # Errors
///
/// [`DivergenceError`] unless the weights and each of the `distributions` are distributions and the lengths fit.
pub fn generalized_jensen_shannon(distributions: &[&[f64]], weights: &[f64]) -> Result<f64, DivergenceError> {
    check_distribution(Argument::Weights, weights)?;
    if distributions.len() != weights.len() {
        return Err(DivergenceError::LengthMismatch {
            argument: Argument::Weights,
            expected: distributions.len(),
            found: weights.len(),
        });
    }
    let length = distributions[0].len();
    for (k, p) in distributions.iter().enumerate() {
        check_distribution(Argument::Distribution(k), p)?;
        if p.len() != length {
            return Err(DivergenceError::LengthMismatch {
                argument: Argument::Distribution(k),
                expected: length,
                found: p.len(),
            });
        }
    }
    let mut sum = 0.0;
    for i in 0..length {
        let m: f64 = distributions.iter().zip(weights).map(|(p, w)| w * p[i]).sum();
        sum += distributions.iter().zip(weights).map(|(p, w)| w * term(p[i], m)).sum::<f64>();
    }
    Ok(sum.max(0.0))
}

/// `TV(P, Q) = sum |p - q| / 2`, from 0 to 1.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn total_variation(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    check_pair(p, q)?;
    Ok((0.5 * p.iter().zip(q).map(|(p, q)| (p - q).abs()).sum::<f64>()).min(1.0))
}

/// The Hellinger distance `sqrt(sum (sqrt p - sqrt q)^2 / 2)`, from 0 to 1.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn hellinger(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    check_pair(p, q)?;
    Ok((0.5 * p.iter().zip(q).map(|(p, q)| (p.sqrt() - q.sqrt()).powi(2)).sum::<f64>()).sqrt().min(1.0))
}

/// Pearson's `chi^2(P ‖ Q) = sum (p - q)^2 / q`. `q` is the reference.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn chi_squared(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    check_pair(p, q)?;
    Ok(p.iter().zip(q).map(|(&p, &q)| if p == q { 0.0 } else { (p - q).powi(2) / q }).sum())
}

/// The Bhattacharyya coefficient `BC(P, Q) = sum sqrt(p q)`, from 0 to 1.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn bhattacharyya_coefficient(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    check_pair(p, q)?;
    Ok(p.iter().zip(q).map(|(p, q)| (p * q).sqrt()).sum::<f64>().min(1.0))
}

/// The Bhattacharyya distance `-ln BC(P, Q)`, in nats.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes.
pub fn bhattacharyya_distance(p: &[f64], q: &[f64]) -> Result<f64, DivergenceError> {
    Ok(-bhattacharyya_coefficient(p, q)?.ln())
}

fn power_sum(p: &[f64], q: &[f64], alpha: f64) -> f64 {
    p.iter().zip(q).filter(|(p, _)| **p > 0.0).map(|(&p, &q)| p * ((alpha - 1.0) * (p / q).ln()).exp()).sum()
}

fn check_order(alpha: f64) -> Result<(), DivergenceError> {
    if alpha >= 0.0 && alpha.is_finite() {
        Ok(())
    } else {
        Err(DivergenceError::InvalidOrder { alpha, expected: "finite and at least 0" })
    }
}

/// The Rényi divergence of order `alpha`, `ln(sum p^alpha q^(1 - alpha)) / (alpha - 1)`, in nats. `q` is the reference.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes and `alpha` is an order.
pub fn renyi_divergence(p: &[f64], q: &[f64], alpha: f64) -> Result<f64, DivergenceError> {
    check_order(alpha)?;
    if alpha == 1.0 {
        return kl_divergence(p, q);
    }
    check_pair(p, q)?;
    Ok((power_sum(p, q, alpha).ln() / (alpha - 1.0)).max(0.0))
}

/// The Tsallis divergence of order `alpha`, `(sum p^alpha q^(1 - alpha) - 1) / (alpha - 1)`, in nats. `q` is the
/// reference.
///
/// # Errors
///
/// [`DivergenceError`] unless `p` and `q` are distributions over the same outcomes and `alpha` is an order.
pub fn tsallis_divergence(p: &[f64], q: &[f64], alpha: f64) -> Result<f64, DivergenceError> {
    check_order(alpha)?;
    if alpha == 1.0 {
        return kl_divergence(p, q);
    }
    check_pair(p, q)?;
    Ok(((power_sum(p, q, alpha) - 1.0) / (alpha - 1.0)).max(0.0))
}

/// The mutual information `I(X; Y) = KL(P(x, y) ‖ P(x) P(y))` of a joint table, in nats.
///
/// # Errors
///
/// [`DivergenceError`] unless `joint` is a distribution over its cells.
pub fn mutual_information(joint: ArrayView2<'_, f64>) -> Result<f64, DivergenceError> {
    let cells: Vec<f64> = joint.iter().copied().collect();
    check_distribution(Argument::Joint, &cells)?;
    let rows: Vec<f64> = joint.rows().into_iter().map(|row| row.sum()).collect();
    let columns: Vec<f64> = joint.columns().into_iter().map(|column| column.sum()).collect();
    let sum: f64 = joint.indexed_iter().map(|((x, y), &p)| term(p, rows[x] * columns[y])).sum();
    Ok(sum.max(0.0))
}
