//! Several arrays of NumPy in one file.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder};
use record::DataConfig;

use crate::error::{DataError, Result};
use crate::found::{Found, Source};
use crate::labels::Labels;
use crate::npy::{self, Layout};
use npy_format::Header;

/// The names by which the examples of a file of several arrays are known, the first that it has.
pub const EXAMPLES: [&str; 5] = ["images", "data", "x", "X", "arr_0"];
/// The names by which labels are known.
const LABELS: [&str; 7] = ["labels", "label", "targets", "target", "y", "Y", "arr_1"];
/// Names of arrays in the files of Keras, each part by itself.
const TRAIN: [&str; 2] = ["x_train", "y_train"];
const TEST: [&str; 2] = ["x_test", "y_test"];

/// Arrays of a file at most.
const MOST_ARRAYS: usize = 10_000;

/// An open archive.
pub struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<FileReader>,
    entries: Vec<Entry>,
    /// Bytes of an array at most.
    most: u64,
}

/// An array of an archive.
struct Entry {
    name: String,
    method: CompressionMethod,
    place: ZipArchiveEntryWayfinder,
}

/// The examples of a file: of the array that is named, of one that is called as examples are, or of the only one.
pub fn read(path: &Path, config: &DataConfig) -> Result<Source> {
    let archive = Archive::open(path, (config.memory_mib as u64) << 20)?;
    let names: Vec<&str> = archive.entries.iter().map(|entry| entry.name.as_str()).collect();
    let known = |name: &str| names.contains(&name);
    if config.array.is_empty() && known(TRAIN[0]) && known(TEST[0]) {
        let part = |[x, y]: [&str; 2]| archive.examples(x, Some(y).filter(|y| known(y)), config);
        return Ok(Source::parts(part(TRAIN)?, part(TEST)?));
    }
    let examples = match config.array.as_str() {
        "" => EXAMPLES.iter().copied().find(|name| known(name)).or(match &names[..] {
            [only] => Some(only),
            _ => None,
        }),
        named => Some(named).filter(|name| known(name)),
    };
    let Some(examples) = examples else {
        let reason = format!(
            "has the arrays {}: say which holds the examples with --set 'data.array=\"NAME\"'",
            names.join(", ")
        );
        return Err(DataError::content(path, reason));
    };
    let labels = match config.labels.as_str() {
        "none" => None,
        "" => LABELS.iter().copied().find(|name| known(name) && *name != examples),
        named if known(named) => Some(named),
        named => {
            let reason = format!("has the arrays {}, and none that is called {named:?}", names.join(", "));
            return Err(DataError::content(path, reason));
        }
    };
    archive.examples(examples, labels, config).map(Source::whole)
}

impl<'a> Archive<'a> {
    /// Opens a file from which at most so many bytes of each array are unpacked into memory.
    pub fn open(path: &'a Path, most: u64) -> Result<Self> {
        let file = File::open(path).map_err(DataError::io(path))?;
        let refused = |error: rawzip::Error| DataError::content(path, format!("is no .npz file: {error}"));
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let zip = ZipArchive::from_file(file, &mut buffer).map_err(refused)?;
        let mut entries = Vec::new();
        let mut listed = zip.entries(&mut buffer);
        while let Some(entry) = listed.next_entry().map_err(refused)? {
            let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
            if let Some(name) = name.strip_suffix(".npy") {
                let (method, place) = (entry.compression_method(), entry.wayfinder());
                entries.push(Entry { name: name.to_string(), method, place });
            }
            if entries.len() > MOST_ARRAYS {
                return Err(DataError::content(path, format!("holds more than {MOST_ARRAYS} arrays")));
            }
        }
        Ok(Self { path, zip, entries, most })
    }

