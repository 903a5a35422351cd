//! The numbers that say what a coefficient did to a network.

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use data::Dataset;
use model::{Likelihood, Vae};
use ndarray::{Array1, Array2, Axis};
use record::{Diagnostics, Encoded, Estimate, Generated, HeldOut, ImageTerms, Losses, MemberId, OfParts};

use super::calibration::{Calibration, calibrate};
use super::data_reference::DataReference;
use super::decode::{Decode, OnDevice};
use super::held_out::Subset;
use super::measured::{Measured, Probes, latent_diagnostics, term_errors};
use super::posteriors::EncodedImages;
use crate::encode_images::encode_images;
use crate::random::{Purpose, noise};
use crate::together::together;

/// Images on which the decoder's noise is calibrated, and how many are decoded at a time.
const CALIBRATED_IMAGES: usize = 1000;
const CALIBRATED_BATCH: usize = 500;
/// Images generated at a time.
const GENERATED_TOGETHER: usize = 500;
/// Training images whose losses are kept, and that probes learn from, at most.
pub const TRAINING_IMAGES: usize = 20_000;

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
    let encoded = EncodedImages::encode(vae, dataset.evaluated(), device)?;
    let codes = encoded.codes(&noise(member.seed, Purpose::DiagnosticNoise, 0, 0, encoded.means.len()));
    let mut not_measured = Vec::new();
    let of_codes = latent_diagnostics(&encoded, &codes, &mut not_measured)?;

    let encode = |subset, purpose| encode(vae, subset, member.seed, purpose, device);
    let train = Subset::evenly_spaced(&dataset.train, TRAINING_IMAGES);
    let train = encode(train, Purpose::TrainingExampleNoise)?;
    let [choose, report] =
        HeldOut::ALL.map(|part| encode(Subset::held_out(dataset, part), Purpose::DiagnosticNoise));
    let [choose, report] = [choose?, report?];
    let decoder = OnDevice { vae, device };
    let measurer = Measurer { decoder: &decoder, member };
    let generated = measurer.generated(reference, &mut not_measured)?;
    let probes = Probes::of_codes(Some(&train), [&choose, &report], &mut not_measured);
    // Of the images that are measured after every epoch.
    let evaluated = match dataset.validation {
        Some(_) => vec![HeldOut::Choose],
        None => HeldOut::ALL.to_vec(),
    };
    let floors = match decoder.likelihood() {
        Likelihood::GreyBernoulli => Some(reference.grey_entropies(dataset)?),
        _ => None,
    };
    let terms = OfParts { choose: &choose.terms, report: &report.terms };
    let terms: Vec<&ImageTerms> = evaluated.iter().map(|&part| *terms.part(part)).collect();
    let floors_of_evaluated: Option<Vec<f64>> =
        floors.map(|floors| evaluated.iter().flat_map(|&part| floors.part(part)).copied().collect());
    let term_errors = term_errors(&terms, floors_of_evaluated.as_deref(), member.kl_coefficient);
    let calibration = measurer.calibration(&choose)?;
    let [of_choose, of_report] = measurer.nlls([&choose, &report])?;
    let [choose, report] = [(HeldOut::Choose, choose, of_choose), (HeldOut::Report, report, of_report)].map(
        |(part, measured, nll)| {
            let generated = generated.as_ref().map(|generated| *generated.part(part));
            let floor = floors.and_then(|floors| mean(floors.part(part)));
            measured.part(probes.of_part(part), generated, nll, floor)
        },
    );
    let diagnostics = Diagnostics {
        distortion_floor: floors_of_evaluated.as_deref().and_then(mean),
        term_errors,
        temperature: calibration.as_ref().map(|calibration| calibration.temperature),
        calibrated_elbo_loss: calibration.and_then(|calibration| calibration.elbo_loss),
        bits_per_dimension: bits_per_dimension(&decoder, choose.diagnostics.elbo_loss),
        choose: choose.diagnostics,
        report: report.diagnostics,
        not_measured,
        ..of_codes
    };
    let losses = Losses { choose: choose.losses, report: report.losses, train: Some(train.terms) };
    Ok(Measurement { diagnostics, losses })
}

fn mean(values: &[f64]) -> Option<f64> {
    Some(Estimate::of_mean(values.iter().copied())?.value)
}

