//! One member of an audit: its arrays become a result, losses of single images, and outputs.

use anyhow::Result;
use data::Split;
use ndarray::{Array1, Array2, Array3};
use record::{
    Diagnostics, Encoded, Examples, HeldOut, ImageTerms, Likelihood, Losses, MemberResult, OfParts, Outputs,
    Terms,
};

use super::AuditOptions;
use super::decoded_codes::{losses, optimal_variance};
use super::folder::MemberArrays;
use super::networks::OnnxDecoder;
use super::posteriors::{DimensionUse, ReadPosteriors, code_of, read_posteriors};
use super::reconstruction::Decoded;
use super::sets::{Set, Sets, column};
use crate::diagnostics::{
    Calibrated, DataReference, Decode, EncodedImages, Floors, Measured, Subject, calibrated,
    calibration_rows, latent_diagnostics,
};
use crate::network::likelihood_of;
use crate::random::{Purpose, noise_at};
use crate::recorder::{CLASSIC_GRID, DecoderRecorder};

/// What becomes of a member's arrays.
pub struct AuditedMember {
    pub result: MemberResult,
    pub losses: Losses,
    pub outputs: Outputs,
}

/// What a member is measured with.
pub struct AuditContext<'a> {
    pub sets: &'a Sets,
    pub examples: &'a Examples,
    pub options: &'a AuditOptions,
    /// What decoded images are held against, where that is at hand.
    pub reference: Option<&'a DataReference>,
}

/// A part of the data under a member.
struct SeenSet<'a> {
    set: &'a Set,
    /// Of the images that are looked at closely.
    measured: Measured<'a>,
    /// Of all images.
    kl: Array1<f32>,
    reconstruction: Option<Array1<f32>>,
    dimensions: Vec<DimensionUse>,
}

/// Reads and measures a member, with its decoder where there is one.
///
/// # Errors
///
/// Fails when its arrays are damaged, or do not fit each other, and when the decoder does.
pub fn audit_member(
    member: &MemberArrays,
    decoder: Option<OnnxDecoder>,
    context: &AuditContext<'_>,
) -> Result<AuditedMember> {
    let AuditContext { sets, examples, options, reference } = *context;
    let decoder = match decoder {
        Some(decoder) if decoder.lacks_variance() => {
            let variance = optimal_variance(member, sets.evaluated(), &decoder, options)?;
            Some(decoder.with_variance(variance))
        }
        decoder => decoder,
    };
    let decoder = decoder.as_ref().map(|decoder| decoder as &dyn Decode);
    let see = |set, purpose| SeenSet::read(member, decoder, set, purpose, options);
    let test = see(&sets.test, Purpose::DiagnosticNoise)?;
    let validation = sets.validation.as_ref().map(|set| see(set, Purpose::DiagnosticNoise)).transpose()?;
    let train = sets.train.as_ref().map(|set| see(set, Purpose::TrainingExampleNoise)).transpose()?;
    let evaluated = validation.as_ref().unwrap_or(&test);

    let mut not_measured = evaluated.not_measured();
    let codes = evaluated.measured.codes.mapv(f64::from);
    let of_codes = latent_diagnostics(&evaluated.measured.encoded, &codes, &mut not_measured)?;
    let [choose, report] = match &validation {
        Some(validation) => [&validation.measured, &test.measured].map(Measured::clone),
        None => HeldOut::ALL.map(|part| {
            let dealt = part.dealt(test.measured.count());
            test.measured.select(&dealt.iter().map(|&row| row as usize).collect::<Vec<_>>())
        }),
    };
    let of_decoded = match decoder {
        Some(_) => None,
        None => calibration(member, evaluated, &choose, options)?,
    };
    match (decoder, reference) {
        (None, _) => {
            if of_decoded.is_none() {
                not_measured.push("Temperature: it needs decoded images beside the images.".to_string());
            }
            let reason = "−log p(x), density and coverage, and the latent explorer: they need the decoder.";
            not_measured.push(reason.to_string());
        }
        (Some(_), None) => {
            not_measured.push("Density and coverage: they need training images.".to_string());
        }
        _ => {}
    }
    let terms = evaluated.terms();
    let subject = Subject {
        member: member.id,
        of_codes: evaluated.of_all_images(of_codes),
        train: train.as_ref().map(|train| train.measured.clone()),
        floors: floors(evaluated, &choose, &report, options)?,
        held_out: [choose, report],
        evaluated: vec![terms],
        likelihood: options.likelihood.map(|likelihood| likelihood_of(likelihood, options.variance())),
        numbers: sets.shape.as_ref().map(|shape| shape.numbers()),
        decoder,
        reference,
        calibrated: of_decoded,
    };
    let measurement = subject.measure(not_measured)?;
    let terms = Terms {
        reconstruction: evaluated.reconstruction.as_ref().map_or(f64::NAN, mean),
        kl: mean(&evaluated.kl),
    };
    let result = MemberResult {
        c: member.id.kl_coefficient,
        seed: member.id.seed,
        epochs: 0,
        test: terms,
        objective: terms.objective(member.id.kl_coefficient),
        elbo_loss: terms.elbo_loss(),
        clamped_log_vars: 0,
        diagnostics: measurement.diagnostics,
        warnings: Vec::new(),
        kernels: None,
        seconds: None,
        diagnostics_seconds: None,
    };
    let of_test = evaluated.encoded(member, &examples.test.positions, Purpose::DiagnosticNoise, options)?;
    let of_train = match &train {
        Some(train) => {
            let purpose = Purpose::TrainingExampleNoise;
            Some(train.encoded(member, &examples.train.positions, purpose, options)?)
        }
        None => None,
    };
    let outputs = match (decoder, &evaluated.set.images) {
        (Some(decoder), Some(images)) => {
            let recorder = DecoderRecorder { decoder, evaluated: images, examples, grid: CLASSIC_GRID };
            recorder.outputs(None, &result.diagnostics.kl_per_dim, of_test)?
        }
        _ => Outputs {
            test: Some(of_test),
            reconstructions: reconstructions(member, evaluated.set, examples, options)?,
            ..Outputs::default()
        },
    };
    Ok(AuditedMember { result, losses: measurement.losses, outputs: Outputs { train: of_train, ..outputs } })
}

