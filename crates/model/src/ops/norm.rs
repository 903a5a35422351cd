use burn::backend::tensor::FloatTensor;
#[cfg(feature = "flex")]
use burn::backend::{
    Autodiff, Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
};
use burn::backend::{Backend, Dispatch, TensorMetadata, backend_extension};
use burn::tensor::{Tensor, assert_shape};
pub(crate) use kernels::NORM_EPSILON;
use kernels::NormAxis;

#[cfg(feature = "flex")]
use super::flex::{FlexTensor, are_f32, in_order, numbers, tensor};

/// Each row brought to mean 0 and variance 1, then multiplied with a gain and shifted, in one operation.
///
/// Source: Ba, Kiros and Hinton, *Layer Normalization* (2016).
///
/// # Shapes
///
/// - input and output: `[rows, features]`
/// - gain and shift: `[features]`
///
/// # Panics
///
/// Panics if the shapes are not those.
pub fn layer_norm(input: Tensor<2>, gain: Tensor<1>, shift: Tensor<1>) -> Tensor<2> {
    normalize(input, gain, shift, NormAxis::Rows).output
}

/// Columns of a batch that were [normalised](batch_norm).
#[derive(Clone, Debug)]
pub struct BatchNormalized {
    /// `[rows, features]`.
    pub output: Tensor<2>,
    /// The mean of each column, `[features]`. It has no gradient.
    pub mean: Tensor<1>,
    /// The variance of each column, `[features]`, the mean square of what is off the mean. It has no gradient.
    pub variance: Tensor<1>,
}

/// Each column brought to mean 0 and variance 1 over the batch, then multiplied with a gain and shifted, in one operation.
///
/// Source: Ioffe and Szegedy, *Batch Normalization* (2015).
///
/// # Shapes
///
/// - input: `[rows, features]`
/// - gain and shift: `[features]`
///
/// # Panics
///
/// Panics if the shapes are not those.
pub fn batch_norm(input: Tensor<2>, gain: Tensor<1>, shift: Tensor<1>) -> BatchNormalized {
    normalize(input, gain, shift, NormAxis::Columns)
}

fn normalize(input: Tensor<2>, gain: Tensor<1>, shift: Tensor<1>, axis: NormAxis) -> BatchNormalized {
    let [rows, features] = input.dims();
    assert_shape!(input, [rows, features]);
    assert_shape!(gain, [features]);
    assert_shape!(shift, [features]);
    let (input, gain, shift) = (input.into_dispatch(), gain.into_dispatch(), shift.into_dispatch());
    let (output, mean, variance) = Dispatch::normalize(input, gain, shift, axis);
    BatchNormalized {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean).inner(),
        variance: Tensor::from_dispatch(variance).inner(),
    }
}

/// The operation behind [`layer_norm`] and [`batch_norm`].
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait NormOps: Backend {
    /// The normalised numbers, and the mean and variance of each row or column, which have no gradient.
    fn normalize(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        axis: NormAxis,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        plain::<Self>(input, gain, shift, axis)
    }
}

fn plain<B: Backend>(
    input: FloatTensor<B>,
    gain: FloatTensor<B>,
    shift: FloatTensor<B>,
    axis: NormAxis,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let features = gain.shape().num_elements();
    let over = match axis {
        NormAxis::Rows => 1,
        NormAxis::Columns => 0,
    };
    let mean = B::float_mean_dim(input.clone(), over);
    let off = B::float_sub(input, mean.clone());
    let variance = B::float_mean_dim(B::float_mul(off.clone(), off.clone()), over);
    let deviation = B::float_sqrt(B::float_add_scalar(variance.clone(), NORM_EPSILON.into()));
    let [gain, shift] = [gain, shift].map(|tensor| B::float_reshape(tensor, [1, features].into()));
    let output = B::float_add(B::float_mul(B::float_div(off, deviation), gain), shift);
    let flat = |tensor: FloatTensor<B>| {
        let count = tensor.shape().num_elements();
        B::float_reshape(tensor, [count].into())
    };
    (output, flat(mean), flat(variance))
}

super::plain_backends!(NormOps);

#[cfg(feature = "flex")]
impl NormOps for Flex {
    fn normalize(
        input: FlexTensor,
        gain: FlexTensor,
        shift: FlexTensor,
        axis: NormAxis,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        if !are_f32([&input, &gain, &shift]) {
            return plain::<Self>(input, gain, shift, axis);
        }
        forward(&in_order(input), &in_order(gain), &in_order(shift), axis)
    }
}

#[cfg(feature = "flex")]
fn forward(
    input: &FlexTensor,
    gain: &FlexTensor,
    shift: &FlexTensor,
    axis: NormAxis,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let kernels::Normalized { output, mean, variance } =
        kernels::normalize(numbers(input), numbers(gain), numbers(shift), axis);
    let vector = |values: Vec<f32>| {
        let count = values.len();
        tensor(values, [count])
    };
    (tensor(output, input.shape()), vector(mean), vector(variance))
}

#[cfg(feature = "flex")]
impl<C: CheckpointStrategy> NormOps for Autodiff<Flex, C> {
    fn normalize(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        axis: NormAxis,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !are_f32([&input, &gain, &shift]) {
            return plain::<Self>(input, gain, shift, axis);
        }
        let [(input, of_input), (gain, of_gain), (shift, of_shift)] =
            [input, gain, shift].map(|tensor| tensor.into_parts());
        let (input, gain) = (in_order(input), in_order(gain));
        let (output, mean, variance) = forward(&input, &gain, &in_order(shift), axis);
        let moments = (mean.clone(), variance.clone());
        let output = match NormBackward.prepare::<C>([of_input, of_gain, of_shift]).compute_bound().stateful()
        {
            OpsKind::Tracked(preparation) => {
                preparation.finish(Kept { input, gain, mean, variance, axis }, output)
            }
            OpsKind::UnTracked(preparation) => preparation.finish(output),
        };
        (output, FloatTensor::<Self>::new(moments.0), FloatTensor::<Self>::new(moments.1))
    }
}

/// What the gradients are made of.
#[cfg(feature = "flex")]
#[derive(Clone, Debug)]
struct Kept {
    input: FlexTensor,
    gain: FlexTensor,
    mean: FlexTensor,
    variance: FlexTensor,
    axis: NormAxis,
}

#[cfg(feature = "flex")]
#[derive(Debug)]
struct NormBackward;

#[cfg(feature = "flex")]
impl Backward<Flex, 3> for NormBackward {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let Kept { input, gain, mean, variance, axis } = ops.state;
        let gradient = in_order(gradients.consume::<Flex>(&ops.node));
        let found = kernels::normalize_backward(
            numbers(&input),
            numbers(&mean),
            numbers(&variance),
            numbers(&gain),
            numbers(&gradient),
            axis,
        );
        let found = [found.input, found.gain, found.shift];
        let shapes = [input.shape(), gain.shape(), gain.shape()];
        for ((parent, found), shape) in ops.parents.into_iter().zip(found).zip(shapes) {
            if let Some(node) = parent {
                gradients.register::<Flex>(node.id, tensor(found, shape));
            }
        }
    }
}
