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
    /// On Flex in one pass over each parameter and its moments, in place.
    ///
    /// # Panics
    ///
    /// Panics if the network has other parameters than the one that the optimiser was made for, or a parameter has no
    /// gradient.
    pub fn step(&mut self, vae: Vae, gradients: GradientsParams) -> Vae {
        self.updates += 1;
        let AdamConfig { learning_rate, beta_1, beta_2, .. } = self.config;
        let updates = self.updates as f64;
        let mut update = Update {
            step_size: learning_rate / (1.0 - beta_1.powf(updates)),
            second_moment_scale: (1.0 - beta_2.powf(updates)).sqrt().recip(),
            config: &self.config,
            moments: std::mem::take(&mut self.moments).into_iter(),
            updated: Vec::new(),
            gradients,
        };
        let vae = vae.map(&mut update);
        self.moments = update.updated;
        vae
    }
}

struct Update<'a> {
    config: &'a AdamConfig,
    /// `learning_rate / (1 - beta_1^t)`.
    step_size: f64,
    /// `1 / √(1 - beta_2^t)`.
    second_moment_scale: f64,
    /// Owned, so that they can be updated in place.
    moments: std::vec::IntoIter<Moments>,
    updated: Vec<Moments>,
    gradients: GradientsParams,
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

    /// The update in one pass where the backend has it.
    fn apply(&self, parameter: Parameter, gradient: Tensor<1>) -> Parameter {
        #[cfg(feature = "flex")]
        if flex::is_flex(&parameter.weight) {
            return self.in_place(parameter, gradient);
        }
        self.plain(parameter, gradient)
    }
}

impl ModuleMapper for Update<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let moments = self.moments.next().expect("the optimiser was made for this network");
        let (id, tensor, mapper) = param.consume();
        let gradient =
            self.gradients.remove::<D>(id).expect("every parameter has a gradient").flatten(0, D - 1);
        let shape = tensor.dims();
        let weight: Tensor<1> = tensor.inner().flatten(0, D - 1);
        let Parameter { weight, moments } = self.apply(Parameter { weight, moments }, gradient);
        self.updated.push(moments);
        let weight = Tensor::from_inner(weight.reshape(shape)).require_grad();
        Param::from_mapped_value(id, weight, mapper)
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
            let update = Update {
                config: &config,
                step_size: 1e-2,
                second_moment_scale: 3.0,
                moments: Vec::new().into_iter(),
                updated: Vec::new(),
                gradients: GradientsParams::new(),
            };
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
