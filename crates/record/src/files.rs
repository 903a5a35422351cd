//! Files that are either there whole or not at all.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{RecordError, Result};

/// How the names of files end that are not written to their end.
const TEMPORARY: &str = ".tmp";

/// How deep directories are that klsweep makes below one that was there: `runs/<name>/c=…/seed=…/checkpoint`.
const DEPTH: usize = 5;

/// Writes a file beside its place, syncs it to disk and renames it, so that a crash leaves the old one or the new one.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, None, bytes).map_err(RecordError::io("write", path))
}

/// Writes a file as [`write_atomically`] does that must not be there yet: of several that write it at once, one succeeds.
pub(crate) fn write_first(path: &Path, bytes: &[u8]) -> Result<()> {
    write_new(path, bytes).map_err(RecordError::io("write", path))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = dir_of(path);
    let file = synced_file(dir, bytes)?;
    if let Err(error) = file.persist_noclobber(path) {
        match error.error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound => return Err(error.error),
            // Of a file system that can neither link nor rename to a free name alone.
            _ => error.file.persist(path)?,
        };
    }
    sync_dir(dir)
}

/// Writes a file as [`write_atomically`] does, and keeps the old one as `previous`. A crash in between leaves the old one
/// under that name alone.
pub fn write_keeping_previous(path: &Path, previous: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, Some(previous), bytes).map_err(RecordError::io("write", path))
}

fn replace(path: &Path, previous: Option<&Path>, bytes: &[u8]) -> io::Result<()> {
    let dir = dir_of(path);
    let file = synced_file(dir, bytes)?;
    if let Some(previous) = previous
        && let Err(error) = fs::rename(path, previous)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    file.persist(path)?;
    sync_dir(dir)
}

/// A temporary file in a directory with the content of another that is to come there.
fn synced_file(dir: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    let mut file = new_file_builder().prefix(".klsweep").suffix(TEMPORARY).tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The directory that a file is in.
fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Of temporary files with the permissions of any other new file: the process's mask decides, and nobody else is shut out.
pub(crate) fn new_file_builder<'a, 'b>() -> tempfile::Builder<'a, 'b> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// Only once the directory is on disk does a new name in it survive a power cut.
fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::File::open(dir)?.sync_all()?;
    Ok(())
}

/// Removes what a process that was killed while it wrote has left in a directory; nobody else may be writing there.
pub fn remove_temporary_files(dir: &Path) -> Result<()> {
    remove_temporary_files_if(dir, |_| Ok(true))
}

/// The same where others may be writing: what was last written so long before `new` was begun, by the clock of the file
/// system alone.
pub fn remove_abandoned_files(dir: &Path, new: &GrowingFile, before: Duration) -> Result<()> {
    let begun = new.file.as_file().metadata().and_then(|new| new.modified());
    let begun = begun.map_err(RecordError::io("read", &new.path))?;
    remove_temporary_files_if(dir, |path| {
        let age = begun.duration_since(fs::metadata(path)?.modified()?);
        Ok(age.is_ok_and(|age| age > before))
    })
}

fn remove_temporary_files_if(dir: &Path, abandoned: impl Fn(&Path) -> io::Result<bool>) -> Result<()> {
    let remove = || -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let (name, path) = (entry.file_name(), entry.path());
            let text = name.to_string_lossy();
            if text.starts_with(".klsweep") && text.ends_with(TEMPORARY) && abandoned(&path)? {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    };
    match remove() {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(RecordError::io("clear", dir)(error)),
        _ => Ok(()),
    }
}

/// A file that takes its place only when it is written to its end.
#[derive(Debug)]
pub struct GrowingFile {
    path: PathBuf,
    file: tempfile::NamedTempFile,
}

impl GrowingFile {
    /// Begins a file.
    pub fn begin(path: &Path) -> Result<Self> {
        let file = new_file_builder().prefix(".klsweep").suffix(TEMPORARY).tempfile_in(dir_of(path));
        Ok(Self { path: path.to_path_buf(), file: file.map_err(RecordError::io("write", path))? })
    }

    /// Puts it into its place.
    pub fn finish(self) -> Result<()> {
        let Self { path, file } = self;
        let finish = || {
            file.as_file().sync_all()?;
            file.persist(&path)?;
            sync_dir(dir_of(&path))
        };
        finish().map_err(RecordError::io("write", &path))
    }
}

impl io::Write for GrowingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl io::Seek for GrowingFile {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Creates a directory and those above it.
pub fn create_dir(path: &Path) -> Result<()> {
    let create = || {
        if path.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(path)?;
        path.ancestors().skip(1).take(DEPTH).filter(|dir| dir.is_dir()).try_for_each(sync_dir)
    };
    create().map_err(RecordError::io("create the directory", path))
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
    fn a_growing_file_is_not_there_before_its_end() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a");
        let mut file = GrowingFile::begin(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"half");
        drop(GrowingFile::begin(&path).unwrap());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "what is given up leaves nothing");
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

    #[test]
    fn the_file_before_is_kept_and_what_was_not_written_to_its_end_is_cleared() {
        let dir = TempDir::new().unwrap();
        let [path, previous] = ["a", "b"].map(|name| dir.path().join(name));
        for text in ["1", "2", "3"] {
            write_keeping_previous(&path, &previous, text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), b"3");
        assert_eq!(fs::read(&previous).unwrap(), b"2");
        fs::write(dir.path().join(".klsweepx7.tmp"), "half").unwrap();
        remove_temporary_files(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        remove_temporary_files(&dir.path().join("absent")).unwrap();
    }

    #[test]
    fn of_what_others_write_only_what_stood_still_for_long_is_cleared() {
        let dir = TempDir::new().unwrap();
        let new = GrowingFile::begin(&dir.path().join("a")).unwrap();
        let begun = new.file.as_file().metadata().unwrap().modified().unwrap();
        for (name, hours) in [("old", 25), ("live", 23), ("future", -30)] {
            let file = fs::File::create(dir.path().join(format!(".klsweep{name}.tmp"))).unwrap();
            let hours_of = |hours: i64| Duration::from_secs(3600 * hours.unsigned_abs());
            let at = if hours > 0 { begun - hours_of(hours) } else { begun + hours_of(hours) };
            file.set_modified(at).unwrap();
        }
        remove_abandoned_files(dir.path(), &new, Duration::from_secs(24 * 3600)).unwrap();
        let is_there = |name: &str| dir.path().join(format!(".klsweep{name}.tmp")).exists();
        assert_eq!(["old", "live", "future"].map(is_there), [false, true, true]);
        new.finish().unwrap();
    }
}
