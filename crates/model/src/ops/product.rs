//! Gradients of weights that are not multiplied out, so that the optimiser may do it part by part.

use std::cell::Cell;

use burn::backend::autodiff::NodeId;
#[cfg(feature = "flex")]
use burn::backend::{BackendTensor, DispatchKindConversion, DispatchTensor, DispatchTensorKind, Flex};
use burn::module::Param;
use burn::tensor::Tensor;
use kernels::Activation;

use super::dense::dense;
#[cfg(feature = "flex")]
use super::flex::FlexTensor;

/// The gradient of a dense layer's weight: the transposed of the layer's input times the gradient of its output.
#[derive(Clone, Debug)]
pub(crate) struct Product {
    /// Of which weight.
    pub weight: NodeId,
    /// `[batch, inputs]`.
    pub input: Tensor<2>,
    /// `[batch, outputs]`.
    pub output_gradient: Tensor<2>,
}

/// The weights whose gradients are kept as products, and those products.
#[derive(Default)]
struct Deferred {
    #[cfg_attr(not(feature = "flex"), allow(dead_code, reason = "only Flex keeps products"))]
    weights: Vec<NodeId>,
    products: Vec<Product>,
}

thread_local! {
    /// Taken out for a moment, and not borrowed: a thread that waits may be given another step to compute, with other weights.
    static DEFERRED: Cell<Deferred> = Cell::default();
}

/// Computes a backward pass that leaves the gradients of these weights as products, where dense layers have them.
pub(crate) fn deferring_products<R>(weights: Vec<NodeId>, backward: impl FnOnce() -> R) -> (R, Vec<Product>) {
    /// Sets back what was deferred before, in a panic, too.
    struct Outer(Deferred);

    impl Drop for Outer {
        fn drop(&mut self) {
            DEFERRED.set(std::mem::take(&mut self.0));
        }
    }

    let outer = Outer(DEFERRED.replace(Deferred { weights, products: Vec::new() }));
    let result = backward();
    let Deferred { products, .. } = DEFERRED.take();
    drop(outer);
    (result, products)
}

/// Whether the gradient of this weight is to be left as a product.
#[cfg(feature = "flex")]
pub(super) fn is_deferred(weight: NodeId) -> bool {
    let deferred = DEFERRED.take();
    let found = deferred.weights.contains(&weight);
    DEFERRED.set(deferred);
    found
}

/// Keeps the factors of the gradient of a weight that [`is_deferred`].
#[cfg(feature = "flex")]
pub(super) fn defer(weight: NodeId, input: FlexTensor, output_gradient: FlexTensor) {
    let tensor = |tensor| {
        let tensor = BackendTensor::<Flex>::Float(tensor);
        Tensor::from_dispatch(DispatchTensor::from_backend(tensor))
    };
    let mut deferred = DEFERRED.take();
    deferred.products.push(Product {
        weight,
        input: tensor(input),
        output_gradient: tensor(output_gradient),
    });
    DEFERRED.set(deferred);
}

/// The node of a parameter in the graphs of autodiff; `None` where no gradient is left as a product.
pub(crate) fn node_of<const D: usize>(param: &Param<Tensor<D>>) -> Option<NodeId> {
    #[cfg(feature = "flex")]
    if param.is_require_grad()
        && let DispatchTensorKind::Autodiff(tensor) = param.val().into_dispatch().kind
        && let DispatchTensorKind::Flex(BackendTensor::Autodiff(tensor)) = *tensor
    {
        return Some(tensor.id());
    }
    #[cfg(not(feature = "flex"))]
    let _ = param;
    None
}

impl Product {
    /// Its numbers, `[inputs, outputs]`.
    pub fn value(self) -> Tensor<2> {
        let Self { input, output_gradient, .. } = self;
        let zeros = Tensor::zeros([output_gradient.dims()[1]], &input.device());
        dense(input.transpose(), output_gradient, zeros, Activation::Identity)
    }
}
