//! Images as tensors on a device.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use data::Images;

/// Batches of grey levels from 0 to 1.
pub trait ImageTensors {
    /// The images at the given positions, `[positions, pixels]`.
    fn batch(&self, positions: &[u32], device: &Device) -> Tensor<2>;

    /// A range of the images, `[range, pixels]`.
    fn range(&self, range: Range<usize>, device: &Device) -> Tensor<2>;
}

impl ImageTensors for Images {
    fn batch(&self, positions: &[u32], device: &Device) -> Tensor<2> {
        let grey = self.gather(positions);
        Tensor::from_data(TensorData::new(grey, [positions.len(), self.pixels()]), device)
    }

    fn range(&self, range: Range<usize>, device: &Device) -> Tensor<2> {
        let count = range.len();
        Tensor::from_data(TensorData::new(self.grey_of(range), [count, self.pixels()]), device)
    }
}
