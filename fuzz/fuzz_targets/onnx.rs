//! Networks in ONNX files. A file may ask for any amount of memory: here, as in the process that runs networks, an allocation
//! beyond a bound fails; but that it is a panic, which the reader catches, where there the process ends.
#![no_main]
#![feature(alloc_error_hook)]

#[path = "../src/onnx.rs"]
mod onnx;

use std::alloc::{GlobalAlloc, Layout, System, set_alloc_error_hook};
use std::sync::atomic::{AtomicUsize, Ordering};

use libfuzzer_sys::fuzz_target;
use onnx_network::OnnxNetwork;

/// Bytes that all allocations may have together.
const MOST_MEMORY: usize = 64 << 20;
/// Smaller ones are given beyond that too: a panic needs some.
const SMALL: usize = 64 << 10;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

struct Bounded;

unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = TAKEN.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        let allocated = match layout.size() > SMALL && taken > MOST_MEMORY {
            true => std::ptr::null_mut(),
            false => unsafe { System.alloc(layout) },
        };
        if allocated.is_null() {
            TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        allocated
    }

    unsafe fn dealloc(&self, allocated: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(allocated, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fuzz_target!(
    init: set_alloc_error_hook(|layout| panic!("memory allocation of {} bytes failed", layout.size())),
    |bytes: &[u8]| {
        // A loop may go on for ever, which the process that runs networks ends: tests/program/onnx.rs.
        if bytes.windows(4).any(|name| name == b"Loop") {
            return;
        }
        let folder = fuzz::folder();
        if let Ok(network) = OnnxNetwork::load_here(&onnx::written(folder.path(), bytes)) {
            onnx::run_once(&network);
        }
    }
);
