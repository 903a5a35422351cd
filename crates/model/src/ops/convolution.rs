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
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Tensor, assert_shape};
use kernels::{Activation, Convolution};

use super::activation::{self, activate};
use super::dense::fuse;
#[cfg(feature = "flex")]
use super::flex::{FlexTensor, are_f32, in_order, numbers, tensor, writable};

/// `activation(convolution of the images + bias)`, channels last, in one operation.
///
/// # Shapes
///
/// - images: `[batch, height, width, channels]`
/// - weight: `[kernel height, kernel width, channels, filters]`
/// - bias: `[filters]`
/// - output: `[batch, rows, columns, filters]`, with the rows and columns of [`Convolution::output`]
///
/// # Panics
///
/// Panics if the shapes are not those, or the convolution has no output.
pub fn convolve(
    convolution: Convolution,
    images: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    activation: Activation,
) -> Tensor<4> {
    let Convolution { image: [height, width], channels, filters, .. } = convolution;
    assert_shape!(images, [images.dims()[0], height, width, channels]);
    assert_shape!(bias, [filters]);
    compute(Form { convolution, transposed: false, activation }, images, weight, bias)
}

/// `activation(transposed convolution + bias)`, channels last, in one operation: the map by which the gradient of
/// [`convolve`] goes from its output to its images.
///
/// # Shapes
///
/// - inputs: `[batch, rows, columns, filters]`, with the rows and columns of [`Convolution::output`]
/// - weight: `[kernel height, kernel width, channels, filters]`
/// - bias: `[channels]`
/// - output: `[batch, height, width, channels]`
///
/// # Panics
///
/// Panics if the shapes are not those, or the convolution has no output.
pub fn convolve_transposed(
    convolution: Convolution,
    inputs: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    activation: Activation,
) -> Tensor<4> {
    let [rows, columns] = positions(&convolution);
    assert_shape!(inputs, [inputs.dims()[0], rows, columns, convolution.filters]);
    assert_shape!(bias, [convolution.channels]);
    compute(Form { convolution, transposed: true, activation }, inputs, weight, bias)
}

fn compute(form: Form, input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let Convolution { kernel: [rows, columns], channels, filters, .. } = form.convolution;
    assert_shape!(weight, [rows, columns, channels, filters]);
    let (input, weight, bias) = (input.into_dispatch(), weight.into_dispatch(), bias.into_dispatch());
    let (fused, after) = fuse(form.activation);
    let form = Form { activation: fused, ..form };
    activate(Tensor::from_dispatch(Dispatch::convolution(form, input, weight, bias)), after)
}

fn positions(convolution: &Convolution) -> [usize; 2] {
    convolution.output().unwrap_or_else(|| panic!("{convolution:?} has no output"))
}

/// Which way a convolution goes, and what follows.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    convolution: Convolution,
    transposed: bool,
    activation: Activation,
}

/// The operation behind [`convolve`] and [`convolve_transposed`].
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait ConvolutionOps: Backend {
    /// As [`convolve`] or [`convolve_transposed`].
    fn convolution(
        form: Form,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        plain::<Self>(form, input, weight, bias)
    }
}

/// By Burn's own convolutions, whose channels come before height and width.
fn plain<B: Backend>(
    form: Form,
    input: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
) -> FloatTensor<B> {
    let Form { convolution, transposed, activation } = form;
    let Convolution { image, kernel, stride, padding, .. } = convolution;
    let input = B::float_permute(input, &[0, 3, 1, 2]);
    // `[filters, channels, kernel height, kernel width]`, which is what both ask for.
    let weight = B::float_permute(weight, &[3, 2, 0, 1]);
    let sums = if transposed {
        let positions = positions(&convolution);
        let covered = |axis: usize| (positions[axis] - 1) * stride[axis] + kernel[axis];
        let skipped = [0, 1].map(|axis| image[axis] + 2 * padding[axis] - covered(axis));
        let options = ConvTransposeOptions::new(stride, padding, skipped, [1, 1], 1);
        B::conv_transpose2d(input, weight, Some(bias), options)
    } else {
        B::conv2d(input, weight, Some(bias), ConvOptions::new(stride, padding, [1, 1], 1))
    };
    activation::plain::<B>(B::float_permute(sums, &[0, 2, 3, 1]), activation)
}

