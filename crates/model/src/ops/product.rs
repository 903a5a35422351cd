//! Gradients of weights that are not multiplied out, so that the optimiser may do it part by part.

use std::cell::Cell;
use std::collections::HashMap;

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
    /// `[batch, inputs]`.
    pub input: Tensor<2>,
    /// `[batch, outputs]`.
    pub output_gradient: Tensor<2>,
}

/// Of each weight whose gradient is kept as products, those of the layers that use it.
pub(crate) type Products = HashMap<NodeId, Vec<Product>>;

thread_local! {
    /// Taken out for a moment, and not borrowed: a thread that waits may be given another step to compute, with other weights.
    static DEFERRED: Cell<Products> = Cell::default();
}

/// Computes a backward pass that leaves the gradients of these weights as products, where dense layers have them.
pub(crate) fn deferring_products<R>(
    weights: impl IntoIterator<Item = NodeId>,
    backward: impl FnOnce() -> R,
) -> (R, Products) {
    /// Sets back what was deferred before, in a panic, too.
    struct Outer(Products);

    impl Drop for Outer {
        fn drop(&mut self) {
            DEFERRED.set(std::mem::take(&mut self.0));
        }
    }

    let none = weights.into_iter().map(|weight| (weight, Vec::new())).collect();
    let _outer = Outer(DEFERRED.replace(none));
    let result = backward();
    (result, DEFERRED.take())
}

/// Whether the gradient of this weight is to be left as a product.
#[cfg(feature = "flex")]
pub(super) fn is_deferred(weight: NodeId) -> bool {
    let deferred = DEFERRED.take();
    let found = deferred.contains_key(&weight);
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
    let product = Product { input: tensor(input), output_gradient: tensor(output_gradient) };
    deferred.entry(weight).or_default().push(product);
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
        let Self { input, output_gradient } = self;
        let zeros = Tensor::zeros([output_gradient.dims()[1]], &input.device());
        dense(input.transpose(), output_gradient, zeros, Activation::Identity)
    }
}
