//! Rows of numbers on their way in and out: pictures, arrays of NumPy, CSV; block by block.

mod input;
mod output;

pub use input::{Input, Seen};
pub use output::{Content, Output};

/// Rows that are in memory at a time.
pub const BLOCK: usize = 500;
