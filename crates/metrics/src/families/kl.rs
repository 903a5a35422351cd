//! What it is to have a Kullback-Leibler divergence.

use super::error::FamilyError;

/// A distribution with an entropy.
pub trait Entropy {
    /// Entropy in nats: Shannon's for counts, the differential one, which may be negative, for what has a density.
    fn entropy(&self) -> f64;
}

/// A closed-form Kullback-Leibler divergence KL(self ‖ q), in nats.
///
/// Implemented for every pair of families that has one, so that a pair without one does not compile, and for two
/// [`Distribution`](super::Distribution)s of any family.
///
/// ```
/// use metrics::families::{KlDivergence, Laplace, Normal};
///
/// let (p, q) = (Normal::new(0.0, 1.0)?, Laplace::new(0.0, 1.0)?);
/// let kl = p.kl_divergence(&q)?;
/// // ln 2 + E|X| - ln(2 π e) / 2
/// assert!((kl - 0.072_093_208_158_1).abs() < 1e-12);
/// # Ok::<(), metrics::families::FamilyError>(())
/// ```
pub trait KlDivergence<Q: ?Sized = Self>: Entropy {
    /// KL(self ‖ q) in nats, at least 0; infinite where self has mass outside the support of q.
    ///
    /// # Errors
    ///
    /// [`FamilyError::OutOfRange`] for parameters at the limits of `f64` between which a term of the closed form
    /// overflows and has no value, and [`FamilyError::Dimensions`] for vectors of different length.
    fn kl_divergence(&self, q: &Q) -> Result<f64, FamilyError>;

    /// Cross-entropy `H(P, Q) = H(P) + KL(P ‖ Q) = -E_P[ln q(X)]` in nats.
    ///
    /// # Errors
    ///
    /// As for [`kl_divergence`](Self::kl_divergence).
    fn cross_entropy(&self, q: &Q) -> Result<f64, FamilyError> {
        Ok(self.entropy() + self.kl_divergence(q)?)
    }
}

/// The divergence of two members of one family: see [`in_range`].
pub(super) fn within(family: &'static str, kl: f64) -> Result<f64, FamilyError> {
    in_range(family, family, kl)
}

/// A divergence that has a value; NaN is what is left where two terms overflowed.
pub(super) fn in_range(p: &'static str, q: &'static str, kl: f64) -> Result<f64, FamilyError> {
    if kl.is_nan() { Err(FamilyError::OutOfRange { p, q }) } else { Ok(kl.max(0.0)) }
}
