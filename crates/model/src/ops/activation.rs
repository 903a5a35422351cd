use burn::backend::tensor::FloatTensor;
#[cfg(feature = "flex")]
use burn::backend::{
    Autodiff, Flex, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
use kernels::Activation;
use std::f64::consts::FRAC_1_SQRT_2;

#[cfg(feature = "flex")]
use super::flex::{FlexTensor, are_f32, in_order, numbers, tensor, writable};

/// The activation of each number, of any shape.
pub fn activate<const D: usize>(input: Tensor<D>, activation: Activation) -> Tensor<D> {
    if activation == Activation::Identity {
        return input;
    }
    Tensor::from_dispatch(Dispatch::activate(input.into_dispatch(), activation))
}

/// The operation behind [`activate`].
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait ActivationOps: Backend {
    /// As [`activate`].
    fn activate(input: FloatTensor<Self>, activation: Activation) -> FloatTensor<Self> {
        plain::<Self>(input, activation)
    }
}

pub(super) fn plain<B: Backend>(input: FloatTensor<B>, activation: Activation) -> FloatTensor<B> {
    match activation {
        Activation::Identity => input,
        Activation::Relu => B::relu(input),
        Activation::Clamp { min, max } => B::float_clamp(input, min.into(), max.into()),
        Activation::Tanh => B::float_tanh(input),
        Activation::Elu => {
            let below = B::float_exp(B::float_clamp_max(input.clone(), 0.0.into()));
            B::float_add(B::relu(input), B::float_sub_scalar(below, 1.0.into()))
        }
        // Burn's own has the gradient of an approximation.
        Activation::Gelu => {
            let erf = B::float_erf(B::float_mul_scalar(input.clone(), FRAC_1_SQRT_2.into()));
            let distribution = B::float_mul_scalar(B::float_add_scalar(erf, 1.0.into()), 0.5.into());
            B::float_mul(input, distribution)
        }
        Activation::Silu => B::float_mul(input.clone(), B::sigmoid(input)),
    }
}

super::plain_backends!(ActivationOps);

#[cfg(feature = "flex")]
impl ActivationOps for Flex {
    fn activate(input: FlexTensor, activation: Activation) -> FlexTensor {
        if !are_f32([&input]) {
            return plain::<Self>(input, activation);
        }
        forward(&in_order(input), activation)
    }
}

#[cfg(feature = "flex")]
fn forward(input: &FlexTensor, activation: Activation) -> FlexTensor {
    tensor(kernels::activate(numbers(input), activation), input.shape())
}

#[cfg(feature = "flex")]
impl<C: CheckpointStrategy> ActivationOps for Autodiff<Flex, C> {
    fn activate(input: FloatTensor<Self>, activation: Activation) -> FloatTensor<Self> {
        if !are_f32([&input]) {
            return plain::<Self>(input, activation);
        }
        let (input, of_input) = input.into_parts();
        let input = in_order(input);
        let output = forward(&input, activation);
        match ActivationBackward.prepare::<C>([of_input]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => {
                let kept = if activation.is_told_by_output() { output.clone() } else { input };
                preparation.finish((kept, activation), output)
            }
            OpsKind::UnTracked(preparation) => preparation.finish(output),
        }
    }
}

#[cfg(feature = "flex")]
#[derive(Debug)]
struct ActivationBackward;

#[cfg(feature = "flex")]
impl Backward<Flex, 1> for ActivationBackward {
    /// What the slopes are told by.
    type State = (FlexTensor, Activation);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [of_input] = ops.parents;
        let (kept, activation) = ops.state;
        let mut gradient = writable(gradients.consume::<Flex>(&ops.node));
        kernels::activate_backward(gradient.storage_mut(), Some(numbers(&kept)), activation);
        if let Some(node) = of_input {
            gradients.register::<Flex>(node.id, gradient);
        }
    }
}
