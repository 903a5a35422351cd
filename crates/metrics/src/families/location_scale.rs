//! Laplace, Gumbel and Cauchy: distributions on the real line with a location and a scale.

use std::f64::consts::{LN_2, PI};

use super::error::FamilyError;
use super::kl::{Entropy, KlDivergence, within};
use super::parameters::family;
use crate::numeric::special::{
    EULER_GAMMA, exp_excess, ln_gamma_divergence, ln_gamma_of_one_plus, ratio_excess, standardized,
};

family! {
    /// Laplace distribution, with density `exp(-|x - location| / scale) / (2 scale)`.
    ///
    /// ```
    /// use metrics::families::{Entropy, Laplace};
    ///
    /// let d = Laplace::new(0.0, 1.0)?;
    /// assert!((d.entropy() - (1.0 + 2f64.ln())).abs() < 1e-15);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Laplace, "laplace" {
        /// Location: mean, median and mode.
        location: Finite,
        /// Scale: the mean distance from the location.
        scale: Positive,
    }
}

impl Laplace {
    /// Mean: the location.
    pub fn mean(&self) -> f64 {
        self.location
    }

    /// Variance, `2 scale^2`.
    pub fn variance(&self) -> f64 {
        2.0 * self.scale * self.scale
    }

    /// Logarithm of the density at x.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        -standardized(x, self.location, self.scale).abs() - LN_2 - self.scale.ln()
    }
}

impl Entropy for Laplace {
    /// `H = 1 + ln(2 scale)`
    fn entropy(&self) -> f64 {
        1.0 + LN_2 + self.scale.ln()
    }
}

impl KlDivergence for Laplace {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = ln(b_q / b_p) + d / b_q + (b_p / b_q) exp(-d / b_p) - 1`, `d = |location_p - location_q|`, scales b.
    ///
    /// Source: Gil, Alajaji and Linder, *Rényi divergence measures for commonly used univariate continuous
    /// distributions* (2013), table 2.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let distance = standardized(self.location, q.location, self.scale).abs();
        let shift = if distance == 0.0 {
            0.0
        } else if distance.is_finite() {
            self.scale / q.scale * exp_excess(-distance)
        } else {
            // Beyond the range of d / b_p the exponential is 0 and d / b_q may still be finite.
            standardized(self.location, q.location, q.scale).abs()
        };
        within(Self::NAME, ratio_excess(self.scale, q.scale) + shift)
    }
}

family! {
    /// Gumbel distribution of maxima, with cumulative distribution `exp(-exp(-(x - location) / scale))`.
    ///
    /// ```
    /// use metrics::families::Gumbel;
    ///
    /// let euler = 0.577_215_664_901_532_9;
    /// assert!((Gumbel::new(0.0, 1.0)?.mean() - euler).abs() < 1e-15);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Gumbel, "gumbel" {
        /// Location: the mode.
        location: Finite,
        /// Scale.
        scale: Positive,
    }
}

impl Gumbel {
    /// The KL as a function of `δ = (location_p - location_q) / scale_q` and the two scales.
    pub(super) fn kl_of_standardized(shift: f64, scale_p: f64, scale_q: f64) -> f64 {
        // With x = ln Γ(1 + r) - δ the textbook form is (exp(x) - 1 - x) + (ln Γ(r) + γ (r - 1)). The second bracket is
        // the Bregman divergence of ln Γ between r and 1, since ln Γ(1) = 0 and ψ(1) = -γ.
        let r = scale_p / scale_q;
        if r > 0.0 && r.is_finite() {
            let x = ln_gamma_of_one_plus(r) - shift;
            exp_excess(x) + ln_gamma_divergence(r, 1.0)
        } else {
            // The ratio left the range of f64. As r goes to 0, ln Γ(r) + γ (r - 1) becomes ln(1 / r) - γ; as it goes to
            // infinity, Γ(1 + r) is infinite long before r is.
            if r > 1.0 {
                f64::INFINITY
            } else {
                exp_excess(-shift) + scale_q.ln() - scale_p.ln() - EULER_GAMMA
            }
        }
    }
}

