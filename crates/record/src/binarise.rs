//! How grey levels become binary, as written in a configuration.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How grey levels from 0 to 1 become 0 or 1, for the Bernoulli likelihood.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Binarise {
    /// They stay as they are.
    #[default]
    None,
    /// Each pixel is drawn once, with its grey level as the probability of 1.
    Static,
    /// The pixels of training images are drawn anew in every epoch; those that networks are measured on, once.
    Dynamic,
    /// A grey level of at least this is 1.
    Fixed(f64),
}

impl Binarise {
    const NAMES: [&str; 3] = ["none", "static", "dynamic"];
}

impl Serialize for Binarise {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let [none, drawn_once, drawn_anew] = Self::NAMES;
        match *self {
            Self::None => serializer.serialize_str(none),
            Self::Static => serializer.serialize_str(drawn_once),
            Self::Dynamic => serializer.serialize_str(drawn_anew),
            Self::Fixed(threshold) => serializer.serialize_f64(threshold),
        }
    }
}

impl<'de> Deserialize<'de> for Binarise {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrThreshold;

        impl Visitor<'_> for NameOrThreshold {
            type Value = Binarise;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let names = Binarise::NAMES.map(|name| format!("\"{name}\"")).join(", ");
                write!(f, "{names}, or a threshold such as 0.5")
            }

            fn visit_f64<E: Error>(self, threshold: f64) -> Result<Binarise, E> {
                Ok(Binarise::Fixed(threshold))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Binarise, E> {
                let [none, drawn_once, drawn_anew] = Binarise::NAMES;
                match name {
                    _ if name == none => Ok(Binarise::None),
                    _ if name == drawn_once => Ok(Binarise::Static),
                    _ if name == drawn_anew => Ok(Binarise::Dynamic),
                    _ => Err(E::invalid_value(Unexpected::Str(name), &self)),
                }
            }
        }

        deserializer.deserialize_any(NameOrThreshold)
    }
}
