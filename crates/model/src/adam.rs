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
    /// Numbers in each parameter.
    lengths: Vec<usize>,
    /// Of each parameter, or of all of them joined to one vector: as the last update left them.
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
        let zeros = |weight: Tensor<1>| {
            let zeros = weight.zeros_like();
            Moments { first: zeros.clone(), second: zeros }
        };
        Self::resume(config, 0, weights(vae).into_iter().map(zeros).collect())
    }

    /// An optimiser that goes on where one with this state stopped.
    pub fn resume(config: AdamConfig, updates: u64, moments: Vec<Moments>) -> Self {
        let lengths = moments.iter().map(|moments| moments.first.dims()[0]).collect();
        Self { config, updates, lengths, moments }
    }

    /// How many updates were made.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// The running averages of every parameter.
    pub fn moments(&self) -> Vec<Moments> {
        if self.moments.len() == self.lengths.len() {
            return self.moments.clone();
        }
        let parts = |joined: &Tensor<1>| joined.clone().split_with_sizes(self.lengths.clone(), 0);
        let parts = self
            .moments
            .iter()
            .flat_map(|joined| parts(&joined.first).into_iter().zip(parts(&joined.second)));
        parts.map(|(first, second)| Moments { first, second }).collect()
    }

    /// The network after one update, by tensor operations on any backend.
    ///
    /// Over all parameters joined to one vector: on a graphics card each operation on each parameter would be a launch.
    /// [`Vae::train_step`] updates by the same rule as it computes the gradients.
    ///
    /// # Panics
    ///
    /// Panics if the network has other parameters than the one that the optimiser was made for, or a parameter has no
    /// gradient.
    pub fn step(&mut self, vae: Vae, mut gradients: GradientsParams) -> Vae {
        let weight = Tensor::cat(weights(&vae), 0);
        let gradient = Tensor::cat(take_gradients(&vae, &mut gradients), 0);
        let (weight, moments) = self.next_update().apply(weight, self.take_joined_moments(), gradient);
        self.moments = vec![moments];
        vae.map(&mut Replacement(weight.split_with_sizes(self.lengths.clone(), 0).into_iter()))
    }

    /// Counts an update and gives its constants.
    pub(crate) fn next_update(&mut self) -> Update {
        self.updates += 1;
        let AdamConfig { learning_rate, beta_1, beta_2, .. } = self.config;
        let updates = self.updates as f64;
        Update {
            config: self.config.clone(),
            step_size: learning_rate / (1.0 - beta_1.powf(updates)),
            second_moment_scale: (1.0 - beta_2.powf(updates)).sqrt().recip(),
        }
    }

    /// The running averages of every parameter, which nothing else holds where they were put back as such.
    #[cfg(feature = "flex")]
    pub(crate) fn take_moments(&mut self) -> Vec<Moments> {
        let moments = self.moments();
        self.moments.clear();
        moments
    }

    /// Puts back what was taken.
    #[cfg(feature = "flex")]
    pub(crate) fn put_moments(&mut self, moments: Vec<Moments>) {
        self.moments = moments;
    }

    fn take_joined_moments(&mut self) -> Moments {
        let mut moments = std::mem::take(&mut self.moments);
        if moments.len() == 1 {
            return moments.remove(0);
        }
        let (first, second) = moments.into_iter().map(|Moments { first, second }| (first, second)).unzip();
        Moments { first: Tensor::cat(first, 0), second: Tensor::cat(second, 0) }
    }
}

/// The parameters, flattened, without their autodiff graphs.
fn weights(vae: &Vae) -> Vec<Tensor<1>> {
    struct Weights(Vec<Tensor<1>>);

    impl ModuleVisitor for Weights {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push(param.val().inner().flatten(0, D - 1));
        }
    }

    let mut weights = Weights(Vec::new());
    vae.visit(&mut weights);
    weights.0
}

/// The gradient of each parameter, flattened.
fn take_gradients(vae: &Vae, gradients: &mut GradientsParams) -> Vec<Tensor<1>> {
    struct Gradients<'a> {
        of: &'a mut GradientsParams,
        taken: Vec<Tensor<1>>,
    }

    impl ModuleVisitor for Gradients<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.of.remove::<D>(param.id).expect("every parameter has a gradient");
            self.taken.push(gradient.flatten(0, D - 1));
        }
    }

    let mut gradients = Gradients { of: gradients, taken: Vec::new() };
    vae.visit(&mut gradients);
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

/// The constants of one update.
pub(crate) struct Update {
    pub config: AdamConfig,
    /// `learning_rate / (1 - beta_1^t)`.
    pub step_size: f64,
    /// `1 / √(1 - beta_2^t)`.
    pub second_moment_scale: f64,
}

impl Update {
    /// The updated weight and moments of it, all flattened.
    fn apply(
        &self,
        weight: Tensor<1>,
        Moments { first, second }: Moments,
        gradient: Tensor<1>,
    ) -> (Tensor<1>, Moments) {
        let AdamConfig { beta_1, beta_2, epsilon, .. } = self.config;
        let first = first.mul_scalar(beta_1) + gradient.clone().mul_scalar(1.0 - beta_1);
        let second = second.mul_scalar(beta_2) + gradient.square().mul_scalar(1.0 - beta_2);
        let deviation = second.clone().sqrt().mul_scalar(self.second_moment_scale).add_scalar(epsilon);
        let weight = weight - first.clone().mul_scalar(self.step_size) / deviation;
        (weight, Moments { first, second })
    }
}
