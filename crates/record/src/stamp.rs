//! Whether what is in a directory has changed.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// A number that changes with the names, sizes and times of the files in a directory; those in directories within it and
/// hidden ones do not count.
pub fn stamp(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        // A file that is being written, or an owner's counter, tells nothing about the run.
        .filter(|entry| {
            ![".", "owner."]
                .iter()
                .any(|start| entry.file_name().as_encoded_bytes().starts_with(start.as_bytes()))
        })
        .filter_map(|entry| Some((entry.file_name(), entry.metadata().ok().filter(|found| found.is_file())?)))
        .map(|(name, found)| (name, found.len(), found.modified().ok()))
        .collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    hasher.finish()
}
