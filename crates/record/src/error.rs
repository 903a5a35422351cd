//! What can be wrong with a run directory.

use std::io;
use std::path::{Path, PathBuf};

use crate::schema::{SCHEMA, VERSION};

/// The result of reading or writing a record.
pub type Result<T, E = RecordError> = std::result::Result<T, E>;

/// Why a record could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system refused a file or a directory.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another version of klsweep wrote the file, in a format that this one does not read.
    #[error(
        "{} was written by klsweep {version} in format {found}, and this is klsweep {VERSION}, which reads format {SCHEMA}: \
         use that version for it{}", path.display(), if *found > SCHEMA { ", or a newer one" } else { "" }
    )]
    OtherSchema {
        /// The file.
        path: PathBuf,
        /// Who wrote it.
        version: String,
        /// The number of its format.
        found: u32,
    },
    /// A configuration cannot be read, or holds a value that nothing can be trained with.
    #[error("{0}")]
    Config(String),
    /// The directory is no run's.
    #[error("{} is no run directory: {reason}", dir.display())]
    NoRun {
        /// The directory.
        dir: PathBuf,
        /// How that was noticed.
        reason: &'static str,
    },
    /// The directory holds a run of another configuration.
    #[error(
        "{} already holds another run (there: {there}, here: {here}): give this one another name with --set 'name=\"…\"', \
         or move the directory away", dir.display()
    )]
    OtherRun {
        /// The directory.
        dir: PathBuf,
        /// The first line of its configuration that differs.
        there: String,
        /// The same line of the configuration that was to be run.
        here: String,
    },
    /// Another process took over what this one was working on.
    #[error("{} was taken over by {owner}, since this process did not move for two minutes", dir.display())]
    TakenOver {
        /// The directory.
        dir: PathBuf,
        /// Who has it now.
        owner: String,
    },
    /// The directory holds files, but no run.
    #[error(
        "{} is not empty but holds no config.toml ({file} is in it): it is no run's; give this run another name with \
         --set 'name=\"…\"'", dir.display()
    )]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
        /// One of the files.
        file: String,
    },
}

impl RecordError {
    /// For `map_err`: the system refused to do something with a path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }

    /// For `map_err`: a file's content makes no sense.
    pub(crate) fn damaged<E: ToString>(path: &Path) -> impl FnOnce(E) -> Self {
        move |reason| Self::Damaged { path: path.to_path_buf(), reason: reason.to_string() }
    }

    /// For `map_err`: adds what helps to an error about a damaged file.
    pub(crate) fn with_remedy(remedy: &str) -> impl FnOnce(Self) -> Self {
        move |error| match error {
            Self::Damaged { path, reason } => Self::Damaged { path, reason: format!("{reason}; {remedy}") },
            error => error,
        }
    }
}
