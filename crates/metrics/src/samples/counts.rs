//! Entropy from counts, with corrections for what a finite sample does not show.
//!
//! The entropy of the observed frequencies is too small: outcomes that were not seen are missing, and rare ones look more
//! certain than they are. By how much depends on the unknown distribution; the corrections agree where every outcome has
//! been seen often.

use spec_math::cephes64::psi;

use super::error::SampleError;

/// How the entropy of observed frequencies is corrected. With the counts `n_i`, their sum N and the number K of outcomes that
/// were seen:
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Correction {
    /// Not at all: `ln N - sum_i n_i ln(n_i) / N`. Too small by about `(K - 1) / 2N`.
    None,
    /// The first order of the bias, `(K - 1) / 2N`, added. (Miller, *Note on the Bias of Information Estimates*, 1955.)
    MillerMadow,
    /// `ln N - sum_i n_i G(n_i) / N` with `G(n) = psi(n) + (-1)^n (psi((n + 1) / 2) - psi(n / 2)) / 2`: the bias is
    /// exponentially small in the expected counts. (Grassberger, *Entropy Estimates from Insufficient Samplings*, 2003.)
    Grassberger,
    /// Frequencies scaled down by the coverage that Good and Turing estimate, and each term divided by the probability that
    /// its outcome is seen at all: for many outcomes that were not. (Chao and Shen, *Nonparametric estimation of Shannon's
    /// index of diversity when there are unseen species in sample*, 2003.)
    ChaoShen,
}

/// The entropy in nats of the distribution that the counts were drawn from. Outcomes with a count of 0 may be listed or not.
///
/// # Errors
///
/// [`SampleError::TooFew`] where nothing was counted.
///
/// ```
/// use metrics::samples::counts::{Correction, entropy};
///
/// let counts = [4, 2, 3, 0, 2, 4, 0, 0, 2, 1, 1];
/// let estimates = [Correction::None, Correction::MillerMadow, Correction::Grassberger, Correction::ChaoShen]
///     .map(|correction| entropy(&counts, correction).map(|nats| format!("{nats:.4}")));
/// assert_eq!(estimates, ["1.9684", "2.1526", "2.1446", "2.2011"].map(|text| Ok(text.to_owned())));
/// ```
pub fn entropy(counts: &[u64], correction: Correction) -> Result<f64, SampleError> {
    let seen: Vec<f64> = counts.iter().filter(|n| **n > 0).map(|&n| n as f64).collect();
    let total: f64 = seen.iter().sum();
    if seen.is_empty() {
        return Err(SampleError::TooFew { needed: 1, found: 0 });
    }
    let plain = || seen.iter().map(|n| n / total * (total / n).ln()).sum::<f64>();
    Ok(match correction {
        Correction::None => plain(),
        Correction::MillerMadow => plain() + (seen.len() as f64 - 1.0) / (2.0 * total),
        Correction::Grassberger => total.ln() - seen.iter().map(|&n| n / total * grassberger(n)).sum::<f64>(),
        Correction::ChaoShen => {
            let singletons = seen.iter().filter(|n| **n == 1.0).count() as f64;
            // With nothing but singletons the coverage would be 0.
            let coverage = 1.0 - singletons.min(total - 1.0) / total;
            if coverage == 1.0 && seen.len() == 1 {
                return Ok(0.0);
            }
            let term = |n: f64| {
                let p = coverage * n / total;
                let is_seen = -(total * (-p).ln_1p()).exp_m1();
                -p * p.ln() / is_seen
            };
            seen.iter().map(|&n| term(n)).sum()
        }
    })
}

/// Grassberger's G, which takes the place of the logarithm of a count.
fn grassberger(n: f64) -> f64 {
    let sign = if n % 2.0 == 0.0 { 1.0 } else { -1.0 };
    psi(n) + 0.5 * sign * (psi(0.5 * (n + 1.0)) - psi(0.5 * n))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::LN_2;

    use super::*;
    use crate::samples::draws::Draws;
    use crate::samples::estimate::mean;

    const ALL: [Correction; 4] =
        [Correction::None, Correction::MillerMadow, Correction::Grassberger, Correction::ChaoShen];

    #[test]
    fn two_singletons_by_hand() {
        let euler = 0.577_215_664_901_532_9;
        // G(1) = -γ - ln 2. A coverage of 1/2 makes two outcomes of 1/4, each seen with the probability 7/16.
        let expected = [LN_2, LN_2 + 0.25, 2.0 * LN_2 + euler, 2.0 * 0.25 * 4f64.ln() / (7.0 / 16.0)];
        for (correction, expected) in ALL.into_iter().zip(expected) {
            let found = entropy(&[1, 0, 1], correction).unwrap();
            assert!((found - expected).abs() < 1e-15 * 8.0, "{correction:?}: {found}, not {expected}");
        }
    }

    #[test]
    fn corrections_take_the_bias_off() {
        // Fifty outcomes, a hundred draws, of probabilities that fall as 1 / i.
        let weights: Vec<f64> = (1..=50).map(|i| 1.0 / f64::from(i)).collect();
        let p = crate::normalized(&weights).unwrap();
        let truth = crate::entropy(&p).unwrap();
        let mut draws = Draws::seeded(1);
        let mut estimates = [const { Vec::new() }; 4];
        for _ in 0..400 {
            let mut counts = [0; 50];
            for _ in 0..100 {
                let mut rest = draws.uniform();
                let outcome = p.iter().position(|p| {
                    rest -= p;
                    rest < 0.0
                });
                counts[outcome.unwrap_or(49)] += 1;
            }
            for (estimates, correction) in estimates.iter_mut().zip(ALL) {
                estimates.push(entropy(&counts, correction).unwrap());
            }
        }
        let bias = estimates.map(|estimates| mean(&estimates) - truth);
        assert!(bias[0] < -0.15, "{bias:?}");
        assert!(bias[1].abs() < 0.5 * bias[0].abs(), "{bias:?}");
        assert!(bias[2].abs() < 0.2 * bias[0].abs() && bias[3].abs() < 0.2 * bias[0].abs(), "{bias:?}");
    }

    #[test]
    fn many_counts_need_no_correction() {
        let counts = [400_000, 300_000, 300_000];
        let expected = crate::entropy(&[0.4, 0.3, 0.3]).unwrap();
        for correction in ALL {
            let found = entropy(&counts, correction).unwrap();
            assert!((found - expected).abs() < 2e-6, "{correction:?}: {found}, not {expected}");
            // One outcome, seven times: an uncertainty that falls with the count.
            assert!((0.0..0.2).contains(&entropy(&[7], correction).unwrap()));
        }
        assert_eq!(entropy(&[0, 0], Correction::None), Err(SampleError::TooFew { needed: 1, found: 0 }));
    }
}