impl Gumbel {
    /// Mean, `location + γ scale`.
    pub fn mean(&self) -> f64 {
        self.location + EULER_GAMMA * self.scale
    }

    /// Variance, `(π scale)^2 / 6`.
    pub fn variance(&self) -> f64 {
        (PI * self.scale).powi(2) / 6.0
    }

    /// Logarithm of the density at x.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        let z = standardized(x, self.location, self.scale);
        // Far below, exp(-z) outweighs z.
        if z == f64::NEG_INFINITY { z } else { -(z + (-z).exp()) - self.scale.ln() }
    }
}

impl Entropy for Gumbel {
    /// `H = 1 + γ + ln(scale)`
    fn entropy(&self) -> f64 {
        1.0 + EULER_GAMMA + self.scale.ln()
    }
}

impl KlDivergence for Gumbel {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = ln(s_q / s_p) + γ (s_p / s_q - 1) + δ + exp(-δ) Γ(1 + s_p / s_q) - 1`, `δ = (location_p - location_q) / s_q`,
    /// scales s, and γ the Euler-Mascheroni constant.
    ///
    /// Source: Gil, Alajaji and Linder (2013), table 2.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        within(
            Self::NAME,
            Self::kl_of_standardized(standardized(self.location, q.location, q.scale), self.scale, q.scale),
        )
    }
}

family! {
    /// Cauchy distribution, with density `scale / (π (scale^2 + (x - location)^2))`.
    ///
    /// ```
    /// use metrics::families::{Cauchy, Entropy};
    ///
    /// let d = Cauchy::new(0.0, 1.0)?;
    /// assert!((d.entropy() - (4.0 * std::f64::consts::PI).ln()).abs() < 1e-15);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Cauchy, "cauchy" {
        /// Location: median and mode.
        location: Finite,
        /// Scale: half the interquartile range.
        scale: Positive,
    }
}

impl Cauchy {
    /// Logarithm of the density at x.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        let z = standardized(x, self.location, self.scale).abs();
        let ln_one_plus_square = if z < 1e8 { (z * z).ln_1p() } else { 2.0 * z.ln() };
        -ln_one_plus_square - PI.ln() - self.scale.ln()
    }
}

impl Entropy for Cauchy {
    /// `H = ln(4 π scale)`
    fn entropy(&self) -> f64 {
        (4.0 * PI).ln() + self.scale.ln()
    }
}

impl KlDivergence for Cauchy {
    /// KL(self ‖ q) in nats; symmetric in its arguments, as for no other family here.
    ///
    /// `KL = ln(((s_p + s_q)^2 + (location_p - location_q)^2) / (4 s_p s_q))`, scales s.
    ///
    /// Source: Chyzak and Nielsen, *A closed-form formula for the Kullback-Leibler divergence between Cauchy
    /// distributions* (2019).
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        // ((s_p - s_q)^2 + d^2) / (4 s_p s_q), in factors that stay in range together.
        let larger = self.scale.max(q.scale);
        let smaller = self.scale.min(q.scale);
        let gap = (larger - smaller) / larger;
        let shift = standardized(self.location, q.location, larger);
        let excess = 0.25 * (gap * gap + shift * shift);
        let ratio = larger / smaller;
        within(
            Self::NAME,
            if (excess * ratio).is_finite() {
                (excess * ratio).ln_1p()
            } else {
                // ln(1 + e) = ln(e) here. The square may be what overflowed: hypot does not.
                let root = if shift.is_finite() {
                    (0.5 * gap.hypot(shift)).ln() + 0.5 * larger.ln()
                } else {
                    // Beside such a distance, no gap counts.
                    (0.5 * self.location - 0.5 * q.location).abs().ln() - 0.5 * larger.ln()
                };
                2.0 * root - smaller.ln()
            },
        )
    }
}
