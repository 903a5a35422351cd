//! What is measured of any network once its images are encoded, whoever runs it.

use anyhow::{Context, Result};
use model::Likelihood;
use ndarray::{Array2, Axis};
use record::{Diagnostics, Estimate, Generated, HeldOut, ImageTerms, Losses, MemberId, OfParts};

use super::calibration::{Calibration, calibrate};
use super::data_reference::DataReference;
use super::decode::Decode;
use super::held_out::Subset;
use super::measured::{Measured, Probes, term_errors};
use crate::random::{Purpose, noise};
use crate::together::together;

/// Images on which the decoder's noise is calibrated, and how many are decoded at a time.
const CALIBRATED_IMAGES: usize = 1000;
const CALIBRATED_BATCH: usize = 200;
/// Images generated at a time.
const GENERATED_TOGETHER: usize = 200;

/// What is measured of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Of all images together.
    pub diagnostics: Diagnostics,
    /// Of single images.
    pub losses: Losses,
}

/// A network that is measured: what became of the images, and what else there is of it.
pub struct Subject<'a> {
    /// Whose it is.
    pub member: MemberId,
    /// What its posteriors say by themselves.
    pub of_codes: Diagnostics,
    /// Training images, which classifiers learn from.
    pub train: Option<Measured<'a>>,
    /// The images of the part that chooses, and of the one that reports.
    pub held_out: [Measured<'a>; 2],
    /// The terms of all images on which members are compared.
    pub evaluated: Vec<ImageTerms>,
    /// What no decoder's losses fall below, where that is known.
    pub floors: Option<Floors>,
    /// What losses are of.
    pub likelihood: Option<Likelihood>,
    /// Numbers of an image, where that is known.
    pub numbers: Option<usize>,
    /// The decoder, where it is at hand.
    pub decoder: Option<&'a dyn Decode>,
    /// What its images are held against, where that is at hand.
    pub reference: Option<&'a DataReference>,
    /// The noise that the decoder should have had, where that follows from decoded images alone.
    pub calibrated: Option<Calibrated>,
}

/// The least losses of single images.
pub struct Floors {
    /// Of those on which members are compared.
    pub evaluated: Vec<f64>,
    /// Of those of each part.
    pub of_parts: OfParts<Vec<f64>>,
}

impl Subject<'_> {
    /// Measures it; what cannot be had is added to `not_measured`.
    ///
    /// # Errors
    ///
    /// Fails when the decoder does.
    pub fn measure(self, mut not_measured: Vec<String>) -> Result<Measurement> {
        let Self { member, train, held_out, floors, decoder, reference, .. } = self;
        let measurer = decoder.map(|decoder| Measurer { decoder, member });
        let generated = match (&measurer, reference) {
            (Some(measurer), Some(reference)) => measurer.generated(reference, &mut not_measured)?,
            _ => None,
        };
        let [choose, report] = held_out;
        let probes = Probes::of_codes(train.as_ref(), [&choose, &report], &mut not_measured);
        let evaluated: Vec<&ImageTerms> = self.evaluated.iter().collect();
        let floors_of_evaluated = floors.as_ref().map(|floors| &floors.evaluated[..]);
        let term_errors = term_errors(&evaluated, floors_of_evaluated, member.kl_coefficient);
        let calibrated = match &measurer {
            Some(measurer) => measurer.calibration(&choose)?,
            None => self.calibrated,
        };
        let [of_choose, of_report] = match &measurer {
            Some(measurer) => measurer.nlls([&choose, &report])?,
            None => [None, None],
        };
        let parts = [(HeldOut::Choose, choose, of_choose), (HeldOut::Report, report, of_report)];
        let [choose, report] = parts.map(|(part, measured, nll)| {
            let generated = generated.as_ref().map(|generated| *generated.part(part));
            let floor = floors.as_ref().and_then(|floors| mean(floors.of_parts.part(part)));
            measured.part(probes.of_part(part), generated, nll, floor)
        });
        let bits = || {
            let likelihood = self.likelihood.filter(|likelihood| likelihood.is_discrete());
            let nats_of_a_bit =
                self.numbers.filter(|_| likelihood.is_some())? as f64 * std::f64::consts::LN_2;
            let Estimate { value, standard_error } = choose.diagnostics.elbo_loss?;
            let standard_error = standard_error.map(|error| error / nats_of_a_bit);
            Some(Estimate { value: value / nats_of_a_bit, standard_error })
        };
        let diagnostics = Diagnostics {
            distortion_floor: floors_of_evaluated.and_then(mean),
            term_errors,
            temperature: calibrated.as_ref().map(|calibrated| calibrated.temperature),
            bits_per_dimension: bits(),
            calibrated_elbo_loss: calibrated.and_then(|calibrated| calibrated.elbo_loss),
            choose: choose.diagnostics,
            report: report.diagnostics,
            not_measured,
            ..self.of_codes
        };
        let losses =
            Losses { choose: choose.losses, report: report.losses, train: train.map(|train| train.terms) };
        Ok(Measurement { diagnostics, losses })
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    Some(Estimate::of_mean(values.iter().copied())?.value)
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
