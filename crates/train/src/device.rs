//! The device that the name of a backend stands for.

use anyhow::{Result, bail};
use burn::tensor::Device;
use record::Backend;

/// The device to train on.
///
/// # Errors
///
/// Fails when the program was built without the backend, and when the machine has no such device.
pub fn device(backend: Backend) -> Result<Device> {
    match backend {
        #[cfg(feature = "flex")]
        Backend::Flex => Ok(Device::flex()),
        #[cfg(feature = "ndarray")]
        // Burn deprecates it in favour of Flex; klsweep keeps it to compare the two.
        #[allow(deprecated)]
        Backend::NdArray => Ok(Device::ndarray()),
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => first_of(backend, burn::tensor::DeviceType::Wgpu),
        #[cfg(feature = "vulkan")]
        Backend::Vulkan => first_of(backend, burn::tensor::DeviceType::Vulkan),
        #[cfg(feature = "metal")]
        Backend::Metal => first_of(backend, burn::tensor::DeviceType::Metal),
        #[cfg(feature = "cuda")]
        Backend::Cuda => first_of(backend, burn::tensor::DeviceType::Cuda),
        #[cfg(feature = "rocm")]
        Backend::Rocm => first_of(backend, burn::tensor::DeviceType::Rocm),
        #[allow(unreachable_patterns)]
        absent => {
            bail!(
                "this program was built without the backend {absent}: build it with `--features {absent}`, or choose one \
                 of {}",
                built().join(", ")
            )
        }
    }
}

/// A device for work that is too little to wait for a graphics card: of the first backend that has one.
pub fn any_device() -> Result<Device> {
    match Backend::ALL.into_iter().find_map(|backend| device(backend).ok()) {
        Some(device) => Ok(device),
        None => bail!("this machine has no device for any backend that this program was built with"),
    }
}

/// The names of the backends that this program was built with.
fn built() -> Vec<&'static str> {
    let of_feature = [
        (cfg!(feature = "flex"), Backend::Flex),
        (cfg!(feature = "ndarray"), Backend::NdArray),
        (cfg!(feature = "wgpu"), Backend::Wgpu),
        (cfg!(feature = "vulkan"), Backend::Vulkan),
        (cfg!(feature = "metal"), Backend::Metal),
        (cfg!(feature = "cuda"), Backend::Cuda),
        (cfg!(feature = "rocm"), Backend::Rocm),
    ];
    of_feature.into_iter().filter(|(built, _)| *built).map(|(_, backend)| backend.name()).collect()
}

/// The first device of a kind that the system lists.
#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
fn first_of(backend: Backend, kind: burn::tensor::DeviceType) -> Result<Device> {
    use anyhow::Context;
    // A driver that is not there is a panic in some of the backends.
    let devices = data::catch_panic(|| Device::enumerate(kind).into_vec()).unwrap_or_default();
    devices.into_iter().next().with_context(|| {
        format!(
            "the backend {backend} found no device on this machine: install a driver for the graphics card (a software \
             one is Debian's mesa-vulkan-drivers), or train on the processor with `--backend flex`"
        )
    })
}
