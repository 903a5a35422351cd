use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, DispatchTensor, TensorMetadata, backend_extension};
#[cfg(feature = "ndarray")]
use burn::tensor::BoolDType;
use burn::tensor::Tensor;
use kernels::AdamStep;

#[cfg(feature = "flex")]
use super::flex::{FlexTensor, are_f32, in_order, matrix, numbers, writable};
use super::product::Product;
use crate::Moments;

/// A parameter and its moments after an update.
pub(crate) struct AdamUpdate<const D: usize> {
    pub weight: Tensor<D>,
    pub moments: Moments,
}

/// One update of a parameter and its moments by its gradient, without autodiff; in place on Flex.
///
/// # Shapes
///
/// - weight and gradient: those of the parameter
/// - moments: `[parameter elements]`
pub(crate) fn adam<const D: usize>(
    weight: Tensor<D>,
    moments: Moments,
    gradient: Tensor<D>,
    step: AdamStep,
) -> AdamUpdate<D> {
    AdamUpdate::of(Dispatch::adam(
        weight.into_dispatch(),
        moments.first.into_dispatch(),
        moments.second.into_dispatch(),
        gradient.into_dispatch(),
        step,
    ))
}

/// [`adam`] by the gradient of a dense layer's weight that is not multiplied out yet.
pub(crate) fn adam_by_product<const D: usize>(
    weight: Tensor<D>,
    moments: Moments,
    gradient: Product,
    step: AdamStep,
) -> AdamUpdate<D> {
    AdamUpdate::of(Dispatch::adam_by_product(
        weight.into_dispatch(),
        moments.first.into_dispatch(),
        moments.second.into_dispatch(),
        gradient.input.into_dispatch(),
        gradient.output_gradient.into_dispatch(),
        step,
    ))
}

impl<const D: usize> AdamUpdate<D> {
    fn of((weight, first, second): (DispatchTensor, DispatchTensor, DispatchTensor)) -> Self {
        let [first, second] = [first, second].map(Tensor::from_dispatch);
        Self { weight: Tensor::from_dispatch(weight), moments: Moments { first, second } }
    }
}

/// The operations behind [`adam`] and [`adam_by_product`].
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))
)]
pub trait AdamOps: Backend {
    /// The updated weight, first and second moment.
    fn adam(
        weight: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        plain::<Self>(weight, first, second, gradient, &step)
    }

    /// As [`adam`](Self::adam), by the transposed of the input times the gradient of the output.
    fn adam_by_product(
        weight: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        input: FloatTensor<Self>,
        output_gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        Self::adam(weight, first, second, plain_product::<Self>(input, output_gradient), step)
    }
}

fn plain_product<B: Backend>(input: FloatTensor<B>, output_gradient: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(B::float_transpose(input), output_gradient)
}

fn plain<B: Backend>(
    weight: FloatTensor<B>,
    first: FloatTensor<B>,
    second: FloatTensor<B>,
    gradient: FloatTensor<B>,
    step: &AdamStep,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let (first, second) = plain_moments::<B>(first, second, flat::<B>(gradient), step);
    plain_update::<B>(weight, first, second, step)
}

fn flat<B: Backend>(tensor: FloatTensor<B>) -> FloatTensor<B> {
    let elements = tensor.shape().num_elements();
    B::float_reshape(tensor, [elements].into())
}

fn plain_moments<B: Backend>(
    first: FloatTensor<B>,
    second: FloatTensor<B>,
    gradient: FloatTensor<B>,
    step: &AdamStep,
) -> (FloatTensor<B>, FloatTensor<B>) {
    let average = |old: FloatTensor<B>, beta: f32, new: FloatTensor<B>, one_minus_beta: f32| {
        B::float_add(B::float_mul_scalar(old, beta.into()), B::float_mul_scalar(new, one_minus_beta.into()))
    };
    let square = B::float_mul(gradient.clone(), gradient.clone());
    (
        average(first, step.beta_1, gradient, step.one_minus_beta_1),
        average(second, step.beta_2, square, step.one_minus_beta_2),
    )
}

fn plain_update<B: Backend>(
    weight: FloatTensor<B>,
    first: FloatTensor<B>,
    second: FloatTensor<B>,
    step: &AdamStep,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let root = B::float_mul_scalar(B::float_sqrt(second.clone()), step.second_moment_scale.into());
    let deviation = B::float_add_scalar(root, step.epsilon.into());
    let change = B::float_div(B::float_mul_scalar(first.clone(), step.step_size.into()), deviation);
    let shape = weight.shape();
    (B::float_sub(weight, B::float_reshape(change, shape)), first, second)
}

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
impl AdamOps for burn::backend::Cube {}

/// The tensor with 0 in the place of smaller numbers.
#[cfg(feature = "ndarray")]
fn flush<B: Backend>(tensor: FloatTensor<B>, least: f32) -> FloatTensor<B> {
    let small = B::float_lower_elem(B::float_abs(tensor.clone()), least.into(), BoolDType::Native);
    B::float_mask_fill(tensor, small, 0.0.into())
}

/// On the processor, moments that decay among the denormal numbers would slow training several times.
#[cfg(feature = "ndarray")]
impl AdamOps for burn::backend::NdArray {
    fn adam(
        weight: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let gradient = flush::<Self>(flat::<Self>(gradient), step.least_gradient());
        let (first, second) = plain_moments::<Self>(first, second, gradient, &step);
        let [first, second] = [first, second].map(|moment| flush::<Self>(moment, f32::MIN_POSITIVE));
        plain_update::<Self>(weight, first, second, &step)
    }
}

#[cfg(feature = "flex")]
impl AdamOps for burn::backend::Flex {
    fn adam(
        weight: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        gradient: FlexTensor,
        step: AdamStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        if !are_f32([&weight, &first, &second, &gradient]) {
            return plain::<Self>(weight, first, second, gradient, &step);
        }
        let [mut weight, mut first, mut second] = [weight, first, second].map(writable);
        let gradient = in_order(gradient);
        kernels::adam(
            &step,
            weight.storage_mut(),
            first.storage_mut(),
            second.storage_mut(),
            numbers(&gradient),
        );
        (weight, first, second)
    }

    fn adam_by_product(
        weight: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        input: FlexTensor,
        output_gradient: FlexTensor,
        step: AdamStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        if !are_f32([&weight, &first, &second, &input, &output_gradient]) {
            let gradient = plain_product::<Self>(input, output_gradient);
            return plain::<Self>(weight, first, second, gradient, &step);
        }
        let [mut weight, mut first, mut second] = [weight, first, second].map(writable);
        let [input, output_gradient] = [input, output_gradient].map(in_order);
        kernels::adam_by_product(
            &step,
            weight.storage_mut(),
            first.storage_mut(),
            second.storage_mut(),
            matrix(&input).transposed(),
            matrix(&output_gradient),
        );
        (weight, first, second)
    }
}
