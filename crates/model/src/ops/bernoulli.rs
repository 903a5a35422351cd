use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
#[cfg(feature = "flex")]
use burn::backend::{
    Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
};
use burn::tensor::{Tensor, assert_shape};

#[cfg(feature = "flex")]
use super::flex::{FlexTensor, are_f32, in_order, numbers, tensor, writable};

/// The cross-entropy between the pixels of each image and Bernoulli distributions given by their logits, in nats:
///
/// `-Σ x log σ(l) + (1 - x) log(1 - σ(l)) = Σ log(1 + exp(l)) - x l`, summed over pixels.
///
/// Pixels between 0 and 1 are taken as probabilities, as is usual for grey MNIST; the minimum is then the entropy of
/// the pixels and not 0. Finite for every finite logit. The gradient with respect to the logits is `σ(l) - x`; the images
/// get none.
///
/// # Shapes
///
/// - logits and images: `[batch, pixels]`
/// - output: `[batch]`
///
/// # Panics
///
/// Panics if the shapes differ.
pub fn bernoulli_nll(logits: Tensor<2>, images: Tensor<2>) -> Tensor<1> {
    let [batch, pixels] = logits.dims();
    assert_shape!(images, [batch, pixels]);
    let images = images.detach().into_dispatch();
    Tensor::from_dispatch(Dispatch::bernoulli_nll(logits.into_dispatch(), images))
}

/// The operation behind [`bernoulli_nll`].
#[backend_extension(
    Flex: cfg(feature = "flex"),
    NdArray: cfg(feature = "ndarray"),
    Cube: cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm")),
    Autodiff
)]
pub trait BernoulliOps: Backend {
    /// As [`bernoulli_nll`].
    fn bernoulli_nll(logits: FloatTensor<Self>, images: FloatTensor<Self>) -> FloatTensor<Self> {
        plain::<Self>(logits, images)
    }
}

fn plain<B: Backend>(logits: FloatTensor<B>, images: FloatTensor<B>) -> FloatTensor<B> {
    let batch = logits.shape()[0];
    let softplus = B::float_neg(B::log_sigmoid(B::float_neg(logits.clone())));
    let terms = B::float_sub(softplus, B::float_mul(images, logits));
    B::float_reshape(B::float_sum_dim(terms, 1), [batch].into())
}

super::plain_backends!(BernoulliOps);

#[cfg(feature = "flex")]
impl BernoulliOps for Flex {
    fn bernoulli_nll(logits: FlexTensor, images: FlexTensor) -> FlexTensor {
        if !are_f32([&logits, &images]) {
            return plain::<Self>(logits, images);
        }
        let [batch, pixels] = logits.shape().dims();
        let (logits, images) = (in_order(logits), in_order(images));
        tensor(kernels::bernoulli_nll(numbers(&logits), numbers(&images), pixels), [batch])
    }
}

#[cfg(feature = "flex")]
impl<C: CheckpointStrategy> BernoulliOps for Autodiff<Flex, C> {
    fn bernoulli_nll(logits: FloatTensor<Self>, images: FloatTensor<Self>) -> FloatTensor<Self> {
        if !are_f32([&logits, &images]) {
            return plain::<Self>(logits, images);
        }
        let (logits, of_logits) = logits.into_parts();
        let (images, _) = images.into_parts();
        match BernoulliBackward.prepare::<C>([of_logits]).compute_bound().stateful() {
            OpsKind::Tracked(preparation) => {
                let [batch, pixels] = logits.shape().dims();
                let images = in_order(images);
                // In the place of the logits, where nothing else holds them.
                let mut gradient = writable(logits);
                let sums =
                    kernels::bernoulli_nll_and_gradient(gradient.storage_mut(), numbers(&images), pixels);
                preparation.finish(gradient, tensor(sums, [batch]))
            }
            OpsKind::UnTracked(preparation) => preparation.finish(Flex::bernoulli_nll(logits, images)),
        }
    }
}

#[cfg(feature = "flex")]
#[derive(Debug)]
struct BernoulliBackward;

#[cfg(feature = "flex")]
impl Backward<Flex, 1> for BernoulliBackward {
    /// The gradient of each image's sum with respect to the logits.
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let of_images = in_order(gradients.consume::<Flex>(&ops.node));
        let [of_logits] = ops.parents;
        if let Some(node) = of_logits {
            let mut gradient = writable(ops.state);
            kernels::scale_rows(gradient.storage_mut(), numbers(&of_images));
            gradients.register::<Flex>(node.id, gradient);
        }
    }
}
