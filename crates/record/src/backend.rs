//! What computes, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::did_you_mean::nearest;

/// A backend of Burn. Whether a program was built with it is the program's to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The processor, by Burn's Flex: the default and the fastest without a graphics card.
    Flex,
    /// The processor, by the crate ndarray: for comparison.
    NdArray,
    /// Any graphics card, by whichever graphics interface the system offers.
    Wgpu,
    /// A graphics card, by Vulkan.
    Vulkan,
    /// An Apple graphics card.
    Metal,
    /// An Nvidia graphics card.
    Cuda,
    /// An AMD graphics card.
    Rocm,
}

impl Backend {
    /// All of them, those that need no graphics card first.
    pub const ALL: [Self; 7] =
        [Self::Flex, Self::NdArray, Self::Wgpu, Self::Vulkan, Self::Metal, Self::Cuda, Self::Rocm];

    /// The name in configurations, on the command line, and of the Cargo feature.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::NdArray => "ndarray",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Backend {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|backend| backend.name() == text).ok_or_else(|| {
            let meant = nearest(text, names).map(|name| format!("; did you mean {name}?"));
            format!(
                "no backend is called {text:?}: the known ones are {}{}",
                names.join(", "),
                meant.unwrap_or_default()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_the_same_way_everywhere() {
        for backend in Backend::ALL {
            assert_eq!(backend.name().parse(), Ok(backend));
            assert_eq!(serde_json::to_string(&backend).unwrap(), format!("\"{backend}\""));
        }
    }

    #[test]
    fn a_mistyped_name_is_corrected() {
        let error = "vulcan".parse::<Backend>().unwrap_err();
        assert!(error.contains("flex, ndarray, wgpu") && error.ends_with("did you mean vulkan?"), "{error}");
        assert!(!"quantum".parse::<Backend>().unwrap_err().contains("did you mean"));
    }
}
