//! Exponential, Gamma, inverse-Gamma and Weibull: waiting times on `(0, ∞)`.

use super::error::FamilyError;
use super::kl::{KlDivergence, within};
use super::location_scale::Gumbel;
use super::parameters::family;
use super::special::{ratio_excess, standardized, stirling_divergence};

family! {
    /// Exponential distribution on `[0, ∞)`, with density `rate exp(-rate x)`.
    Exponential, "exponential" {
        /// Rate, the inverse of the mean.
        rate: Positive,
    }
}

impl KlDivergence for Exponential {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = ln(rate_p / rate_q) + rate_q / rate_p - 1`
    ///
    /// Source: Gil, Alajaji and Linder, *Rényi divergence measures for commonly used univariate continuous
    /// distributions* (2013), table 2.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        within(Self::NAME, ratio_excess(q.rate, self.rate))
    }
}

family! {
    /// Gamma distribution on `(0, ∞)`, with density `rate^shape x^(shape - 1) exp(-rate x) / Γ(shape)`.
    Gamma, "gamma" {
        /// Shape.
        shape: Positive,
        /// Rate, the inverse of the scale.
        rate: Positive,
    }
}

impl KlDivergence for Gamma {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = (a_p - a_q) ψ(a_p) - ln Γ(a_p) + ln Γ(a_q) + a_q ln(b_p / b_q) + a_p (b_q - b_p) / b_p`, with shapes a and
    /// rates b.
    ///
    /// Computed as a sum of two non-negative parts, one of the means `m = a / b` and one of the shapes:
    /// `a_q (m_p/m_q - 1 - ln(m_p/m_q)) + S(a_q) - S(a_p) - (a_q - a_p) S'(a_p)`, `S(a) = ln Γ(a) - a ln a + a`.
    ///
    /// Source: Gil, Alajaji and Linder (2013), table 2.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let ratio = (self.shape / q.shape) / (self.rate / q.rate);
        let means = if ratio > 0.0 && ratio.is_finite() {
            q.shape * ratio_excess(ratio, 1.0)
        } else {
            // The ratio left the range of f64, on its own or by its parts.
            let ln_ratio = (self.shape.ln() - q.shape.ln()) - (self.rate.ln() - q.rate.ln());
            (ln_ratio + q.shape.ln()).exp() - q.shape * (1.0 + ln_ratio)
        };
        within(Self::NAME, means + stirling_divergence(q.shape, self.shape))
    }
}

family! {
    /// Inverse-Gamma distribution on `(0, ∞)`: of `1 / X` where X is Gamma with this shape and with `scale` as its rate.
    InverseGamma, "inverse_gamma" {
        /// Shape.
        shape: Positive,
        /// Scale.
        scale: Positive,
    }
}

impl InverseGamma {
    fn inverse(&self) -> Gamma {
        Gamma { shape: self.shape, rate: self.scale }
    }
}

impl KlDivergence for InverseGamma {
    /// KL(self ‖ q) in nats: that of the two Gamma distributions of `1 / X`, as KL does not change under a bijection.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        self.inverse().kl_divergence(&q.inverse())
    }
}

family! {
    /// Weibull distribution on `(0, ∞)`, with density `(k / l) (x / l)^(k - 1) exp(-(x / l)^k)`, scale l, shape k.
    Weibull, "weibull" {
        /// Scale.
        scale: Positive,
        /// Shape.
        shape: Positive,
    }
}

impl KlDivergence for Weibull {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = ln(k_p / l_p^k_p) - ln(k_q / l_q^k_q) + (k_p - k_q) (ln l_p - γ / k_p) + (l_p / l_q)^k_q Γ(k_q / k_p + 1) - 1`
    ///
    /// Computed as that of the two Gumbel distributions of `-ln X`, locations `-ln l` and scales `1 / k`.
    ///
    /// Source: Bauckhage, *Computing the Kullback-Leibler divergence between two Weibull distributions* (2013).
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        // (location_p - location_q) / scale_q and scale_p / scale_q, from the ratios rather than through logarithms of
        // each scale: equal scales give exactly 0.
        let ratio = q.scale / self.scale;
        let ln_ratio = if (0.5..2.0).contains(&ratio) {
            standardized(q.scale, self.scale, self.scale).ln_1p()
        } else {
            q.scale.ln() - self.scale.ln()
        };
        within(Self::NAME, Gumbel::kl_of_standardized(q.shape * ln_ratio, q.shape, self.shape))
    }
}
