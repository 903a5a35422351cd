//! Tensors in safetensors files.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::{DType, TensorData};
use model::NamedTensor;
use record::{SavedTensor, write_atomically};
use safetensors::{Dtype, tensor::TensorView};

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

/// A tensor that was read.
pub fn tensor_data(saved: &SavedTensor) -> TensorData {
    TensorData::new(saved.values(), saved.shape.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::TensorFile;
    use tempfile::TempDir;

    #[test]
    fn tensors_come_back_bit_for_bit() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x.safetensors");
        let metadata = HashMap::from([("key".to_string(), "value".to_string())]);
        let data = TensorData::from([[1.0f32, -0.0, f32::MIN_POSITIVE], [f32::MAX, 1e-45, 3.0]]);
        let tensor = NamedTensor { name: "a.b".to_string(), data };
        std::fs::write(&path, to_safetensors(std::slice::from_ref(&tensor), metadata.clone()).unwrap())
            .unwrap();
        let read = TensorFile::read(&path).unwrap();
        assert_eq!(read.metadata, metadata);
        assert_eq!(tensor_data(&read.tensors["a.b"]).as_bytes(), tensor.data.as_bytes());
    }
}
