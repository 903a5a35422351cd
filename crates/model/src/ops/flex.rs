//! Tensors of Burn's Flex backend as slices.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{DType, Shape, TensorData};
use kernels::Matrix;

pub(super) type FlexTensor = FloatTensor<Flex>;

/// Whether the kernels, which know 32-bit numbers only, compute with the tensors.
pub(super) fn are_f32<T: TensorMetadata, const N: usize>(tensors: [&T; N]) -> bool {
    tensors.iter().all(|tensor| tensor.dtype() == DType::F32)
}

/// The tensor with its numbers in order.
pub(super) fn in_order(tensor: FlexTensor) -> FlexTensor {
    if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() }
}

/// The numbers of a tensor that was made [`in_order`].
pub(super) fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("32-bit numbers in order")
}

/// The matrix of a tensor that was made [`in_order`].
pub(super) fn matrix(tensor: &FlexTensor) -> Matrix<'_> {
    let [rows, columns] = tensor.shape().dims();
    Matrix::new(numbers(tensor), rows, columns)
}

/// A tensor of the numbers.
pub(super) fn tensor(numbers: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape))
}

/// The numbers of a tensor to write over: its own where nothing else holds them, else a copy.
pub(super) fn writable(tensor: FlexTensor) -> FlexTensor {
    let tensor = in_order(tensor);
    let covers_storage = numbers(&tensor).len() == tensor.storage::<f32>().len();
    if covers_storage { tensor } else { FlexTensor::from_data(tensor.into_data()) }
}
