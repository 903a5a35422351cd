//! Why examples could not be had.

use std::io;
use std::path::{Path, PathBuf};

/// The result of reading examples.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// What is wrong with some data.
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
    /// What was decoded cannot be kept.
    #[error(transparent)]
    Cache(#[from] record::RecordError),
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
    /// A file is no longer what it was when it was first read.
    #[error(
        "{} has changed since the training began, somewhere in its rows {first} to {last} (counted from 0): put it back, or \
         train on what it holds now under another name", path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The first row of the block that was found changed.
        first: usize,
        /// The last one.
        last: usize,
    },
    /// The configuration asks for more than there is.
    #[error("data.{key} = {wanted}, but there are only {count}: use at most that many")]
    TooFew {
        /// The key in the configuration.
        key: &'static str,
        /// Its value.
        wanted: usize,
        /// How many examples there are.
        count: usize,
    },
    /// A key of the configuration does not fit the data.
    #[error("data.{key} {reason}")]
    Setting {
        /// The key.
        key: &'static str,
        /// Its value, and what is wrong with it.
        reason: String,
    },
    /// There is no MNIST.
    #[error("{0}")]
    NoMnist(String),
}

impl DataError {
    /// For `map_err`: a file cannot be read.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_path_buf(), source }
    }

    /// What a file or folder holds cannot be used.
    pub(crate) fn content(path: &Path, reason: impl Into<String>) -> Self {
        Self::Content { path: path.to_path_buf(), reason: reason.into() }
    }
}
