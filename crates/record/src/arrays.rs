//! Files of named arrays: safetensors, with texts beside them.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use ndarray::{Array, ArrayBase, ArrayView, Data, Dimension};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{RecordError, Result};
use crate::files::write_atomically;
use crate::schema::{SCHEMA, VERSION, check_schema};

/// The entry of the header that holds the numbers of a file, as a JSON object. It is one entry, since safetensors writes
/// several in no fixed order, and the same run is to leave the same bytes.
const KEY: &str = "klsweep";

/// Numbers and texts of a header by name.
type Fields = BTreeMap<String, serde_json::Value>;

/// A type of numbers in arrays.
pub(crate) trait Element: Copy {
    const DTYPE: Dtype;
    const BYTES: usize;

    fn push(self, bytes: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Self;
    /// Whether it is a number that one can go on with.
    fn is_finite(self) -> bool;
}

macro_rules! element {
    ($type:ty, $dtype:expr, $is_finite:expr) => {
        impl Element for $type {
            const DTYPE: Dtype = $dtype;
            const BYTES: usize = size_of::<$type>();

            #[inline]
            fn push(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }

            #[inline]
            fn read(bytes: &[u8]) -> Self {
                let mut array = [0; Self::BYTES];
                array.copy_from_slice(bytes);
                Self::from_le_bytes(array)
            }

            #[inline]
            fn is_finite(self) -> bool {
                let is_finite: fn($type) -> bool = $is_finite;
                is_finite(self)
            }
        }
    };
}

element!(u8, Dtype::U8, |_| true);
element!(u32, Dtype::U32, |_| true);
element!(f32, Dtype::F32, f32::is_finite);

struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Arrays by name, on their way to or from a file.
pub(crate) struct Arrays {
    path: PathBuf,
    arrays: BTreeMap<String, Stored>,
    fields: Fields,
}

impl Arrays {
    /// None yet, of a file in the present format.
    pub fn new(path: &Path) -> Self {
        let fields = [("schema", SCHEMA.into()), ("version", VERSION.into())];
        let fields = fields.into_iter().map(|(key, value)| (key.to_string(), value)).collect();
        Self { path: path.to_path_buf(), arrays: BTreeMap::new(), fields }
    }

    pub fn insert_number(&mut self, key: &str, number: usize) {
        self.fields.insert(key.to_string(), number.into());
    }

    /// What can be written as JSON, into the header.
    pub fn insert_value(&mut self, key: &str, value: &impl Serialize) {
        let value = serde_json::to_value(value).expect("names and numbers can be written as JSON");
        self.fields.insert(key.to_string(), value);
    }

    pub fn insert<T: Element, S: Data<Elem = T>, D: Dimension>(
        &mut self,
        name: &str,
        array: &ArrayBase<S, D>,
    ) {
        let mut bytes = Vec::with_capacity(array.len() * T::BYTES);
        array.iter().for_each(|value| value.push(&mut bytes));
        let stored = Stored { dtype: T::DTYPE, shape: array.shape().to_vec(), bytes };
        self.arrays.insert(name.to_string(), stored);
    }

    /// The same for an array that may be absent.
    pub fn insert_some<T: Element, D: Dimension>(&mut self, name: &str, array: Option<&Array<T, D>>) {
        if let Some(array) = array {
            self.insert(name, array);
        }
    }

    pub fn write(self) -> Result<()> {
        let Self { path, arrays, fields } = self;
        let fields = serde_json::to_string(&fields).map_err(RecordError::damaged(&path))?;
        let header = HashMap::from([(KEY.to_string(), fields)]);
        let views = arrays.iter().map(|(name, Stored { dtype, shape, bytes })| {
            Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?))
        });
        let file = views
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .and_then(|views| safetensors::serialize(views, Some(header)))
            .map_err(RecordError::damaged(&path))?;
        write_atomically(&path, &file)
    }

    /// The arrays of a file; `None` if it is not there.
    ///
    /// # Errors
    ///
    /// Fails when the file is damaged, or of a newer version.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RecordError::io("read", path)(error)),
        };
        let damaged = RecordError::damaged::<safetensors::SafeTensorError>;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged(path))?;
        let text = header.metadata().as_ref().and_then(|texts| texts.get(KEY));
        let text =
            text.ok_or_else(|| RecordError::damaged(path)(format!("its header has no entry {KEY:?}")))?;
        let fields: Fields = serde_json::from_str(text).map_err(RecordError::damaged(path))?;
        let schema = fields.get("schema").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let version = fields.get("version").and_then(serde_json::Value::as_str).unwrap_or("unknown");
        check_schema(path, schema as u32, version)?;
        let file = SafeTensors::deserialize(&bytes).map_err(damaged(path))?;
        let stored = |(name, view): (&str, TensorView<'_>)| {
            let bytes = view.data().to_vec();
            (name.to_string(), Stored { dtype: view.dtype(), shape: view.shape().to_vec(), bytes })
        };
        Ok(Some(Self { path: path.to_path_buf(), arrays: file.iter().map(stored).collect(), fields }))
    }

    /// What a header holds under a key; `None` if it is not there.
    pub fn value<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let value = self.fields.get(key).map(|value| serde_json::from_value(value.clone()));
        value.transpose().map_err(RecordError::damaged(&self.path))
    }

    /// A number of the header.
    pub fn number(&self, key: &str) -> Result<usize> {
        let number = self.fields.get(key).and_then(serde_json::Value::as_u64);
        number
            .map(|number| number as usize)
            .ok_or_else(|| self.damaged(format!("its header has no number {key}")))
    }

    /// An array; `None` if the file does not have it.
    ///
    /// # Errors
    ///
    /// Fails when it has another type or number of dimensions, or holds numbers that are not finite.
    pub fn take<T: Element, D: Dimension>(&mut self, name: &str) -> Result<Option<Array<T, D>>> {
        let Some(Stored { dtype, shape, bytes }) = self.arrays.remove(name) else { return Ok(None) };
        if dtype != T::DTYPE {
            return Err(self.damaged(format!("{name} is of type {dtype:?} instead of {:?}", T::DTYPE)));
        }
        let values: Vec<T> = bytes.chunks_exact(T::BYTES).map(T::read).collect();
        let broken = values.iter().filter(|value| !value.is_finite()).count();
        if broken > 0 {
            return Err(
                self.damaged(format!("{broken} of the {} values of {name} are not finite", values.len()))
            );
        }
        let array = ArrayView::from_shape(ndarray::IxDyn(&shape), &values)
            .and_then(|view| view.into_dimensionality::<D>())
            .map_err(|_| {
                let wanted = D::NDIM.unwrap_or_default();
                self.damaged(format!("{name} has the shape {shape:?} instead of {wanted} dimensions"))
            })?;
        Ok(Some(array.to_owned()))
    }

    /// The same for an array without which the file is of no use.
    pub fn require<T: Element, D: Dimension>(&mut self, name: &str) -> Result<Array<T, D>> {
        let array = self.take(name)?;
        array.ok_or_else(|| self.damaged(format!("it has no {name}")))
    }

    /// An error about the content of the file.
    pub fn damaged(&self, reason: String) -> RecordError {
        RecordError::Damaged { path: self.path.clone(), reason }
    }
}

