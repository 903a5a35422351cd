//! What is measured of posteriors, codes and losses, whoever computed them: of networks in training here, and of arrays that
//! other programs left.

use anyhow::{Context, Result};
use data::Split;
use metrics::latent::{BinnedComparison, KlDecomposition, binned_comparison, collapsed_shares, decompose_kl};
use metrics::samples::neighbours::kl_from_standard_normal;
use ndarray::{Array1, Array2, Axis};
use record::{
    COLLAPSED_KL, Diagnostics, Estimate, Generated, HeldOut, ImageTerms, LatentUse, LogLikelihoods, Nll,
    PartDiagnostics, PartLosses, TermErrors, dimensions_by_kl,
};

use super::held_out::Subset;
use super::posteriors::EncodedImages;
use super::probes::{Probed, Represented, Rights};

/// Dimensions of the grid on which codes are held against the prior.
const GRID_DIMENSIONS: usize = 2;
/// The neighbour by whose distance the codes are held against the prior.
const NEIGHBOUR: usize = 5;

/// Why no image was classified.
pub(super) const NO_LABELS: &str = "No image was classified: there are no labels.";
pub(super) const TOO_FEW: &str = "No image was classified: there are too few held-out images for a part that chooses and one that reports.";
const NO_TRAINING: &str =
    "No image was classified: there are no posteriors of training images to learn from.";

/// Images of a set, and what a network makes of them.
#[derive(Clone)]
pub struct Measured<'a> {
    /// The set; `None` where only what became of its images is known.
    pub images: Option<&'a Split>,
    /// Where in it they are, rising.
    pub positions: Vec<u32>,
    /// Their classes, where they have classes.
    pub labels: Option<Vec<u8>>,
    /// Their posteriors.
    pub encoded: EncodedImages,
    /// A code of each, `[images, latent]`.
    pub codes: Array2<f32>,
    /// Their losses.
    pub terms: ImageTerms,
}

impl<'a> Measured<'a> {
    /// How many images they are.
    pub fn count(&self) -> usize {
        self.positions.len()
    }

    /// The images themselves, where they are at hand.
    pub fn subset(&self) -> Option<Subset<'a>> {
        Some(Subset { images: self.images?, positions: self.positions.clone() })
    }

    /// At most so many of the images, evenly spaced.
    pub fn thinned(&self, most: usize) -> Self {
        let stride = self.count().div_ceil(most.max(1)).max(1);
        self.select(&(0..self.count()).step_by(stride).collect::<Vec<_>>())
    }

    /// Some of the images.
    pub fn select(&self, rows: &[usize]) -> Self {
        let selected = |values: &Array1<f32>| values.select(Axis(0), rows);
        Self {
            images: self.images,
            positions: rows.iter().map(|&row| self.positions[row]).collect(),
            labels: self.labels.as_ref().map(|labels| rows.iter().map(|&row| labels[row]).collect()),
            encoded: self.encoded.select(rows),
            codes: self.codes.select(Axis(0), rows),
            terms: ImageTerms {
                index: self.terms.index.select(Axis(0), rows),
                reconstruction: self.terms.reconstruction.as_ref().map(selected),
                kl: selected(&self.terms.kl),
            },
        }
    }

    /// What is recorded of the images of a part.
    pub fn part(
        self,
        probes: ProbesOfPart,
        generated: Option<Generated>,
        nll: Option<(Nll, LogLikelihoods)>,
        distortion_floor: Option<f64>,
    ) -> Part {
        let (nll, log_likelihood) = nll.unzip();
        let mean = |values: &Array1<f32>| Estimate::of_mean(values.iter().map(|value| f64::from(*value)));
        let ProbesOfPart { logistic, few_labels, neighbours } = probes;
        let [
            (probe_accuracy, probe_right),
            (few_labels_accuracy, few_labels_right),
            (knn_accuracy, knn_right),
        ] = [logistic, few_labels, neighbours]
            .map(|rights| rights.map(|Rights { right, accuracy }| (accuracy, right)).unzip());
        let diagnostics = PartDiagnostics {
            images: self.count(),
            reconstruction: self.terms.reconstruction.as_ref().and_then(mean),
            kl: mean(&self.terms.kl),
            elbo_loss: self.terms.objective(1.0).and_then(Estimate::of_mean),
            distortion_floor,
            nll,
            probe_accuracy,
            few_labels_accuracy,
            knn_accuracy,
            generated,
        };
        let terms = self.terms;
        Part {
            diagnostics,
            losses: PartLosses { terms, log_likelihood, probe_right, few_labels_right, knn_right },
        }
    }
}

