//! The numbers that say what a coefficient did to a network that was trained here.

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use data::Dataset;
use model::{Likelihood, Vae};
use ndarray::Array1;
use record::{Encoded, HeldOut, ImageTerms, MemberId};

use super::data_reference::DataReference;
use super::decode::{Decode, OnDevice};
use super::held_out::Subset;
use super::measured::{Measured, latent_diagnostics};
use super::posteriors::EncodedImages;
use super::subject::{Floors, Measurement, Subject};
use crate::encode_images::encode_images;
use crate::random::{Purpose, noise};

/// Training images whose losses are kept, and that probes learn from, at most.
pub const TRAINING_IMAGES: usize = 20_000;

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
    let held_out = [choose?, report?];
    let decoder = OnDevice { vae, device };
    // Of the images that are measured after every epoch.
    let evaluated = match dataset.validation {
        Some(_) => vec![HeldOut::Choose],
        None => HeldOut::ALL.to_vec(),
    };
    let floors = match decoder.likelihood() {
        Likelihood::GreyBernoulli => {
            let of_parts = reference.grey_entropies(dataset)?.clone();
            let of_evaluated = evaluated.iter().flat_map(|&part| of_parts.part(part)).copied().collect();
            Some(Floors { evaluated: of_evaluated, of_parts })
        }
        _ => None,
    };
    let terms = |part: &HeldOut| match part {
        HeldOut::Choose => held_out[0].terms.clone(),
        HeldOut::Report => held_out[1].terms.clone(),
    };
    let subject = Subject {
        member,
        of_codes,
        train: Some(train),
        evaluated: evaluated.iter().map(terms).collect(),
        held_out,
        floors,
        likelihood: Some(decoder.likelihood()),
        numbers: Some(decoder.numbers()),
        decoder: Some(&decoder),
        reference: Some(reference),
        calibrated: None,
    };
    subject.measure(not_measured)
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
