//! The numbers that say what a coefficient did to a network.

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use data::Dataset;
use model::{Likelihood, Vae};
use ndarray::{Array1, Array2, Axis};
use record::{
    Diagnostics, Encoded, Estimate, Generated, HeldOut, ImageTerms, LogLikelihoods, Losses, MemberId, Nll,
    NllMethod, NllOfSamples, OfParts,
};

use super::calibration::{Calibration, calibrate};
use super::data_reference::DataReference;
use super::decode::{Decode, OnDevice};
use super::held_out::Subset;
use super::integrated_likelihood::{Integrands, integrated_likelihoods};
use super::measured::{Measured, Probes, latent_diagnostics, term_errors};
use super::posteriors::EncodedImages;
use super::quadrature::{Integral, MOST_DIMENSIONS, coarse_cells};
use super::sampled_likelihood::{SampledLikelihood, sampled_likelihoods};
use crate::encode_images::encode_images;
use crate::random::{Purpose, noise};

/// Codes an image where its likelihood is sampled.
const SAMPLES: usize = 100;
/// Numbers of codes for which the likelihood is sampled on some images, to see whether more would change it.
const SAMPLES_COMPARED: [usize; 3] = [10, 100, 1000];
/// Images of a part for that.
const IMAGES_COMPARED: usize = 100;
/// Images of a part whose likelihood is computed where that of all would take longer than some ten seconds.
const FEWER_IMAGES: usize = 2000;
/// Multiplications of an integration that take so long: those of the coarse lattice are about half.
const MULTIPLICATIONS: usize = 300_000_000_000;
/// Images on which the decoder's noise is calibrated, and how many are decoded at a time.
const CALIBRATED_IMAGES: usize = 1000;
const CALIBRATED_BATCH: usize = 500;
/// Images generated at a time.
const GENERATED_TOGETHER: usize = 500;
/// Training images whose losses are kept, and that probes learn from, at most.
pub const TRAINING_IMAGES: usize = 20_000;
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
        Some(_) => vec![&choose.terms],
        None => vec![&choose.terms, &report.terms],
    };
    let term_errors = term_errors(&evaluated, member.kl_coefficient);
    let calibration = measurer.calibration(&choose)?;
    let [of_choose, of_report] = measurer.nlls([&choose, &report])?;
    let [choose, report] = [(HeldOut::Choose, choose, of_choose), (HeldOut::Report, report, of_report)].map(
        |(part, measured, nll)| {
            let generated = generated.as_ref().map(|generated| *generated.part(part));
            measured.part(probes.of_part(part), generated, nll)
        },
    );
    let diagnostics = Diagnostics {
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
fn at_hand<'a>(measured: &Measured<'a>) -> Result<Subset<'a>> {
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
struct Measurer<'a> {
    decoder: &'a dyn Decode,
    member: MemberId,
}

