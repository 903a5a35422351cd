//! The numbers that say what a coefficient did to a network.

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use data::Dataset;
use metrics::Base;
use metrics::latent::{KlDecomposition, binned_comparison, decompose_kl};
use model::Vae;
use ndarray::{Array1, Array2, Axis};
use record::{
    Diagnostics, Encoded, Estimate, HeldOut, ImageTerms, LatentUse, LogLikelihoods, Losses, MemberId, Nll,
    NllMethod, PartDiagnostics, PartLosses, TermErrors, Terms, dimensions_by_kl,
};

use super::calibration::{Calibration, calibrate};
use super::held_out::Subset;
use super::importance::{ImportanceGap, importance_gap};
use super::posteriors::EncodedImages;
use super::prior_samples::prior_near_data;
use super::probes::{Probed, Represented, Rights};
use super::sampled_likelihood::{SampledLikelihood, sampled_likelihoods};
use crate::encode_images::encode_images;
use crate::random::{Purpose, noise};

/// Codes an image for the importance-weighted bound.
const IMPORTANCE_SAMPLES: usize = 100;
/// Images for the importance-weighted bound. Of 2,000 the gap between the bounds has a standard error of 0.02 to 0.2 nats,
/// less than what another seed changes, and costs about a second; of all 10,000 it would cost five times as much.
const IMPORTANCE_IMAGES: usize = 2000;
/// Images of a part whose likelihood is sampled.
const SAMPLED_IMAGES: usize = 1000;
/// Images on which the decoder's noise is calibrated, and how many are decoded at a time.
const CALIBRATED_IMAGES: usize = 1000;
const CALIBRATED_BATCH: usize = 500;
/// Dimensions of the grid on which codes are held against the prior.
const GRID_DIMENSIONS: usize = 2;
/// Training images whose losses are kept, and that probes learn from, at most.
const TRAINING_IMAGES: usize = 20_000;
/// The Pareto shape of importance weights beyond which an estimate is not to be relied upon (Vehtari et al. 2024).
const UNRELIABLE: f64 = 0.7;

/// What is measured of a trained network.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Of all images together.
    pub diagnostics: Diagnostics,
    /// Of single images.
    pub losses: Losses,
}