super::plain_backends!(ConvolutionOps);

#[cfg(feature = "flex")]
impl ConvolutionOps for Flex {
    fn convolution(form: Form, input: FlexTensor, weight: FlexTensor, bias: FlexTensor) -> FlexTensor {
        if !are_f32([&input, &weight, &bias]) {
            return plain::<Self>(form, input, weight, bias);
        }
        forward(&form, &in_order(input), &in_order(weight), &in_order(bias))
    }
}

#[cfg(feature = "flex")]
fn forward(form: &Form, input: &FlexTensor, weight: &FlexTensor, bias: &FlexTensor) -> FlexTensor {
    let Form { convolution, transposed, activation } = form;
    let (kernel, [rows, columns], numbers_of_a_place): (fn(&_, &_, &_, &_, _) -> _, _, _) = if *transposed {
        (kernels::convolve_transposed, convolution.image, convolution.channels)
    } else {
        (kernels::convolve, positions(convolution), convolution.filters)
    };
    let output = kernel(convolution, numbers(input), numbers(weight), numbers(bias), *activation);
    tensor(output, [input.shape()[0], rows, columns, numbers_of_a_place])
}

#[cfg(feature = "flex")]
impl<C: CheckpointStrategy> ConvolutionOps for Autodiff<Flex, C> {
    fn convolution(
        form: Form,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        if !are_f32([&input, &weight, &bias]) {
            return plain::<Self>(form, input, weight, bias);
        }
        let [(input, of_input), (weight, of_weight), (bias, of_bias)] =
            [input, weight, bias].map(|tensor| tensor.into_parts());
        let (input, weight) = (in_order(input), in_order(weight));
        let output = forward(&form, &input, &weight, &in_order(bias));
        match ConvolutionBackward.prepare::<C>([of_input, of_weight, of_bias]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => {
                let kept = (form.activation != Activation::Identity).then(|| output.clone());
                preparation.finish(Layer { form, input, weight, output: kept }, output)
            }
            OpsKind::UnTracked(preparation) => preparation.finish(output),
        }
    }
}

/// What the gradients of a convolution are made of.
#[cfg(feature = "flex")]
#[derive(Clone, Debug)]
struct Layer {
    form: Form,
    input: FlexTensor,
    weight: FlexTensor,
    /// Where the activation needs it.
    output: Option<FlexTensor>,
}

#[cfg(feature = "flex")]
#[derive(Debug)]
struct ConvolutionBackward;

#[cfg(feature = "flex")]
impl Backward<Flex, 3> for ConvolutionBackward {
    type State = Layer;

    fn backward(self, ops: Ops<Layer, 3>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let [of_input, of_weight, of_bias] = ops.parents;
        let Layer { form: Form { convolution, transposed, activation }, input, weight, output } = ops.state;
        let mut gradient = writable(gradients.consume::<Flex>(&ops.node));
        let backward =
            if transposed { kernels::convolve_transposed_backward } else { kernels::convolve_backward };
        let found = backward(
            &convolution,
            numbers(&input),
            numbers(&weight),
            output.as_ref().map(numbers),
            activation,
            gradient.storage_mut(),
            of_input.is_some(),
        );
        if let (Some(node), Some(gradient)) = (of_input, found.input) {
            gradients.register::<Flex>(node.id, tensor(gradient, input.shape()));
        }
        if let Some(node) = of_weight {
            gradients.register::<Flex>(node.id, tensor(found.weight, weight.shape()));
        }
        if let Some(node) = of_bias {
            let count = found.bias.len();
            gradients.register::<Flex>(node.id, tensor(found.bias, [count]));
        }
    }
}
