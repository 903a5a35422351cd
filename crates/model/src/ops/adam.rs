use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
#[cfg(feature = "ndarray")]
use burn::tensor::BoolDType;
use burn::tensor::Tensor;
use kernels::AdamStep;

#[cfg(feature = "flex")]
use super::flex::{FlexTensor, are_f32, in_order, numbers, writable};
use crate::Moments;

/// A parameter, flattened, and its moments after an update.
pub(crate) struct AdamUpdate {
    /// `[parameter elements]`.
    pub weight: Tensor<1>,
    pub moments: Moments,
}

/// One update of a parameter and its moments by its gradient, all flattened, without autodiff; in place on Flex.
pub(crate) fn adam(weight: Tensor<1>, moments: Moments, gradient: Tensor<1>, step: AdamStep) -> AdamUpdate {
    let Moments { first, second } = moments;
    let (weight, first, second) = Dispatch::adam(
        weight.into_dispatch(),
        first.into_dispatch(),
        second.into_dispatch(),
        gradient.into_dispatch(),
        step,
    );
    let [weight, first, second] = [weight, first, second].map(Tensor::from_dispatch);
    AdamUpdate { weight, moments: Moments { first, second } }
}

/// The operation behind [`adam`].
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
        let (first, second) = plain_moments::<Self>(first, second, gradient, &step);
        plain_update::<Self>(weight, first, second, &step)
    }
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
    (B::float_sub(weight, change), first, second)
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
        let gradient = flush::<Self>(gradient, step.least_gradient());
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
            let (first, second) = plain_moments::<Self>(first, second, gradient, &step);
            return plain_update::<Self>(weight, first, second, &step);
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
}
