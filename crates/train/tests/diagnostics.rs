//! The diagnostics of whole networks: against PyTorch, where the answer is known, and where training went wrong.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use data::{Dataset, Split};
use model::{LOG_VAR_MAX, LOG_VAR_MIN, NamedTensor, Vae, VaeConfig, load_parameters};
use record::{
    DIMENSION_QUANTITIES, DataConfig, Diagnostics, Estimate, HeldOut, Kind, MemberId, MemberResult, OfParts,
    Shape, TensorFile, Terms, quantities_of,
};
use serde::Deserialize;
use train::diagnostics::{DataReference, Measurement, diagnose};
use train::random::{Purpose, stream};
use train::tensor_file::tensor_data;

const SEED: u64 = 0;
/// The kept networks were trained with this coefficient; to the others it is all the same.
const MEMBER: MemberId = MemberId { kl_coefficient: 0.5, seed: SEED };

/// What `scripts/reference_diagnostics.py` wrote.
#[derive(Deserialize)]
struct Reference {
    kl_per_dim: Vec<f64>,
    collapsed_share: Vec<f64>,
    posterior_variance: Vec<f64>,
    active_units: usize,
    information_upper: f64,
    knn_accuracy: f64,
    probe_accuracy: OfParts<f64>,
    nll: OfParts<f64>,
    sampled: BTreeMap<String, Sampled>,
}

/// A sampled quantity: its mean over many drawings, and the standard deviation of one.
#[derive(Deserialize)]
struct Sampled {
    mean: f64,
    std: f64,
}

fn kept(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics").join(name)
}

fn network(config: &VaeConfig, pixels: usize) -> Vae {
    config.init(pixels, &mut stream(SEED, Purpose::InitialWeights, 0, 0), &Device::flex())
}

/// The small network of so many latent dimensions that is kept beside the reference.
fn trained(latent: usize) -> Vae {
    let config =
        VaeConfig { encoder_hidden: vec![8], latent, decoder_hidden: vec![8], ..VaeConfig::default() };
    let file =
        TensorFile::read(&kept(&format!("latent_{latent}.safetensors"))).expect("the weights are kept");
    let parameter = |(name, saved)| NamedTensor { name, data: tensor_data(&saved) };
    let parameters = file.tensors.into_iter().map(parameter).collect();
    load_parameters(network(&config, 784), parameters).expect("they are of this network")
}

fn mnist(train_images: usize, test_images: usize) -> Dataset {
    data::load(&DataConfig { train_images, test_images, ..DataConfig::default() }, &())
        .expect("MNIST is in the repository")
}

fn measure(vae: &Vae, dataset: &Dataset) -> Diagnostics {
    let device = Device::flex();
    let found = diagnose(vae, dataset, &DataReference::of(dataset).unwrap(), MEMBER, &device)
        .expect("the network gives finite numbers");
    assert_invariants(&found.diagnostics, dataset.test.count());
    assert_losses_add_up(&found, dataset);
    found.diagnostics
}

/// The losses of single images are those whose means are in the table.
fn assert_losses_add_up(found: &Measurement, dataset: &Dataset) {
    let Measurement { diagnostics, losses } = found;
    for part in HeldOut::ALL {
        let (of_images, of_part) = (losses.part(part), diagnostics.part(part));
        let terms = &of_images.terms;
        assert_eq!(terms.index, part.dealt(dataset.test.count()));
        assert_eq!(of_part.images, terms.count());
        let close = |estimate: Option<Estimate>, values: &[f32]| {
            let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64;
            // Sums of 64-bit numbers in another order.
            assert!(
                estimate.is_none_or(|found| (found.value - mean).abs() <= 1e-9 * mean.abs()),
                "{estimate:?}"
            );
            assert_eq!(estimate.is_none(), values.is_empty());
        };
        close(of_part.reconstruction, terms.reconstruction.as_ref().unwrap().as_slice().unwrap());
        close(of_part.kl, terms.kl.as_slice().unwrap());
        let rights = [
            (of_part.probe_accuracy, &of_images.probe_right),
            (of_part.few_labels_accuracy, &of_images.few_labels_right),
            (of_part.knn_accuracy, &of_images.knn_right),
        ];
        for (accuracy, right) in rights {
            assert_eq!(accuracy.is_some(), right.is_some());
            if let Some(right) = right {
                assert_eq!(right.len(), terms.count());
                let mean = right.iter().map(|value| f64::from(*value)).sum::<f64>() / right.len() as f64;
                // The mean of ten probes is rounded to 32 bits.
                assert!((accuracy.unwrap().value - mean).abs() < 1e-6, "{accuracy:?}, not {mean}");
            }
        }
        if let Some(likelihoods) = &of_images.log_likelihood {
            assert_eq!(likelihoods.index.len(), of_part.nll.as_ref().unwrap().images);
            assert!(likelihoods.index.iter().all(|index| terms.index.iter().any(|other| other == index)));
        }
    }
    assert_eq!(losses.train.as_ref().unwrap().count(), dataset.train.count().min(20_000));
}

