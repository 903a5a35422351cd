use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::Vae;

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
    moments: Vec<Moments>,
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
    /// An optimiser for the network that has made no update yet.
    pub fn new(config: AdamConfig, vae: &Vae) -> Self {
        struct Zeros(Vec<Moments>);

        impl ModuleVisitor for Zeros {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let zeros = Tensor::zeros_like(&param.val().inner()).flatten(0, D - 1);
                self.0.push(Moments { first: zeros.clone(), second: zeros });
            }
        }

        let mut zeros = Zeros(Vec::new());
        vae.visit(&mut zeros);
        Self { config, updates: 0, moments: zeros.0 }
    }

    /// An optimiser that goes on where one with this state stopped.
    pub fn resume(config: AdamConfig, updates: u64, moments: Vec<Moments>) -> Self {
        Self { config, updates, moments }
    }

    /// How many updates were made.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The running averages of every parameter.
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// The network after one update.
    ///
    /// # Panics
    ///
    /// Panics if the network has other parameters than the one that the optimiser was made for, or a parameter has no
    /// gradient.
    pub fn step(&mut self, vae: Vae, gradients: GradientsParams) -> Vae {
        self.updates += 1;
        let updates = self.updates as f64;
        let mut update = Update {
            step_size: self.config.learning_rate / (1.0 - self.config.beta_1.powf(updates)),
            second_moment_scale: (1.0 - self.config.beta_2.powf(updates)).sqrt().recip(),
            config: &self.config,
            moments: self.moments.iter_mut(),
            gradients,
        };
        vae.map(&mut update)
    }
}

struct Update<'a> {
    config: &'a AdamConfig,
    step_size: f64,
    /// `1 / √(1 - beta_2^t)`.
    second_moment_scale: f64,
    moments: std::slice::IterMut<'a, Moments>,
    gradients: GradientsParams,
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let AdamConfig { beta_1, beta_2, epsilon, .. } = *self.config;
        let moments = self.moments.next().expect("the optimiser was made for this network");
        let (id, tensor, mapper) = param.consume();
        let gradient =
            self.gradients.remove::<D>(id).expect("every parameter has a gradient").flatten(0, D - 1);
        let shape = tensor.dims();
        let weight: Tensor<1> = tensor.inner().flatten(0, D - 1);

        moments.first = moments.first.clone().mul_scalar(beta_1) + gradient.clone().mul_scalar(1.0 - beta_1);
        moments.second =
            moments.second.clone().mul_scalar(beta_2) + gradient.square().mul_scalar(1.0 - beta_2);
        let deviation =
            moments.second.clone().sqrt().mul_scalar(self.second_moment_scale).add_scalar(epsilon);
        let weight = weight - moments.first.clone().mul_scalar(self.step_size) / deviation;

        let weight = Tensor::from_inner(weight.reshape(shape)).require_grad();
        Param::from_mapped_value(id, weight, mapper)
    }
}
