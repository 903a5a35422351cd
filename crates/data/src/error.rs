//! Why images could not be had.

use std::io;
use std::path::PathBuf;

/// The result of reading images.
pub type Result<T> = std::result::Result<T, DataError>;

/// What is wrong with some images.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file cannot be read or unpacked.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system or the unpacker said.
        source: io::Error,
    },
    /// A folder lacks a file.
    #[error("there is no {name} and no {name}.gz in {}", dir.display())]
    Missing {
        /// The folder.
        dir: PathBuf,
        /// The file.
        name: &'static str,
    },
    /// A file is damaged, holds something else, or does not fit another one.
    #[error("{} {reason}", path.display())]
    Content {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The configuration asks for more than there is.
    #[error("data.{key} = {wanted}, but there are only {count}: use at most that many")]
    TooFew {
        /// The key in the configuration.
        key: &'static str,
        /// Its value.
        wanted: usize,
        /// How many images there are.
        count: usize,
    },
    /// There is no MNIST.
    #[error("{0}")]
    NoMnist(String),
}
