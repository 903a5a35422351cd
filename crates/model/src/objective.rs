//! What a network makes of a batch, and what it learns from it, by the fastest way that the backend has.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

#[cfg(feature = "flex")]
use crate::flex::{Network, is_flex};
use crate::{Adam, ElboTerms, Posterior, Vae};

/// What a training step gives.
#[derive(Debug)]
pub struct TrainStep {
    /// The updated network.
    pub vae: Vae,
    /// The terms of the objective before the update, without an autodiff graph.
    pub terms: ElboTerms,
    /// How many log-variances were cut to their bounds, `[1]`.
    pub saturated: Tensor<1>,
}

/// What is measured of a network on a batch.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The terms of the objective.
    pub terms: ElboTerms,
    /// Means of the posteriors, `[batch, latent]`.
    pub mean: Tensor<2>,
    /// Logarithms of the variances of the posteriors, `[batch, latent]`.
    pub log_var: Tensor<2>,
}

/// The device to make a network on that [`Vae::train_step`] trains, for images on the given one.
///
/// With automatic differentiation, but for Flex, where a step needs none. Such a network works there too, only that Burn
/// keeps a few kilobytes for each of its steps, until a backward pass frees them.
pub fn training_device(device: &Device) -> Device {
    #[cfg(feature = "flex")]
    if is_flex(device) {
        return device.clone();
    }
    device.clone().autodiff()
}

impl Vae {
    /// The terms of the objective for some images, each encoded to a code drawn with the given noise.
    ///
    /// What [`forward`](Self::forward) and [`elbo_terms`](crate::VaeOutput::elbo_terms) give, but for rounding; on Flex
    /// several times as fast, in one operation.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, pixels]`, values between 0 and 1
    /// - noise: `[batch, latent]`, standard normal
    ///
    /// # Panics
    ///
    /// Panics if the shapes are not those, for the sizes that the network was made with, or the batch is empty.
    pub fn measure(&self, images: Tensor<2>, noise: Tensor<2>) -> Measured {
        refuse_empty(&images);
        #[cfg(feature = "flex")]
        if let Some(network) = Network::of(self) {
            return network.measure(images, noise);
        }
        let output = self.forward(images.clone(), noise);
        let Posterior { mean, log_var, .. } = output.posterior.clone();
        Measured { terms: output.elbo_terms(images), mean, log_var }
    }

    /// One step of training: the gradient of [`ElboTerms::objective`] in every parameter, and Adam's update by it.
    ///
    /// What automatic differentiation and [`Adam::step`] give, but for rounding; on Flex several times as fast, in one
    /// operation in place, on up to two threads of the current rayon pool with the same bits on one as on two.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, pixels]`, values between 0 and 1
    /// - noise: `[batch, latent]`, standard normal
    ///
    /// # Panics
    ///
    /// Panics if the shapes are not those, for the sizes that the network was made with, if the batch is empty, if the
    /// optimiser was made for another network, or if the network was not made on a [`training_device`].
    pub fn train_step(
        self,
        images: Tensor<2>,
        noise: Tensor<2>,
        kl_coefficient: f64,
        adam: &mut Adam,
    ) -> TrainStep {
        refuse_empty(&images);
        #[cfg(feature = "flex")]
        if let Some(network) = Network::of(&self) {
            return network.train_step(self, images, noise, kl_coefficient, adam);
        }
        self.plain_train_step(images, noise, kl_coefficient, adam)
    }

    /// The same by automatic differentiation, on every backend.
    fn plain_train_step(
        self,
        images: Tensor<2>,
        noise: Tensor<2>,
        kl_coefficient: f64,
        adam: &mut Adam,
    ) -> TrainStep {
        let output = self.forward(images.clone(), noise);
        let saturated = output.posterior.saturated.clone();
        let terms = output.elbo_terms(images);
        let gradients = GradientsParams::from_grads(terms.objective(kl_coefficient).backward(), &self);
        TrainStep {
            vae: adam.step(self, gradients),
            terms: ElboTerms { reconstruction: terms.reconstruction.inner(), kl: terms.kl.inner() },
            saturated,
        }
    }
}

