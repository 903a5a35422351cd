#[cfg(any(feature = "flex", feature = "ndarray"))]
use burn::backend::DispatchDevice;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use kernels::AdamStep;
use serde::{Deserialize, Serialize};

use crate::gradients::ParameterGradients;
use crate::ops::{AdamUpdate, adam, adam_by_product};

/// The constants of [`Adam`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamConfig {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the average of the gradient.
    pub beta_1: f64,
    /// Decay of the average of the squared gradient.
    pub beta_2: f64,
    /// Added to the root of the second moment, so that a parameter without gradient stays where it is.
    pub epsilon: f64,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

/// The Adam optimiser, with all of its state in the open so that a checkpoint can hold it.
///
/// After `t` updates, for every parameter `w` with gradient `g`:
///
/// ```text
/// m = beta_1 m + (1 - beta_1) g
/// v = beta_2 v + (1 - beta_2) g²
/// w = w - learning_rate (m / (1 - beta_1^t)) / (√(v / (1 - beta_2^t)) + epsilon)
/// ```
///
/// Source: Kingma and Ba, *Adam: A Method for Stochastic Optimization* (2015), algorithm 1. Burn's own `Adam` computes
/// the same; it is not used because its state can only be loaded onto `Device::default()`, which panics where the build
/// has a GPU backend and the machine no GPU, and because it passes over a state that it cannot read without a word.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    updates: u64,
    /// Numbers in each parameter.
    lengths: Vec<usize>,
    moments: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Of each parameter.
    Each(Vec<Moments>),
    /// Of all parameters, joined to one vector: on a graphics card each operation on each parameter would be a launch.
    Joined(Box<Moments>),
}

/// The two running averages of one parameter, flattened, in the order of [`named_parameters`](crate::named_parameters).
#[derive(Clone, Debug)]
pub struct Moments {
    /// Average of the gradient, `[parameter elements]`.
    pub first: Tensor<1>,
    /// Average of the squared gradient, `[parameter elements]`.
    pub second: Tensor<1>,
}

impl Adam {
    /// An optimiser for the module that has made no update yet.
    pub fn new<M: Module>(config: AdamConfig, module: &M) -> Self {
        let zeros = |weight: Tensor<1>| Moments { first: weight.zeros_like(), second: weight.zeros_like() };
        Self::resume(config, 0, weights(module).into_iter().map(zeros).collect())
    }

    /// An optimiser that goes on where one with this state stopped.
    pub fn resume(config: AdamConfig, updates: u64, moments: Vec<Moments>) -> Self {
        let lengths = moments.iter().map(|moments| moments.first.dims()[0]).collect();
        Self { config, updates, lengths, moments: State::Each(moments) }
    }

    /// How many updates were made.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The running averages of every parameter.
    pub fn moments(&self) -> Vec<Moments> {
        match &self.moments {
            State::Each(moments) => moments.clone(),
            State::Joined(moments) => {
                let Moments { first, second } = &**moments;
                let parts = |joined: &Tensor<1>| joined.clone().split_with_sizes(self.lengths.clone(), 0);
                let parts = parts(first).into_iter().zip(parts(second));
                parts.map(|(first, second)| Moments { first, second }).collect()
            }
        }
    }

    /// The module after one update, by [`gradients`](crate::gradients) or by Burn's `GradientsParams`.
    ///
    /// # Panics
    ///
    /// Panics if the module has other parameters than the one that the optimiser was made for, or a parameter has no
    /// gradient.
    pub fn step<M: Module>(&mut self, module: M, gradients: impl Into<ParameterGradients>) -> M {
        let gradients = gradients.into();
        self.updates += 1;
        let step = self.config.step(self.updates);
        let found: Vec<usize> = parameter_lengths(&module);
        assert_eq!(found, self.lengths, "the optimiser holds moments of another network");
        match std::mem::replace(&mut self.moments, State::Each(Vec::new())) {
            State::Each(moments) if is_on_processor(&module) => {
                let mut updates =
                    EachUpdated { step, moments: moments.into_iter(), gradients, updated: Vec::new() };
                let module = module.map(&mut updates);
                self.moments = State::Each(updates.updated);
                module
            }
            moments => {
                let weight = Tensor::cat(weights(&module), 0);
                let gradient = Tensor::cat(take_gradients(&module, &mut gradients.into()), 0);
                let AdamUpdate { weight, moments } = adam(weight, moments.joined(), gradient, step);
                self.moments = State::Joined(Box::new(moments));
                module.map(&mut Replacement(weight.split_with_sizes(self.lengths.clone(), 0).into_iter()))
            }
        }
    }
}

