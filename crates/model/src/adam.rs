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
    /// Of each parameter where they are updated in place; elsewhere of all parameters, joined to one vector.
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
        let moments = match moments.iter().all(|moments| has_pass_in_place(&moments.first)) {
            true => moments,
            false => {
                let (first, second) =
                    moments.into_iter().map(|Moments { first, second }| (first, second)).unzip();
                vec![Moments { first: Tensor::cat(first, 0), second: Tensor::cat(second, 0) }]
            }
        };
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

    /// The network after one update.
    ///
    /// On Flex in one pass over each parameter and its moments, in place. Elsewhere over all parameters joined to one
    /// vector: on a graphics card each operation on each parameter would be a launch.
    ///
    /// # Panics
    ///
    /// Panics if the network has other parameters than the one that the optimiser was made for, or a parameter has no
    /// gradient.
    pub fn step(&mut self, vae: Vae, mut gradients: GradientsParams) -> Vae {
        self.updates += 1;
        let AdamConfig { learning_rate, beta_1, beta_2, .. } = self.config;
        let updates = self.updates as f64;
        let update = Update {
            config: &self.config,
            step_size: learning_rate / (1.0 - beta_1.powf(updates)),
            second_moment_scale: (1.0 - beta_2.powf(updates)).sqrt().recip(),
        };
        let moments = std::mem::take(&mut self.moments);
        #[cfg(feature = "flex")]
        if moments.len() == self.lengths.len() {
            let mut pass =
                PassInPlace { update, moments: moments.into_iter(), updated: Vec::new(), gradients };
            let vae = vae.map(&mut pass);
            self.moments = pass.updated;
            return vae;
        }
        let moments = moments.into_iter().next().expect("they are joined");
        let weight = Tensor::cat(weights(&vae), 0);
        let gradient = Tensor::cat(take_gradients(&vae, &mut gradients), 0);
        let Parameter { weight, moments } = update.plain(Parameter { weight, moments }, gradient);
        self.moments = vec![moments];
        vae.map(&mut Replacement(weight.split_with_sizes(self.lengths.clone(), 0).into_iter()))
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
        replace(param, |_| weight)
    }
}

/// The parameter with another value, a function of its flattened one.
fn replace<const D: usize>(
    param: Param<Tensor<D>>,
    value: impl FnOnce(Tensor<1>) -> Tensor<1>,
) -> Param<Tensor<D>> {
    let (id, tensor, mapper) = param.consume();
    let shape = tensor.dims();
    let weight = value(tensor.inner().flatten(0, D - 1));
    Param::from_mapped_value(id, Tensor::from_inner(weight.reshape(shape)).require_grad(), mapper)
}

/// Whether parameters and moments on the tensor's device are updated in place.
#[cfg(feature = "flex")]
use flex::is_flex as has_pass_in_place;
#[cfg(not(feature = "flex"))]
fn has_pass_in_place(_: &Tensor<1>) -> bool {
    false
}

/// The constants of one update.
struct Update<'a> {
    config: &'a AdamConfig,
    /// `learning_rate / (1 - beta_1^t)`.
    step_size: f64,
    /// `1 / √(1 - beta_2^t)`.
    second_moment_scale: f64,
}

/// A parameter with its moments, all flattened.
struct Parameter {
    weight: Tensor<1>,
    moments: Moments,
}

impl Update<'_> {
    /// The update in plain tensor operations.
    fn plain(&self, Parameter { weight, moments }: Parameter, gradient: Tensor<1>) -> Parameter {
        let AdamConfig { beta_1, beta_2, epsilon, .. } = *self.config;
        let first = moments.first.mul_scalar(beta_1) + gradient.clone().mul_scalar(1.0 - beta_1);
        let second = moments.second.mul_scalar(beta_2) + gradient.square().mul_scalar(1.0 - beta_2);
        let deviation = second.clone().sqrt().mul_scalar(self.second_moment_scale).add_scalar(epsilon);
        let weight = weight - first.clone().mul_scalar(self.step_size) / deviation;
        Parameter { weight, moments: Moments { first, second } }
    }
}

/// Updates one parameter after another.
#[cfg(feature = "flex")]
struct PassInPlace<'a> {
    update: Update<'a>,
    /// Owned, so that they can be updated in place.
    moments: std::vec::IntoIter<Moments>,
    updated: Vec<Moments>,
    gradients: GradientsParams,
}

#[cfg(feature = "flex")]
impl ModuleMapper for PassInPlace<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let moments = self.moments.next().expect("the optimiser was made for this network");
        let gradient = self.gradients.remove::<D>(param.id).expect("every parameter has a gradient");
        replace(param, |weight| {
            let Parameter { weight, moments } =
                self.update.in_place(Parameter { weight, moments }, gradient.flatten(0, D - 1));
            self.updated.push(moments);
            weight
        })
    }
}