    /// The names of the arrays.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    fn examples(&self, name: &str, labels: Option<&str>, config: &DataConfig) -> Result<Found> {
        let (header, bytes) = self.array(name)?;
        let Layout { shape, planar } = npy::layout(&header, self.path, config)?;
        let layout = Layout { shape, planar };
        let rows = npy::rows_in_memory(header.element, bytes, &layout);
        let mut found = Found {
            path: self.path.to_path_buf(),
            within: Some(format!("the array {name:?}")),
            kind: "an .npz file of NumPy",
            shape: layout.shape,
            rows,
            planar,
            labels: None,
            parts: None,
            notes: Vec::new(),
        };
        if let Some(labels) = labels {
            found.labels = Some(self.labels(labels, found.count(), name)?);
        }
        Ok(found)
    }

    fn labels(&self, name: &str, count: usize, examples: &str) -> Result<Labels> {
        let (header, bytes) = self.array(name)?;
        let labels = npy::labels(&header, &bytes).map_err(|reason| self.refused(name, &reason))?;
        if labels.count() != count {
            let reason = format!("holds {} labels, and {examples:?} {count} examples", labels.count());
            return Err(self.refused(name, &reason));
        }
        Ok(labels)
    }

    fn refused(&self, name: &str, reason: &str) -> DataError {
        DataError::content(self.path, format!("has an array {name:?} that {reason}"))
    }

    /// Reads an array: its header, and its bytes as they are unpacked.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(Header, &mut dyn Read) -> Result<T, String>,
    ) -> Result<T> {
        let refused = |reason: String| self.refused(name, &reason);
        let damaged = |error: &dyn std::fmt::Display| refused(format!("cannot be unpacked: {error}"));
        let found = self.entries.iter().find(|entry| entry.name == name);
        let Some(Entry { method, place, .. }) = found else { return Err(damaged(&"it is not there")) };
        let stored = self.zip.get_entry(*place).map_err(|error| damaged(&error))?;
        let packed = BufReader::new(stored.reader());
        let unpacked: Box<dyn Read + '_> = match *method {
            CompressionMethod::STORE => Box::new(packed),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(packed)),
            other => {
                return Err(damaged(&format!(
                    "it is packed by {}",
                    other.name().unwrap_or("an unknown method")
                )));
            }
        };
        let mut entry = stored.verifying_reader(unpacked);
        let header = npy::read_header(&mut entry).map_err(refused)?;
        read(header, &mut entry).map_err(refused)
    }

    /// An array, unpacked: at most as much as the configuration grants, whatever its header or the archive say.
    fn array(&self, name: &str) -> Result<(Header, Vec<u8>)> {
        self.read(name, |header, entry| self.unpack(header, entry))
    }

    fn unpack(&self, header: Header, entry: &mut dyn Read) -> Result<(Header, Vec<u8>), String> {
        let most = self.most;
        let expected = header.count().and_then(|count| count.checked_mul(header.element.size()));
        let Some(expected) = expected.filter(|&bytes| bytes as u64 <= most) else {
            return Err(format!(
                "takes more memory than data.memory_mib = {} grants: save it as an .npy file, which is read block by block",
                most >> 20
            ));
        };
        let mut bytes = Vec::new();
        let unpacked = entry.take(expected as u64 + 1).read_to_end(&mut bytes);
        unpacked.map_err(|error| format!("cannot be unpacked: {error}"))?;
        if bytes.len() != expected {
            let more = if bytes.len() > expected { "more" } else { "fewer" };
            return Err(format!("holds {more} than the {expected} bytes of its shape {:?}", header.shape));
        }
        Ok((header, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::load::load;
    use crate::npy::write_npy;
    use std::io::Write;
    use std::path::PathBuf;
    use tempfile::TempDir;

    /// A file of arrays by name, each with the values of its type and its shape.
    fn npz(dir: &TempDir, arrays: &[(&str, &str, Vec<u8>)]) -> PathBuf {
        let path = dir.path().join("a.npz");
        let mut zip = rawzip::ZipArchiveWriter::new(File::create(&path).unwrap());
        for (name, shape, bytes) in arrays {
            let npy = write_npy(&dir.path().join("array"), "|u1", shape, bytes);
            let name = format!("{name}.npy");
            let file = zip.new_file(&name).compression_method(CompressionMethod::DEFLATE);
            let (mut entry, config) = file.start().unwrap();
            let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
            let mut writer = config.wrap(encoder);
            writer.write_all(&std::fs::read(npy).unwrap()).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    fn load_with(path: &Path, change: impl FnOnce(&mut DataConfig)) -> Result<Dataset> {
        let mut config = DataConfig { path: path.to_path_buf(), ..DataConfig::default() };
        change(&mut config);
        load(&config, &())
    }

    #[test]
    fn examples_and_labels_are_known_by_their_names_or_named() {
        let dir = TempDir::new().unwrap();
        let arrays = [
            ("other", "(4, 3)", vec![0; 12]),
            ("images", "(4, 1, 2)", vec![1; 8]),
            ("y", "(4,)", vec![3, 3, 5, 5]),
        ];
        let path = npz(&dir, &arrays);
        let dataset = load_with(&path, |_| {}).unwrap();
        assert_eq!(dataset.train.numbers(), 2);
        assert_eq!(dataset.record.classes, ["3", "5"]);
        let other = load_with(&path, |config| config.array = "other".to_string()).unwrap();
        assert_eq!(other.train.numbers(), 3);
        assert!(
            load_with(&path, |config| config.labels = "none".to_string()).unwrap().train.labels.is_none()
        );
        let text = load_with(&path, |config| config.array = "z".to_string()).unwrap_err().to_string();
        assert!(text.contains("has the arrays") && text.contains("data.array"), "{text}");
    }

    #[test]
    fn the_parts_of_a_file_of_keras_stay_its_own() {
        let dir = TempDir::new().unwrap();
        let arrays = [
            ("x_test", "(1, 1, 2)", vec![9, 9]),
            ("x_train", "(2, 1, 2)", vec![1, 2, 3, 4]),
            ("y_test", "(1,)", vec![1]),
            ("y_train", "(2,)", vec![0, 1]),
        ];
        let dataset = load_with(&npz(&dir, &arrays), |_| {}).unwrap();
        assert_eq!((dataset.train.count(), dataset.test.count()), (2, 1));
        assert!(dataset.validation.is_none());
        assert_eq!(dataset.train.pixels(&[1]).unwrap(), [3, 4]);
        assert_eq!(dataset.test.labels, Some(vec![1]));
    }

    #[test]
    fn parts_of_different_shapes_are_named_by_their_arrays() {
        let dir = TempDir::new().unwrap();
        let arrays = [("x_test", "(1, 1, 2)", vec![9, 9]), ("x_train", "(2, 1, 1)", vec![1, 2])];
        let text = load_with(&npz(&dir, &arrays), |_| {}).unwrap_err().to_string();
        for part in
            ["a.npz (the array \"x_test\") holds examples of 1 x 2", "a.npz (the array \"x_train\") of 1 x 1"]
        {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn an_array_that_unpacks_to_more_than_it_says_or_than_is_granted_is_refused() {
        let dir = TempDir::new().unwrap();
        let bomb = npz(&dir, &[("images", "(4, 1, 2)", vec![0; 32 << 20])]);
        let text = load_with(&bomb, |_| {}).unwrap_err().to_string();
        assert!(text.contains("holds more than the 8 bytes of its shape"), "{text}");
        let large = npz(&dir, &[("images", "(2000000, 1, 1)", vec![0; 2_000_000])]);
        let text = load_with(&large, |config| config.memory_mib = 1).unwrap_err().to_string();
        assert!(text.contains("more memory than data.memory_mib = 1"), "{text}");
        let text = load_with(&npz(&dir, &[("x", "(4, 2)", vec![0; 7])]), |_| {}).unwrap_err().to_string();
        assert!(text.contains("holds fewer than the 8 bytes"), "{text}");
        std::fs::write(dir.path().join("a.npz"), "nothing").unwrap();
        assert!(load_with(&large, |_| {}).unwrap_err().to_string().contains("is no .npz file"));
    }
}
