//! Examples as tensors on a device.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use data::{Epoch, Result, Split};

/// Batches of examples, as a network sees them.
pub trait ImageTensors {
    /// The examples at the given positions, `[positions, numbers]`.
    ///
    /// # Errors
    ///
    /// Fails when a file that they are read from has changed.
    fn batch(&self, positions: &[u32], device: &Device) -> Result<Tensor<2>>;

    /// The same as they are seen in an epoch of training.
    ///
    /// # Errors
    ///
    /// Fails when a file that they are read from has changed.
    fn batch_in(&self, epoch: Epoch, positions: &[u32], device: &Device) -> Result<Tensor<2>>;

    /// A range of the examples, `[range, numbers]`.
    ///
    /// # Errors
    ///
    /// Fails when a file that they are read from has changed.
    fn range(&self, range: Range<usize>, device: &Device) -> Result<Tensor<2>>;
}

impl ImageTensors for Split {
    fn batch(&self, positions: &[u32], device: &Device) -> Result<Tensor<2>> {
        let numbers = self.gather(positions)?;
        Ok(Tensor::from_data(TensorData::new(numbers, [positions.len(), self.numbers()]), device))
    }

    fn batch_in(&self, epoch: Epoch, positions: &[u32], device: &Device) -> Result<Tensor<2>> {
        let numbers = self.gather_in(epoch, positions)?;
        Ok(Tensor::from_data(TensorData::new(numbers, [positions.len(), self.numbers()]), device))
    }

    fn range(&self, range: Range<usize>, device: &Device) -> Result<Tensor<2>> {
        let shape = [range.len(), self.numbers()];
        Ok(Tensor::from_data(TensorData::new(self.rows(range)?, shape), device))
    }
}