/// What the network makes of some images.
fn encode<'a>(
    vae: &Vae,
    subset: Subset<'a>,
    seed: u64,
    purpose: Purpose,
    device: &Device,
) -> Result<Measured<'a>> {
    let Encoded { mean, log_var, reconstruction, kl, code } =
        encode_images(vae, subset.images, &subset.positions, seed, purpose, device)?;
    let (reconstruction, kl) = reconstruction.zip(kl).context("the losses were computed")?;
    let finite = |values: &Array1<f32>| values.iter().all(|value| value.is_finite());
    ensure!(finite(&reconstruction) && finite(&kl), "the losses of single images are not all finite");
    let encoded = EncodedImages { means: mean.mapv(f64::from), log_vars: log_var.mapv(f64::from) };
    let index = subset.positions.iter().copied().collect();
    Ok(Measured {
        images: Some(subset.images),
        labels: subset.labels(),
        positions: subset.positions,
        encoded,
        codes: code.context("the codes were drawn")?,
        terms: ImageTerms { index, reconstruction: Some(reconstruction), kl },
    })
}

/// The ELBO loss in bits for each pixel, of likelihoods that give probabilities and not densities.
fn bits_per_dimension(decoder: &dyn Decode, elbo_loss: Option<Estimate>) -> Option<Estimate> {
    let bits = |nats: f64| nats / (decoder.numbers() as f64 * std::f64::consts::LN_2);
    let Estimate { value, standard_error } = elbo_loss.filter(|_| decoder.likelihood().is_discrete())?;
    Some(Estimate { value: bits(value), standard_error: standard_error.map(bits) })
}

/// The images that a decoder is measured on.
pub fn at_hand<'a>(measured: &Measured<'a>) -> Result<Subset<'a>> {
    measured.subset().context("the images are not at hand")
}

/// A member with the noise that its decoder should have had.
pub struct Calibrated {
    /// How much of it: see [`Calibration`].
    pub temperature: Estimate,
    /// The ELBO loss with it.
    pub elbo_loss: Option<Estimate>,
}

/// The images, of so many that choose, on which a decoder's noise is calibrated.
pub fn calibration_rows(count: usize) -> Vec<usize> {
    (0..count).step_by(count.div_ceil(CALIBRATED_IMAGES).max(1)).collect()
}

/// What the noise should have been for images with these outputs and KLs; `None` where the likelihood has none to choose.
pub fn calibrated(
    likelihood: Likelihood,
    outputs: &[f32],
    values: &[f32],
    numbers: usize,
    kl: &[f64],
) -> Option<Calibrated> {
    let Calibration { temperature, nll } = calibrate(likelihood, outputs, values, numbers)?;
    let elbo_loss = Estimate::of_mean(nll.iter().zip(kl).map(|(nll, kl)| nll + kl));
    Some(Calibrated { temperature, elbo_loss })
}

/// A decoder that is measured.
pub struct Measurer<'a> {
    pub decoder: &'a dyn Decode,
    pub member: MemberId,
}

impl Measurer<'_> {
    /// What the decoder's noise should have been for some of the images; `None` where the likelihood has none to choose.
    fn calibration(&self, measured: &Measured<'_>) -> Result<Option<Calibrated>> {
        let (Measured { codes, terms, .. }, subset) = (measured, at_hand(measured)?);
        let (mut outputs, mut values, mut kl) = (Vec::new(), Vec::new(), Vec::new());
        let batch = together(CALIBRATED_BATCH, self.decoder.numbers());
        for rows in calibration_rows(subset.count()).chunks(batch) {
            let positions: Vec<u32> = rows.iter().map(|&row| subset.positions[row]).collect();
            let codes = rows.iter().flat_map(|&row| codes.row(row).to_vec()).collect();
            outputs.extend(self.decoder.outputs(codes)?);
            values.extend(subset.images.gather(&positions)?);
            kl.extend(rows.iter().map(|&row| f64::from(terms.kl[row])));
        }
        Ok(calibrated(self.decoder.likelihood(), &outputs, &values, subset.images.numbers(), &kl))
    }

    /// How the decoder's images of codes from the prior lie beside the held-out ones. An image is the mean of its pixels, as
    /// it is shown, not drawn from them.
    fn generated(
        &self,
        reference: &DataReference,
        not_measured: &mut Vec<String>,
    ) -> Result<Option<OfParts<Generated>>> {
        let (count, latent) = (reference.generated, self.decoder.latent());
        let codes = noise(self.member.seed, Purpose::PriorSamples, 0, 0, count * latent);
        let mut places = Array2::zeros((0, reference.components.count()));
        let batch = together(GENERATED_TOGETHER, self.decoder.numbers());
        for codes in codes.chunks(batch * latent) {
            let images = self.decoder.means(codes.to_vec())?;
            places
                .append(Axis(0), reference.components.project(&images).view())
                .expect("all have as many components");
        }
        let found = reference.generated(&places);
        Ok(found.map_err(|error| not_measured.push(format!("Density and coverage: {error}."))).ok())
    }
}
