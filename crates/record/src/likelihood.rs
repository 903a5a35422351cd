//! Which distribution the pixels have, by its name in a configuration.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The distribution of the pixels, given the decoder's output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// The cross-entropy of grey levels with Bernoulli probabilities: a score, not a likelihood.
    #[default]
    GreyBernoulli,
    /// Pixels that are 0 or 1, as `data.binarise` makes them.
    Bernoulli,
    /// The continuous Bernoulli density of grey levels.
    ContinuousBernoulli,
    /// Normal values, of a [`Variance`].
    Gaussian,
    /// The 256 levels of a pixel under a logistic distribution of learnt scale.
    DiscretisedLogistic,
}

/// Where the variance of the Gaussian likelihood comes from: in a configuration a number, or `"learned"`,
/// `"learned_per_pixel"` or `"optimal"`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Variance {
    /// Given.
    Fixed(f64),
    /// One, learnt.
    Learned,
    /// One for each pixel, learnt.
    LearnedPerPixel,
    /// The mean squared error.
    Optimal,
}

impl Likelihood {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::GreyBernoulli,
        Self::Bernoulli,
        Self::ContinuousBernoulli,
        Self::Gaussian,
        Self::DiscretisedLogistic,
    ];

    /// Its name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GreyBernoulli => "grey_bernoulli",
            Self::Bernoulli => "bernoulli",
            Self::ContinuousBernoulli => "continuous_bernoulli",
            Self::Gaussian => "gaussian",
            Self::DiscretisedLogistic => "discretised_logistic",
        }
    }
}

impl fmt::Display for Likelihood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Variance {
    /// The names of those that are not given.
    pub const NAMES: [&str; 3] = ["learned", "learned_per_pixel", "optimal"];
}

impl Serialize for Variance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [learned, learned_per_pixel, optimal] = Self::NAMES;
        match *self {
            Self::Fixed(variance) => serializer.serialize_f64(variance),
            Self::Learned => serializer.serialize_str(learned),
            Self::LearnedPerPixel => serializer.serialize_str(learned_per_pixel),
            Self::Optimal => serializer.serialize_str(optimal),
        }
    }
}

impl<'de> Deserialize<'de> for Variance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrName;

        impl Visitor<'_> for NumberOrName {
            type Value = Variance;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let names = Variance::NAMES.map(|name| format!("\"{name}\"")).join(", ");
                write!(f, "a finite number above 0, or one of {names}")
            }

            fn visit_f64<E: Error>(self, variance: f64) -> Result<Variance, E> {
                Ok(Variance::Fixed(variance))
            }

            fn visit_i64<E: Error>(self, variance: i64) -> Result<Variance, E> {
                Ok(Variance::Fixed(variance as f64))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Variance, E> {
                let [learned, learned_per_pixel, optimal] = Variance::NAMES;
                match name {
                    _ if name == learned => Ok(Variance::Learned),
                    _ if name == learned_per_pixel => Ok(Variance::LearnedPerPixel),
                    _ if name == optimal => Ok(Variance::Optimal),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(name), &self)),
                }
            }
        }

        deserializer.deserialize_any(NumberOrName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_configurations() {
        for likelihood in Likelihood::ALL {
            let written = toml::Value::try_from(likelihood).unwrap();
            assert_eq!(written.as_str(), Some(likelihood.name()));
        }
    }
}
