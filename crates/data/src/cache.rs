//! Decoded examples on disk, so that images are decoded once and tables that do not fit into memory can be read by blocks.
//!
//! A cache is named by the digest of everything that it was made from, the data's content included, and is read only if its
//! own digest is right: one that is damaged, cut short or of other data is made anew.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use record::{GrowingFile, RecordError, create_dir, remove_abandoned_files};
use sha2::{Digest, Sha256};

use crate::blocks::FlatFile;
use crate::error::{DataError, Result};
use npy_format::Element;

/// The environment's variable for the folder of caches.
pub const VARIABLE: &str = "KLSWEEP_CACHE";
/// How a cache begins. The number is that of the format.
const MAGIC: &[u8; 16] = b"klsweep cache 1\n";
/// Bytes before the first row: how it begins, what it was made from, the digest of the rest, and the length of the rows.
const HEADER: u64 = 16 + 32 + 32 + 8;
/// How long before a new cache was begun another one that is no longer written was last written to.
const ABANDONED: Duration = Duration::from_hours(24);

/// A cache that is being written.
pub struct CacheWriter {
    file: BufWriter<GrowingFile>,
    path: PathBuf,
    key: [u8; 32],
    digest: Sha256,
    length: u64,
}

/// A cache that was found whole.
#[derive(Debug, PartialEq, Eq)]
pub struct Cached {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of its rows.
    pub length: u64,
    /// What was kept beside the rows.
    pub beside: Vec<u8>,
}

/// The folder of caches: that of the environment's variable, or `klsweep` in the user's.
fn folder() -> PathBuf {
    let set = |variable| env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let users = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    set(VARIABLE)
        .or_else(|| Some(users()?.join("klsweep")))
        .unwrap_or_else(|| env::temp_dir().join("klsweep"))
}

fn path_of(key: &[u8; 32]) -> PathBuf {
    let name: String = key.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    folder().join(name + ".rows")
}

impl Cached {
    /// The cache of what has this digest, if it is there and whole.
    pub fn open(key: &[u8; 32]) -> Option<Self> {
        Self::checked(&path_of(key), key)
    }

    fn checked(path: &Path, key: &[u8; 32]) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let (mut magic, mut of, mut expected, mut length) = ([0; 16], [0; 32], [0; 32], [0; 8]);
        for part in [&mut magic[..], &mut of, &mut expected, &mut length] {
            file.read_exact(part).ok()?;
        }
        let length = u64::from_le_bytes(length);
        let whole = file.metadata().ok()?.len();
        if magic != *MAGIC || of != *key || whole < HEADER.checked_add(length)? {
            return None;
        }
        let mut digest = Sha256::new();
        std::io::copy(&mut (&mut file).take(length), &mut digest).ok()?;
        let mut beside = Vec::new();
        file.read_to_end(&mut beside).ok()?;
        digest.update(&beside);
        let found: [u8; 32] = digest.finalize().into();
        (found == expected).then(|| Self { path: path.to_path_buf(), length, beside })
    }

    /// The rows, as a file that is read block by block.
    pub fn flat_file(&self, element: Element, numbers: usize) -> FlatFile {
        let rows = (self.length / (numbers * element.size()) as u64) as usize;
        FlatFile { path: self.path.clone(), offset: HEADER, element, numbers, rows }
    }

    /// The bytes of all rows.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(HEADER))?;
            let mut bytes = Vec::with_capacity(self.length as usize);
            file.take(self.length).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(DataError::io(&self.path))
    }
}

impl CacheWriter {
    /// A new cache of what has this digest. Two processes may make the same one at the same time: the last name wins.
    ///
    /// # Errors
    ///
    /// Fails when the folder of caches cannot be written.
    pub fn create(key: &[u8; 32]) -> Result<Self> {
        let path = path_of(key);
        let folder = path.parent().unwrap_or(Path::new("."));
        create_dir(folder)?;
        let file = BufWriter::new(GrowingFile::begin(&path)?);
        // Whatever cannot be tidied up is in nobody's way.
        let _ = remove_abandoned_files(folder, file.get_ref(), ABANDONED);
        let mut writer = Self { file, path, key: *key, digest: Sha256::new(), length: 0 };
        writer.write(&[0; HEADER as usize])?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|source| cannot_write(&self.path, source))
    }

    /// Appends some rows.
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
        self.write(bytes)
    }

    /// Gives the cache its name, with what is kept beside the rows.
    pub fn finish(mut self, beside: &[u8]) -> Result<Cached> {
        self.digest.update(beside);
        let digest: [u8; 32] = std::mem::take(&mut self.digest).finalize().into();
        self.write(beside)?;
        self.file.seek(SeekFrom::Start(0)).map_err(|source| cannot_write(&self.path, source))?;
        let (key, length) = (self.key, self.length.to_le_bytes());
        for part in [&MAGIC[..], &key, &digest, &length] {
            self.write(part)?;
        }
        let Self { file, path, length, .. } = self;
        file.into_inner().map_err(|error| cannot_write(&path, error.into_error()))?.finish()?;
        Ok(Cached { path, length, beside: beside.to_vec() })
    }
}

fn cannot_write(path: &Path, source: io::Error) -> DataError {
    RecordError::Io { action: "write", path: path.to_path_buf(), source }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A cache in the folder of this machine's caches, under a key of the test's own.
    fn written(name: &str, rows: &[u8]) -> ([u8; 32], Cached) {
        let key: [u8; 32] = Sha256::digest(format!("{name} {}", std::process::id())).into();
        let mut writer = CacheWriter::create(&key).unwrap();
        rows.chunks(3).for_each(|rows| writer.push(rows).unwrap());
        (key, writer.finish(b"beside").unwrap())
    }

    #[test]
    fn what_was_written_is_found_and_read() {
        let (key, cached) = written("found", &[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(
            Cached::open(&key),
            Some(Cached { path: cached.path.clone(), length: 8, beside: b"beside".to_vec() })
        );
        assert_eq!(cached.bytes().unwrap(), [1, 2, 3, 4, 5, 6, 7, 8]);
        let file = cached.flat_file(Element::BYTE, 2);
        assert_eq!((file.rows, file.read(&[3, 0]).unwrap()), (4, vec![7, 8, 1, 2]));
        fs::remove_file(cached.path).unwrap();
        assert_eq!(Cached::open(&key), None);
    }

    #[test]
    fn a_cache_that_is_damaged_cut_short_or_of_other_data_is_none() {
        let (key, cached) = written("damaged", &[7; 100]);
        let bytes = fs::read(&cached.path).unwrap();
        let other = Sha256::digest("other data").into();
        assert_eq!(Cached::checked(&cached.path, &other), None);
        for changed in [0, 20, 60, 85, HEADER as usize + 50, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[changed] ^= 4;
            fs::write(&cached.path, damaged).unwrap();
            assert_eq!(Cached::open(&key), None, "byte {changed}");
        }
        for length in [0, 10, HEADER as usize, bytes.len() - 1] {
            fs::write(&cached.path, &bytes[..length]).unwrap();
            assert_eq!(Cached::open(&key), None, "{length} bytes");
        }
        fs::remove_file(cached.path).unwrap();
    }
}
