//! The backends by name, and the device that a name stands for.

use anyhow::{Result, bail};
use burn::tensor::Device;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum Backend {
    /// The CPU, by Burn's Flex: the default and the fastest without a GPU.
    Flex,
    /// The CPU, by the ndarray crate: for comparison.
    NdArray,
    /// Any graphics card, by whichever graphics interface the system offers.
    Wgpu,
    /// A graphics card, by Vulkan.
    Vulkan,
    /// An Apple graphics card, by Metal.
    Metal,
    /// An Nvidia graphics card, by CUDA.
    Cuda,
    /// An AMD graphics card, by ROCm.
    Rocm,
}

impl Backend {
    /// The name in configurations and on the command line, and of the Cargo feature.
    pub fn name(self) -> &'static str {
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

    /// The device to train on.
    ///
    /// # Errors
    ///
    /// Fails when the program was built without the backend, and when the machine has no such device.
    pub fn device(self) -> Result<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "ndarray")]
            // Burn deprecates it in favour of Flex; klsweep keeps it to compare the two.
            #[allow(deprecated)]
            Self::NdArray => Ok(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => self.first_of(burn::tensor::DeviceType::Wgpu),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => self.first_of(burn::tensor::DeviceType::Vulkan),
            #[cfg(feature = "metal")]
            Self::Metal => self.first_of(burn::tensor::DeviceType::Metal),
            #[cfg(feature = "cuda")]
            Self::Cuda => self.first_of(burn::tensor::DeviceType::Cuda),
            #[cfg(feature = "rocm")]
            Self::Rocm => self.first_of(burn::tensor::DeviceType::Rocm),
            #[allow(unreachable_patterns)]
            absent => {
                let name = absent.name();
                bail!(
                    "this program was built without the backend {name}: build it with `--features {name}`, \
                     or choose one of {}",
                    Self::built().join(", ")
                )
            }
        }
    }

    /// The names of the backends that this program was built with.
    fn built() -> Vec<&'static str> {
        let of_feature = [
            (cfg!(feature = "flex"), Self::Flex),
            (cfg!(feature = "ndarray"), Self::NdArray),
            (cfg!(feature = "wgpu"), Self::Wgpu),
            (cfg!(feature = "vulkan"), Self::Vulkan),
            (cfg!(feature = "metal"), Self::Metal),
            (cfg!(feature = "cuda"), Self::Cuda),
            (cfg!(feature = "rocm"), Self::Rocm),
        ];
        of_feature.into_iter().filter(|(built, _)| *built).map(|(_, backend)| backend.name()).collect()
    }

    /// The first device of a kind that the system lists.
    #[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
    fn first_of(self, kind: burn::tensor::DeviceType) -> Result<Device> {
        use anyhow::Context;
        // A driver that is not there is a panic in some of the backends.
        let devices = crate::quiet::catch_panic(|| Device::enumerate(kind).into_vec()).unwrap_or_default();
        devices.into_iter().next().with_context(|| {
            format!(
                "the backend {} found no device on this machine: install a driver for the graphics card (a software \
                 one is Debian's mesa-vulkan-drivers), or train on the processor with `--backend flex`",
                self.name()
            )
        })
    }
}
