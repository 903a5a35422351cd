//! Tensors in safetensors files.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use burn::tensor::{DType, TensorData};
use model::NamedTensor;
use record::write_atomically;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// The safetensors file of 32-bit tensors and texts.
pub fn to_safetensors(tensors: &[NamedTensor], metadata: HashMap<String, String>) -> Result<Vec<u8>> {
    let views = tensors
        .iter()
        .map(|NamedTensor { name, data }| {
            assert_eq!(data.dtype(), DType::F32, "{name} is saved as 32-bit numbers");
            let shape = data.shape().iter().copied().collect();
            Ok((name.as_str(), TensorView::new(Dtype::F32, shape, data.as_bytes())?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    Ok(safetensors::serialize(views, Some(metadata))?)
}

/// Writes a network's parameters.
pub fn write_weights(path: &Path, parameters: &[NamedTensor]) -> Result<()> {
    let metadata = [("format".to_string(), "klsweep weights, [inputs, outputs]".to_string())].into();
    let file =
        to_safetensors(parameters, metadata).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(write_atomically(path, &file)?)
}

/// What a safetensors file of 32-bit tensors holds.
pub struct SafetensorsFile {
    /// The tensors by name.
    pub tensors: HashMap<String, TensorData>,
    /// The texts by name.
    pub metadata: HashMap<String, String>,
}

/// Reads a safetensors file of 32-bit tensors.
pub fn read_safetensors(path: &Path) -> Result<SafetensorsFile> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let damaged = || format!("{} is damaged or cut short", path.display());
    let (_, header) = SafeTensors::read_metadata(&bytes).with_context(damaged)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let tensors = SafeTensors::deserialize(&bytes)
        .with_context(damaged)?
        .iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                return Err(anyhow!("{name} is of type {:?} instead of F32", view.dtype()));
            }
            let values: Vec<f32> =
                view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            Ok((name.to_string(), TensorData::new(values, view.shape().to_vec())))
        })
        .collect::<Result<_>>()
        .with_context(damaged)?;
    Ok(SafetensorsFile { tensors, metadata })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn tensor() -> NamedTensor {
        let data = TensorData::from([[1.0f32, -0.0, f32::MIN_POSITIVE], [f32::MAX, 1e-45, 3.0]]);
        NamedTensor { name: "a.b".to_string(), data }
    }

    #[test]
    fn tensors_come_back_bit_for_bit() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x.safetensors");
        let metadata = HashMap::from([("key".to_string(), "value".to_string())]);
        fs::write(&path, to_safetensors(&[tensor()], metadata.clone()).unwrap()).unwrap();
        let read = read_safetensors(&path).unwrap();
        assert_eq!(read.metadata, metadata);
        assert_eq!(read.tensors["a.b"].as_bytes(), tensor().data.as_bytes());
    }

    #[test]
    fn a_file_that_is_cut_short_anywhere_is_an_error() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x.safetensors");
        let bytes = to_safetensors(&[tensor()], HashMap::new()).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let error = read_safetensors(&path).err().expect("a part is no file").to_string();
            assert!(error.contains("is damaged or cut short"), "{length}: {error}");
        }
    }
}