/// What holds for every network.
fn assert_invariants(found: &Diagnostics, images: usize) {
    let kl: f64 = found.kl_per_dim.iter().sum();
    // A few roundings of 64-bit sums.
    let rounding = 1e-14 * kl;
    let [information, upper, marginal_kl, total_correlation, dimension_kl] = [
        found.mutual_information,
        found.information_upper,
        found.marginal_kl,
        found.total_correlation,
        found.dimension_kl,
    ]
    .map(|estimate| estimate.expect("it is measured of every network"));
    let rounding = rounding.max(1e-9);
    let [information, upper, divergence] = [information.value, upper.value, marginal_kl.value];
    assert!((-rounding..=(images as f64).ln() + rounding).contains(&information), "{found:?}");
    assert!(upper <= kl + rounding, "{found:?}");
    assert!((information + divergence - kl).abs() <= rounding, "{found:?}");
    let sum = total_correlation.value + dimension_kl.value;
    assert!((sum - divergence).abs() <= rounding, "{found:?}");
    for divergence in [marginal_kl, total_correlation, dimension_kl] {
        let noise = 6.0 * divergence.standard_error.unwrap_or(f64::INFINITY);
        assert!(divergence.value >= -noise - rounding, "{found:?}");
    }
    for part in HeldOut::ALL.map(|part| found.part(part)) {
        let close =
            |estimate: Option<Estimate>| estimate.is_none_or(|share| (0.0..=1.0).contains(&share.value));
        assert!([part.probe_accuracy, part.few_labels_accuracy, part.knn_accuracy].into_iter().all(close));
        if let (Some(nll), Some(elbo_loss)) = (&part.nll, part.elbo_loss) {
            // Of the same images and one code each: by its noise the latter may be below.
            let noise = 5.0 * elbo_loss.standard_error.unwrap_or(f64::INFINITY);
            assert!(nll.mean.value <= elbo_loss.value + noise + 1e-3, "{found:?}");
        }
    }
    assert!(found.active_units.is_some_and(|units| units <= found.kl_per_dim.len()), "{found:?}");
    assert!(values(found).into_values().flatten().all(f64::is_finite), "{found:?}");
    let latent = found.kl_per_dim.len();
    assert!(found.z_mean.len() == latent && found.z_std.len() == latent, "{found:?}");
}

/// Every diagnostic by the name of its column.
fn values(found: &Diagnostics) -> BTreeMap<String, Option<f64>> {
    let test = Terms { reconstruction: 0.0, kl: 0.0 };
    let result = MemberResult {
        c: 1.0,
        seed: SEED,
        epochs: 1,
        test,
        objective: 0.0,
        elbo_loss: 0.0,
        clamped_log_vars: 0,
        diagnostics: found.clone(),
        warnings: Vec::new(),
        kernels: None,
        seconds: None,
        diagnostics_seconds: None,
    };
    let scalars = quantities_of(&[Kind::Diagnostic, Kind::Detail])
        .map(|quantity| (quantity.key.to_string(), (quantity.value)(&result)));
    let of_dimensions = DIMENSION_QUANTITIES.iter().flat_map(|quantity| {
        let values = (quantity.values)(&result).iter().enumerate();
        values.map(|(dimension, &value)| (format!("{}_{dimension}", quantity.column), Some(value)))
    });
    scalars.chain(of_dimensions).collect()
}