/// The losses that grey levels cost any decoder.
fn floors(
    evaluated: &SeenSet<'_>,
    choose: &Measured<'_>,
    report: &Measured<'_>,
    options: &AuditOptions,
) -> Result<Option<Floors>> {
    if options.likelihood != Some(Likelihood::GreyBernoulli) {
        return Ok(None);
    }
    let (Some(images), [Some(choose), Some(report)]) =
        (&evaluated.set.images, [choose.subset(), report.subset()])
    else {
        return Ok(None);
    };
    let of = |images: &Split, positions: &[u32]| images.grey_entropies(positions);
    Ok(Some(Floors {
        evaluated: of(images, &(0..images.count() as u32).collect::<Vec<_>>())?,
        of_parts: OfParts {
            choose: of(choose.images, &choose.positions)?,
            report: of(report.images, &report.positions)?,
        },
    }))
}

fn mean(values: &Array1<f32>) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len() as f64
}

impl<'a> SeenSet<'a> {
    fn read(
        member: &MemberArrays,
        decoder: Option<&dyn Decode>,
        set: &'a Set,
        purpose: Purpose,
        options: &AuditOptions,
    ) -> Result<Self> {
        let ReadPosteriors { kept, kl, dimensions } =
            read_posteriors(member, set.part, options.spread, &set.positions)?;
        let decoder = decoder.filter(|_| set.images.is_some());
        let reconstruction = match (set.array(member, "losses")?, decoder, set.decoded(member, options)?) {
            (Some(losses), ..) => Some(column(losses)?),
            (None, Some(decoder), _) => Some(losses(member, set, decoder, purpose, options)?),
            (None, None, Some(decoded)) => Some(decoded.losses()?),
            (None, None, None) => None,
        };
        let at =
            |values: &Array1<f32>| set.positions.iter().map(|&position| values[position as usize]).collect();
        let codes = codes(&kept, member.id.seed, purpose, &set.positions);
        let measured = Measured {
            images: set.images.as_ref(),
            positions: set.positions.clone(),
            labels: set.labels_at_positions(),
            codes,
            terms: ImageTerms {
                index: set.positions.iter().copied().collect(),
                reconstruction: reconstruction.as_ref().map(at),
                kl: at(&kl),
            },
            encoded: kept,
        };
        Ok(Self { set, measured, kl, reconstruction, dimensions })
    }

    /// The terms of all images.
    fn terms(&self) -> ImageTerms {
        ImageTerms {
            index: (0..self.set.count as u32).collect(),
            reconstruction: self.reconstruction.clone(),
            kl: self.kl.clone(),
        }
    }

    /// What is said of the images before anything is measured.
    fn not_measured(&self) -> Vec<String> {
        let (count, looked_at) = (self.set.count, self.measured.count());
        let thinned = (looked_at < count).then(|| {
            format!(
                "All but the KL and the use of the dimensions: of {looked_at} of the {count} images, evenly spaced, as {} latent \
                 dimensions of more would not fit into memory.",
                self.dimensions.len()
            )
        });
        let losses = self.reconstruction.is_none().then(|| {
            "Reconstruction and ELBO loss: there are neither losses nor decoded images beside the images."
                .to_string()
        });
        thinned.into_iter().chain(losses).collect()
    }

