//! `klsweep`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// The system's allocator hands the step's tensors back and faults them in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kernels::keep_freed_pages();
    train::cli::main()
}
