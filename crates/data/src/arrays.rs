//! Arrays by name, as other programs leave them: `.npy` files in a folder, and the arrays of `.npz` and safetensors files. They
//! are read row by row, so that they may be larger than the memory.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use record::DataConfig;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::{DataError, Result};
use crate::npy::{self, Layout};
use crate::npz::Archive;
use crate::suggest::square;
use npy_format::{Element, Header};

/// Bytes of the header of a safetensors file at most, as the format has it.
const LONGEST_HEADER: u64 = 100_000_000;

/// An array of a file.
#[derive(Clone, Debug)]
pub struct NamedArray {
    path: PathBuf,
    /// Its name, where it is one of several in its file.
    name: Option<String>,
    place: Place,
    element: Element,
    shape: Vec<usize>,
}

/// Where in its file it is.
#[derive(Clone, Debug)]
enum Place {
    /// From this byte on.
    Plain(u64),
    /// Packed, under its name.
    Packed,
}

/// The arrays of a folder, or of an `.npz` or safetensors file, by their names. Other files of a folder are passed over.
///
/// # Errors
///
/// Fails when a file cannot be read or is damaged, and when two arrays have one name.
pub fn arrays_in(path: &Path) -> Result<BTreeMap<String, NamedArray>> {
    let mut arrays = BTreeMap::new();
    if !path.is_dir() {
        of_file(path, &mut arrays)?;
        return Ok(arrays);
    }
    let entries = path.read_dir().map_err(DataError::io(path))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()).map_err(DataError::io(path)))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    for file in files.iter().filter(|file| file.is_file()) {
        of_file(file, &mut arrays)?;
    }
    Ok(arrays)
}

fn of_file(path: &Path, arrays: &mut BTreeMap<String, NamedArray>) -> Result<()> {
    let found = match path.extension().and_then(|extension| extension.to_str()) {
        Some("npy") => {
            let header =
                npy::read_header(&mut open(path)?).map_err(|reason| DataError::content(path, reason))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let place = Place::Plain(header.length as u64);
            vec![(name, NamedArray::new(path, None, place, header))]
        }
        Some("npz") => {
            let archive = Archive::open(path, 0)?;
            let named = |name: &str| {
                let header = archive.read(name, |header, _| Ok(header))?;
                Ok((name.to_string(), NamedArray::new(path, Some(name), Place::Packed, header)))
            };
            archive.names().map(named).collect::<Result<_>>()?
        }
        Some("safetensors") => of_safetensors(path)?,
        _ => Vec::new(),
    };
    for (name, array) in found {
        if let Some(other) = arrays.get(&name) {
            let reason = format!("has an array {name}, and so has {}", other.path.display());
            return Err(DataError::content(path, reason));
        }
        arrays.insert(name, array);
    }
    Ok(())
}

fn open(path: &Path) -> Result<BufReader<File>> {
    File::open(path).map(BufReader::new).map_err(DataError::io(path))
}

fn of_safetensors(path: &Path) -> Result<Vec<(String, NamedArray)>> {
    let refused = |reason: String| DataError::content(path, reason);
    let mut file = open(path)?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(DataError::io(path))?;
    let length = u64::from_le_bytes(length);
    let mut header = Vec::new();
    file.take(length.min(LONGEST_HEADER)).read_to_end(&mut header).map_err(DataError::io(path))?;
    let metadata: Metadata = serde_json::from_slice(&header)
        .map_err(|error| refused(format!("is no safetensors file: {error}")))?;
    let named = |(name, tensor): (String, &TensorInfo)| {
        let element = element(tensor.dtype).ok_or_else(|| {
            refused(format!("has an array {name} of the type {:?}: save it as 32-bit numbers", tensor.dtype))
        })?;
        let place = Place::Plain(8 + length + tensor.data_offsets.0 as u64);
        let header = Header { element, shape: tensor.shape.clone(), by_columns: false, length: 0 };
        let array = NamedArray::new(path, Some(&name), place, header);
        Ok((name, array))
    };
    metadata.tensors().into_iter().map(named).collect()
}

fn element(dtype: Dtype) -> Option<Element> {
    let described = match dtype {
        Dtype::BOOL => "|b1",
        Dtype::U8 => "|u1",
        Dtype::I8 => "|i1",
        Dtype::U16 => "<u2",
        Dtype::I16 => "<i2",
        Dtype::U32 => "<u4",
        Dtype::I32 => "<i4",
        Dtype::U64 => "<u8",
        Dtype::I64 => "<i8",
        Dtype::F16 => "<f2",
        Dtype::F32 => "<f4",
        Dtype::F64 => "<f8",
        _ => return None,
    };
    Element::described(described)
}

impl NamedArray {
    fn new(path: &Path, name: Option<&str>, place: Place, header: Header) -> Self {
        let Header { element, shape, .. } = header;
        Self { path: path.to_path_buf(), name: name.map(str::to_string), place, element, shape }
    }

    /// Its shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many rows it has: the size of its first axis.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Numbers of a row: all axes but the first.
    pub fn row_numbers(&self) -> usize {
        self.shape.iter().skip(1).fold(1, |numbers, size| numbers.saturating_mul(*size))
    }

    /// How its axes are examples. Rows of as many numbers as a square image of 8 x 8 pixels or more has are taken for one.
    ///
    /// # Errors
    ///
    /// Fails when they are none.
    pub fn layout(&self) -> Result<Layout> {
        let image_shape = match self.shape[..] {
            [_, numbers] => square(numbers),
            _ => Vec::new(),
        };
        let header =
            Header { element: self.element, shape: self.shape.clone(), by_columns: false, length: 0 };
        npy::layout(&header, &self.path, &DataConfig { image_shape, ..DataConfig::default() })
    }

