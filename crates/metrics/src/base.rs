//! The unit that a divergence is expressed in.

use std::f64::consts::LN_2;
use std::fmt;
use std::str::FromStr;

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
/// assert_eq!("4".parse(), Base::of(4.0));
/// assert_eq!(["nats", "bits", "4"].map(|text| text.parse::<Base>().unwrap().to_string()), ["nats", "bits", "base 4"]);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Base {
    /// Base e.
    #[default]
    Nats,
    /// Base 2.
    Bits,
    /// Any other base, from [`Base::of`].
    Other(OtherBase),
}

/// A finite number above 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OtherBase(f64);

impl Base {
    /// The base `base`.
    ///
    /// # Errors
    ///
    /// [`DivergenceError::InvalidBase`] unless `base` is finite and above 1.
    pub fn of(base: f64) -> Result<Self, DivergenceError> {
        if base.is_finite() && base > 1.0 {
            Ok(Self::Other(OtherBase(base)))
        } else {
            Err(DivergenceError::InvalidBase { base })
        }
    }

    /// How many nats one unit of this base is: `ln b`.
    pub fn nats_per_unit(self) -> f64 {
        match self {
            Self::Nats => 1.0,
            Self::Bits => LN_2,
            Self::Other(OtherBase(base)) => base.ln(),
        }
    }

    /// `nats` expressed in this base: `nats / ln b`.
    pub fn from_nats(self, nats: f64) -> f64 {
        nats / self.nats_per_unit()
    }
}

/// The name of the unit.
impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nats => f.write_str("nats"),
            Self::Bits => f.write_str("bits"),
            Self::Other(OtherBase(base)) => write!(f, "base {base}"),
        }
    }
}

/// Reads `nats`, `bits` or a number above 1.
impl FromStr for Base {
    type Err = DivergenceError;

    fn from_str(text: &str) -> Result<Self, DivergenceError> {
        match text {
            "nats" | "e" => Ok(Self::Nats),
            "bits" => Ok(Self::Bits),
            _ => text
                .parse()
                .ok()
                .and_then(|base| Self::of(base).ok())
                .ok_or_else(|| DivergenceError::UnknownBase { text: text.to_owned() }),
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
            assert!(base.to_string().parse::<Base>().is_err(), "base {base}");
        }
        assert_eq!(Base::of(10.0).unwrap().from_nats(1000f64.ln()), 1000f64.ln() / 10f64.ln());
    }
}