/// Measures the network of a member whose terms on the test images are `test`.
///
/// # Errors
///
/// Fails when the network gives numbers that are not finite.
pub fn diagnose(
    vae: &Vae,
    dataset: &Dataset,
    test: &Terms,
    member: MemberId,
    device: &Device,
) -> Result<Measurement> {
    let MemberId { kl_coefficient, seed } = member;
    let encoded = EncodedImages::encode(vae, dataset.evaluated(), device)?;
    let codes = encoded.codes(&noise(seed, Purpose::DiagnosticNoise, 0, 0, encoded.means.len()));
    let posteriors = encoded.posteriors().context("the posteriors of the test images are damaged")?;

    let LatentUse { kl_per_dim, active_units } = encoded.latent_use();
    let KlDecomposition { mutual_information, marginal_kl, total_correlation, dimension_kl, .. } =
        decompose_kl(posteriors, codes.view())?;
    let ImportanceGap { mean: gap, standard_error: iwae_standard_error } = importance_gap(
        vae,
        dataset.evaluated(),
        &encoded,
        IMPORTANCE_SAMPLES,
        IMPORTANCE_IMAGES,
        seed,
        device,
    )?;
    let beside_prior = binned_comparison(highest(&codes, &kl_per_dim).view())?;

    let measurer = Measurer { vae, member, device };
    let train = Subset::evenly_spaced(&dataset.train, TRAINING_IMAGES);
    let train = measurer.encode(train, Purpose::TrainingExampleNoise)?;
    let [choose, report] =
        HeldOut::ALL.map(|part| measurer.encode(Subset::held_out(dataset, part), Purpose::DiagnosticNoise));
    let [choose, report] = [choose?, report?];
    let mut not_measured = Vec::new();
    let probes = Probes::of_codes(&train, [&choose, &report], &mut not_measured);
    // Of the images that are measured after every epoch.
    let evaluated = match dataset.validation {
        Some(_) => vec![&choose.terms],
        None => vec![&choose.terms, &report.terms],
    };
    let term_errors = term_errors(&evaluated, kl_coefficient);
    let calibration = measurer.calibration(&choose)?;
    let choose = measurer.part(choose, probes.of_part(HeldOut::Choose))?;
    let report = measurer.part(report, probes.of_part(HeldOut::Report))?;
    let diagnostics = Diagnostics {
        active_units: Some(active_units),
        iwae_nll: Some(test.elbo_loss() - gap),
        iwae_standard_error: Some(iwae_standard_error),
        mutual_information: Some(mutual_information.into()),
        information_upper: None,
        information_saturated: None,
        marginal_kl: Some(marginal_kl.into()),
        total_correlation: Some(total_correlation.into()),
        dimension_kl: Some(dimension_kl.into()),
        js_to_prior: beside_prior.map(|found| found.js.from_nats(Base::Bits).value),
        kl_to_prior: beside_prior.map(|found| found.kl.from_nats(Base::Bits).value),
        prior_near_data: Some(prior_near_data(vae, dataset.evaluated(), &codes, seed, device)?),
        knn_accuracy: match dataset.validation {
            Some(_) => choose.diagnostics.knn_accuracy.map(|accuracy| accuracy.value),
            None => both(&choose.diagnostics, &report.diagnostics),
        },
        kl_per_dim,
        z_mean: codes.axis_iter(Axis(1)).map(|column| column.sum() / column.len() as f64).collect(),
        z_std: codes.axis_iter(Axis(1)).map(|column| column.std(0.0)).collect(),
        term_errors,
        temperature: calibration.as_ref().map(|calibration| calibration.temperature),
        calibrated_elbo_loss: calibration.and_then(|calibration| calibration.elbo_loss),
        bits_per_dimension: bits_per_dimension(vae, choose.diagnostics.elbo_loss),
        choose: choose.diagnostics,
        report: report.diagnostics,
        not_measured,
    };
    let losses = Losses { choose: choose.losses, report: report.losses, train: train.terms };
    Ok(Measurement { diagnostics, losses })
}

/// The ELBO loss in bits for each pixel, of likelihoods that give probabilities and not densities.
fn bits_per_dimension(vae: &Vae, elbo_loss: Option<Estimate>) -> Option<Estimate> {
    let [_, pixels] = vae.decoder.logits.weight.dims();
    let bits = |nats: f64| nats / (pixels as f64 * std::f64::consts::LN_2);
    let Estimate { value, standard_error } = elbo_loss.filter(|_| vae.decoder.likelihood.is_discrete())?;
    Some(Estimate { value: bits(value), standard_error: standard_error.map(bits) })
}

/// The neighbours' accuracy on both parts together.
fn both(choose: &PartDiagnostics, report: &PartDiagnostics) -> Option<f64> {
    let right = |part: &PartDiagnostics| Some(part.knn_accuracy?.value * part.images as f64);
    Some((right(choose)? + right(report)?) / (choose.images + report.images) as f64)
}

/// The codes in the dimensions of highest KL, as many as the grid has, in their order.
fn highest(codes: &Array2<f64>, kl_per_dim: &[f64]) -> Array2<f64> {
    let mut dimensions = dimensions_by_kl(kl_per_dim);
    dimensions.truncate(GRID_DIMENSIONS);
    dimensions.sort_unstable();
    codes.select(Axis(1), &dimensions)
}

/// The standard errors of the means over all images; `None` of a single one.
fn term_errors(parts: &[&ImageTerms], kl_coefficient: f64) -> Option<TermErrors> {
    let error = |of_reconstruction: f64, of_kl: f64| {
        let value = move |(reconstruction, kl): (&f32, &f32)| {
            of_reconstruction * f64::from(*reconstruction) + of_kl * f64::from(*kl)
        };
        let values = parts.iter().flat_map(|part| part.reconstruction.iter().zip(&part.kl)).map(value);
        Estimate::of_mean(values)?.standard_error
    };
    Some(TermErrors {
        reconstruction: error(1.0, 0.0)?,
        kl: error(0.0, 1.0)?,
        objective: error(1.0, kl_coefficient)?,
        elbo_loss: error(1.0, 1.0)?,
    })
}