#[test]
fn two_trained_networks_measure_as_in_pytorch() {
    let text = std::fs::read_to_string(kept("reference.json")).unwrap();
    let references: BTreeMap<String, Reference> = serde_json::from_str(&text).unwrap();
    let dataset = mnist(4000, 1000);
    for latent in [2, 4] {
        let found = measure(&trained(latent), &dataset);
        let reference = &references[&format!("latent_{latent}")];
        let kl = found.kl_per_dim.iter().zip(&reference.kl_per_dim);
        let variance = found.posterior_variance.iter().zip(&reference.posterior_variance);
        let upper = found.information_upper.unwrap().value;
        for (found, expected) in kl.chain(variance).chain([(&upper, &reference.information_upper)]) {
            // The encoder computes with 32-bit numbers: the posterior of an image of 784 pixels is good to some 1e-6.
            assert!((found / expected - 1.0).abs() < 1e-5, "{found}, not {expected}");
        }
        assert_eq!(found.collapsed_share, reference.collapsed_share);
        for part in HeldOut::ALL {
            let (found, expected) = (found.part(part).nll.as_ref().unwrap(), *reference.nll.part(part));
            // An integral is good to a hundredth. A hundred codes in four dimensions of so small a network leave a bound, and say so.
            let [below, above] = if latent == 2 { [0.01; 2] } else { [0.1, 1.5] };
            let range = expected - below..expected + above;
            assert!(range.contains(&found.mean.value), "{found:?}, not {expected}");
            assert_eq!(found.is_bound(), latent == 4, "{found:?}");
        }
        for part in HeldOut::ALL {
            let (found, expected) = (found.part(part), *reference.probe_accuracy.part(part));
            // Of 500 images, three may lie where the end of the descent decides, or the choice of the ridge.
            assert!(
                (found.probe_accuracy.unwrap().value - expected).abs() <= 0.006,
                "{found:?}, not {expected}"
            );
        }
        assert_eq!(found.active_units, Some(reference.active_units));
        // Of 1000 images two may have neighbours so equally near that rounding decides.
        let accuracy = |part: HeldOut| found.part(part).knn_accuracy.unwrap().value;
        let accuracy = HeldOut::ALL.map(accuracy).iter().sum::<f64>() / 2.0;
        assert!((accuracy - reference.knn_accuracy).abs() <= 0.002, "{found:?}");

        let values = values(&found);
        assert_eq!(reference.sampled.len(), 7 + 2 * latent, "every sampled column has a reference");
        for (name, Sampled { mean, std }) in &reference.sampled {
            let found = values[name].expect("1000 images are enough for every column");
            // Five standard deviations of one drawing: of some thirty numbers none is farther off by chance.
            let limit = 5.0 * std;
            assert!((found - mean).abs() < limit, "{latent}: {name} is {found}, not {mean} ± {limit}");
        }
    }
}

/// Images of which nothing can be learnt, for networks that have learnt nothing.
fn noise_images(count: usize, labelled: bool) -> Split {
    let bytes = (0..count * 4).map(|i| (i * 7919 % 251) as u8).collect();
    let labels = labelled.then(|| (0..count).map(|i| (i % 3) as u8).collect());
    Split::of_bytes(Shape::grey(2, 2), bytes, labels)
}

fn noise_dataset(train: usize, test: usize, labelled: bool) -> Dataset {
    Dataset::new(noise_images(train, labelled), None, noise_images(test, labelled))
}

/// A network whose posterior is the same for every image, and whose decoder does not look at the code.
fn constant(mean: &[f32], log_var: &[f32]) -> Vae {
    let latent = mean.len();
    let mut vae = network(
        &VaeConfig { encoder_hidden: vec![3], latent, decoder_hidden: vec![3], ..VaeConfig::default() },
        4,
    );
    let device = Device::flex();
    let parameter = |values: &[f32]| Some(Param::from_data(TensorData::from(values), &device));
    for head in [&mut vae.encoder.mean, &mut vae.encoder.log_var] {
        head.weight = Param::from_tensor(Tensor::zeros([3, latent], &device));
    }
    vae.encoder.mean.bias = parameter(mean);
    vae.encoder.log_var.bias = parameter(log_var);
    vae.decoder.logits.as_mut().expect("it is dense").weight =
        Param::from_tensor(Tensor::zeros([3, 4], &device));
    vae
}

#[test]
fn a_collapsed_network_is_the_prior() {
    let found = measure(&constant(&[0.0, 0.0], &[0.0, 0.0]), &noise_dataset(100, 1000, true));
    assert_eq!(
        (found.active_units, found.mutual_information.unwrap().value, found.marginal_kl.unwrap().value),
        (Some(0), 0.0, 0.0)
    );
    assert_eq!(found.kl_per_dim, [0.0, 0.0]);
    // One cloud of twenty lies above the floor; none at twice that.
    assert!(found.js_to_prior_nats.unwrap().value < 2.0 * found.js_to_prior_floor.unwrap(), "{found:?}");
    assert!(found.kl_to_prior_nats.unwrap().value < 2.0 * found.kl_to_prior_floor.unwrap(), "{found:?}");
    let neighbours = found.neighbour_kl_to_prior_nats.unwrap();
    assert!(neighbours.value.abs() < 0.02 + 5.0 * neighbours.standard_error.unwrap(), "{found:?}");
    assert_eq!((&found.collapsed_share, &found.posterior_variance), (&vec![1.0; 2], &vec![1.0; 2]));
    for (mean, std) in found.z_mean.iter().zip(&found.z_std) {
        // Five standard errors, 1/√n of the mean and 1/√2n of the standard deviation.
        assert!(mean.abs() < 0.16 && (std - 1.0).abs() < 0.12, "{found:?}");
    }
}

