//! Where images come from, and batches of them.
//!
//! [`load`] reads what a configuration names: MNIST, checked against its checksums, or a folder of IDX files. [`Images`]
//! are kept as bytes and become grey levels from 0 to 1 batch by batch.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![forbid(unsafe_code)]

mod catch_panic;
#[cfg(feature = "download")]
mod download;
mod error;
mod folder;
mod idx;
mod images;
mod mnist;

pub use catch_panic::catch_panic;
pub use error::{DataError, Result};
pub use folder::{Dataset, load, load_at_hand};
pub use idx::{Idx, read_idx};
pub use images::{Image, Images};