/// Some images, and what the network makes of them.
struct Measured<'a> {
    subset: Subset<'a>,
    encoded: EncodedImages,
    /// A code of each, `[images, latent]`.
    codes: Array2<f32>,
    terms: ImageTerms,
}

/// A member with the noise that its decoder should have had.
struct Calibrated {
    temperature: Estimate,
    elbo_loss: Option<Estimate>,
}

/// One part of the held-out images.
struct Part {
    diagnostics: PartDiagnostics,
    losses: PartLosses,
}

/// A network that is measured.
struct Measurer<'a> {
    vae: &'a Vae,
    member: MemberId,
    device: &'a Device,
}

impl Measurer<'_> {
    fn encode<'a>(&self, subset: Subset<'a>, purpose: Purpose) -> Result<Measured<'a>> {
        let Subset { images, positions } = &subset;
        let Encoded { mean, log_var, reconstruction, kl, code } =
            encode_images(self.vae, images, positions, self.member.seed, purpose, self.device)?;
        let terms = ImageTerms {
            index: positions.iter().copied().collect(),
            reconstruction: reconstruction.context("the losses were computed")?,
            kl: kl.context("the losses were computed")?,
        };
        let finite = |values: &Array1<f32>| values.iter().all(|value| value.is_finite());
        ensure!(
            finite(&terms.reconstruction) && finite(&terms.kl),
            "the losses of some images are not finite"
        );
        let encoded = EncodedImages { means: mean.mapv(f64::from), log_vars: log_var.mapv(f64::from) };
        let codes = code.context("the codes were drawn")?;
        Ok(Measured { subset, encoded, codes, terms })
    }

    /// What the decoder's noise should have been for some of the images; `None` where the likelihood has none to choose.
    fn calibration(&self, measured: &Measured<'_>) -> Result<Option<Calibrated>> {
        let Measured { subset, codes, terms, .. } = measured;
        let stride = subset.count().div_ceil(CALIBRATED_IMAGES).max(1);
        let latent = self.vae.latent();
        let (mut outputs, mut values, mut kl) = (Vec::new(), Vec::new(), Vec::new());
        let taken: Vec<usize> = (0..subset.count()).step_by(stride).collect();
        for rows in taken.chunks(CALIBRATED_BATCH) {
            let positions: Vec<u32> = rows.iter().map(|&row| subset.positions[row]).collect();
            let codes: Vec<f32> = rows.iter().flat_map(|&row| codes.row(row).to_vec()).collect();
            let codes = Tensor::from_data(TensorData::new(codes, [rows.len(), latent]), self.device);
            outputs.extend(self.vae.decoder.forward(codes).into_data().iter::<f32>());
            values.extend(subset.images.gather(&positions)?);
            kl.extend(rows.iter().map(|&row| f64::from(terms.kl[row])));
        }
        let found = calibrate(self.vae.decoder.likelihood, &outputs, &values, subset.images.numbers());
        Ok(found.map(|Calibration { temperature, nll }| Calibrated {
            temperature,
            elbo_loss: Estimate::of_mean(nll.iter().zip(&kl).map(|(nll, kl)| nll + kl)),
        }))
    }

    fn part(&self, measured: Measured<'_>, probes: ProbesOfPart) -> Result<Part> {
        let Measured { subset, encoded, terms, .. } = measured;
        let mean = |values: &Array1<f32>| Estimate::of_mean(values.iter().map(|value| f64::from(*value)));
        let (nll, log_likelihood) = self.nll(&subset, &encoded)?.unzip();
        let ProbesOfPart { logistic, few_labels, neighbours } = probes;
        let [
            (probe_accuracy, probe_right),
            (few_labels_accuracy, few_labels_right),
            (knn_accuracy, knn_right),
        ] = [logistic, few_labels, neighbours]
            .map(|rights| rights.map(|Rights { right, accuracy }| (accuracy, right)).unzip());
        let diagnostics = PartDiagnostics {
            images: subset.count(),
            reconstruction: mean(&terms.reconstruction),
            kl: mean(&terms.kl),
            elbo_loss: Estimate::of_mean(terms.objective(1.0)),
            nll,
            probe_accuracy,
            few_labels_accuracy,
            knn_accuracy,
        };
        Ok(Part {
            diagnostics,
            losses: PartLosses { terms, log_likelihood, probe_right, few_labels_right, knn_right },
        })
    }

    /// `None` of a part without images.
    fn nll(&self, subset: &Subset<'_>, encoded: &EncodedImages) -> Result<Option<(Nll, LogLikelihoods)>> {
        let (subset, encoded) = (subset.thinned(SAMPLED_IMAGES), encoded.thinned(SAMPLED_IMAGES));
        let MemberId { kl_coefficient, seed } = self.member;
        let found = sampled_likelihoods(
            self.vae,
            &subset,
            &encoded,
            kl_coefficient,
            IMPORTANCE_SAMPLES,
            seed,
            self.device,
        )?;
        let Some(nll) = Estimate::of_mean(found.iter().map(|image| -image.log_likelihood)) else {
            return Ok(None);
        };
        let count = found.len() as f64;
        let unreliable = found.iter().filter(|image| image.pareto_k > UNRELIABLE).count() as f64;
        let method = NllMethod::ImportanceSampling {
            samples: IMPORTANCE_SAMPLES,
            unreliable: unreliable / count,
            effective_samples: found.iter().map(|image| image.effective_samples).sum::<f64>() / count,
        };
        let column =
            |value: fn(&SampledLikelihood) -> f64| found.iter().map(|image| value(image) as f32).collect();
        let of_images = LogLikelihoods {
            index: subset.positions.iter().copied().collect(),
            value: column(|image| image.log_likelihood),
            pareto_k: Some(column(|image| image.pareto_k)),
            effective_samples: Some(column(|image| image.effective_samples)),
        };
        Ok(Some((Nll { mean: nll, images: found.len(), method }, of_images)))
    }
}

