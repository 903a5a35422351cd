//! Uniform and Pareto: distributions whose support is a parameter.

use super::error::FamilyError;
use super::kl::{Entropy, KlDivergence, within};
use super::parameters::{Range, family, write_call};
use super::parse::Call;
use crate::numeric::special::{ln_ratio, ratio_excess, standardized};

/// Uniform distribution on [low, high].
///
/// ```
/// use metrics::families::{Entropy, Uniform};
///
/// let d = Uniform::new(-1.0, 3.0)?;
/// assert_eq!((d.mean(), d.entropy()), (1.0, 4f64.ln()));
/// # Ok::<(), metrics::families::FamilyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uniform {
    low: f64,
    high: f64,
}

impl Uniform {
    pub(super) const NAME: &'static str = "uniform";
    pub(super) const PARAMETERS: &'static [&'static str] = &["low", "high"];

    pub(super) fn from_call(call: &Call) -> Result<Self, FamilyError> {
        let [low, high] = call.numbers(Self::NAME, Self::PARAMETERS)?;
        Self::new(low, high)
    }

    /// Takes the two ends of the interval.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Parameter`] for one that is not finite, [`FamilyError::EmptyInterval`] unless low is below high.
    pub fn new(low: f64, high: f64) -> Result<Self, FamilyError> {
        Range::Finite.check(Self::NAME, "low", low)?;
        Range::Finite.check(Self::NAME, "high", high)?;
        if low >= high || !(high - low).is_finite() {
            return Err(FamilyError::EmptyInterval { low, high });
        }
        Ok(Self { low, high })
    }

    /// Lower end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Upper end.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Length of the interval.
    pub fn width(&self) -> f64 {
        self.high - self.low
    }
}

impl Uniform {
    /// Mean: the middle.
    pub fn mean(&self) -> f64 {
        self.low + 0.5 * self.width()
    }

    /// Variance, `width^2 / 12`.
    pub fn variance(&self) -> f64 {
        self.width() * self.width() / 12.0
    }

    /// Logarithm of the density at x, -∞ outside the interval.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if self.low <= x && x <= self.high { -self.width().ln() } else { f64::NEG_INFINITY }
    }
}

impl Entropy for Uniform {
    /// `H = ln(high - low)`
    fn entropy(&self) -> f64 {
        self.width().ln()
    }
}

impl KlDivergence for Uniform {
    /// KL(self ‖ q) in nats; infinite unless the interval of self lies within that of q.
    ///
    /// `KL = ln(width_q / width_p)`
    ///
    /// Source: Cover and Thomas, *Elements of Information Theory*, section 8.5.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        if self.low < q.low || self.high > q.high {
            return Ok(f64::INFINITY);
        }
        // The width that q has beyond p, over p's: accurate where the two are nearly equal.
        let excess = ((self.low - q.low) + (q.high - self.high)) / self.width();
        within(
            Self::NAME,
            if excess.is_finite() { excess.ln_1p() } else { q.width().ln() - self.width().ln() },
        )
    }
}

impl std::fmt::Display for Uniform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_call(f, Self::NAME, &[self.low, self.high])
    }
}

family! {
    /// Pareto distribution on [scale, ∞), with density `shape scale^shape / x^(shape + 1)`.
    ///
    /// ```
    /// use metrics::families::Pareto;
    ///
    /// assert_eq!(Pareto::new(1.0, 2.0)?.mean(), 2.0);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Pareto, "pareto" {
        /// Scale: the lower end of the support.
        scale: Positive,
        /// Shape: the tail index.
        shape: Positive,
    }
}

impl Pareto {
    /// Mean, `shape scale / (shape - 1)`; infinite for a shape up to 1.
    pub fn mean(&self) -> f64 {
        if self.shape > 1.0 { self.shape / (self.shape - 1.0) * self.scale } else { f64::INFINITY }
    }

    /// Variance, `mean^2 / (shape (shape - 2))`; infinite for a shape up to 2.
    pub fn variance(&self) -> f64 {
        if self.shape > 2.0 {
            self.mean() * self.mean() / self.shape / (self.shape - 2.0)
        } else {
            f64::INFINITY
        }
    }

    /// Logarithm of the density at x, -∞ below the scale.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if x < self.scale {
            return f64::NEG_INFINITY;
        }
        self.shape.ln() - self.shape * ln_ratio(x, self.scale) - x.ln()
    }
}

impl Entropy for Pareto {
    /// `H = ln(scale / shape) + 1 + 1 / shape`
    fn entropy(&self) -> f64 {
        self.scale.ln() - self.shape.ln() + 1.0 + 1.0 / self.shape
    }
}

impl KlDivergence for Pareto {
    /// KL(self ‖ q) in nats; infinite where self starts below q.
    ///
    /// `KL = shape_q ln(scale_p / scale_q) + ln(shape_p / shape_q) + shape_q / shape_p - 1`
    ///
    /// Source: Gil, Alajaji and Linder, *Rényi divergence measures for commonly used univariate continuous
    /// distributions* (2013), table 2.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        if self.scale < q.scale {
            return Ok(f64::INFINITY);
        }
        let excess = standardized(self.scale, q.scale, q.scale);
        let ln_ratio = if excess.is_finite() { excess.ln_1p() } else { self.scale.ln() - q.scale.ln() };
        within(Self::NAME, q.shape * ln_ratio + ratio_excess(q.shape, self.shape))
    }
}
