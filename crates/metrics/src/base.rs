//! The unit that a divergence is expressed in.

use std::f64::consts::LN_2;
use std::fmt;

use crate::error::DivergenceError;

/// The base of the logarithm, and with it the unit of an entropy or a divergence.
///
/// Every function of this crate computes in nats. A divergence is linear in its unit, so that
/// [`Base::from_nats`] afterwards gives the same as another logarithm within; a *distance* (a square root) is not,
/// which is why [`jensen_shannon_distance`](crate::jensen_shannon_distance) takes the base as an argument.
///
/// ```
/// use metrics::{Base, kl_divergence};
///
/// let nats = kl_divergence(&[1.0, 0.0], &[0.5, 0.5])?;
/// assert_eq!(Base::Nats.from_nats(nats), std::f64::consts::LN_2);
/// assert_eq!(Base::Bits.from_nats(nats), 1.0);
/// assert_eq!(Base::of(4.0)?.from_nats(nats), 0.5);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Base {
    /// Base e.
    #[default]
    Nats,
    /// Base 2.
    Bits,
    /// Any other base; [`Base::of`] checks that it is one.
    Of(f64),
}

impl Base {
    /// The base `base`.
    ///
    /// # Errors
    ///
    /// [`DivergenceError::InvalidBase`] unless `base` is finite and above 1.
    pub fn of(base: f64) -> Result<Self, DivergenceError> {
        Self::Of(base).checked()
    }

    /// The same base, once it is known to be finite and above 1.
    ///
    /// # Errors
    ///
    /// [`DivergenceError::InvalidBase`] for an [`Base::Of`] that holds anything else.
    pub fn checked(self) -> Result<Self, DivergenceError> {
        match self {
            Self::Of(base) if !(base.is_finite() && base > 1.0) => Err(DivergenceError::InvalidBase { base }),
            valid => Ok(valid),
        }
    }

    /// How many nats one unit of this base is: `ln b`.
    pub fn nats_per_unit(self) -> f64 {
        match self {
            Self::Nats => 1.0,
            Self::Bits => LN_2,
            Self::Of(base) => base.ln(),
        }
    }

    /// `nats` expressed in this base: `nats / ln b`.
    pub fn from_nats(self, nats: f64) -> f64 {
        nats / self.nats_per_unit()
    }

    /// The name of the unit, as an axis or a column has it.
    pub fn unit(self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nats => f.write_str("nats"),
            Self::Bits => f.write_str("bits"),
            Self::Of(base) => write!(f, "base-{base} units"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_finite_and_above_one() {
        for base in [1.0, 0.5, 0.0, -2.0, f64::INFINITY, f64::NAN] {
            assert!(Base::of(base).is_err(), "base {base}");
        }
        assert_eq!(Base::of(10.0), Ok(Base::Of(10.0)));
    }

    #[test]
    fn units_have_names() {
        let names = [Base::Nats, Base::Bits, Base::Of(10.0)].map(Base::unit);
        assert_eq!(names, ["nats", "bits", "base-10 units"]);
    }
}
