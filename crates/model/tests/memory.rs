//! That training does not take more memory the longer it goes on.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::{Device, Distribution, Tensor};
use model::{Adam, AdamConfig, Batch, TrainStep, VaeConfig};
use rand::{SeedableRng, rngs::StdRng};

/// The system's allocator, which also counts the bytes in use.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: by the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: by the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What lists that grow in leaps and tables kept by the backend may add: less than a byte for each of the steps. Burn's
/// autodiff graph, where nothing frees it, takes 11 kB a step.
const SLACK: usize = 1000;

#[test]
fn memory_does_not_grow_with_the_steps() {
    let devices = [
        Device::flex(),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)]
        Device::ndarray(),
    ];
    for device in devices {
        let config =
            VaeConfig { encoder_hidden: vec![5], latent: 2, decoder_hidden: vec![5], ..VaeConfig::default() };
        let mut vae = config.init(6, &mut StdRng::seed_from_u64(0), &device.clone().autodiff());
        let mut adam = Adam::new(AdamConfig::default(), &vae);
        let images = Tensor::random([4, 6], Distribution::Uniform(0.0, 1.0), &device);
        let noise = Tensor::ones([4, 2], &device);
        let mut in_use_after = |steps: usize| {
            for _ in 0..steps {
                let TrainStep { vae: trained, .. } =
                    vae.clone().train_step(Batch::new(images.clone(), noise.clone()), 1.0, &mut adam);
                vae = trained;
            }
            IN_USE.load(Ordering::Relaxed)
        };
        let before = in_use_after(100);
        let after = in_use_after(1000);
        assert!(after <= before + SLACK, "{device:?}: {before} bytes after 100 steps, {after} after 1,100");
    }
}
