//! The objective of a batch and its gradient, by the fastest way that the backend has.

use burn::module::{Module, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::{ElboTerms, Posterior, Vae};

/// What a training step needs of a batch. No tensor of it carries an autodiff graph.
#[derive(Debug)]
pub struct ObjectiveGradient {
    /// The terms of the objective.
    pub terms: ElboTerms,
    /// How many log-variances were cut to their bounds, `[1]`.
    pub saturated: Tensor<1>,
    /// The gradient of `terms.objective(kl_coefficient)` in every parameter.
    pub gradients: GradientsParams,
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
        #[cfg(feature = "flex")]
        if let Some(network) = flex::Network::of(self) {
            return network.measure(images, noise);
        }
        let output = self.forward(images.clone(), noise);
        let Posterior { mean, log_var, .. } = output.posterior.clone();
        Measured { terms: output.elbo_terms(images), mean, log_var }
    }

    /// The terms, and the gradient of the objective in every parameter.
    ///
    /// What automatic differentiation of [`ElboTerms::objective`] gives, but for rounding; on Flex several times as fast,
    /// in one operation on up to two threads of the current rayon pool, with the same bits on one as on two.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, pixels]`, values between 0 and 1
    /// - noise: `[batch, latent]`, standard normal
    ///
    /// # Panics
    ///
    /// Panics if the shapes are not those, for the sizes that the network was made with, if the batch is empty, or if the
    /// network is not on a device with automatic differentiation.
    pub fn objective_gradient(
        &self,
        images: Tensor<2>,
        noise: Tensor<2>,
        kl_coefficient: f64,
    ) -> ObjectiveGradient {
        #[cfg(feature = "flex")]
        if let Some(network) = flex::Network::of(self) {
            return network.objective_gradient(self, images, noise, kl_coefficient);
        }
        let output = self.forward(images.clone(), noise);
        let saturated = output.posterior.saturated.clone();
        let terms = output.elbo_terms(images);
        let gradients = terms.objective(kl_coefficient).backward();
        ObjectiveGradient {
            gradients: GradientsParams::from_grads(gradients, self),
            terms: ElboTerms { reconstruction: terms.reconstruction.inner(), kl: terms.kl.inner() },
            saturated,
        }
    }
}

#[cfg(feature = "flex")]
mod flex {
    use std::cell::RefCell;

    use burn::backend::{Flex, tensor::FloatTensor};
    use burn::module::ModuleVisitor;
    use burn::nn::Linear;
    use burn::tensor::{Device, TensorData, assert_shape};

    use super::*;
    use crate::kernels::{
        Batch, Buffers, Layer, LayerGradient, PerLayer, TermSums, terms, terms_and_gradient,
    };

    type FlexTensor = FloatTensor<Flex>;

    thread_local! {
        /// The activations and deltas of a step, 1.5 MB for the classic network, kept for the next one.
        static BUFFERS: RefCell<Buffers> = RefCell::default();
    }

    /// The parameters of a network on Flex.
    pub(super) struct Network {
        layers: PerLayer<LayerTensors>,
        device: Device,
    }

    struct LayerTensors {
        weight: FlexTensor,
        bias: FlexTensor,
    }

    impl Network {
        /// The parameters of a network; nothing if it is not on Flex, or not in the form that the kernels read.
        pub(super) fn of(vae: &Vae) -> Option<Self> {
            let device = vae.encoder.mean.weight.val().inner().device();
            let all = |layers: &[Linear]| layers.iter().map(LayerTensors::of).collect::<Option<Vec<_>>>();
            let layers = PerLayer {
                encoder: all(&vae.encoder.hidden)?,
                mean: LayerTensors::of(&vae.encoder.mean)?,
                log_var: LayerTensors::of(&vae.encoder.log_var)?,
                decoder: all(&vae.decoder.hidden)?,
                logits: LayerTensors::of(&vae.decoder.logits)?,
            };
            Some(Self { layers, device })
        }

        pub(super) fn measure(&self, images: Tensor<2>, noise: Tensor<2>) -> Measured {
            let [rows, latent] = noise.dims();
            let matrix = |values: &[f32]| {
                Tensor::from_data(TensorData::new(values.to_vec(), [rows, latent]), &self.device)
            };
            self.on_batch(images, noise, |network, batch, buffers| {
                let sums = terms(network, batch, buffers);
                let (mean, log_var) = buffers.posteriors();
                Measured { terms: self.mean_terms(sums, rows), mean: matrix(mean), log_var: matrix(log_var) }
            })
        }

        pub(super) fn objective_gradient(
            &self,
            vae: &Vae,
            images: Tensor<2>,
            noise: Tensor<2>,
            kl_coefficient: f64,
        ) -> ObjectiveGradient {
            let rows = images.dims()[0];
            let (sums, gradients) = self.on_batch(images, noise, |network, batch, buffers| {
                terms_and_gradient(network, batch, kl_coefficient, buffers)
            });
            ObjectiveGradient {
                terms: self.mean_terms(sums, rows),
                saturated: self.scalar(sums.saturated as f64),
                gradients: self.register(vae, gradients),
            }
        }