#[test]
fn where_the_decoder_ignores_the_code_the_likelihood_lacks_the_whole_kl() {
    // p(x|z) = p(x): -log p(x) is the reconstruction, and the ELBO loss is above it by the KL. By quadrature and by sampling.
    for mean in [vec![0.3, -0.4], vec![0.3, -0.4, 0.2]] {
        let log_var = vec![-0.2; mean.len()];
        let found = measure(&constant(&mean, &log_var), &noise_dataset(10, 500, false));
        let kl: f64 = found.kl_per_dim.iter().sum();
        for part in [&found.choose, &found.report] {
            let gap = part.elbo_loss.unwrap().value - part.nll.as_ref().unwrap().mean.value;
            // Three dimensions are sampled: 250 images with 100 weights each, whose spread is about the root of twice the KL.
            let limit = if mean.len() > 2 { 5.0 * (2.0 * kl / 25_000.0).sqrt() + kl / 100.0 } else { 1e-3 };
            assert!((gap - kl).abs() < limit, "{gap}, not {kl} ± {limit}");
            assert!(limit < 0.2 * kl, "the limit tells the KL from nothing");
        }
        // One posterior for all images says nothing of them, and all of the KL is that from the prior.
        assert!(found.mutual_information.is_some_and(|information| information.value < 1e-12), "{found:?}");
        assert!(found.not_measured.iter().any(|reason| reason.contains("no labels")), "{found:?}");
    }
}

#[test]
fn networks_that_went_wrong_are_measured_all_the_same() {
    for (mean, log_var) in [
        ([0.0, 0.0], [LOG_VAR_MIN, LOG_VAR_MIN]),
        ([0.0, 1.0], [LOG_VAR_MAX, LOG_VAR_MIN]),
        ([1e6, -1e6], [0.0, -20.0]),
        ([1e15, 0.0], [1e9, -1e9]),
    ] {
        let found = measure(&constant(&mean, &log_var), &noise_dataset(50, 700, true));
        assert!(found.js_to_prior_nats.unwrap().value > 0.35, "far from the prior: {found:?}");
        assert!(found.mutual_information.is_some_and(|information| information.value < 1e-9), "{found:?}");
    }
}

#[test]
fn any_number_of_dimensions_and_images_is_measured() {
    for (latent, train, test, labelled) in
        [(1, 10, 24, true), (1, 9, 1, true), (3, 40, 577, false), (7, 11, 30, true), (2, 1, 575, true)]
    {
        let vae = network(
            &VaeConfig { encoder_hidden: vec![], latent, decoder_hidden: vec![5], ..VaeConfig::default() },
            4,
        );
        let found = measure(&vae, &noise_dataset(train, test, labelled));
        assert_eq!(found.kl_per_dim.len(), latent);
        let classified = labelled && test > 1;
        assert_eq!(found.choose.knn_accuracy.is_some(), classified && train >= 10, "{train} {labelled}");
        assert_eq!(found.choose.probe_accuracy.is_some(), classified && train > 1, "{train} {labelled}");
        let cells = if latent == 1 { 24 } else { 576 };
        assert_eq!(found.js_to_prior_nats.is_some(), test >= cells, "{latent} {test}");
        let none = found.choose.knn_accuracy.is_none() || found.js_to_prior_nats.is_none();
        assert!(!none || !found.not_measured.is_empty(), "what is missing is explained: {found:?}");
    }
}

#[test]
fn nan_posteriors_are_an_error() {
    let dataset = noise_dataset(20, 30, true);
    let device = Device::flex();
    let reference = DataReference::of(&dataset).unwrap();
    let network = constant(&[f32::NAN], &[0.0]);
    let error = diagnose(&network, &dataset, &reference, MEMBER, &device).unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("posteriors of the test images") && error.contains("NaN"), "{error}");
}
