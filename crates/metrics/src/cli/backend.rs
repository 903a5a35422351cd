//! Backends by name.

use std::panic::{self, AssertUnwindSafe};

use anyhow::{Result, bail};
use burn::tensor::{Device, Tensor};

/// Every name, with the Cargo feature that brings it.
const NAMES: [&str; 7] = ["flex", "ndarray", "wgpu", "vulkan", "cuda", "metal", "rocm"];

/// The device of a backend, once it has shown that it is there.
pub fn device(name: &str) -> Result<Device> {
    let device = match name {
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
    };
    // Burn finds out on first use, and panics.
    let message = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let used = panic::catch_unwind(AssertUnwindSafe(|| drop(Tensor::<1>::zeros([1], &device).into_data())));
    panic::set_hook(message);
    if used.is_err() {
        bail!("backend '{name}' finds no device that it can use on this machine; flex needs none");
    }
    Ok(device)
}
