//! The same member on every backend of the build: they differ by rounding alone.

use burn::tensor::{Device, Tensor, TensorData, Tolerance};
use data::Split;
use model::{
    Activation, Adam, AdamConfig, Batch, Convolution, Likelihood, NamedTensor, TrainStep, VaeConfig,
    Variance, convolve, convolve_transposed, named_parameters,
};
use record::{Backend, Binarise, DataConfig};
use train::device::device;
use train::image_tensors::ImageTensors;
use train::random::{Purpose, image_order, noise, stream};

const STEPS: usize = 50;
/// Steps with each likelihood.
const FEW: usize = 5;
const BATCH: usize = 128;
const LATENT: usize = 2;

/// After 50 steps, the greatest difference of a weight between two backends.
///
/// One step moves a weight by up to the learning rate, 1e-3, whatever the size of its gradient: where a gradient is so
/// small that rounding decides its sign, two backends part by up to 2e-3 a step. In sum over 50 steps few weights do;
/// the loss, which the weights with real gradients decide, is compared more strictly.
const WEIGHT_TOLERANCE: f64 = 2e-2;

/// The greatest relative difference of the objective at any of the 50 steps.
const OBJECTIVE_TOLERANCE: f64 = 1e-4;

struct Trajectory {
    objectives: Vec<f64>,
    parameters: Vec<NamedTensor>,
}

fn trained(images: &Split, likelihood: Likelihood, steps: usize, device: &Device) -> Trajectory {
    let mut weights = stream(0, Purpose::InitialWeights, 0, 0);
    let config = VaeConfig { likelihood, ..VaeConfig::default() };
    let mut vae = config.init(images.numbers(), &mut weights, &device.clone().autodiff());
    let mut adam = Adam::new(AdamConfig::default(), &vae);
    let order = image_order(0, 0, images.count(), None);
    let mut objectives = Vec::new();
    for (step, positions) in order.chunks(BATCH).take(steps).enumerate() {
        let batch = images.batch(positions, device).expect("the images are in memory");
        let noise = noise(0, Purpose::TrainingNoise, 0, step, BATCH * LATENT);
        let noise = Tensor::from_data(TensorData::new(noise, [BATCH, LATENT]), device);
        let TrainStep { vae: trained, terms, .. } = vae.train_step(Batch::new(batch, noise), 1.0, &mut adam);
        vae = trained;
        objectives.push(f64::from(terms.objective(1.0).into_scalar::<f32>()));
    }
    Trajectory { objectives, parameters: named_parameters(&vae) }
}

fn flex() -> Device {
    device(Backend::Flex).expect("Flex needs no driver")
}

/// The device of a backend that is compared; `None` where a developer's machine lacks it.
fn compared(backend: Backend) -> Option<Device> {
    match device(backend) {
        Ok(device) => Some(device),
        // A developer's machine may lack a graphics driver; the machine of CI must not.
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("{} is not compared: {error}", backend.name());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn backends_agree_after_fifty_steps() {
    let images = data::load(&DataConfig::default(), &()).expect("MNIST is in the repository").train;
    compare(&images, Likelihood::GreyBernoulli, STEPS);
}

#[test]
fn backends_agree_on_every_likelihood() {
    let binary =
        DataConfig { binarise: Binarise::Static, train_images: FEW * BATCH, ..DataConfig::default() };
    let grey = DataConfig { binarise: Binarise::None, ..binary.clone() };
    let [binary, grey] =
        [binary, grey].map(|config| data::load(&config, &()).expect("MNIST is in the repository").train);
    compare(&binary, Likelihood::Bernoulli, FEW);
    compare(&grey, Likelihood::ContinuousBernoulli, FEW);
    compare(&grey, Likelihood::DiscretisedLogistic, FEW);
    for variance in [Variance::Fixed(0.1), Variance::Learned, Variance::LearnedPerPixel, Variance::Optimal] {
        compare(&grey, Likelihood::Gaussian { variance }, FEW);
    }
}

/// Holds every backend but Flex to it.
fn compare(images: &Split, likelihood: Likelihood, steps: usize) {
    let flex = flex();
    let reference = trained(images, likelihood, steps, &flex);
    for backend in [Backend::NdArray, Backend::Wgpu] {
        let Some(device) = compared(backend) else { continue };
        let found = trained(images, likelihood, steps, &device);
        for (step, (found, expected)) in found.objectives.iter().zip(&reference.objectives).enumerate() {
            let difference = ((found - expected) / expected).abs();
            assert!(
                difference <= OBJECTIVE_TOLERANCE,
                "{} {likelihood:?} step {step}: objective {found}, flex {expected}, relative difference {difference:e}, limit \
                 {OBJECTIVE_TOLERANCE:e}",
                backend.name()
            );
        }
        for (found, expected) in found.parameters.iter().zip(&reference.parameters) {
            for (found_value, expected_value) in found.data.iter::<f64>().zip(expected.data.iter::<f64>()) {
                assert!(
                    (found_value - expected_value).abs() <= WEIGHT_TOLERANCE,
                    "{} {}: {found_value}, flex {expected_value}, limit {WEIGHT_TOLERANCE:e}",
                    backend.name(),
                    found.name
                );
            }
        }
    }
}

/// Numbers between -1 and 1 that repeat nowhere.
fn waves(shape: [usize; 4], device: &Device) -> Tensor<4> {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|place| (1.3 * place as f32 + 0.4).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// What a convolution and its transposed give one after the other, and the gradients of both weights.
fn convolved(device: &Device) -> [TensorData; 3] {
    let convolution = Convolution {
        image: [9, 7],
        channels: 3,
        filters: 5,
        kernel: [4, 3],
        stride: [2, 2],
        padding: [1, 1],
    };
    let autodiff = device.clone().autodiff();
    let [first, second] =
        [0.4, 0.2].map(|scale| waves([4, 3, 3, 5], &autodiff).mul_scalar(scale).require_grad());
    let zeros = |count: usize| Tensor::zeros([count], &autodiff);
    let hidden =
        convolve(convolution, waves([6, 9, 7, 3], &autodiff), first.clone(), zeros(5), Activation::Relu);
    let output = convolve_transposed(convolution, hidden, second.clone(), zeros(3), Activation::Identity);
    let gradients = output.clone().square().mean().backward();
    let of = |weight: &Tensor<4>| weight.grad(&gradients).expect("it has a gradient").into_data();
    [output.into_data(), of(&first), of(&second)]
}

#[test]
fn backends_agree_on_convolutions() {
    /// Sums of sixty products of numbers up to 1, in 32 bits and another order.
    const TOLERANCE: f32 = 2e-5;
    let reference = convolved(&flex());
    for backend in [Backend::NdArray, Backend::Wgpu] {
        let Some(device) = compared(backend) else { continue };
        for (found, expected) in convolved(&device).iter().zip(&reference) {
            found.assert_approx_eq::<f32>(expected, Tolerance::absolute(TOLERANCE));
        }
    }
}