/// On every backend: the means over no image are no numbers.
fn refuse_empty(images: &Tensor<2>) {
    assert!(images.dims()[0] > 0, "a batch holds at least one image");
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::{AdamConfig, Moments, NamedTensor, VaeConfig, named_parameters};
    use burn::module::Param;
    use burn::tensor::{Distribution, TensorData, Tolerance};
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Relative to the greatest value of a gradient: sums of some hundred 32-bit numbers in two orders.
    const GRADIENT_TOLERANCE: f32 = 2e-5;
    /// Of weights and squared gradients of about 1: a few roundings of 6e-8.
    const ABSOLUTE: f32 = 3e-7;
    /// Of the terms, which the plain form sums in 32 bits.
    const TERM_TOLERANCE: f32 = 1e-5;
    /// Of means and log-variances: sums of products in another order, of size one.
    const POSTERIOR_TOLERANCE: f32 = 1e-5;

    fn scalar(tensor: &Tensor<1>) -> f32 {
        tensor.clone().into_scalar()
    }

    fn sparse_images(rows: usize, pixels: usize, rng: &mut StdRng) -> TensorData {
        let grey = |rng: &mut StdRng| if rng.random::<f32>() < 0.8 { 0.0 } else { rng.random() };
        TensorData::new((0..rows * pixels).map(|_| grey(rng)).collect::<Vec<f32>>(), [rows, pixels])
    }

    /// An optimiser after five updates whose first moment is the last gradient, with second moments from 1 to 2, so that
    /// no update depends on the rounding of a small gradient.
    fn adam(vae: &Vae, rng: &mut StdRng) -> Adam {
        let config = AdamConfig { learning_rate: 1.0, beta_1: 0.0, ..AdamConfig::default() };
        let moments = named_parameters(vae).into_iter().map(|NamedTensor { data, .. }| {
            let second: Vec<f32> = (0..data.num_elements()).map(|_| 1.0 + rng.random::<f32>()).collect();
            let second = Tensor::from_data(second.as_slice(), &Device::flex());
            Moments { first: second.zeros_like(), second }
        });
        Adam::resume(config, 5, moments.collect())
    }

    fn assert_close(what: &str, found: &TensorData, expected: &TensorData, limit: f32) {
        assert_eq!(found.shape(), expected.shape());
        for (found, expected) in found.iter::<f32>().zip(expected.iter::<f32>()) {
            assert!((found - expected).abs() <= limit, "{what}: {found}, plain {expected}, limit {limit:e}");
        }
    }

    #[test]
    fn a_step_is_that_of_automatic_differentiation_and_tensor_operations() {
        let mut rng = StdRng::seed_from_u64(3);
        let device = Device::flex();
        for (pixels, encoder_hidden, latent, decoder_hidden, rows) in [
            (784, vec![256], 2, vec![256], 128),
            (20, vec![9], 3, vec![5], 1),
            (7, vec![], 1, vec![], 2),
            (20, vec![9], 1, vec![5], 3),
            (20, vec![9, 1], 2, vec![1, 300], 7),
            (30, vec![16, 12], 4, vec![6, 18, 24], 37),
            (40, vec![300], 33, vec![17], 19),
        ] {
            let config = VaeConfig { encoder_hidden, latent, decoder_hidden };
            let noise: Vec<f32> = (0..rows * latent).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
            let images = Tensor::from_data(sparse_images(rows, pixels, &mut rng), &device);
            let noise = Tensor::from_data(TensorData::new(noise, [rows, latent]), &device);
            let vae = config.init(pixels, &mut StdRng::seed_from_u64(4), &device.clone().autodiff());
            for kl_coefficient in [0.0, 0.02, 20.0] {
                let adam = adam(&vae, &mut rng);
                let (mut plain_adam, mut fused_adam) = (adam.clone(), adam);
                let [plain, fused] = [vae.clone(), vae.clone()];
                let plain =
                    plain.plain_train_step(images.clone(), noise.clone(), kl_coefficient, &mut plain_adam);
                let fused = fused.train_step(images.clone(), noise.clone(), kl_coefficient, &mut fused_adam);

                assert_eq!(scalar(&fused.saturated), scalar(&plain.saturated));
                for (what, expected, found) in [
                    ("reconstruction", &plain.terms.reconstruction, &fused.terms.reconstruction),
                    ("kl", &plain.terms.kl, &fused.terms.kl),
                ] {
                    let (expected, found) = (scalar(expected), scalar(found));
                    assert!(
                        (expected - found).abs() <= TERM_TOLERANCE * expected.abs(),
                        "{what} {found}, plain {expected}"
                    );
                }
                assert_eq!(fused_adam.updates(), 6);
                let moments = plain_adam.moments().into_iter().zip(fused_adam.moments());
                let weights = named_parameters(&plain.vae).into_iter().zip(named_parameters(&fused.vae));
                for ((plain, fused), (plain_weight, fused_weight)) in moments.zip(weights) {
                    let name = format!("{config:?} {}", plain_weight.name);
                    let greatest = scalar(&plain.first.clone().abs().max());
                    let limit = GRADIENT_TOLERANCE * greatest;
                    let [plain_first, plain_second, fused_first, fused_second] =
                        [plain.first, plain.second, fused.first, fused.second].map(Tensor::into_data);
                    assert_close(&format!("gradient of {name}"), &fused_first, &plain_first, limit);
                    assert_close(&format!("second moment of {name}"), &fused_second, &plain_second, ABSOLUTE);
                    // A gradient goes through with 1 / √(1 - beta_2^6) = 13 over a second moment of 1 or more.
                    let limit = 13.0 * limit + ABSOLUTE;
                    assert_close(&name, &fused_weight.data, &plain_weight.data, limit);
                }
            }
        }
    }

    #[test]
    fn what_is_measured_is_what_tensor_operations_give() {
        let mut rng = StdRng::seed_from_u64(5);
        let device = Device::flex();
        for (config, rows) in [
            (VaeConfig::default(), 128),
            (VaeConfig { encoder_hidden: vec![16, 12], latent: 4, decoder_hidden: vec![6, 18] }, 37),
        ] {
            let vae = config.init(30, &mut rng, &device);
            let images = Tensor::from_data(sparse_images(rows, 30, &mut rng), &device);
            let noise = Tensor::ones([rows, config.latent], &device);
            let expected = vae.forward(images.clone(), noise.clone());
            let found = vae.measure(images.clone(), noise);
            for (expected, found) in
                [(&expected.posterior.mean, found.mean), (&expected.posterior.log_var, found.log_var)]
            {
                let tolerance = Tolerance::rel_abs(POSTERIOR_TOLERANCE, POSTERIOR_TOLERANCE);
                found.into_data().assert_approx_eq::<f32>(&expected.to_data(), tolerance);
            }
            let expected = expected.elbo_terms(images);
            for (expected, found) in
                [(expected.reconstruction, found.terms.reconstruction), (expected.kl, found.terms.kl)]
            {
                let tolerance = Tolerance::relative(TERM_TOLERANCE);
                found.into_data().assert_approx_eq::<f32>(&expected.into_data(), tolerance);
            }
        }
    }

    #[test]
    fn one_thread_and_two_give_the_same_bits() {
        let device = Device::flex();
        let vae = VaeConfig::default().init(50, &mut StdRng::seed_from_u64(1), &training_device(&device));
        let images = sparse_images(33, 50, &mut StdRng::seed_from_u64(2));
        let run = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let images = Tensor::from_data(images.clone(), &device);
                let mut adam = Adam::new(AdamConfig::default(), &vae);
                let step = vae.clone().train_step(images, Tensor::ones([33, 2], &device), 1.0, &mut adam);
                let terms = [step.terms.reconstruction.into_data(), step.terms.kl.into_data()];
                let weights = named_parameters(&step.vae).into_iter().map(|parameter| parameter.data);
                terms.into_iter().chain(weights).collect::<Vec<_>>()
            })
        };
        for (one, two) in run(1).iter().zip(run(2)) {
            assert_eq!(one.as_bytes(), two.as_bytes());
        }
    }

    #[test]
    fn images_in_any_order_of_memory_are_read_right() {
        let device = Device::flex();
        let vae = VaeConfig::default().init(12, &mut StdRng::seed_from_u64(1), &device);
        let by_columns = Tensor::<2>::random([12, 6], Distribution::Uniform(0.0, 1.0), &device).transpose();
        let by_rows = Tensor::from_data(by_columns.to_data(), &device);
        let noise = Tensor::zeros([6, 2], &device);
        let [strided, plain] = [by_columns, by_rows]
            .map(|images| vae.measure(images, noise.clone()).terms.elbo_loss().into_data());
        assert_eq!(strided.as_bytes(), plain.as_bytes());
    }

    #[test]
    fn a_weight_that_is_part_of_other_memory_is_updated_and_that_memory_is_not() {
        let device = Device::flex();
        let whole = Tensor::<2>::random([10, 256], Distribution::Uniform(-1.0, 1.0), &device);
        let before = whole.to_data();
        let part = whole.clone().slice([2..6, 0..256]);
        let config = VaeConfig::default();
        let step = |weight: Tensor<2>| {
            let mut vae = config.init(4, &mut StdRng::seed_from_u64(1), &device);
            vae.encoder.hidden[0].weight = Param::from_tensor(weight);
            let mut adam = Adam::new(AdamConfig::default(), &vae);
            let (images, noise) = (Tensor::ones([3, 4], &device), Tensor::zeros([3, 2], &device));
            named_parameters(&vae.train_step(images, noise, 1.0, &mut adam).vae)
        };
        let copy = Tensor::from_data(part.to_data(), &device);
        for (of_part, of_copy) in step(part).iter().zip(step(copy)) {
            assert_eq!(of_part.data.as_bytes(), of_copy.data.as_bytes(), "{}", of_part.name);
        }
        assert_eq!(whole.into_data().as_bytes(), before.as_bytes());
    }

    #[test]
    fn a_weight_in_any_order_of_memory_is_read_right() {
        let device = Device::flex();
        let by_columns = Tensor::<2>::random([256, 4], Distribution::Uniform(-1.0, 1.0), &device).transpose();
        let by_rows = Tensor::from_data(by_columns.to_data(), &device);
        let [strided, plain] = [by_columns, by_rows].map(|weight| {
            let mut vae = VaeConfig::default().init(4, &mut StdRng::seed_from_u64(1), &device);
            vae.encoder.hidden[0].weight = Param::from_tensor(weight);
            let mut adam = Adam::new(AdamConfig::default(), &vae);
            let (images, noise) = (Tensor::ones([3, 4], &device), Tensor::zeros([3, 2], &device));
            named_parameters(&vae.train_step(images, noise, 1.0, &mut adam).vae)
        });
        for (strided, plain) in strided.iter().zip(plain) {
            assert_eq!(strided.data.as_bytes(), plain.data.as_bytes(), "{}", plain.name);
        }
    }

    #[test]
    #[should_panic(expected = "moments of another network")]
    fn the_optimiser_of_another_network_is_refused() {
        let device = Device::flex();
        let [vae, other] =
            [4, 5].map(|pixels| VaeConfig::default().init(pixels, &mut StdRng::seed_from_u64(1), &device));
        let mut adam = Adam::new(AdamConfig::default(), &other);
        vae.train_step(Tensor::ones([3, 4], &device), Tensor::zeros([3, 2], &device), 1.0, &mut adam);
    }

    #[test]
    #[should_panic(expected = "a batch holds at least one image")]
    fn an_empty_batch_is_not_measured() {
        let device = Device::flex();
        let vae = VaeConfig::default().init(4, &mut StdRng::seed_from_u64(1), &device);
        vae.measure(Tensor::zeros([0, 4], &device), Tensor::zeros([0, 2], &device));
    }

    #[test]
    #[should_panic(expected = "a batch holds at least one image")]
    fn an_empty_batch_is_not_trained_on() {
        let device = Device::flex();
        let vae = VaeConfig::default().init(4, &mut StdRng::seed_from_u64(1), &device);
        let mut adam = Adam::new(AdamConfig::default(), &vae);
        vae.train_step(Tensor::zeros([0, 4], &device), Tensor::zeros([0, 2], &device), 1.0, &mut adam);
    }

    #[test]
    fn a_network_with_automatic_differentiation_keeps_it() {
        let device = Device::flex();
        let vae = VaeConfig::default().init(4, &mut StdRng::seed_from_u64(1), &device.clone().autodiff());
        let mut adam = Adam::new(AdamConfig::default(), &vae);
        let (images, noise) = (Tensor::ones([3, 4], &device), Tensor::zeros([3, 2], &device));
        let vae = vae.train_step(images.clone(), noise.clone(), 1.0, &mut adam).vae;
        let gradients = vae.forward(images.clone(), noise).elbo_terms(images).elbo_loss().backward();
        assert!(vae.encoder.mean.weight.val().grad(&gradients).is_some());
    }

    #[test]
    fn log_variances_that_are_cut_get_no_gradient_and_are_counted() {
        let device = Device::flex();
        let mut vae = VaeConfig::default().init(4, &mut StdRng::seed_from_u64(1), &device);
        let bias = Tensor::from_data([1e4f32, -1e4], &device);
        vae.encoder.log_var.bias = Some(Param::from_tensor(bias.clone()));
        let mut adam = Adam::new(AdamConfig::default(), &vae);
        let step =
            vae.train_step(Tensor::ones([3, 4], &device), Tensor::zeros([3, 2], &device), 1.0, &mut adam);
        assert_eq!(scalar(&step.saturated), 6.0);
        let after = step.vae.encoder.log_var.bias.as_ref().unwrap().val();
        after.into_data().assert_eq(&bias.into_data(), true);
    }

    #[test]
    #[should_panic(expected = "pixels of an image")]
    fn images_of_another_size_are_refused() {
        let device = Device::flex();
        let vae = VaeConfig::default().init(12, &mut StdRng::seed_from_u64(1), &device);
        vae.measure(Tensor::zeros([2, 11], &device), Tensor::zeros([2, 2], &device));
    }
}