impl State {
    fn joined(self) -> Moments {
        match self {
            Self::Joined(moments) => *moments,
            Self::Each(moments) => {
                let (first, second) =
                    moments.into_iter().map(|Moments { first, second }| (first, second)).unzip();
                Moments { first: Tensor::cat(first, 0), second: Tensor::cat(second, 0) }
            }
        }
    }
}

impl AdamConfig {
    /// The numbers of an update, which is the first, second, ... of its optimiser.
    fn step(&self, update: u64) -> AdamStep {
        let Self { learning_rate, beta_1, beta_2, epsilon } = *self;
        let decayed = |beta: f64| 1.0 - beta.powf(update as f64);
        AdamStep {
            beta_1: beta_1 as f32,
            beta_2: beta_2 as f32,
            one_minus_beta_1: (1.0 - beta_1) as f32,
            one_minus_beta_2: (1.0 - beta_2) as f32,
            step_size: (learning_rate / decayed(beta_1)) as f32,
            second_moment_scale: decayed(beta_2).sqrt().recip() as f32,
            epsilon: epsilon as f32,
        }
    }
}

/// Whether each parameter is updated for itself: an operation costs next to nothing besides its arithmetic.
fn is_on_processor<M: Module>(module: &M) -> bool {
    struct First(Option<bool>);

    impl ModuleVisitor for First {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.0.is_none() {
                self.0 = Some(match param.lazy_device().inner().as_dispatch() {
                    #[cfg(feature = "flex")]
                    DispatchDevice::Flex(_) => true,
                    #[cfg(feature = "ndarray")]
                    DispatchDevice::NdArray(_) => true,
                    _ => false,
                });
            }
        }
    }

    let mut first = First(None);
    module.visit(&mut first);
    first.0.unwrap_or(true)
}

/// How many numbers each parameter has.
fn parameter_lengths<M: Module>(module: &M) -> Vec<usize> {
    struct Lengths(Vec<usize>);

    impl ModuleVisitor for Lengths {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.lazy_shape().num_elements());
        }
    }

    let mut lengths = Lengths(Vec::new());
    module.visit(&mut lengths);
    lengths.0
}

/// Updates each parameter where it is.
struct EachUpdated {
    step: AdamStep,
    moments: std::vec::IntoIter<Moments>,
    gradients: ParameterGradients,
    updated: Vec<Moments>,
}

impl ModuleMapper for EachUpdated {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let product = self.gradients.remove_product(param.id);
        let value = self.gradients.remove_value::<D>(param.id);
        let moments = self.moments.next().expect("there are moments of each parameter");
        let (id, tensor, mapper) = param.consume();
        let weight = tensor.inner();
        let AdamUpdate { weight, moments } = match product {
            Some(product) => adam_by_product(weight, moments, product, self.step),
            None => adam(weight, moments, value.expect(EVERY_PARAMETER_HAS_A_GRADIENT), self.step),
        };
        self.updated.push(moments);
        Param::from_mapped_value(id, Tensor::from_inner(weight).require_grad(), mapper)
    }
}

const EVERY_PARAMETER_HAS_A_GRADIENT: &str = "every parameter has a gradient";

/// The parameters, flattened, without their autodiff graphs.
fn weights<M: Module>(module: &M) -> Vec<Tensor<1>> {
    struct Weights(Vec<Tensor<1>>);

    impl ModuleVisitor for Weights {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().inner().flatten(0, D - 1));
        }
    }

    let mut weights = Weights(Vec::new());
    module.visit(&mut weights);
    weights.0
}

/// The gradient of each parameter, flattened.
fn take_gradients<M: Module>(module: &M, gradients: &mut GradientsParams) -> Vec<Tensor<1>> {
    struct Gradients<'a> {
        of: &'a mut GradientsParams,
        taken: Vec<Tensor<1>>,
    }

    impl ModuleVisitor for Gradients<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.of.remove::<D>(param.id).expect(EVERY_PARAMETER_HAS_A_GRADIENT);
            self.taken.push(gradient.flatten(0, D - 1));
        }
    }

    let mut gradients = Gradients { of: gradients, taken: Vec::new() };
    module.visit(&mut gradients);
    gradients.taken
}

/// Puts updated weights in the place of the parameters.
struct Replacement(std::vec::IntoIter<Tensor<1>>);

impl ModuleMapper for Replacement {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let weight = self.0.next().expect("there is a weight for each parameter");
        let (id, tensor, mapper) = param.consume();
        let weight = Tensor::from_inner(weight.reshape(tensor.dims())).require_grad();
        Param::from_mapped_value(id, weight, mapper)
    }
}