#[cfg(feature = "flex")]
mod flex {
    use burn::backend::{DispatchDevice, Flex, tensor::FloatTensor};
    use burn::tensor::{DType, Device};

    use super::*;
    use crate::kernels::{AdamStep, update};

    pub(super) fn is_flex(tensor: &Tensor<1>) -> bool {
        matches!(tensor.device().as_dispatch(), DispatchDevice::Flex(_)) && tensor.dtype() == DType::F32
    }

    impl Update<'_> {
        pub(super) fn in_place(
            &self,
            Parameter { weight, moments: Moments { first, second } }: Parameter,
            gradient: Tensor<1>,
        ) -> Parameter {
            let AdamConfig { beta_1, beta_2, epsilon, .. } = *self.config;
            let step = AdamStep {
                beta_1: beta_1 as f32,
                beta_2: beta_2 as f32,
                one_minus_beta_1: (1.0 - beta_1) as f32,
                one_minus_beta_2: (1.0 - beta_2) as f32,
                step_size: self.step_size as f32,
                second_moment_scale: self.second_moment_scale as f32,
                epsilon: epsilon as f32,
            };
            let [mut weight, mut first, mut second, gradient] =
                [weight, first, second, gradient].map(contiguous);
            // Copies what something else holds too, such as the moments' common zeros at the start.
            update(step, weight.storage_mut(), first.storage_mut(), second.storage_mut(), gradient.storage());
            let [weight, first, second] = [weight, first, second].map(Tensor::from_primitive::<Flex>);
            Parameter { weight, moments: Moments { first, second } }
        }
    }

    /// The tensor's primitive, whose whole storage are its values in order.
    fn contiguous(tensor: Tensor<1>) -> FloatTensor<Flex> {
        let primitive =
            tensor.try_into_primitive::<Flex>().expect("the tensors of a parameter are on one device");
        let covers_storage = |tensor: &FloatTensor<Flex>| {
            tensor.as_slice::<f32>().is_some_and(|values| values.len() == tensor.storage::<f32>().len())
        };
        if covers_storage(&primitive) {
            return primitive;
        }
        let values: Vec<f32> = Tensor::<1>::from_primitive::<Flex>(primitive).into_data().iter().collect();
        let tensor = Tensor::<1>::from_data(values.as_slice(), &Device::flex());
        tensor.try_into_primitive::<Flex>().expect("it was made on Flex")
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Of weights of about 1: a few roundings of 6e-8.
    const ABSOLUTE: f32 = 3e-7;

    #[test]
    fn the_pass_in_place_is_the_plain_update() {
        let mut rng = StdRng::seed_from_u64(1);
        let config = AdamConfig::default();
        for length in [1, 15, 16, 100, 40_000] {
            let mut random = |scale: f32| -> Vec<f32> {
                (0..length).map(|_| scale * (2.0 * rng.random::<f32>() - 1.0)).collect()
            };
            let (weight, first, gradient) = (random(1.0), random(1e-2), random(1e-1));
            let second: Vec<f32> = random(1e-2).into_iter().map(f32::abs).collect();
            let device = Device::flex();
            let tensor = |values: &[f32]| Tensor::<1>::from_data(values, &device);
            let parameter = || Parameter {
                weight: tensor(&weight),
                moments: Moments { first: tensor(&first), second: tensor(&second) },
            };
            // A view into twice the values, which must not be taken for the whole.
            let strided = Tensor::stack::<2>(vec![tensor(&gradient), tensor(&gradient)], 1)
                .slice([0..length, 1..2])
                .flatten(0, 1);
            let update = Update { config: &config, step_size: 1e-2, second_moment_scale: 3.0 };
            let expected = update.plain(parameter(), tensor(&gradient));
            for gradient in [tensor(&gradient), strided] {
                let shared = parameter();
                let held = shared.weight.clone();
                let found = update.in_place(shared, gradient);
                held.into_data().assert_eq(&tensor(&weight).into_data(), true);
                for (found, expected) in [
                    (found.weight, &expected.weight),
                    (found.moments.first, &expected.moments.first),
                    (found.moments.second, &expected.moments.second),
                ] {
                    let (found, expected) = (found.into_data(), expected.to_data());
                    for (found, expected) in found.iter::<f32>().zip(expected.iter::<f32>()) {
                        assert!((found - expected).abs() <= ABSOLUTE, "{found}, plain {expected}");
                    }
                }
            }
        }
    }
}
