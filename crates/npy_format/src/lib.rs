//! Arrays as NumPy saves them: what their headers say, and the numbers in their bytes.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![forbid(unsafe_code)]

mod element;
mod header;

pub use element::Element;
pub use header::Header;
