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
use burn::nn::Linear;
use burn::tensor::{Tensor, assert_shape};
use kernels::Activation;
#[cfg(feature = "flex")]
use kernels::DenseWanted;

use super::activation::activate;
#[cfg(feature = "flex")]
use super::flex::{FlexTensor, are_f32, in_order, matrix, numbers, tensor, writable};
#[cfg(feature = "flex")]
use super::product::{defer, is_deferred};

/// `activation(input weight + bias)`: a fully connected layer in one operation.
///
/// # Shapes
///
/// - input: `[batch, inputs]`
/// - weight: `[inputs, outputs]`
/// - bias: `[outputs]`
/// - output: `[batch, outputs]`
///
/// # Panics
///
/// Panics if the shapes are not those.
pub fn dense(input: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, activation: Activation) -> Tensor<2> {
    let [inputs, outputs] = weight.dims();
    assert_shape!(input, [input.dims()[0], inputs]);
    assert_shape!(bias, [outputs]);
    let (input, weight, bias) = (input.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    let (fused, after) = fuse(activation);
    activate(Tensor::from_dispatch(Dispatch::dense(input, weight, bias, fused)), after)
}

/// What a layer does in one operation, and what is left for one after it: a gradient for which the sums are needed needs them
/// kept.
pub(super) fn fuse(activation: Activation) -> (Activation, Activation) {
    if activation.is_told_by_output() {
        (activation, Activation::Identity)
    } else {
        (Activation::Identity, activation)
    }
}

/// [`dense`] with the parameters of Burn's own layer.
///
/// # Shapes
///
/// - input: `[batch, inputs]`
/// - output: `[batch, outputs]`
///
/// # Panics
///
/// Panics if the input has another number of columns than the layer has inputs.
pub fn linear(layer: &Linear, input: Tensor<2>, activation: Activation) -> Tensor<2> {
    let weight = layer.weight.val();
    let bias = match &layer.bias {
        Some(bias) => bias.val(),
        None => Tensor::zeros([weight.dims()[1]], &weight.device()),
    };
    dense(input, weight, bias, activation)
}

/// The operation behind [`dense`].
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait DenseOps: Backend {
    /// As [`dense`].
    fn dense(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        plain::<Self>(input, weight, bias, activation)
    }
}

fn plain<B: Backend>(
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    activation: Activation,
) -> FloatTensor<B> {
    let outputs = bias.shape().num_elements();
    let sums = B::float_add(B::float_matmul(input, weight), B::float_reshape(bias, [1, outputs].into()));
    super::activation::plain::<B>(sums, activation)
}

super::plain_backends!(DenseOps);

#[cfg(feature = "flex")]
impl DenseOps for Flex {
    fn dense(input: FlexTensor, weight: FlexTensor, bias: FlexTensor, activation: Activation) -> FlexTensor {
        if !are_f32([&input, &weight, &bias]) {
            return plain::<Self>(input, weight, bias, activation);
        }
        forward(&in_order(input), &in_order(weight), &in_order(bias), activation)
    }
}

#[cfg(feature = "flex")]
fn forward(input: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor, activation: Activation) -> FlexTensor {
    let (input, weight) = (matrix(input), matrix(weight));
    let shape = [input.rows(), weight.columns()];
    tensor(kernels::dense(input, weight, numbers(bias), activation), shape)
}

#[cfg(feature = "flex")]
impl<C: CheckpointStrategy> DenseOps for Autodiff<Flex, C> {
    fn dense(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        if !are_f32([&input, &weight, &bias]) {
            return plain::<Self>(input, weight, bias, activation);
        }
        let [(input, of_input), (weight, of_weight), (bias, of_bias)] =
            [input, weight, bias].map(|tensor| tensor.into_parts());
        let (input, weight) = (in_order(input), in_order(weight));
        let output = forward(&input, &weight, &in_order(bias), activation);
        match DenseBackward.prepare::<C>([of_input, of_weight, of_bias]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => {
                let kept = (activation != Activation::Identity).then(|| output.clone());
                let layer = Layer { input, weight, output: kept, activation };
                preparation.finish(layer, output)
            }
            OpsKind::UnTracked(preparation) => preparation.finish(output),
        }
    }
}

/// What the gradients of a layer are made of.
#[cfg(feature = "flex")]
#[derive(Clone, Debug)]
struct Layer {
    input: FlexTensor,
    weight: FlexTensor,
    /// Where the activation needs it.
    output: Option<FlexTensor>,
    activation: Activation,
}

#[cfg(feature = "flex")]
#[derive(Debug)]
struct DenseBackward;

#[cfg(feature = "flex")]
impl Backward<Flex, 3> for DenseBackward {
    type State = Layer;

    fn backward(self, ops: Ops<Layer, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [of_input, of_weight, of_bias] = ops.parents;
        let Layer { input, weight, output, activation } = ops.state;
        let mut gradient = writable(gradients.consume::<Flex>(&ops.node));
        let deferred = of_weight.as_ref().is_some_and(|node| is_deferred(node.id));
        let of_layer = kernels::dense_backward(
            matrix(&input),
            matrix(&weight),
            output.as_ref().map(numbers),
            activation,
            gradient.storage_mut(),
            DenseWanted { input: of_input.is_some(), weight: of_weight.is_some() && !deferred },
        );
        if let (Some(node), Some(gradient)) = (of_input, of_layer.input) {
            gradients.register::<Flex>(node.id, tensor(gradient, input.shape()));
        }
        if let Some(node) = of_bias {
            gradients.register::<Flex>(node.id, tensor(of_layer.bias, [weight.shape()[1]]));
        }
        match (of_weight, of_layer.weight) {
            (Some(node), Some(gradient)) => {
                gradients.register::<Flex>(node.id, tensor(gradient, weight.shape()));
            }
            (Some(node), None) => defer(node.id, input, gradient),
            (None, _) => {}
        }
    }
}
