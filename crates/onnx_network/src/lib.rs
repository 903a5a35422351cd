//! Networks in ONNX files. Such a file is a program of a stranger: it may ask for any amount of memory and never end, and its
//! runtime may have faults. It is run in a process of its own, within [`Bounds`]; whatever becomes of that process is an error here,
//! in words.
//!
//! The program that uses this crate calls `serve` where its first argument is [`COMMAND`].
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod message;
mod network;
mod process;
#[cfg(feature = "run")]
mod runtime;
#[cfg(feature = "run")]
mod serve;
#[cfg(feature = "run")]
mod structure;

pub use network::{OnnxNetwork, OnnxOutput};
#[cfg(feature = "run")]
pub use serve::serve;

/// The first argument of the program when it is to run a network for another process of itself; the others are the file and the
/// bounds.
pub const COMMAND: &str = "run-network";

/// What the process of a network may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of address space, where the system can be told so.
    pub memory: u64,
    /// Seconds for reading the file, and for running the network once: for at most 256 rows, unless the file wants more.
    pub seconds: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { memory: 16 << 30, seconds: 600 }
    }
}

/// The exit code of the process of a network that took longer than it may.
const TOO_LONG: i32 = 124;