    /// With what is known of all images, where not all were looked at closely.
    fn of_all_images(&self, of_codes: Diagnostics) -> Diagnostics {
        if self.measured.count() == self.set.count {
            return of_codes;
        }
        let of = |value: fn(&DimensionUse) -> f64| self.dimensions.iter().map(value).collect();
        Diagnostics {
            active_units: Some(self.dimensions.iter().filter(|dimension| dimension.is_active()).count()),
            kl_per_dim: of(DimensionUse::kl),
            posterior_variance: of(DimensionUse::variance),
            collapsed_share: of(DimensionUse::collapsed_share),
            ..of_codes
        }
    }

    /// What is recorded of some of the images.
    fn encoded(
        &self,
        member: &MemberArrays,
        positions: &Array1<u32>,
        purpose: Purpose,
        options: &AuditOptions,
    ) -> Result<Encoded> {
        let positions = positions.to_vec();
        let ReadPosteriors { kept, .. } = read_posteriors(member, self.set.part, options.spread, &positions)?;
        let at = |values: &Array1<f32>| positions.iter().map(|&position| values[position as usize]).collect();
        Ok(Encoded {
            code: Some(codes(&kept, member.id.seed, purpose, &positions)),
            mean: kept.means.mapv(|value| value as f32),
            log_var: kept.log_vars.mapv(|value| value as f32),
            reconstruction: self.reconstruction.as_ref().map(at),
            kl: Some(at(&self.kl)),
        })
    }
}

impl Set {
    fn decoded<'a>(
        &'a self,
        member: &'a MemberArrays,
        options: &AuditOptions,
    ) -> Result<Option<Decoded<'a>>> {
        let decoded = self.array(member, "decoded")?.zip(self.images.as_ref());
        Ok(decoded.and_then(|(decoded, images)| Decoded::new(decoded, images, options)))
    }
}

/// A code of each posterior, with the noise of its image.
fn codes(encoded: &EncodedImages, seed: u64, purpose: Purpose, positions: &[u32]) -> Array2<f32> {
    let noise = noise_at(seed, purpose, positions, encoded.means.ncols());
    let mut codes = encoded.means.mapv(|mean| mean as f32);
    for ((code, log_var), noise) in codes.iter_mut().zip(&encoded.log_vars).zip(noise) {
        *code = code_of(f64::from(*code), *log_var, noise);
    }
    codes
}

/// What the noise of the decoder should have been, from decoded images.
fn calibration(
    member: &MemberArrays,
    evaluated: &SeenSet<'_>,
    choose: &Measured<'_>,
    options: &AuditOptions,
) -> Result<Option<Calibrated>> {
    let Some(decoded) = evaluated.set.decoded(member, options)? else { return Ok(None) };
    let Some(likelihood) = options.likelihood else { return Ok(None) };
    let rows: Vec<usize> = calibration_rows(choose.count());
    let wanted: Vec<usize> = rows.iter().map(|&row| choose.positions[row] as usize).collect();
    let (mut outputs, mut values) = (Vec::new(), Vec::new());
    decoded.for_each(|image, decoded_image, numbers| {
        if wanted.binary_search(&image).is_ok() {
            outputs.extend(decoded_image.iter().map(|output| decoded.logit(*output) as f32));
            values.extend(numbers);
        }
    })?;
    let kl: Vec<f64> = rows.iter().map(|&row| f64::from(choose.terms.kl[row])).collect();
    let likelihood = likelihood_of(likelihood, options.variance());
    Ok(calibrated(likelihood, &outputs, &values, decoded.images.numbers(), &kl))
}

/// The decoded images of the examples that are shown beside theirs.
fn reconstructions(
    member: &MemberArrays,
    set: &Set,
    examples: &Examples,
    options: &AuditOptions,
) -> Result<Option<Array3<u8>>> {
    let (Some(shown), Some(decoded)) = (&examples.reconstructed, set.decoded(member, options)?) else {
        return Ok(None);
    };
    let wanted: Vec<u32> =
        shown.examples.iter().map(|&example| examples.test.positions[example as usize]).collect();
    let [height, width] = examples.picture_size();
    let mut pictures = Array3::zeros((wanted.len(), height, width));
    decoded.for_each(|image, decoded_image, _| {
        for place in (0..wanted.len()).filter(|&place| wanted[place] as usize == image) {
            let pixels = pictures.index_axis_mut(ndarray::Axis(0), place);
            pixels.into_iter().zip(decoded_image).for_each(|(pixel, output)| {
                *pixel = (255.0 * decoded.mean(*output)).round() as u8;
            });
        }
    })?;
    Ok(Some(pictures))
}
