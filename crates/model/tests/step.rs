//! A whole training step: the same bits on any number of threads, and what it does at the edges.
#![cfg(feature = "flex")]

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use model::{Adam, AdamConfig, Batch, Likelihood, Vae, VaeConfig, Variance, named_parameters};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rayon::prelude::*;

fn device() -> Device {
    Device::flex()
}

fn vae(pixels: usize) -> Vae {
    VaeConfig::default().init(pixels, &mut StdRng::seed_from_u64(1), &device().autodiff())
}

/// Four of five pixels black, as in MNIST.
fn images(rows: usize, pixels: usize) -> Tensor<2> {
    let mut rng = StdRng::seed_from_u64(2);
    let grey: Vec<f32> =
        (0..rows * pixels).map(|_| if rng.random::<f32>() < 0.8 { 0.0 } else { rng.random() }).collect();
    Tensor::from_data(TensorData::new(grey, [rows, pixels]), &device())
}

fn scalar(tensor: &Tensor<1>) -> f32 {
    tensor.to_data().iter::<f32>().next().expect("a tensor of one number")
}

/// The bytes of terms, weights and moments after some steps.
fn bytes(threads: usize, rows: usize) -> Vec<Vec<u8>> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
    pool.install(|| {
        let mut vae = vae(300);
        let mut adam = Adam::new(AdamConfig::default(), &vae);
        let (images, noise) = (images(rows, 300), Tensor::<2>::ones([rows, 2], &device()));
        let mut found = Vec::new();
        for _ in 0..5 {
            let (images, noise) = (images.clone(), noise.clone());
            let (step, ()) = kernels::assisted(
                || vae.clone().train_step(Batch::new(images, noise), 0.7, &mut adam),
                || (),
            );
            vae = step.vae;
            found.extend([step.terms.reconstruction.into_data(), step.terms.kl.into_data()]);
        }
        found.extend(named_parameters(&vae).into_iter().map(|parameter| parameter.data));
        found.extend(
            adam.moments()
                .into_iter()
                .flat_map(|moments| [moments.first, moments.second])
                .map(Tensor::into_data),
        );
        found.iter().map(|data| data.as_bytes().to_vec()).collect()
    })
}

#[test]
fn one_thread_and_two_give_the_same_bits() {
    for rows in [1, 33, 128] {
        let one = bytes(1, rows);
        for _ in 0..3 {
            assert!(bytes(2, rows) == one, "{rows} rows");
        }
    }
}

/// Buffers that a thread held while it waited for another one were once borrowed twice here.
#[test]
fn networks_are_measured_side_by_side() {
    let vae = VaeConfig::default().init(300, &mut StdRng::seed_from_u64(1), &device());
    let (images, noise) = (images(64, 300), Tensor::<2>::ones([64, 2], &device()));
    let measure = || scalar(&vae.measure(images.clone(), noise.clone()).terms.elbo_loss());
    let alone = measure();
    let found: Vec<f32> = (0..200)
        .into_par_iter()
        .map(|index| if index % 2 == 0 { measure() } else { kernels::assisted(measure, || ()).0 })
        .collect();
    assert!(found.iter().all(|&loss| loss == alone));
}

#[test]
fn clamped_log_variances_get_no_gradient_and_are_counted() {
    let mut vae = vae(4);
    let bias = Tensor::<1>::from_data([1e4f32, -1e4], &device().autodiff());
    vae.encoder.log_var.bias = Some(Param::from_tensor(bias.clone()));
    let mut adam = Adam::new(AdamConfig::default(), &vae);
    let step = vae.train_step(Batch::new(images(3, 4), Tensor::zeros([3, 2], &device())), 1.0, &mut adam);
    assert_eq!(scalar(&step.clamped), 6.0);
    let after = step.vae.encoder.log_var.bias.expect("it was given one").val();
    after.into_data().assert_eq(&bias.into_data(), true);
}

/// The network of a likelihood after so many steps on the same images, with a coefficient at which the code tells nothing, so
/// that what is left is the mean image and the variance around it.
fn trained(likelihood: Likelihood, steps: usize) -> (Vae, Tensor<2>) {
    let config = VaeConfig { likelihood, ..VaeConfig::default() };
    let mut vae = config.init(20, &mut StdRng::seed_from_u64(1), &device().autodiff());
    let mut adam = Adam::new(AdamConfig { learning_rate: 1e-2, ..AdamConfig::default() }, &vae);
    let images = images(50, 20);
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..steps {
        let noise: Vec<f32> = (0..100).map(|_| 4.0 * rng.random::<f32>() - 2.0).collect();
        let noise = Tensor::from_data(TensorData::new(noise, [50, 2]), &device());
        vae = vae.train_step(Batch::new(images.clone(), noise), 1e3, &mut adam).vae;
    }
    (vae, images)
}

fn squared_errors(vae: &Vae, images: &Tensor<2>) -> Tensor<2> {
    let output = vae.valid().forward(images.clone(), Tensor::zeros([50, 2], &device()));
    (output.pixels.mean() - images.clone()).square()
}

#[test]
fn learnt_and_optimal_variances_end_at_the_mean_squared_error() {
    // A share: Adam moves a logarithm by up to a hundredth in a step, and an average lags behind.
    const RELATIVE: f32 = 0.05;
    for variance in [Variance::Learned, Variance::LearnedPerPixel, Variance::Optimal] {
        let (vae, images) = trained(Likelihood::Gaussian { variance }, 1500);
        let errors = squared_errors(&vae, &images).mean_dim(0);
        let expected = if variance == Variance::LearnedPerPixel { errors } else { errors.mean_dim(1) };
        let found = vae.decoder.log_scales.expect("it is learnt").val().inner().exp();
        found.into_data().assert_approx_eq::<f32>(
            &expected.reshape([-1]).into_data(),
            burn::tensor::Tolerance::relative(RELATIVE),
        );
    }
}

#[test]
fn a_fixed_variance_scales_the_squared_error_and_is_no_parameter() {
    let fixed = |variance| Likelihood::Gaussian { variance: Variance::Fixed(variance) };
    let (vae, images) = trained(fixed(0.5), 3);
    assert_eq!(
        named_parameters(&vae).len(),
        named_parameters(&trained(Likelihood::GreyBernoulli, 0).0).len()
    );
    let errors: f32 = squared_errors(&vae, &images).sum().into_scalar::<f32>() / 50.0;
    let expected = errors + 10.0 * (std::f32::consts::TAU * 0.5).ln();
    let found = scalar(&vae.valid().measure(images, Tensor::zeros([50, 2], &device())).terms.reconstruction);
    assert!((found - expected).abs() < 1e-4, "{found}, expected {expected}");
}

#[test]
#[should_panic(expected = "a batch holds at least one image")]
fn an_empty_batch_is_not_measured() {
    vae(4).measure(Tensor::zeros([0, 4], &device()), Tensor::zeros([0, 2], &device()));
}

#[test]
#[should_panic(expected = "a batch holds at least one image")]
fn an_empty_batch_is_not_trained_on() {
    let vae = vae(4);
    let mut adam = Adam::new(AdamConfig::default(), &vae);
    vae.train_step(
        Batch::new(Tensor::zeros([0, 4], &device()), Tensor::zeros([0, 2], &device())),
        1.0,
        &mut adam,
    );
}

#[test]
#[should_panic]
fn images_of_another_size_are_refused() {
    vae(12).measure(images(2, 11), Tensor::zeros([2, 2], &device()));
}
