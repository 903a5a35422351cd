//! Safetensors files of 32-bit tensors: weights and checkpoints.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors};

use crate::error::{RecordError, Result};

/// What a safetensors file of 32-bit tensors holds.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorFile {
    /// The tensors by name.
    pub tensors: BTreeMap<String, SavedTensor>,
    /// The texts of the header by name.
    pub metadata: HashMap<String, String>,
}

/// A tensor as it is saved.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedTensor {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its numbers, little-endian.
    pub(crate) bytes: Vec<u8>,
}

impl SavedTensor {
    /// Its numbers.
    pub fn values(&self) -> Vec<f32> {
        self.bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }
}

impl TensorFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read, is damaged, or holds other numbers.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(RecordError::io("read", path))?;
        let damaged = |error: SafeTensorError| {
            RecordError::damaged(path)(format!("it is no whole safetensors file: {error}"))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let saved = SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let tensors = saved.iter().map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                let reason = format!("{name} is of type {:?} instead of F32", view.dtype());
                return Err(RecordError::damaged(path)(reason));
            }
            let saved = SavedTensor { shape: view.shape().to_vec(), bytes: view.data().to_vec() };
            Ok((name.to_string(), saved))
        });
        Ok(Self { tensors: tensors.collect::<Result<_>>()?, metadata })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::tensor::TensorView;
    use tempfile::TempDir;

    const NUMBERS: [f32; 6] = [1.0, -0.0, f32::MIN_POSITIVE, f32::MAX, 1e-45, 3.0];

    fn file(dtype: Dtype) -> Vec<u8> {
        let bytes: Vec<u8> = NUMBERS.iter().flat_map(|number| number.to_le_bytes()).collect();
        let view = TensorView::new(dtype, vec![2, 3], &bytes).unwrap();
        let metadata = HashMap::from([("key".to_string(), "value".to_string())]);
        safetensors::serialize([("a.b", view)], Some(metadata)).unwrap()
    }

    fn read(bytes: &[u8]) -> Result<TensorFile> {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x.safetensors");
        fs::write(&path, bytes).unwrap();
        TensorFile::read(&path)
    }

    #[test]
    fn tensors_come_back_bit_for_bit() {
        let TensorFile { tensors, metadata } = read(&file(Dtype::F32)).unwrap();
        assert_eq!(metadata["key"], "value");
        assert_eq!(tensors["a.b"].shape, [2, 3]);
        let bits: Vec<u32> = tensors["a.b"].values().into_iter().map(f32::to_bits).collect();
        assert_eq!(bits, NUMBERS.map(f32::to_bits));
    }

    #[test]
    fn what_is_no_file_of_32_bit_tensors_is_said() {
        let error = read(&file(Dtype::U32)).unwrap_err().to_string();
        assert!(error.ends_with("is damaged: a.b is of type U32 instead of F32"), "{error}");
        let whole = file(Dtype::F32);
        for length in 0..whole.len() {
            let error = read(&whole[..length]).unwrap_err().to_string();
            assert!(error.contains("is damaged: it is no whole safetensors file"), "{length}: {error}");
        }
    }
}
