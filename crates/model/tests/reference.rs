//! The loss and the training step against PyTorch, and the KL against a numerical integral.
//!
//! The reference values are made by `python scripts/reference_model.py > crates/model/tests/reference_model.json`.

use std::collections::BTreeMap;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use model::{
    Adam, AdamConfig, Batch, Likelihood, NamedTensor, PixelDistribution, TrainStep, Vae, VaeConfig, Variance,
    bernoulli_nll, gaussian_kl, load_parameters, named_parameters,
};
use rand::{SeedableRng, rngs::StdRng};
use serde::Deserialize;

/// The reference is of 64-bit floats, ours of 32-bit ones: a few times their rounding, 6e-8, of the terms of each sum.
const RELATIVE: f64 = 1e-5;
/// Of values that cancel to about nothing, such as the gradient σ(l) - x, only the absolute size can agree.
const ABSOLUTE: f64 = 1e-6;

#[derive(Deserialize)]
struct Reference {
    reconstruction: ReconstructionReference,
    likelihoods: BTreeMap<String, LikelihoodReference>,
    training: TrainingReference,
}

#[derive(Deserialize)]
struct ReconstructionReference {
    logits: Vec<Vec<f32>>,
    images: Vec<Vec<f32>>,
    loss: f64,
    gradient: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct LikelihoodReference {
    outputs: Vec<Vec<f32>>,
    values: Vec<Vec<f32>>,
    log_scales: Vec<f32>,
    /// The gradient with respect to the loss of each image.
    upstream: Vec<f32>,
    nll: Vec<f64>,
    of_outputs: Vec<Vec<f64>>,
    of_log_scales: Vec<f64>,
}

#[derive(Deserialize)]
struct TrainingReference {
    kl_coefficient: f64,
    initial: BTreeMap<String, Values>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    images: Vec<Vec<f32>>,
    noise: Vec<Vec<f32>>,
    reconstruction: f64,
    kl: f64,
    objective: f64,
    gradients: BTreeMap<String, Values>,
    updated: BTreeMap<String, Values>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    Vector(Vec<f64>),
    Matrix(Vec<Vec<f64>>),
}

impl Values {
    fn flat(&self) -> Vec<f64> {
        match self {
            Self::Vector(values) => values.clone(),
            Self::Matrix(rows) => rows.concat(),
        }
    }
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("reference_model.json")).expect("the reference is of this form")
}

fn devices() -> Vec<Device> {
    vec![
        #[cfg(feature = "flex")]
        Device::flex().autodiff(),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)]
        Device::ndarray().autodiff(),
    ]
}

fn matrix(rows: &[Vec<f32>], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(rows.concat(), [rows.len(), rows[0].len()]), device)
}

fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (position, (found, expected)) in found.iter().zip(expected).enumerate() {
        let limit = ABSOLUTE + RELATIVE * expected.abs();
        assert!(
            (found - expected).abs() <= limit,
            "{what}[{position}]: found {found}, expected {expected}, limit {limit:e}"
        );
    }
}

fn values(data: &TensorData) -> Vec<f64> {
    data.iter::<f64>().collect()
}

fn scalar(tensor: &Tensor<1>) -> Vec<f64> {
    values(&tensor.to_data())
}

#[test]
fn the_reconstruction_and_its_gradient_match_pytorch() {
    let ReconstructionReference { logits, images, loss, gradient } = reference().reconstruction;
    for device in devices() {
        let logits = matrix(&logits, &device).require_grad();
        let found = bernoulli_nll(logits.clone(), matrix(&images, &device)).mean();
        assert_close("loss", &scalar(&found), &[loss]);
        let found = logits.grad(&found.backward()).expect("the logits have a gradient");
        assert_close("gradient", &values(&found.to_data()), &gradient.concat());
    }
}

#[test]
fn every_likelihood_and_its_gradients_match_pytorch() {
    for (device, name) in devices()
        .into_iter()
        .flat_map(|device| reference().likelihoods.into_keys().map(move |name| (device.clone(), name)))
    {
        let LikelihoodReference {
            outputs,
            values: images,
            log_scales,
            upstream,
            nll,
            of_outputs,
            of_log_scales,
        } = &reference().likelihoods[&name];
        let likelihood = match name.as_str() {
            "bernoulli" => Likelihood::Bernoulli,
            "continuous_bernoulli" => Likelihood::ContinuousBernoulli,
            "gaussian" => Likelihood::Gaussian { variance: Variance::LearnedPerPixel },
            "discretised_logistic" => Likelihood::DiscretisedLogistic,
            _ => panic!("the likelihood {name} is not tested"),
        };
        let vector = |numbers: &[f32]| Tensor::<1>::from_data(numbers, &device);
        let outputs = matrix(outputs, &device).require_grad();
        let log_scales = (!log_scales.is_empty()).then(|| vector(log_scales).require_grad());
        let pixels =
            PixelDistribution { likelihood, outputs: outputs.clone(), log_scales: log_scales.clone() };
        let found = pixels.nll(matrix(images, &device));
        assert_close(&name, &values(&found.to_data()), nll);
        let gradients = (found * vector(upstream)).sum().backward();
        let found = outputs.grad(&gradients).expect("the outputs have a gradient");
        assert_close(&format!("{name} by its outputs"), &values(&found.to_data()), &of_outputs.concat());
        if let Some(log_scales) = log_scales {
            let found = log_scales.grad(&gradients).expect("the scales have a gradient");
            assert_close(&format!("{name} by its scales"), &values(&found.to_data()), of_log_scales);
        }
    }
}

