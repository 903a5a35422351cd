//! Files that are either there whole or not at all.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::error::{RecordError, Result};

/// Writes a file beside its place, syncs it to disk and renames it, so that a crash leaves the old one or the new one.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        // As any other new file, not hidden from everyone else: the process's mask decides.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.prefix(".").suffix(".tmp").tempfile_in(dir)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // Only once the directory is on disk does the new name survive a power cut.
        #[cfg(unix)]
        fs::File::open(dir)?.sync_all()?;
        Ok(())
    };
    write().map_err(RecordError::io("write", path))
}

/// Creates a directory and those above it.
pub fn create_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(RecordError::io("create the directory", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_file_is_replaced_and_no_temporary_one_is_left() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg(unix)]
    fn a_file_has_the_permissions_of_any_new_one() {
        let dir = TempDir::new().unwrap();
        let [atomic, plain] = ["atomic", "plain"].map(|name| dir.path().join(name));
        write_atomically(&atomic, b"").unwrap();
        fs::write(&plain, b"").unwrap();
        let permissions = |path: &Path| fs::metadata(path).unwrap().permissions();
        assert_eq!(permissions(&atomic), permissions(&plain));
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = write_atomically(Path::new("/nonexistent/x"), b"").unwrap_err().to_string();
        assert_eq!(error, "cannot write /nonexistent/x");
    }
}
