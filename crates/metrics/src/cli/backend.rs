//! Backends by name.

use anyhow::{Result, bail};
use burn::tensor::Device;

/// Every name, with the Cargo feature that brings it.
const NAMES: [&str; 7] = ["flex", "ndarray", "wgpu", "vulkan", "cuda", "metal", "rocm"];

/// The device of a backend.
pub fn device(name: &str) -> Result<Device> {
    Ok(match name {
        #[cfg(feature = "flex")]
        "flex" => Device::flex(),
        #[cfg(feature = "ndarray")]
        #[expect(deprecated, reason = "Burn 0.22 is the last release with it, and it is kept for comparison")]
        "ndarray" => Device::ndarray(),
        #[cfg(feature = "wgpu")]
        "wgpu" => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
        #[cfg(feature = "vulkan")]
        "vulkan" => Device::vulkan(burn::tensor::DeviceKind::DefaultDevice),
        #[cfg(feature = "cuda")]
        "cuda" => Device::cuda(0),
        #[cfg(feature = "metal")]
        "metal" => Device::metal(burn::tensor::DeviceKind::DefaultDevice),
        #[cfg(feature = "rocm")]
        "rocm" => Device::rocm(0),
        name if NAMES.contains(&name) => {
            bail!("this build has no backend '{name}': build it with --features {name}")
        }
        name => bail!("no backend is called '{name}'; the known ones are {}", NAMES.join(", ")),
    })
}
