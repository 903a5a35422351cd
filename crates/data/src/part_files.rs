//! A folder with a file for each part.

use std::path::Path;

use record::DataConfig;

use crate::error::{DataError, Result};
use crate::found::{Found, Source};
use crate::kind::PartPaths;
use crate::load::read as read_any;
use crate::progress::Progress;

/// The parts, each from its file.
pub fn read(files: &PartPaths, config: &DataConfig, progress: &dyn Progress) -> Result<Source> {
    let part = |path: &Path| -> Result<Box<Found>> {
        match read_any(path, config, progress)? {
            Source::Whole(found) if found.parts.is_none() => Ok(found),
            _ => {
                let reason = "has parts of its own, and so has its folder: give the file alone, or leave out data.split";
                Err(DataError::content(path, reason))
            }
        }
    };
    Ok(Source::Parts {
        train: part(&files.train)?,
        validation: files.validation.as_deref().map(part).transpose()?,
        test: part(&files.test)?,
    })
}
