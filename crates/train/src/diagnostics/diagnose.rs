//! The numbers that say what a coefficient did to a network.

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use data::Dataset;
use metrics::latent::{BinnedComparison, KlDecomposition, binned_comparison, collapsed_shares, decompose_kl};
use metrics::samples::neighbours::kl_from_standard_normal;
use model::{Likelihood, Vae};
use ndarray::{Array1, Array2, Axis};
use record::{
    COLLAPSED_KL, Diagnostics, Encoded, Estimate, Generated, HeldOut, ImageTerms, LatentUse, LogLikelihoods,
    Losses, MemberId, Nll, OfParts, PartDiagnostics, PartLosses, TermErrors, dimensions_by_kl,
};

use super::calibration::{Calibration, calibrate};
use super::code_probes::{Probes, ProbesOfPart};
use super::data_reference::DataReference;
use super::held_out::Subset;
use super::posteriors::EncodedImages;
use super::probes::Rights;
use crate::encode_images::{encode_images, values};
use crate::random::{Purpose, noise};
use crate::together::together;

/// Images on which the decoder's noise is calibrated, and how many are decoded at a time.
const CALIBRATED_IMAGES: usize = 1000;
const CALIBRATED_BATCH: usize = 500;
/// Dimensions of the grid on which codes are held against the prior.
const GRID_DIMENSIONS: usize = 2;
/// Images generated at a time.
const GENERATED_TOGETHER: usize = 500;
/// The neighbour by whose distance the codes are held against the prior.
const NEIGHBOUR: usize = 5;
/// Training images whose losses are kept, and that probes learn from, at most.
pub(super) const TRAINING_IMAGES: usize = 20_000;

/// Why no image was classified.
pub(super) const NO_LABELS: &str = "No image was classified: there are no labels.";
pub(super) const TOO_FEW: &str = "No image was classified: there are too few held-out images for a part that chooses and one that reports.";

/// What is measured of a trained network.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Of all images together.
    pub diagnostics: Diagnostics,
    /// Of single images.
    pub losses: Losses,
}

/// Measures the network of a member.
///
/// # Errors
///
/// Fails when the network gives numbers that are not finite.
pub fn diagnose(
    vae: &Vae,
    dataset: &Dataset,
    reference: &DataReference,
    member: MemberId,
    device: &Device,
) -> Result<Measurement> {
    let MemberId { kl_coefficient, seed } = member;
    let encoded = EncodedImages::encode(vae, dataset.evaluated(), device)?;
    let codes = encoded.codes(&noise(seed, Purpose::DiagnosticNoise, 0, 0, encoded.means.len()));
    let posteriors = encoded.posteriors().context("the posteriors of the test images are damaged")?;

    let LatentUse { kl_per_dim, active_units } = encoded.latent_use();
    let KlDecomposition {
        mutual_information,
        information_upper,
        saturated,
        marginal_kl,
        total_correlation,
        dimension_kl,
        ..
    } = decompose_kl(posteriors, codes.view())?;
    let mut not_measured = Vec::new();
    let binned = binned_comparison(highest(&codes, &kl_per_dim).view())?;
    if binned.is_none() {
        not_measured.push(format!(
            "JS and KL to the prior on a grid: {} codes are fewer than its cells.",
            codes.nrows()
        ));
    }
    let neighbour_kl = neighbour_kl(&codes, &mut not_measured);

    let measurer = Measurer { vae, member, device };
    let generated = measurer.generated(reference, &mut not_measured);
    let train = Subset::evenly_spaced(&dataset.train, TRAINING_IMAGES);
    let train = measurer.encode(train, Purpose::TrainingExampleNoise)?;
    let [choose, report] =
        HeldOut::ALL.map(|part| measurer.encode(Subset::held_out(dataset, part), Purpose::DiagnosticNoise));
    let [choose, report] = [choose?, report?];
    let probes = Probes::of_codes(&train, [&choose, &report], &mut not_measured);
    // Of the images that are measured after every epoch.
    let evaluated = match dataset.validation {
        Some(_) => vec![HeldOut::Choose],
        None => HeldOut::ALL.to_vec(),
    };
    let floors = match vae.decoder.likelihood {
        Likelihood::GreyBernoulli => Some(reference.grey_entropies(dataset)?),
        _ => None,
    };
    let terms = OfParts { choose: &choose.terms, report: &report.terms };
    let terms: Vec<&ImageTerms> = evaluated.iter().map(|&part| *terms.part(part)).collect();
    let floors_of_evaluated: Option<Vec<f64>> =
        floors.map(|floors| evaluated.iter().flat_map(|&part| floors.part(part)).copied().collect());
    let term_errors = term_errors(&terms, floors_of_evaluated.as_deref(), kl_coefficient);
    let calibration = measurer.calibration(&choose)?;
    let [of_choose, of_report] = measurer.nlls([&choose, &report])?;
    let [choose, report] = [(HeldOut::Choose, choose, of_choose), (HeldOut::Report, report, of_report)].map(
        |(part, measured, nll)| {
            let generated = generated.as_ref().map(|generated| *generated.part(part));
            let floor = floors.and_then(|floors| mean(floors.part(part)));
            measurer.part(measured, probes.of_part(part), generated, nll, floor)
        },
    );
    let diagnostics = Diagnostics {
        active_units: Some(active_units),
        mutual_information: Some(estimate(mutual_information)),
        information_upper: Some(estimate(information_upper)),
        information_saturated: Some(saturated),
        marginal_kl: Some(estimate(marginal_kl)),
        total_correlation: Some(estimate(total_correlation)),
        dimension_kl: Some(estimate(dimension_kl)),
        js_to_prior_nats: binned.map(|BinnedComparison { js, .. }| estimate(js)),
        js_to_prior_floor: binned.map(|found| found.js_floor),
        kl_to_prior_nats: binned.map(|found| estimate(found.kl)),
        kl_to_prior_floor: binned.map(|found| found.kl_floor),
        neighbour_kl_to_prior_nats: neighbour_kl,
        collapsed_share: collapsed_shares(posteriors, COLLAPSED_KL),
        posterior_variance: encoded.mean_variances(),
        kl_per_dim,
        z_mean: codes.axis_iter(Axis(1)).map(|column| column.sum() / column.len() as f64).collect(),
        z_std: codes.axis_iter(Axis(1)).map(|column| column.std(0.0)).collect(),
        distortion_floor: floors_of_evaluated.as_deref().and_then(mean),
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

/// An estimate as it is recorded.
pub(super) fn estimate(found: metrics::samples::Estimate) -> Estimate {
    let standard_error = Some(found.standard_error).filter(|error| error.is_finite());
    Estimate { value: found.value, standard_error }
}

/// The KL of the codes from the prior by the distances of their neighbours, where it is a number.
fn neighbour_kl(codes: &Array2<f64>, not_measured: &mut Vec<String>) -> Option<Estimate> {
    let reason = match kl_from_standard_normal(codes.view(), NEIGHBOUR) {
        Ok(found) if found.value.is_finite() => return Some(estimate(found)),
        Ok(_) => "codes coincide, so that they have no density".to_string(),
        Err(error) => error.to_string(),
    };
    not_measured.push(format!("KL to the prior by neighbours: {reason}."));
    None
}

/// The codes in the dimensions of highest KL, as many as the grid has, in their order.
fn highest(codes: &Array2<f64>, kl_per_dim: &[f64]) -> Array2<f64> {
    let mut dimensions = dimensions_by_kl(kl_per_dim);
    dimensions.truncate(GRID_DIMENSIONS);
    dimensions.sort_unstable();
    codes.select(Axis(1), &dimensions)
}

fn mean(values: &[f64]) -> Option<f64> {
    Some(Estimate::of_mean(values.iter().copied())?.value)
}

/// The standard errors of the means over all images, some of which are their losses above `floors`; `None` of a single one.
fn term_errors(parts: &[&ImageTerms], floors: Option<&[f64]>, kl_coefficient: f64) -> Option<TermErrors> {
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
        excess: floors.and_then(|floors| {
            let reconstruction = parts.iter().flat_map(|part| &part.reconstruction);
            Estimate::of_mean(reconstruction.zip(floors).map(|(loss, floor)| f64::from(*loss) - floor))?
                .standard_error
        }),
    })
}