#[test]
fn two_training_steps_match_pytorch() {
    let TrainingReference { kl_coefficient, initial, steps } = reference().training;
    for device in devices() {
        let config =
            VaeConfig { encoder_hidden: vec![7], latent: 2, decoder_hidden: vec![7], ..VaeConfig::default() };
        let vae = config.init(12, &mut StdRng::seed_from_u64(0), &device);
        let initial = named_parameters(&vae)
            .into_iter()
            .map(|NamedTensor { name, data }| {
                let values: Vec<f32> = initial[&name].flat().iter().map(|&value| value as f32).collect();
                NamedTensor { data: TensorData::new(values, data.shape().clone()), name }
            })
            .collect();
        let mut vae = load_parameters(vae, initial).expect("the reference has this network's shapes");
        let mut adam = Adam::new(AdamConfig::default(), &vae);
        for step in &steps {
            let device = device.clone().inner();
            let (images, noise) = (matrix(&step.images, &device), matrix(&step.noise, &device));
            let terms = vae.forward(images.clone(), noise.clone()).elbo_terms(images.clone());
            let gradients = GradientsParams::from_grads(terms.objective(kl_coefficient).backward(), &vae);
            for (name, found) in named_gradients(&vae, &gradients) {
                assert_close(&format!("gradient of {name}"), &found, &step.gradients[&name].flat());
            }
            let TrainStep { vae: trained, terms, .. } =
                vae.train_step(Batch::new(images, noise), kl_coefficient, &mut adam);
            vae = trained;
            assert_close("reconstruction", &scalar(&terms.reconstruction), &[step.reconstruction]);
            assert_close("kl", &scalar(&terms.kl), &[step.kl]);
            assert_close("objective", &scalar(&terms.objective(kl_coefficient)), &[step.objective]);
            for NamedTensor { name, data } in named_parameters(&vae) {
                assert_close(&format!("updated {name}"), &values(&data), &step.updated[&name].flat());
            }
        }
    }
}

/// The gradients by the names of their parameters.
fn named_gradients(vae: &Vae, gradients: &GradientsParams) -> Vec<(String, Vec<f64>)> {
    let linear = [
        ("encoder.hidden.0", &vae.encoder.hidden[0]),
        ("encoder.mean", &vae.encoder.mean),
        ("encoder.log_var", &vae.encoder.log_var),
        ("decoder.hidden.0", &vae.decoder.hidden[0]),
        ("decoder.logits", vae.decoder.logits.as_ref().expect("it is dense")),
    ];
    linear
        .into_iter()
        .flat_map(|(name, layer)| {
            let weight = gradients.get::<2>(layer.weight.id).expect("the weight has a gradient");
            let bias = layer.bias.as_ref().expect("the layer has a bias");
            let bias = gradients.get::<1>(bias.id).expect("the bias has a gradient");
            [
                (format!("{name}.weight"), values(&weight.to_data())),
                (format!("{name}.bias"), values(&bias.to_data())),
            ]
        })
        .collect()
}

#[test]
fn the_derivative_of_the_objective_by_the_coefficient_is_the_kl() {
    // The objective is linear in c, so a difference over any span is exact but for rounding.
    let device = Device::flex();
    let vae = VaeConfig::default().init(12, &mut StdRng::seed_from_u64(3), &device);
    let images = Tensor::full([6, 12], 0.3, &device);
    let terms = vae.forward(images.clone(), Tensor::ones([6, 2], &device)).elbo_terms(images);
    let difference = (terms.objective(3.0) - terms.objective(1.0)).div_scalar(2.0);
    assert_close("d objective / d c", &scalar(&difference), &scalar(&terms.kl));
    assert_close("ELBO loss", &scalar(&terms.elbo_loss()), &scalar(&terms.objective(1.0)));
}

#[test]
fn the_kl_is_zero_where_the_posterior_is_the_prior() {
    let zeros = Tensor::zeros([3, 4], &Device::flex());
    assert_eq!(values(&gaussian_kl(zeros.clone(), zeros).into_data()), [0.0; 12]);
}

#[test]
fn the_kl_is_the_integral_of_its_definition() {
    let device = Device::flex();
    for (mean, log_var) in [(0.0f32, 1.0f32), (1.5, 0.0), (-2.0, -3.0), (0.3, 2.0)] {
        let kl = gaussian_kl(Tensor::full([1, 1], mean, &device), Tensor::full([1, 1], log_var, &device));
        assert_close("kl", &values(&kl.into_data()), &[kl_by_integration(mean.into(), log_var.into())]);
    }
}

/// `∫ q ln(q / p)` for q = N(mean, exp(log_var)) and p = N(0, 1), by the trapezoidal rule over ±12 deviations of q.
///
/// For a smooth function that vanishes at both ends the rule's error falls faster than any power of the step.
fn kl_by_integration(mean: f64, log_var: f64) -> f64 {
    const STEPS: i32 = 4000;
    let deviation = (log_var / 2.0).exp();
    let step = 24.0 / f64::from(STEPS);
    (0..=STEPS)
        .map(|index| {
            let u = -12.0 + f64::from(index) * step;
            let x = mean + deviation * u;
            let log_ratio = (-u * u / 2.0 - log_var / 2.0) + x * x / 2.0;
            (-u * u / 2.0).exp() / std::f64::consts::TAU.sqrt() * log_ratio * step
        })
        .sum()
}
