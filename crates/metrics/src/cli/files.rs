//! Files that are there whole or not at all.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file by way of a temporary one beside it, which then takes its name. A file of that name is replaced.
pub fn write(path: &Path, contents: &[u8]) -> Result<()> {
    let name =
        path.file_name().with_context(|| format!("{} names no file", path.display()))?.to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    });
    if written.is_err() {
        // Best effort: the error of the write is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}