        fn on_batch<T>(
            &self,
            images: Tensor<2>,
            noise: Tensor<2>,
            compute: impl FnOnce(&PerLayer<Layer<'_>>, Batch<'_>, &mut Buffers) -> T,
        ) -> T {
            let [rows, pixels] = images.dims();
            assert!(rows > 0, "a batch holds at least one image");
            let network = self.layers.each().map(LayerTensors::slices);
            assert_eq!(pixels, network.logits.bias.len(), "pixels of an image");
            assert_shape!(noise, [rows, network.mean.bias.len()]);
            let [images, noise] = [images, noise].map(|tensor| {
                flex_tensor(tensor).expect("the batch is on the network's device").to_contiguous()
            });
            let batch = Batch { images: values(&images), noise: values(&noise), rows };
            BUFFERS.with_borrow_mut(|buffers| compute(&network, batch, buffers))
        }

        fn mean_terms(&self, sums: TermSums, rows: usize) -> ElboTerms {
            let mean = |sum: f64| self.scalar(sum / rows as f64);
            ElboTerms { reconstruction: mean(sums.reconstruction), kl: mean(sums.kl) }
        }

        fn scalar(&self, value: f64) -> Tensor<1> {
            Tensor::from_data([value as f32], &self.device)
        }

        fn register(&self, vae: &Vae, gradients: PerLayer<LayerGradient>) -> GradientsParams {
            struct Register<'a> {
                gradients: std::vec::IntoIter<Vec<f32>>,
                registered: GradientsParams,
                device: &'a Device,
            }

