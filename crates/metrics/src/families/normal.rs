//! Normal, half-Normal and log-Normal.

use std::f64::consts::{E, PI, TAU};

use super::error::FamilyError;
use super::kl::{Entropy, KlDivergence, within};
use super::parameters::family;
use crate::numeric::special::{squared_ratio_half_excess, standardized};

family! {
    /// Normal distribution on the real line, with density `exp(-(x - mean)^2 / (2 sd^2)) / (sd sqrt(2 π))`.
    ///
    /// ```
    /// use metrics::families::Normal;
    ///
    /// let (p, q) = (Normal::new(0.0, 2.0)?, Normal::new(3.0, 6.0)?);
    /// assert_eq!((p.variance(), p.wasserstein_2(&q)), (4.0, 5.0));
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Normal, "normal" {
        /// Mean.
        mean: Finite,
        /// Standard deviation (not the variance).
        sd: Positive,
    }
}

impl Normal {
    /// Variance, `sd^2`.
    pub fn variance(&self) -> f64 {
        self.sd * self.sd
    }

    /// Logarithm of the density at x.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        let z = standardized(x, self.mean, self.sd);
        -0.5 * z * z - self.sd.ln() - 0.5 * TAU.ln()
    }

    /// The Wasserstein-2 distance to q, a metric: `sqrt((mean_p - mean_q)^2 + (sd_p - sd_q)^2)`.
    pub fn wasserstein_2(&self, q: &Self) -> f64 {
        (self.mean - q.mean).hypot(self.sd - q.sd)
    }
}

impl Entropy for Normal {
    /// `H = ln(sd sqrt(2 π e))`
    fn entropy(&self) -> f64 {
        0.5 * (TAU * E).ln() + self.sd.ln()
    }
}

impl KlDivergence for Normal {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = ln(sd_q / sd_p) + (sd_p^2 + (mean_p - mean_q)^2) / (2 sd_q^2) - 1/2`
    ///
    /// Source: Kullback, *Information Theory and Statistics* (1959), chapter 9.
    ///
    /// ```
    /// use metrics::families::{KlDivergence, Normal};
    ///
    /// let (p, q) = (Normal::new(0.0, 2.0)?, Normal::new(5.0, 1.0)?);
    /// assert!((p.kl_divergence(&q)? - (14.0 - 2f64.ln())).abs() < 1e-14);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let shift = standardized(self.mean, q.mean, q.sd);
        within(Self::NAME, squared_ratio_half_excess(self.sd, q.sd) + 0.5 * shift * shift)
    }
}

family! {
    /// Half-Normal distribution on `[0, ∞)`: the absolute value of a Normal of mean 0.
    ///
    /// ```
    /// use metrics::families::HalfNormal;
    ///
    /// assert!((HalfNormal::new(1.0)?.mean() - (2.0 / std::f64::consts::PI).sqrt()).abs() < 1e-15);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    HalfNormal, "half_normal" {
        /// Standard deviation of the Normal whose absolute value this is.
        sd: Positive,
    }
}

impl HalfNormal {
    /// Mean, `sd sqrt(2 / π)`.
    pub fn mean(&self) -> f64 {
        self.sd * (2.0 / PI).sqrt()
    }

    /// Variance, `sd^2 (1 - 2 / π)`.
    pub fn variance(&self) -> f64 {
        self.sd * self.sd * (1.0 - 2.0 / PI)
    }

    /// Logarithm of the density at x, -∞ below 0.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        let z = x / self.sd;
        if x < 0.0 { f64::NEG_INFINITY } else { -0.5 * z * z - self.sd.ln() + 0.5 * (2.0 / PI).ln() }
    }
}

impl Entropy for HalfNormal {
    /// `H = ln(sd sqrt(π e / 2))`
    fn entropy(&self) -> f64 {
        0.5 * (PI * E / 2.0).ln() + self.sd.ln()
    }
}

impl KlDivergence for HalfNormal {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = ln(sd_q / sd_p) + sd_p^2 / (2 sd_q^2) - 1/2`, that of the two Normals of mean 0: both densities are
    /// doubled on the half that is left.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        within(Self::NAME, squared_ratio_half_excess(self.sd, q.sd))
    }
}

family! {
    /// Log-Normal distribution on `(0, ∞)`: `exp` of a Normal.
    ///
    /// ```
    /// use metrics::families::LogNormal;
    ///
    /// assert!((LogNormal::new(0.0, 1.0)?.mean() - 0.5f64.exp()).abs() < 1e-15);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    LogNormal, "log_normal" {
        /// Mean of the logarithm.
        mu: Finite,
        /// Standard deviation of the logarithm.
        sigma: Positive,
    }
}

impl LogNormal {
    /// Mean, `exp(mu + sigma^2 / 2)`.
    pub fn mean(&self) -> f64 {
        (self.mu + 0.5 * self.sigma * self.sigma).exp()
    }

    /// Variance, `(exp(sigma^2) - 1) mean^2`.
    pub fn variance(&self) -> f64 {
        (self.sigma * self.sigma).exp_m1() * self.mean() * self.mean()
    }

    /// Logarithm of the density at x, -∞ up to 0.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if x <= 0.0 {
            return f64::NEG_INFINITY;
        }
        let z = standardized(x.ln(), self.mu, self.sigma);
        -0.5 * z * z - x.ln() - self.sigma.ln() - 0.5 * TAU.ln()
    }
}

impl Entropy for LogNormal {
    /// `H = mu + ln(sigma sqrt(2 π e))`
    fn entropy(&self) -> f64 {
        0.5 * (TAU * E).ln() + self.sigma.ln() + self.mu
    }
}

impl KlDivergence for LogNormal {
    /// KL(self ‖ q) in nats: that of the two Normals of the logarithm, as KL does not change under a bijection.
    ///
    /// `KL = ln(sigma_q / sigma_p) + (sigma_p^2 + (mu_p - mu_q)^2) / (2 sigma_q^2) - 1/2`
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let shift = standardized(self.mu, q.mu, q.sigma);
        within(Self::NAME, squared_ratio_half_excess(self.sigma, q.sigma) + 0.5 * shift * shift)
    }
}