    /// Whether its numbers are bytes, as those of images are.
    pub fn is_bytes(&self) -> bool {
        self.element == Element::BYTE
    }

    /// What is wrong with it, as the end of a sentence that begins with its name.
    pub fn refused(&self, reason: impl AsRef<str>) -> DataError {
        let reason = reason.as_ref();
        match &self.name {
            Some(name) => DataError::content(&self.path, format!("has an array {name:?} that {reason}")),
            None => DataError::content(&self.path, reason),
        }
    }

    /// Calls `read` with its rows, which come from the first to the last.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, and as `read` does.
    pub fn read_rows<T, E: From<DataError>>(
        &self,
        read: impl FnOnce(&mut Rows<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        match &self.place {
            Place::Packed => {
                let name = self.name.as_deref().unwrap_or_default();
                let archive = Archive::open(&self.path, 0)?;
                archive.read(name, |_, bytes| Ok(read(&mut Rows::new(self, bytes))))?
            }
            Place::Plain(start) => {
                let mut file = open(&self.path)?;
                file.seek(SeekFrom::Start(*start)).map_err(DataError::io(&self.path))?;
                read(&mut Rows::new(self, &mut file))
            }
        }
    }
}

/// The rows of an array, one after another.
pub struct Rows<'a> {
    array: &'a NamedArray,
    bytes: &'a mut dyn Read,
    row: Vec<u8>,
    numbers: Vec<f64>,
    next: usize,
}

impl<'a> Rows<'a> {
    fn new(array: &'a NamedArray, bytes: &'a mut dyn Read) -> Self {
        Self { array, bytes, row: Vec::new(), numbers: Vec::new(), next: 0 }
    }

    /// The next row; `None` after the last.
    ///
    /// # Errors
    ///
    /// Fails when the file is cut short.
    #[expect(clippy::should_implement_trait, reason = "a row is lent")]
    pub fn next(&mut self) -> Result<Option<&[f64]>> {
        let Self { array, bytes, row, numbers, next } = self;
        if *next == array.rows() {
            return Ok(None);
        }
        row.resize(array.row_numbers() * array.element.size(), 0);
        let cut = |error| {
            let rows = array.rows();
            array.refused(format!(
                "cannot be read beyond row {next} of {rows}, or is cut short there: {error}"
            ))
        };
        bytes.read_exact(row).map_err(cut)?;
        numbers.clear();
        numbers.extend(array.element.numbers(row));
        *next += 1;
        Ok(Some(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::write_npy;
    use std::io::Write;
    use tempfile::TempDir;

    fn rows(array: &NamedArray) -> Result<Vec<Vec<f64>>> {
        array.read_rows(|rows| {
            let mut read = Vec::new();
            while let Some(row) = rows.next()? {
                read.push(row.to_vec());
            }
            Ok(read)
        })
    }

    fn npz(path: &Path, name: &str, npy: &Path) {
        let mut zip = rawzip::ZipArchiveWriter::new(File::create(path).unwrap());
        let (mut entry, config) = zip.new_file(format!("{name}.npy")).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(&std::fs::read(npy).unwrap()).unwrap();
        let (_, descriptor) = writer.finish().unwrap();
        entry.finish(descriptor).unwrap();
        zip.finish().unwrap();
    }

    #[test]
    fn the_same_array_is_read_from_every_kind_of_file() {
        let dir = TempDir::new().unwrap();
        let bytes: Vec<u8> =
            [1.5f32, -2.0, 0.0, 4.0].iter().flat_map(|number| number.to_le_bytes()).collect();
        let plain = write_npy(&dir.path().join("means.npy"), "<f4", "(2, 2)", &bytes);
        npz(&dir.path().join("a.npz"), "packed", &plain);
        let tensor = safetensors::tensor::TensorView::new(Dtype::F32, vec![2, 2], &bytes).unwrap();
        let file = safetensors::serialize([("tensor", tensor)], None).unwrap();
        std::fs::write(dir.path().join("b.safetensors"), file).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "not an array").unwrap();
        let arrays = arrays_in(dir.path()).unwrap();
        assert_eq!(arrays.keys().collect::<Vec<_>>(), ["means", "packed", "tensor"]);
        for array in arrays.values() {
            assert_eq!((array.shape(), array.rows(), array.row_numbers()), (&[2, 2][..], 2, 2));
            assert_eq!(rows(array).unwrap(), [[1.5, -2.0], [0.0, 4.0]]);
        }
        assert_eq!(arrays_in(&dir.path().join("a.npz")).unwrap().len(), 1);
    }

    #[test]
    fn what_is_damaged_or_there_twice_is_said() {
        let dir = TempDir::new().unwrap();
        let path = write_npy(&dir.path().join("means.npy"), "|u1", "(3, 2)", &[1, 2, 3, 4, 5]);
        let array = &arrays_in(dir.path()).unwrap()["means"];
        let text = rows(array).unwrap_err().to_string();
        assert!(text.contains("means.npy cannot be read beyond row 2 of 3"), "{text}");
        npz(&dir.path().join("a.npz"), "means", &path);
        let text = arrays_in(dir.path()).unwrap_err().to_string();
        assert!(text.contains("has an array means, and so has"), "{text}");
        std::fs::write(dir.path().join("a.safetensors"), 7u64.to_le_bytes()).unwrap();
        assert!(
            arrays_in(&dir.path().join("a.safetensors"))
                .unwrap_err()
                .to_string()
                .contains("is no safetensors file")
        );
    }
}
