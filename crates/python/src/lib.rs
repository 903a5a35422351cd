//! What the Python package `klsweep` calls: files and numbers in, files and numbers out. Its Python half makes arrays, names and
//! defaults of that.

mod divergences;
mod interrupt;
mod runs;

use pyo3::prelude::*;

/// Keeps freed pages, as the program does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::divergences::{
        compare_to_prior, decompose_kl, jensen_shannon_divergence, kl_between_families, kl_divergence,
        kl_per_dimension,
    };
    #[pymodule_export]
    use super::runs::{answers, audit_arrays, decode_file, encode_file, sweep, write_report};
}

/// An error in words, with what caused it.
fn value_error(error: impl Into<anyhow::Error>) -> PyErr {
    pyo3::exceptions::PyValueError::new_err(format!("{:#}", error.into()))
}