impl Measurer<'_> {
    /// What the decoder's noise should have been for some of the images; `None` where the likelihood has none to choose.
    fn calibration(&self, measured: &Measured<'_>) -> Result<Option<Calibrated>> {
        let (Measured { codes, terms, .. }, subset) = (measured, at_hand(measured)?);
        let (mut outputs, mut values, mut kl) = (Vec::new(), Vec::new(), Vec::new());
        for rows in calibration_rows(subset.count()).chunks(CALIBRATED_BATCH) {
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
        for codes in codes.chunks(GENERATED_TOGETHER * latent) {
            let images = self.decoder.means(codes.to_vec())?;
            places
                .append(Axis(0), reference.components.project(&images).view())
                .expect("all have as many components");
        }
        let found = reference.generated(&places);
        Ok(found.map_err(|error| not_measured.push(format!("Density and coverage: {error}."))).ok())
    }

    /// The likelihoods of both parts; `None` of one without images.
    fn nlls(&self, parts: [&Measured<'_>; 2]) -> Result<[Option<(Nll, LogLikelihoods)>; 2]> {
        if self.decoder.latent() <= MOST_DIMENSIONS {
            return self.integrated(parts);
        }
        let [choose, report] = parts.map(|part| (part.count() > 0).then(|| self.sampled(part)).transpose());
        Ok([choose?, report?])
    }

    /// Over the same lattice, so that each code is decoded once.
    fn integrated(&self, parts: [&Measured<'_>; 2]) -> Result<[Option<(Nll, LogLikelihoods)>; 2]> {
        let count: usize = parts.iter().map(|part| part.count()).sum();
        let multiplications = count * coarse_cells(self.decoder.latent()) * self.decoder.numbers();
        let all = multiplications <= MULTIPLICATIONS;
        let parts = parts.map(|part| part.thinned(if all { part.count() } else { FEWER_IMAGES }));
        let mut images = Vec::new();
        let mut reconstruction = Vec::new();
        for part in &parts {
            images.extend(at_hand(part)?.gather()?);
            reconstruction.extend(part.terms.reconstruction.as_ref().context("the losses are known")?);
        }
        let means = ndarray::concatenate(Axis(0), &parts.each_ref().map(|part| part.encoded.means.view()))?;
        let integrands = Integrands { images: &images, means: means.view(), reconstruction: &reconstruction };
        let found = integrated_likelihoods(self.decoder, &integrands)?;
        let (of_choose, of_report) = found.split_at(parts[0].count());
        let of_part = |part: &Measured<'_>, found: &[Integral]| {
            let error = found.iter().map(|image| image.error).sum::<f64>() / found.len() as f64;
            let mean = Estimate::of_mean(found.iter().map(|image| -image.log_likelihood))?;
            let log_likelihoods = LogLikelihoods {
                index: part.terms.index.clone(),
                value: found.iter().map(|image| image.log_likelihood as f32).collect(),
                pareto_k: None,
                effective_samples: None,
            };
            Some((
                Nll { mean, images: found.len(), method: NllMethod::Quadrature { error } },
                log_likelihoods,
            ))
        };
        Ok([of_part(&parts[0], of_choose), of_part(&parts[1], of_report)])
    }

    fn sampled(&self, measured: &Measured<'_>) -> Result<(Nll, LogLikelihoods)> {
        let sample = |images: usize, samples: usize| {
            let measured = measured.thinned(images);
            let subset = at_hand(&measured)?;
            let found = sampled_likelihoods(self.decoder, &subset, &measured.encoded, self.member, samples)?;
            let mean = Estimate::of_mean(found.iter().map(|image| -image.log_likelihood));
            Ok::<_, anyhow::Error>((subset, found, mean.context("there are images")?))
        };
        let (subset, found, mean) = sample(FEWER_IMAGES, SAMPLES)?;
        let count = found.len() as f64;
        let unreliable = found.iter().filter(|image| image.pareto_k > UNRELIABLE).count() as f64;
        let of_samples =
            |samples: usize| Ok(NllOfSamples { samples, nll: sample(IMAGES_COMPARED, samples)?.2 });
        let method = NllMethod::ImportanceSampling {
            samples: SAMPLES,
            unreliable: unreliable / count,
            effective_samples: found.iter().map(|image| image.effective_samples).sum::<f64>() / count,
            by_samples: SAMPLES_COMPARED.into_iter().map(of_samples).collect::<Result<_>>()?,
        };
        let column =
            |value: fn(&SampledLikelihood) -> f64| found.iter().map(|image| value(image) as f32).collect();
        let log_likelihoods = LogLikelihoods {
            index: subset.positions.iter().copied().collect(),
            value: column(|image| image.log_likelihood),
            pareto_k: Some(column(|image| image.pareto_k)),
            effective_samples: Some(column(|image| image.effective_samples)),
        };
        Ok((Nll { mean, images: found.len(), method }, log_likelihoods))
    }
}