/// How many images of both parts are classified right by their codes; `None` where that could not be found out.
struct Probes {
    logistic: Option<[Rights; 2]>,
    few_labels: Option<[Rights; 2]>,
    neighbours: Option<[Rights; 2]>,
}

/// The same of one part.
struct ProbesOfPart {
    logistic: Option<Rights>,
    few_labels: Option<Rights>,
    neighbours: Option<Rights>,
}

impl Probes {
    const NONE: Self = Self { logistic: None, few_labels: None, neighbours: None };

    fn of_codes(train: &Measured<'_>, parts: [&Measured<'_>; 2], not_measured: &mut Vec<String>) -> Self {
        if parts.iter().any(|part| part.subset.count() == 0) {
            not_measured.push(
                "No image was classified: there are too few held-out images for a part that chooses and one that reports."
                    .to_string(),
            );
            return Self::NONE;
        }
        let represented = |measured: &Measured<'_>| {
            let labels = measured.subset.labels()?;
            Some(Represented { samples: measured.encoded.means.clone(), labels })
        };
        let (Some(train), [Some(choose), Some(report)]) = (represented(train), parts.map(represented)) else {
            not_measured.push("No image was classified: there are no labels.".to_string());
            return Self::NONE;
        };
        let probed = Probed { train, held_out: [choose, report] };
        let mut noted = |name: &str, found: Result<[Rights; 2], metrics::samples::SampleError>| {
            found.map_err(|error| not_measured.push(format!("{name}: {error}."))).ok()
        };
        Self {
            logistic: noted("Logistic probe", probed.logistic()),
            few_labels: noted("Probe of ten labels a class", probed.few_labels()),
            neighbours: noted("10 nearest neighbours", probed.neighbours()),
        }
    }

    fn of_part(&self, part: HeldOut) -> ProbesOfPart {
        let of_part = |rights: &Option<[Rights; 2]>| {
            let [choose, report] = rights.as_ref()?;
            Some(match part {
                HeldOut::Choose => choose.clone(),
                HeldOut::Report => report.clone(),
            })
        };
        ProbesOfPart {
            logistic: of_part(&self.logistic),
            few_labels: of_part(&self.few_labels),
            neighbours: of_part(&self.neighbours),
        }
    }
}
