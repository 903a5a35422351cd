//! Exponential, Gamma, inverse-Gamma and Weibull: waiting times on `(0, ∞)`.

use super::error::FamilyError;
use super::kl::{Entropy, KlDivergence, within};
use super::location_scale::Gumbel;
use super::parameters::family;
use crate::numeric::special::{
    EULER_GAMMA, bregman_by_curvature, digamma, ln_gamma_of_one_plus, ln_ratio, ratio_excess, standardized,
    stirling, stirling_divergence, stirling_slope, trigamma,
};

family! {
    /// Exponential distribution on `[0, ∞)`, with density `rate exp(-rate x)`.
    ///
    /// ```
    /// use metrics::families::{Entropy, Exponential};
    ///
    /// let d = Exponential::new(2.0)?;
    /// assert_eq!((d.mean(), d.entropy()), (0.5, 1.0 - 2f64.ln()));
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Exponential, "exponential" {
        /// Rate, the inverse of the mean.
        rate: Positive,
    }
}

impl Exponential {
    /// Mean, `1 / rate`.
    pub fn mean(&self) -> f64 {
        1.0 / self.rate
    }

    /// Variance, `1 / rate^2`.
    pub fn variance(&self) -> f64 {
        1.0 / self.rate / self.rate
    }

    /// Logarithm of the density at x, -∞ below 0.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if x < 0.0 { f64::NEG_INFINITY } else { self.rate.ln() - self.rate * x }
    }
}

impl Entropy for Exponential {
    /// `H = 1 - ln(rate)`
    fn entropy(&self) -> f64 {
        1.0 - self.rate.ln()
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
    ///
    /// ```
    /// use metrics::families::Gamma;
    ///
    /// let d = Gamma::new(2.0, 0.5)?;
    /// assert_eq!((d.mean(), d.variance()), (4.0, 8.0));
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Gamma, "gamma" {
        /// Shape.
        shape: Positive,
        /// Rate, the inverse of the scale.
        rate: Positive,
    }
}

impl Gamma {
    /// Mean, `shape / rate`.
    pub fn mean(&self) -> f64 {
        self.shape / self.rate
    }

    /// Variance, `shape / rate^2`.
    pub fn variance(&self) -> f64 {
        self.shape / self.rate / self.rate
    }

    /// Logarithm of the density at x, -∞ up to 0.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if x <= 0.0 || x == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        // With the mean m = shape / rate and r = x / m: -shape (r - 1 - ln r) - ln x - S(shape).
        -self.shape * ratio_excess(x, self.mean()) - x.ln() - stirling(self.shape)
    }

    /// The entropy for a rate of 1, without the parts that cancel for a large shape.
    fn entropy_of_rate_one(&self) -> f64 {
        self.shape.ln() + stirling(self.shape) + (1.0 / self.shape - 1.0) * stirling_slope(self.shape)
    }
}

impl Entropy for Gamma {
    /// `H = shape - ln(rate) + ln Γ(shape) + (1 - shape) ψ(shape)`
    fn entropy(&self) -> f64 {
        self.entropy_of_rate_one() - self.rate.ln()
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
    ///
    /// ```
    /// use metrics::families::InverseGamma;
    ///
    /// assert_eq!(InverseGamma::new(3.0, 4.0)?.mean(), 2.0);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
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

impl InverseGamma {
    /// Mean, `scale / (shape - 1)`; infinite for a shape up to 1.
    pub fn mean(&self) -> f64 {
        if self.shape > 1.0 { self.scale / (self.shape - 1.0) } else { f64::INFINITY }
    }

    /// Variance, `mean^2 / (shape - 2)`; infinite for a shape up to 2.
    pub fn variance(&self) -> f64 {
        if self.shape > 2.0 { self.mean() * self.mean() / (self.shape - 2.0) } else { f64::INFINITY }
    }

    /// Logarithm of the density at x, -∞ up to 0.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        // y = 1 / x is Gamma, and |dy / dx| is 1 / x^2.
        if x <= 0.0 { f64::NEG_INFINITY } else { self.inverse().ln_pdf(1.0 / x) - 2.0 * x.ln() }
    }
}

impl Entropy for InverseGamma {
    /// `H = shape + ln(scale Γ(shape)) - (1 + shape) ψ(shape)`
    fn entropy(&self) -> f64 {
        // X = 1 / Y adds E[ln |dX / dY|] = -2 E[ln Y].
        self.inverse().entropy_of_rate_one() + self.scale.ln() - 2.0 * digamma(self.shape)
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
    ///
    /// ```
    /// use metrics::families::{Entropy, Weibull};
    ///
    /// // Of shape 1 it is exponential.
    /// assert!((Weibull::new(1.0, 1.0)?.entropy() - 1.0).abs() < 1e-15);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Weibull, "weibull" {
        /// Scale.
        scale: Positive,
        /// Shape.
        shape: Positive,
    }
}

impl Weibull {
    /// Mean, `scale Γ(1 + 1 / shape)`.
    pub fn mean(&self) -> f64 {
        let x = 1.0 / self.shape;
        if x < 100.0 {
            libm::tgamma(1.0 + x) * self.scale
        } else {
            (ln_gamma_of_one_plus(x) + self.scale.ln()).exp()
        }
    }

    /// Variance, `scale^2 (Γ(1 + 2 / shape) - Γ(1 + 1 / shape)^2)`.
    pub fn variance(&self) -> f64 {
        self.mean() * self.mean() * self.relative_variance()
    }

    /// Logarithm of the density at x, -∞ up to 0.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if x <= 0.0 || x == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        let ln_ratio = ln_ratio(x, self.scale);
        self.shape.ln() - self.scale.ln() + (self.shape - 1.0) * ln_ratio - (self.shape * ln_ratio).exp()
    }

    /// `Γ(1 + 2 / shape) / Γ(1 + 1 / shape)^2 - 1`: the variance over the squared mean.
    pub(super) fn relative_variance(&self) -> f64 {
        let x = 1.0 / self.shape;
        if x > 0.2 {
            return (ln_gamma_of_one_plus(2.0 * x) - 2.0 * ln_gamma_of_one_plus(x)).exp_m1();
        }
        // ln Γ(1 + 2 x) + ln Γ(1) - 2 ln Γ(1 + x) as the two Bregman divergences from the middle.
        let curvature = |s: f64| x * x * trigamma(1.0 + s);
        (bregman_by_curvature(x, 2.0 * x, curvature) + bregman_by_curvature(x, 0.0, curvature)).exp_m1()
    }
}

impl Entropy for Weibull {
    /// `H = γ (1 - 1 / shape) + ln(scale / shape) + 1`
    fn entropy(&self) -> f64 {
        EULER_GAMMA * (1.0 - 1.0 / self.shape) + self.scale.ln() - self.shape.ln() + 1.0
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
