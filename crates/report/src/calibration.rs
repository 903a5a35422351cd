//! The coefficient that the data itself would choose.

use record::{Group, Likelihood, MemberResult, NetworkConfig, Quantity, Variance};
use serde::Serialize;

use crate::format;

/// What the report says of calibration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// The self-consistent coefficient, where the tested ones enclose it.
    pub c: Option<f64>,
    /// What that means, in words.
    pub text: String,
}

/// Where the coefficient is its own temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
enum SelfConsistent {
    /// Here, between two of the tested coefficients or at one.
    At(f64),
    /// Below all of them.
    Below(f64),
    /// Above all of them.
    Above(f64),
}

/// The coefficient `c` at which the temperature of the member trained with it is `c`.
///
/// Training with `c` is, up to a factor, the ELBO of the decoder's distribution tempered by `c`; the temperature of a member is
/// the one at which its images are likeliest. For Gaussian pixels of variance `v` the temperature is `SSE / (P v)`, so that the
/// noise which the decoder is trained with, `c v`, is then the noise that it leaves. The temperature grows with `c`, but more
/// slowly, so that there is one crossing: between the two tested coefficients that enclose it, the logarithm of their ratio
/// is taken to be linear in the logarithm of `c`.
///
/// `None` where no coefficient above 0 has a temperature.
fn self_consistent(points: &[(f64, f64)]) -> Option<SelfConsistent> {
    // What the temperature has above the coefficient falls through 0 where they are the same.
    let mut excess: Vec<(f64, f64)> = points
        .iter()
        .filter(|(c, temperature)| *c > 0.0 && *temperature > 0.0 && temperature.is_finite())
        .map(|(c, temperature)| (c.ln(), (temperature / c).ln()))
        .collect();
    excess.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (first, last) = (excess.first()?, excess.last()?);
    if first.1 < 0.0 {
        return Some(SelfConsistent::Below(first.0.exp()));
    }
    if last.1 > 0.0 {
        return Some(SelfConsistent::Above(last.0.exp()));
    }
    let crossing = excess.windows(2).find(|pair| pair[0].1 >= 0.0 && pair[1].1 <= 0.0);
    let at = crossing.map_or(first.0, |pair| {
        let [(c, excess), (next_c, next_excess)] = [pair[0], pair[1]];
        let fall = excess - next_excess;
        if fall > 0.0 { c + (next_c - c) * excess / fall } else { c }
    });
    Some(SelfConsistent::At(at.exp()))
}

impl Calibration {
    /// Of coefficients whose members, all of one likelihood, have a temperature.
    pub fn new(model: &NetworkConfig, groups: &[Group<&MemberResult>]) -> Option<Self> {
        let temperature = Quantity::named("temperature").value;
        let points: Vec<(f64, f64)> =
            groups.iter().filter_map(|group| Some((group.c, group.spread(temperature)?.mean))).collect();
        let found = self_consistent(&points)?;
        let number = |c: f64| format::coefficient(format!("{c:.2e}").parse().unwrap_or(c));
        let noise = match (model.likelihood, model.variance) {
            (Likelihood::Gaussian, Variance::Fixed(variance)) => {
                let per_coefficient = if variance == 1.0 { String::new() } else { format!(" times {variance}") };
                format!(
                    "the coefficient{per_coefficient} is the variance of the decoder's noise, and it is then the squared error \
                     of a pixel that is left"
                )
            }
            _ => "divided by the coefficient, the scores are then those of a continuous Bernoulli density, a likelihood, \
                  whose spread is the likeliest one"
                .to_string(),
        };
        let text = match found {
            SelfConsistent::At(c) => format!(
                "By its own likelihood the data would choose c ≈ {}: {noise}. Any other coefficient is a preference for a rate or \
                 a task.",
                number(c)
            ),
            SelfConsistent::Below(c) => format!(
                "By its own likelihood the data would choose a coefficient below {}, the least tested: {noise}.",
                number(c)
            ),
            SelfConsistent::Above(c) => format!(
                "By its own likelihood the data would choose a coefficient above {}, the greatest tested: {noise}.",
                number(c)
            ),
        };
        let c = if let SelfConsistent::At(c) = found { Some(c) } else { None };
        Some(Self { c, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilistic principal components of `eigenvalues` with so many latent dimensions: a coefficient leaves itself of every
    /// dimension in use, and the eigenvalue of each other one.
    fn temperature(eigenvalues: &[f64], latent: usize, variance: f64, c: f64) -> f64 {
        let noise = c * variance;
        let left = eigenvalues
            .iter()
            .enumerate()
            .map(|(at, &eigenvalue)| if at < latent { eigenvalue.min(noise) } else { eigenvalue });
        left.sum::<f64>() / eigenvalues.len() as f64 / variance
    }

    #[test]
    fn in_the_linear_case_it_is_the_mean_of_the_discarded_eigenvalues() {
        let eigenvalues = [16.0, 8.0, 4.0, 2.0, 1.0, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1];
        for (latent, variance) in [(4, 1.0), (5, 1.0), (5, 0.04), (2, 3.0)] {
            let discarded = &eigenvalues[latent..];
            let expected = discarded.iter().sum::<f64>() / discarded.len() as f64 / variance;
            // Tested at every doubling; half as far apart, the interpolation is some four times nearer.
            let miss = |factor: f64| {
                let tested = (0..40).map(|k| 0.02 / variance * factor.powi(k));
                let points: Vec<(f64, f64)> =
                    tested.map(|c| (c, temperature(&eigenvalues, latent, variance, c))).collect();
                let Some(SelfConsistent::At(found)) = self_consistent(&points) else {
                    panic!("the tested coefficients enclose it")
                };
                (found / expected - 1.0).abs()
            };
            assert!(miss(2.0) < 0.05, "{latent}, {variance}: {}", miss(2.0));
            assert!(miss(1.4) < 0.02, "{latent}, {variance}: {}", miss(1.4));
        }
    }

    #[test]
    fn what_the_tested_coefficients_do_not_enclose_is_said_to_lie_beyond() {
        assert_eq!(self_consistent(&[]), None);
        assert_eq!(self_consistent(&[(0.0, 0.5)]), None);
        assert_eq!(self_consistent(&[(0.0, 0.1), (1.0, 0.5)]), Some(SelfConsistent::Below(1.0)));
        assert_eq!(self_consistent(&[(2.0, 3.0), (1.0, 2.5)]), Some(SelfConsistent::Above(2.0)));
        let Some(SelfConsistent::At(at)) = self_consistent(&[(2.0, 2.0), (1.0, 2.5)]) else {
            panic!("the second is its own")
        };
        assert!((at - 2.0).abs() < 1e-12);
    }
}
