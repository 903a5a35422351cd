//! Work beside which Python goes on: other threads run, and Ctrl-C stops it.

use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use train::signals;

use crate::value_error;

/// How often it is looked for signals.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The stack of the program's first thread.
const STACK: usize = 8 << 20;

/// Does the work without Python's lock. Where a signal's handler raises meanwhile, the work is asked to stop, and what was raised is
/// raised once it has.
pub fn interruptible<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    let (result, raised) = py
        .detach(|| {
            thread::scope(|scope| {
                let worker = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)?;
                let mut raised = None;
                while !worker.is_finished() {
                    thread::sleep(LOOK_EVERY);
                    if let Err(error) = Python::attach(|py| py.check_signals()) {
                        signals::interrupt();
                        raised = Some(error);
                    }
                }
                Ok((worker.join().unwrap_or_else(|panic| resume_unwind(panic)), raised))
            })
        })
        .map_err(|error: std::io::Error| {
            PyRuntimeError::new_err(format!("cannot start a thread: {error}"))
        })?;
    if let Some(error) = raised {
        signals::forget();
        return Err(error);
    }
    result.map_err(value_error)
}