/// Some images, and what the network makes of them.
pub struct Measured<'a> {
    pub subset: Subset<'a>,
    pub encoded: EncodedImages,
    /// A code of each, `[images, latent]`.
    codes: Array2<f32>,
    pub terms: ImageTerms,
}

impl Measured<'_> {
    /// At most so many of the images, evenly spaced.
    pub fn thinned(&self, most: usize) -> Self {
        let subset = self.subset.thinned(most);
        let stride = self.subset.count().div_ceil(most.max(1)).max(1);
        let thinned = |values: &Array1<f32>| values.iter().copied().step_by(stride).collect();
        let terms = ImageTerms {
            index: subset.positions.iter().copied().collect(),
            reconstruction: thinned(&self.terms.reconstruction),
            kl: thinned(&self.terms.kl),
        };
        let rows: Vec<usize> = (0..self.codes.nrows()).step_by(stride).collect();
        let codes = self.codes.select(Axis(0), &rows);
        Self { subset, encoded: self.encoded.thinned(most), codes, terms }
    }
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
pub struct Measurer<'a> {
    pub vae: &'a Vae,
    pub member: MemberId,
    pub device: &'a Device,
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
        for rows in taken.chunks(together(CALIBRATED_BATCH, subset.images.numbers())) {
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

    fn part(
        &self,
        measured: Measured<'_>,
        probes: ProbesOfPart,
        generated: Option<Generated>,
        nll: Option<(Nll, LogLikelihoods)>,
        distortion_floor: Option<f64>,
    ) -> Part {
        let (nll, log_likelihood) = nll.unzip();
        let Measured { subset, terms, .. } = measured;
        let mean = |values: &Array1<f32>| Estimate::of_mean(values.iter().map(|value| f64::from(*value)));
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
            distortion_floor,
            nll,
            probe_accuracy,
            few_labels_accuracy,
            knn_accuracy,
            generated,
        };
        Part {
            diagnostics,
            losses: PartLosses { terms, log_likelihood, probe_right, few_labels_right, knn_right },
        }
    }

    /// How the decoder's images of codes from the prior lie beside the held-out ones. An image is the mean of its pixels, as
    /// it is shown, not drawn from them.
    fn generated(
        &self,
        reference: &DataReference,
        not_measured: &mut Vec<String>,
    ) -> Option<OfParts<Generated>> {
        let (count, latent) = (reference.generated, self.vae.latent());
        let codes = noise(self.member.seed, Purpose::PriorSamples, 0, 0, count * latent);
        let mut places = Array2::zeros((0, reference.components.count()));
        for codes in codes.chunks(together(GENERATED_TOGETHER, reference.components.numbers()) * latent) {
            let data = TensorData::new(codes.to_vec(), [codes.len() / latent, latent]);
            let outputs = self.vae.decoder.forward(Tensor::from_data(data, self.device));
            let images = values(self.vae.decoder.distribution(outputs).mean());
            places
                .append(Axis(0), reference.components.project(&images).view())
                .expect("all have as many components");
        }
        let found = reference.generated(&places);
        found.map_err(|error| not_measured.push(format!("Density and coverage: {error}."))).ok()
    }
}