            impl ModuleVisitor for Register<'_> {
                fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                    let gradient = self.gradients.next().expect("every parameter has a gradient");
                    let data = TensorData::new(gradient, param.lazy_shape());
                    self.registered.register::<D>(param.id, Tensor::from_data(data, self.device));
                }
            }

            let in_order: Vec<Vec<f32>> = gradients
                .into_order()
                .into_iter()
                .flat_map(|LayerGradient { weight, bias }| [weight, bias])
                .collect();
            let mut register = Register {
                gradients: in_order.into_iter(),
                registered: GradientsParams::new(),
                device: &self.device,
            };
            vae.visit(&mut register);
            register.registered
        }
    }

    impl LayerTensors {
        fn of(linear: &Linear) -> Option<Self> {
            let weight = flex_tensor(linear.weight.val())?;
            let bias = flex_tensor(linear.bias.as_ref()?.val())?;
            (weight.as_slice::<f32>().is_some() && bias.as_slice::<f32>().is_some())
                .then_some(Self { weight, bias })
        }

        fn slices(&self) -> Layer<'_> {
            Layer { weight: values(&self.weight), bias: values(&self.bias) }
        }
    }

    fn flex_tensor<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
        tensor.inner().try_into_primitive::<Flex>().ok()
    }

    fn values(tensor: &FlexTensor) -> &[f32] {
        tensor.as_slice().expect("contiguous 32-bit numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{VaeConfig, named_parameters};
    use burn::tensor::{Device, Distribution, TensorData, Tolerance};
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Relative to the greatest value of a gradient: sums of some hundred 32-bit numbers in two orders.
    const GRADIENT_TOLERANCE: f32 = 2e-5;
    /// Of the terms, which the plain form sums in 32 bits.
    const TERM_TOLERANCE: f32 = 1e-5;
    /// Of means and log-variances: sums of products in another order, of size one.
    const POSTERIOR_TOLERANCE: f32 = 1e-5;

    struct Plain {
        terms: ElboTerms,
        gradients: GradientsParams,
    }

    fn plain(vae: &Vae, images: Tensor<2>, noise: Tensor<2>, kl_coefficient: f64) -> Plain {
        let terms = vae.forward(images.clone(), noise).elbo_terms(images);
        let gradients = GradientsParams::from_grads(terms.objective(kl_coefficient).backward(), vae);
        Plain { terms, gradients }
    }

    fn gradients_in_order(vae: &Vae, gradients: &mut GradientsParams) -> Vec<TensorData> {
        struct InOrder<'a>(&'a mut GradientsParams, Vec<TensorData>);
        impl burn::module::ModuleVisitor for InOrder<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let gradient = self.0.remove::<D>(param.id).expect("every parameter has a gradient");
                self.1.push(gradient.into_data());
            }
        }
        let mut in_order = InOrder(gradients, Vec::new());
        vae.visit(&mut in_order);
        in_order.1
    }

    fn scalar(tensor: Tensor<1>) -> f32 {
        tensor.inner().into_scalar()
    }

    fn sparse_images(rows: usize, pixels: usize, rng: &mut StdRng) -> TensorData {
        let grey = |rng: &mut StdRng| if rng.random::<f32>() < 0.8 { 0.0 } else { rng.random() };
        TensorData::new((0..rows * pixels).map(|_| grey(rng)).collect::<Vec<f32>>(), [rows, pixels])
    }

    fn devices() -> Vec<Device> {
        vec![
            Device::flex(),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated)]
            Device::ndarray(),
        ]
    }

    #[test]
    fn terms_and_gradients_are_those_of_automatic_differentiation() {
        let mut rng = StdRng::seed_from_u64(3);
        for (pixels, encoder_hidden, latent, decoder_hidden, rows) in [
            (784, vec![256], 2, vec![256], 128),
            (20, vec![9], 3, vec![5], 1),
            (7, vec![], 1, vec![], 2),
            (30, vec![16, 12], 4, vec![6, 18, 24], 37),
        ] {
            let config = VaeConfig { encoder_hidden, latent, decoder_hidden };
            let images = sparse_images(rows, pixels, &mut rng);
            let noise: Vec<f32> = (0..rows * latent).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect();
            for device in devices() {
                let vae = config.init(pixels, &mut StdRng::seed_from_u64(4), &device.clone().autodiff());
                let images = Tensor::from_data(images.clone(), &device);
                let noise = Tensor::from_data(TensorData::new(noise.clone(), [rows, latent]), &device);
                for kl_coefficient in [0.0, 0.02, 20.0] {
                    let mut expected = plain(&vae, images.clone(), noise.clone(), kl_coefficient);
                    let mut found = vae.objective_gradient(images.clone(), noise.clone(), kl_coefficient);
                    let measured = vae.valid().measure(images.clone(), noise.clone());
                    let posterior = vae.valid().encoder.forward(images.clone());
                    for (expected, found) in
                        [(posterior.mean, measured.mean), (posterior.log_var, measured.log_var)]
                    {
                        let tolerance = Tolerance::rel_abs(POSTERIOR_TOLERANCE, POSTERIOR_TOLERANCE);
                        found.into_data().assert_approx_eq::<f32>(&expected.into_data(), tolerance);
                    }
                    let measured = measured.terms;
                    for (what, expected, found) in [
                        ("reconstruction", &expected.terms.reconstruction, &found.terms.reconstruction),
                        ("kl", &expected.terms.kl, &found.terms.kl),
                        ("measured reconstruction", &expected.terms.reconstruction, &measured.reconstruction),
                        ("measured kl", &expected.terms.kl, &measured.kl),
                    ] {
                        let (expected, found) = (scalar(expected.clone()), scalar(found.clone()));
                        assert!(
                            (expected - found).abs() <= TERM_TOLERANCE * expected.abs(),
                            "{what} {found}, plain {expected}"
                        );
                    }
                    let expected = gradients_in_order(&vae, &mut expected.gradients);
                    let found = gradients_in_order(&vae, &mut found.gradients);
                    for ((expected, found), parameter) in
                        expected.iter().zip(&found).zip(named_parameters(&vae))
                    {
                        assert_eq!(expected.shape(), found.shape());
                        let greatest = expected.iter::<f32>().fold(0.0f32, |a, b| a.max(b.abs()));
                        for (expected, found) in expected.iter::<f32>().zip(found.iter::<f32>()) {
                            assert!(
                                (expected - found).abs() <= GRADIENT_TOLERANCE * greatest,
                                "{config:?} {}: {found}, plain {expected}, greatest {greatest}",
                                parameter.name
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn one_thread_and_two_give_the_same_bits() {
        let device = Device::flex();
        let vae = VaeConfig::default().init(50, &mut StdRng::seed_from_u64(1), &device.clone().autodiff());
        let images = sparse_images(33, 50, &mut StdRng::seed_from_u64(2));
        let run = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
                let images = Tensor::from_data(images.clone(), &device);
                let mut found = vae.objective_gradient(images, Tensor::ones([33, 2], &device), 1.0);
                let terms = [found.terms.reconstruction.into_data(), found.terms.kl.into_data()];
                (terms, gradients_in_order(&vae, &mut found.gradients))
            })
        };
        let ((terms_1, gradients_1), (terms_2, gradients_2)) = (run(1), run(2));
        for (one, two) in terms_1.iter().chain(&gradients_1).zip(terms_2.iter().chain(&gradients_2)) {
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
    fn log_variances_that_are_cut_get_no_gradient_and_are_counted() {
        let device = Device::flex();
        let mut vae = VaeConfig::default().init(4, &mut StdRng::seed_from_u64(1), &device.clone().autodiff());
        let bias = Tensor::from_data([1e4f32, -1e4], &device.clone().autodiff()).require_grad();
        vae.encoder.log_var.bias = Some(Param::from_tensor(bias));
        let images = Tensor::ones([3, 4], &device);
        let found = vae.objective_gradient(images, Tensor::zeros([3, 2], &device), 1.0);
        assert_eq!(found.saturated.into_scalar::<f32>(), 6.0);
        let id = vae.encoder.log_var.bias.as_ref().unwrap().id;
        found.gradients.get::<1>(id).unwrap().into_data().assert_eq(&TensorData::from([0.0f32; 2]), true);
    }

    #[test]
    #[should_panic(expected = "pixels of an image")]
    fn images_of_another_size_are_refused() {
        let device = Device::flex();
        let vae = VaeConfig::default().init(12, &mut StdRng::seed_from_u64(1), &device);
        vae.measure(Tensor::zeros([2, 11], &device), Tensor::zeros([2, 2], &device));
    }
}
