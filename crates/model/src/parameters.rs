//! A network's parameters by name, on the host: what is saved, loaded and compared.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Shape, Tensor, TensorData};
use std::collections::BTreeMap;
use std::fmt;

/// One parameter of a module and its path in it, for example `encoder.hidden.0.weight`.
///
/// The weight of a fully connected layer has the shape `[inputs, outputs]`: the transpose of PyTorch's.
#[derive(Clone, Debug)]
pub struct NamedTensor {
    /// The path of the parameter in its module, joined by dots.
    pub name: String,
    /// Its values, in row-major order.
    pub data: TensorData,
}

/// Why parameters could not be loaded into a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterError {
    /// The module has a parameter that was not given.
    Missing(String),
    /// A parameter was given that the module does not have.
    Unknown(String),
    /// A parameter was given in another shape than the module's.
    Shape {
        /// The parameter's path in the module.
        name: String,
        /// The shape given.
        found: Shape,
        /// The module's shape.
        expected: Shape,
    },
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the parameter {name} is missing"),
            Self::Unknown(name) => write!(f, "the network has no parameter {name}"),
            Self::Shape { name, found, expected } => {
                write!(
                    f,
                    "the parameter {name} has the shape {:?}, the network needs {:?}",
                    found.as_slice(),
                    expected.as_slice()
                )
            }
        }
    }
}

impl std::error::Error for ParameterError {}

/// Every parameter of the module, in the order in which Burn visits them.
pub fn named_parameters<M: Module>(module: &M) -> Vec<NamedTensor> {
    #[derive(Default)]
    struct Collector {
        path: Vec<String>,
        tensors: Vec<NamedTensor>,
    }

    impl ModuleVisitor for Collector {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_string());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.tensors.push(NamedTensor { name: self.path.join("."), data: param.val().into_data() });
        }
    }

    let mut collector = Collector::default();
    module.visit(&mut collector);
    collector.tensors
}

/// The module with the values of all its parameters replaced by the given ones.
///
/// # Errors
///
/// Fails when a parameter is missing, has another shape, or is not one of the module's.
pub fn load_parameters<M: Module>(module: M, parameters: Vec<NamedTensor>) -> Result<M, ParameterError> {
    struct Loader {
        path: Vec<String>,
        given: BTreeMap<String, TensorData>,
        error: Option<ParameterError>,
    }

    impl ModuleMapper for Loader {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_string());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let name = self.path.join(".");
            let expected = param.lazy_shape();
            match self.given.remove(&name) {
                Some(data) if *data.shape() == expected => {
                    let (tensor, id) = (Tensor::from_data(data, &param.lazy_device()), param.id);
                    param.transform_for_load(tensor, id)
                }
                Some(data) => {
                    let found = data.shape().clone();
                    self.error.get_or_insert(ParameterError::Shape { name, found, expected });
                    param
                }
                None => {
                    self.error.get_or_insert(ParameterError::Missing(name));
                    param
                }
            }
        }
    }

    let given = parameters.into_iter().map(|NamedTensor { name, data }| (name, data)).collect();
    let mut loader = Loader { path: Vec::new(), given, error: None };
    let module = module.map(&mut loader);
    let unknown = loader.given.into_keys().next().map(ParameterError::Unknown);
    match loader.error.or(unknown) {
        Some(error) => Err(error),
        None => Ok(module),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Vae, VaeConfig};
    use burn::tensor::Device;
    use rand::{SeedableRng, rngs::StdRng};

    fn vae(seed: u64) -> Vae {
        VaeConfig::default().init(6, &mut StdRng::seed_from_u64(seed), &Device::flex())
    }

    #[test]
    fn parameters_that_were_saved_come_back() {
        let saved = named_parameters(&vae(1));
        let loaded = load_parameters(vae(2), saved.clone()).unwrap();
        for (saved, loaded) in saved.iter().zip(named_parameters(&loaded)) {
            assert_eq!(saved.name, loaded.name);
            saved.data.assert_eq(&loaded.data, true);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut missing = named_parameters(&vae(1));
        missing.remove(0);
        let error = load_parameters(vae(2), missing).unwrap_err();
        assert_eq!(error, ParameterError::Missing("encoder.hidden.0.weight".to_string()));

        let mut unknown = named_parameters(&vae(1));
        unknown.push(NamedTensor { name: "decoder.scale".to_string(), data: TensorData::from([1.0f32]) });
        let error = load_parameters(vae(2), unknown).unwrap_err();
        assert_eq!(error, ParameterError::Unknown("decoder.scale".to_string()));

        let mut reshaped = named_parameters(&vae(1));
        reshaped[0].data = TensorData::zeros::<f32, _>([2, 256]);
        let error = load_parameters(vae(2), reshaped).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the parameter encoder.hidden.0.weight has the shape [2, 256], the network needs [6, 256]"
        );
    }
}
