//! Uniform and Pareto: distributions whose support is a parameter.

use super::error::FamilyError;
use super::kl::{KlDivergence, within};
use super::parameters::{Range, family, write_call};
use super::special::{ratio_excess, standardized};

/// Uniform distribution on [low, high].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uniform {
    low: f64,
    high: f64,
}

impl Uniform {
    pub(super) const NAME: &'static str = "uniform";
    pub(super) const PARAMETERS: &'static [&'static str] = &["low", "high"];

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
    Pareto, "pareto" {
        /// Scale: the lower end of the support.
        scale: Positive,
        /// Shape: the tail index.
        shape: Positive,
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
