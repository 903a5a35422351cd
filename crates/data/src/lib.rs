//! Where examples come from: folders of images, arrays of NumPy, tables, IDX files, CIFAR-10.
//!
//! [`load`] reads what a configuration names into a [`Dataset`]: its parts, on the scale that networks see, with numbered
//! classes. A [`Split`] is in memory or, where it is larger than the configuration grants, read from its file block by
//! block.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![forbid(unsafe_code)]

mod arrays;
mod binary;
mod blocks;
mod cache;
mod catch_panic;
mod cifar;
mod columns;
mod contact_sheet;
mod dataset;
mod decode;
#[cfg(feature = "download")]
mod download;
mod error;
mod found;
mod idx;
mod idx_folder;
mod image_folder;
mod image_listing;
mod kind;
mod label_file;
mod labels;
mod load;
mod memory;
mod mnist;
mod npy;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;
mod part_files;
mod parts;
mod picture;
mod picture_files;
mod progress;
mod split;
mod suggest;
mod survey;
mod table;

pub use arrays::{NamedArray, Rows, arrays_in};
pub use binary::Epoch;
pub use blocks::BlockPlan;
pub use catch_panic::catch_panic;
pub use columns::Cell;
pub use contact_sheet::{contact_sheet, png};
pub use dataset::Dataset;
pub use error::{DataError, Result};
pub use idx::{Idx, read_idx};
pub use load::{load, load_at_hand};
pub use memory::{in_gigabytes, memory_at_hand};
pub use npy::Layout;
pub use npz::EXAMPLES as EXAMPLE_ARRAYS;
pub use picture_files::{picture_files, read_picture};
pub use progress::Progress;
pub use split::{Example, Split};
pub use suggest::suggest;
pub use table::table_rows;
