//! Why there is no report.

use std::path::PathBuf;

use record::RecordError;

/// The result of making a report.
pub type Result<T, E = ReportError> = std::result::Result<T, E>;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The record of a run cannot be read, or a file not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The runs differ in more than coefficients and seeds.
    #[error(
        "{} has {in_one}, {} has {in_other}: a report compares coefficients and seeds of runs that are alike in everything \
         else", one.display(), other.display()
    )]
    Unlike {
        /// A run.
        one: PathBuf,
        /// What its configuration has.
        in_one: String,
        /// Another run.
        other: PathBuf,
        /// What its configuration has instead.
        in_other: String,
    },
    /// A page about several runs belongs to none of their directories.
    #[error("a report on several runs needs a place: name the file with --output")]
    NoPlace,
    /// The page's template does not fit its data: a mistake of this crate.
    #[error("cannot fill the page's template")]
    Template(#[from] minijinja::Error),
    /// The page's data cannot be written: a mistake of this crate.
    #[error("cannot write the page's data as JSON")]
    Data(#[from] serde_json::Error),
}
