//! `klsweep`.

use std::process::ExitCode;

/// Keeps freed pages: the system's allocator hands the step's tensors back and faults them in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    train::cli::main()
}
