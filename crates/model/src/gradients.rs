use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::ops::{Product, Products, deferring_products, node_of};

/// The gradients of a module's parameters, by [`gradients`].
///
/// That of a dense layer's weight is the product of the layer's input and of the gradient of its output. It is kept as its two
/// factors, so that [`Adam`](crate::Adam) uses each part as soon as it is summed, while it is in the cache.
#[derive(Debug)]
pub struct ParameterGradients {
    values: GradientsParams,
    products: HashMap<ParamId, Product>,
}

/// The gradients of a loss in the parameters of a module: what [`Adam::step`](crate::Adam::step) learns from fastest.
///
/// They are those of `GradientsParams::from_grads(loss.backward(), module)`, to which they can be turned.
///
/// # Panics
///
/// Panics if the loss was not computed on a device with autodiff.
pub fn gradients<const D: usize, M: Module>(loss: Tensor<D>, module: &M) -> ParameterGradients {
    struct Nodes(Vec<burn::backend::autodiff::NodeId>);

    impl ModuleVisitor for Nodes {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(node_of(param));
        }
    }

    let mut nodes = Nodes(Vec::new());
    module.visit(&mut nodes);
    let (gradients, products) = deferring_products(nodes.0, || loss.backward());
    let mut found = Found {
        products,
        gradients: ParameterGradients::from(GradientsParams::from_grads(gradients, module)),
    };
    module.visit(&mut found);
    found.gradients
}

/// Gives each parameter the products that were kept of its gradient.
struct Found {
    products: Products,
    gradients: ParameterGradients,
}

impl ModuleVisitor for Found {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let own = node_of(param).and_then(|node| self.products.remove(&node));
        let mut own = own.unwrap_or_default().into_iter();
        let Some(first) = own.next() else { return };
        let ParameterGradients { values, products } = &mut self.gradients;
        // Of a weight that is used more than once, the gradient is a sum.
        let others: Vec<Tensor<2>> = own.map(Product::value).chain(values.remove(param.id)).collect();
        if others.is_empty() {
            products.insert(param.id, first);
        } else {
            values.register(param.id, others.into_iter().fold(first.value(), |sum, other| sum + other));
        }
    }
}

impl ParameterGradients {
    /// Takes out the gradient of a parameter that is kept as a product.
    pub(crate) fn remove_product(&mut self, id: ParamId) -> Option<Product> {
        self.products.remove(&id)
    }

    /// Takes out the gradient of a parameter that is kept as its numbers.
    pub(crate) fn remove_value<const D: usize>(&mut self, id: ParamId) -> Option<Tensor<D>> {
        self.values.remove(id)
    }
}

impl From<GradientsParams> for ParameterGradients {
    fn from(values: GradientsParams) -> Self {
        Self { values, products: HashMap::new() }
    }
}

/// Multiplies the factors.
impl From<ParameterGradients> for GradientsParams {
    fn from(ParameterGradients { mut values, products }: ParameterGradients) -> Self {
        for (id, product) in products {
            values.register::<2>(id, product.value());
        }
        values
    }
}