/// One part of the held-out images.
pub struct Part {
    /// Of all of them together.
    pub diagnostics: PartDiagnostics,
    /// Of each.
    pub losses: PartLosses,
}

/// What posteriors and one code of each say by themselves; what needs more is left out. What could not be had is added to
/// `not_measured`.
///
/// # Errors
///
/// Fails when a number is not finite.
pub fn latent_diagnostics(
    encoded: &EncodedImages,
    codes: &Array2<f64>,
    not_measured: &mut Vec<String>,
) -> Result<Diagnostics> {
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
    let binned = binned_comparison(highest(codes, &kl_per_dim).view())?;
    if binned.is_none() {
        not_measured.push(format!(
            "JS and KL to the prior on a grid: {} codes are fewer than its cells.",
            codes.nrows()
        ));
    }
    Ok(Diagnostics {
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
        neighbour_kl_to_prior_nats: neighbour_kl(codes, not_measured),
        collapsed_share: collapsed_shares(posteriors, COLLAPSED_KL),
        posterior_variance: encoded.mean_variances(),
        kl_per_dim,
        z_mean: codes.axis_iter(Axis(1)).map(|column| column.sum() / column.len() as f64).collect(),
        z_std: codes.axis_iter(Axis(1)).map(|column| column.std(0.0)).collect(),
        ..Diagnostics::default()
    })
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

/// The standard errors of the means over all images, also of their losses above `floors` of them; `None` of a single one.
pub fn term_errors(parts: &[&ImageTerms], floors: Option<&[f64]>, kl_coefficient: f64) -> Option<TermErrors> {
    let objective = |kl_coefficient: f64| {
        let of_parts: Option<Vec<_>> = parts.iter().map(|part| part.objective(kl_coefficient)).collect();
        Estimate::of_mean(of_parts?.into_iter().flatten())?.standard_error
    };
    let kl = parts.iter().flat_map(|part| &part.kl).map(|kl| f64::from(*kl));
    Some(TermErrors {
        reconstruction: objective(0.0),
        kl: Estimate::of_mean(kl)?.standard_error?,
        objective: objective(kl_coefficient),
        elbo_loss: objective(1.0),
        excess: floors.and_then(|floors| {
            let parts: Option<Vec<_>> = parts.iter().map(|part| part.reconstruction.as_ref()).collect();
            let losses = parts?.into_iter().flatten().zip(floors);
            Estimate::of_mean(losses.map(|(loss, floor)| f64::from(*loss) - floor))?.standard_error
        }),
    })
}

/// How many images of both parts are classified right by their codes; `None` where that could not be found out.
pub struct Probes {
    logistic: Option<[Rights; 2]>,
    few_labels: Option<[Rights; 2]>,
    neighbours: Option<[Rights; 2]>,
}

/// The same of one part.
pub struct ProbesOfPart {
    logistic: Option<Rights>,
    few_labels: Option<Rights>,
    neighbours: Option<Rights>,
}

impl Probes {
    pub const NONE: Self = Self { logistic: None, few_labels: None, neighbours: None };

    /// The probes that learn from the codes of training images.
    pub fn of_codes(
        train: Option<&Measured<'_>>,
        parts: [&Measured<'_>; 2],
        not_measured: &mut Vec<String>,
    ) -> Self {
        if parts.iter().any(|part| part.count() == 0) {
            not_measured.push(TOO_FEW.to_string());
            return Self::NONE;
        }
        let represented = |measured: &Measured<'_>| {
            let labels = measured.labels.clone()?;
            Some(Represented { samples: measured.encoded.means.mapv(|mean| mean as f32), labels })
        };
        let Some(train) = train else {
            not_measured.push(NO_TRAINING.to_string());
            return Self::NONE;
        };
        let (Some(train), [Some(choose), Some(report)]) = (represented(train), parts.map(represented)) else {
            not_measured.push(NO_LABELS.to_string());
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

    /// Those of a part.
    pub fn of_part(&self, part: HeldOut) -> ProbesOfPart {
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