/// A number in the header of a file, without reading the arrays; `None` if there is no such file or no such number.
pub(crate) fn header_number(path: &Path, key: &str) -> Option<usize> {
    let fields: Fields = serde_json::from_str(&header_text(path, KEY)?).ok()?;
    fields.get(key)?.as_u64().map(|number| number as usize)
}

/// A text in the header of a safetensors file, without reading the tensors; `None` if there is no such file or no such text.
pub(crate) fn header_text(path: &Path, key: &str) -> Option<String> {
    /// More than any header of klsweep's.
    const LONGEST: u64 = 1 << 20;

    let mut file = File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    let mut header = Vec::new();
    file.take(length.min(LONGEST)).read_to_end(&mut header).ok()?;
    let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
    Some(header.get("__metadata__")?.get(key)?.as_str()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, array};
    use tempfile::TempDir;

    fn written(dir: &TempDir) -> PathBuf {
        let path = dir.path().join("a.safetensors");
        let mut arrays = Arrays::new(&path);
        arrays.insert_number("epoch", 3);
        arrays.insert("a.b", &array![[1.0f32, -0.0, f32::MIN_POSITIVE], [f32::MAX, 1e-45, 3.0]]);
        arrays.insert("labels", &array![7u8, 255]);
        // Transposed, so not in the order of its memory.
        arrays.insert("positions", &array![[1u32, 2], [3, 4]].t());
        arrays.write().unwrap();
        path
    }

    #[test]
    fn arrays_come_back_bit_for_bit_and_absent_ones_are_none() {
        let dir = TempDir::new().unwrap();
        let path = written(&dir);
        assert_eq!(header_number(&path, "epoch"), Some(3));
        let mut read = Arrays::read(&path).unwrap().unwrap();
        assert_eq!(read.number("epoch").unwrap(), 3);
        let values: Array2<f32> = read.require("a.b").unwrap();
        assert_eq!(values[[0, 1]].to_bits(), (-0.0f32).to_bits());
        assert_eq!(values, array![[1.0, -0.0, f32::MIN_POSITIVE], [f32::MAX, 1e-45, 3.0]]);
        assert_eq!(read.take("labels").unwrap(), Some(array![7u8, 255]));
        assert_eq!(read.take("positions").unwrap(), Some(array![[1u32, 3], [2, 4]]));
        assert_eq!(read.take::<u8, ndarray::Ix1>("absent").unwrap(), None);
        assert!(Arrays::read(&dir.path().join("absent")).unwrap().is_none());
        assert_eq!(header_number(&dir.path().join("absent"), "epoch"), None);
    }

    #[test]
    fn what_an_array_is_not_is_said() {
        let dir = TempDir::new().unwrap();
        let path = written(&dir);
        let message = |take: fn(&mut Arrays) -> Option<RecordError>| {
            let mut arrays = Arrays::read(&path).unwrap().unwrap();
            take(&mut arrays).expect("it is refused").to_string()
        };
        let text = message(|arrays| arrays.take::<f32, ndarray::Ix1>("labels").err());
        assert!(text.ends_with("is damaged: labels is of type U8 instead of F32"), "{text}");
        let text = message(|arrays| arrays.take::<f32, ndarray::Ix1>("a.b").err());
        assert!(text.ends_with("a.b has the shape [2, 3] instead of 1 dimensions"), "{text}");
        let text = message(|arrays| arrays.require::<f32, ndarray::Ix1>("c").err());
        assert!(text.ends_with("it has no c"), "{text}");
        let mut arrays = Arrays::new(&path);
        arrays.insert("mean", &Array1::from(vec![1.0, f32::NAN, f32::INFINITY]));
        arrays.write().unwrap();
        let text = message(|arrays| arrays.take::<f32, ndarray::Ix1>("mean").err());
        assert!(text.ends_with("2 of the 3 values of mean are not finite"), "{text}");
    }

    #[test]
    fn a_file_that_is_cut_short_anywhere_is_damaged() {
        let dir = TempDir::new().unwrap();
        let path = written(&dir);
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let error = Arrays::read(&path).err().expect("a part is no file").to_string();
            assert!(error.contains("a.safetensors is damaged"), "{length}: {error}");
        }
    }
}
