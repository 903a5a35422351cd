//! What is known of a member that was trained to its end.

use serde::{Deserialize, Serialize};

use crate::baselines::Generated;
use crate::estimate::Estimate;
use crate::held_out::HeldOut;
use crate::terms::{Terms, number_or_null};
use crate::warnings::Warning;

/// A finished member: `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberResult {
    /// The coefficient of the KL term.
    pub c: f64,
    /// The seed of its random streams.
    pub seed: u64,
    /// Epochs trained; 0 where another program trained it, which did not say.
    pub epochs: usize,
    /// Terms over the test images, in nats per image.
    #[serde(flatten)]
    pub test: Terms,
    /// `reconstruction + c * kl`; NaN where the reconstruction is.
    #[serde(deserialize_with = "number_or_null")]
    pub objective: f64,
    /// `reconstruction + kl`; NaN where the reconstruction is.
    #[serde(deserialize_with = "number_or_null")]
    pub elbo_loss: f64,
    /// Log-variances clamped to their bounds over the whole training.
    #[serde(default, alias = "saturated_log_vars")]
    pub clamped_log_vars: u64,
    /// What was measured of the trained network.
    #[serde(flatten)]
    pub diagnostics: Diagnostics,
    /// What was noticed while it trained.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// The set of kernels that computed it, such as `avx512`, on which its last bits depend; `None` where the backend has
    /// none of klsweep's kernels.
    #[serde(default)]
    pub kernels: Option<String>,
    /// Seconds that training took, all processes together.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// Seconds that the diagnostics took after it.
    #[serde(default)]
    pub diagnostics_seconds: Option<f64>,
}

/// What is measured of a trained network on the test images; `None` where something was not measured.
///
/// Every number is in nats per image unless it says otherwise. `N` is the number of test images, `q(z)` their aggregate
/// posterior `1/N sum_i q(z|x_i)`, the prior `p(z) = N(0, I)`. One code is drawn for each image; the members of a seed
/// draw with the same noise.
///
/// A new diagnostic is a field here and a row of [`QUANTITIES`](crate::QUANTITIES).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Diagnostics {
    /// Latent dimensions whose mean has a variance above 0.01 over the images.
    pub active_units: Option<usize>,
    /// What a code tells about which of the `N` images it is of: between 0 and the lesser of the KL and `ln N`. A lower bound
    /// of `I(x; z)`, and near `ln N` saturated.
    pub mutual_information: Option<Estimate>,
    /// An upper bound of `I(x; z)`: the KL less that of the Normal with the moments of the codes from the prior.
    pub information_upper: Option<Estimate>,
    /// Whether `mutual_information` is so near `ln N` that it says more of the number of images than of the network.
    pub information_saturated: Option<bool>,
    /// `KL(q(z) ‖ p(z))`; with the mutual information it adds up to the KL.
    pub marginal_kl: Option<Estimate>,
    /// `KL(q(z) ‖ prod_d q(z_d))`, how much the latent dimensions depend on each other.
    pub total_correlation: Option<Estimate>,
    /// `sum_d KL(q(z_d) ‖ p(z_d))`; with the total correlation it adds up to the marginal KL.
    pub dimension_kl: Option<Estimate>,
    /// `JS` between the codes and the prior, on a grid of 24 bins over [-4, 4] an axis, the outer ones open, less the bias of
    /// the codes' noise: up to `ln 2`. With more than two latent dimensions, of the two of highest KL. `None` if there are
    /// fewer codes than cells of the grid.
    pub js_to_prior_nats: Option<Estimate>,
    /// What 95 % of as many codes from the prior itself come out below.
    pub js_to_prior_floor: Option<f64>,
    /// `KL(codes ‖ prior)` on the same grid, less its bias.
    pub kl_to_prior_nats: Option<Estimate>,
    /// What 95 % of as many codes from the prior itself come out below.
    pub kl_to_prior_floor: Option<f64>,
    /// `KL(codes ‖ prior)` from the distances to the fifth-nearest code, in all dimensions.
    pub neighbour_kl_to_prior_nats: Option<Estimate>,
    /// `KL(q(z_d|x) ‖ p(z_d))` of each latent dimension.
    pub kl_per_dim: Vec<f64>,
    /// The share of images of which each latent dimension carries less than 0.01 nats.
    pub collapsed_share: Vec<f64>,
    /// The variance of the posteriors in each latent dimension, averaged over the images: that of the prior is 1.
    pub posterior_variance: Vec<f64>,
    /// The mean of the codes in each latent dimension.
    pub z_mean: Vec<f64>,
    /// The standard deviation of the codes in each latent dimension, with `N` in the denominator.
    pub z_std: Vec<f64>,
    /// The entropy of the grey levels of the images, below which no decoder's reconstruction falls; `None` where the
    /// likelihood has no such floor.
    pub distortion_floor: Option<f64>,
    /// The standard errors of the terms of the objective.
    pub term_errors: Option<TermErrors>,
    /// The temperature at which the images that choose are likeliest under the decoder's distribution to the power of its
    /// inverse: of Gaussian pixels of variance `v` the squared error of a pixel over `v`, of grey Bernoulli scores the
    /// temperature of the likeliest continuous Bernoulli density. `None` of likelihoods that learn their spread.
    pub temperature: Option<Estimate>,
    /// The ELBO loss of that density: of a normalised one, comparable between coefficients.
    pub calibrated_elbo_loss: Option<Estimate>,
    /// The ELBO loss of the images that choose, in bits for each pixel; `None` of likelihoods that give densities or scores.
    pub bits_per_dimension: Option<Estimate>,
    /// What was measured on the images that decide between coefficients.
    pub choose: PartDiagnostics,
    /// The same on the images that say what the chosen coefficient is worth.
    pub report: PartDiagnostics,
    /// What could not be measured, and why, in sentences.
    pub not_measured: Vec<String>,
    /// Stands for any diagnostic that is added: see the test in `quantities.rs`.
    #[cfg(test)]
    pub added_by_a_test: Option<f64>,
}

/// Standard errors over the images, one code each, of the terms that a member's result has; `None` of what is not known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TermErrors {
    /// Of the reconstruction.
    pub reconstruction: Option<f64>,
    /// Of the KL.
    pub kl: f64,
    /// Of the objective.
    pub objective: Option<f64>,
    /// Of the ELBO loss.
    pub elbo_loss: Option<f64>,
    /// Of the reconstruction above its floor, where it has one.
    #[serde(default)]
    pub excess: Option<f64>,
}

/// What is measured on one part of the held-out images; `None` where something was not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartDiagnostics {
    /// How many images the part has.
    pub images: usize,
    /// `-E[log p(x|z)]` with one code an image.
    pub reconstruction: Option<Estimate>,
    /// `KL(q(z|x) ‖ p(z))`.
    pub kl: Option<Estimate>,
    /// Their sum.
    pub elbo_loss: Option<Estimate>,
    /// The entropy of the grey levels of these images.
    pub distortion_floor: Option<f64>,
    /// `-log p(x)`.
    pub nll: Option<Nll>,
    /// The share of images whose class a multinomial logistic regression on the posteriors' means finds.
    pub probe_accuracy: Option<Estimate>,
    /// The same of a regression that learns from ten labels of each class.
    pub few_labels_accuracy: Option<Estimate>,
    /// The share of images whose class is that of most of their 10 nearest training images, by the posteriors' means.
    pub knn_accuracy: Option<Estimate>,
    /// How images decoded from codes of the prior lie beside those of the part.
    pub generated: Option<Generated>,
}

/// `-log p(x)`, averaged over images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nll {
    /// In nats; the standard error is over the images.
    pub mean: Estimate,
    /// Images that the mean is over: all of the part, or some that are evenly spaced.
    pub images: usize,
    /// How it was computed.
    pub method: NllMethod,
}

/// How `log p(x)` was computed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum NllMethod {
    /// The integral over the latent space, summed over cells that were halved until each image's sum had settled. No
    /// encoder is involved.
    Quadrature {
        /// How far an image's `log p(x)` may be off, in nats, averaged over the images.
        error: f64,
    },
    /// Importance sampling from the posterior that the encoder would have at `c = 1`, with some of the prior mixed in: a
    /// lower bound of `log p(x)` in expectation.
    ImportanceSampling {
        /// Codes an image.
        samples: usize,
        /// The share of images whose weights have so heavy a tail that their estimate is not to be relied upon: Pareto
        /// shapes above 0.7.
        unreliable: f64,
        /// How many independent codes an image's weights are worth, on average.
        effective_samples: f64,
        /// The same with other numbers of codes, on fewer images: where more codes still change it, it is a bound.
        by_samples: Vec<NllOfSamples>,
    },
}

/// `-log p(x)` from some number of codes an image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NllOfSamples {
    /// The number.
    pub samples: usize,
    /// In nats.
    pub nll: Estimate,
}

/// The error of an integral from which on it counts as a bound, in nats.
const MOST_ERROR: f64 = 0.05;

/// The share of images of unreliable weights from which on the whole number counts as a bound.
const MOST_UNRELIABLE: f64 = 0.05;

impl Nll {
    /// How far an integral may be off, in nats.
    pub fn quadrature_error(&self) -> Option<f64> {
        match self.method {
            NllMethod::Quadrature { error } => Some(error),
            NllMethod::ImportanceSampling { .. } => None,
        }
    }

    /// The share of images whose weights are not to be relied upon, where they were sampled.
    pub fn unreliable(&self) -> Option<f64> {
        match self.method {
            NllMethod::Quadrature { .. } => None,
            NllMethod::ImportanceSampling { unreliable, .. } => Some(unreliable),
        }
    }

    /// Whether the number is a bound on `-log p(x)` rather than an estimate of it.
    pub fn is_bound(&self) -> bool {
        match self.method {
            NllMethod::Quadrature { error } => error >= MOST_ERROR,
            NllMethod::ImportanceSampling { unreliable, .. } => unreliable >= MOST_UNRELIABLE,
        }
    }
}

impl Diagnostics {
    /// What was measured on one part.
    pub fn part(&self, part: HeldOut) -> &PartDiagnostics {
        match part {
            HeldOut::Choose => &self.choose,
            HeldOut::Report => &self.report,
        }
    }
}

/// The latent dimensions by falling KL, those whose KL is NaN last.
pub fn dimensions_by_kl(kl_per_dim: &[f64]) -> Vec<usize> {
    let kl =
        |dimension: usize| Some(kl_per_dim[dimension]).filter(|kl| !kl.is_nan()).unwrap_or(f64::NEG_INFINITY);
    let mut dimensions: Vec<usize> = (0..kl_per_dim.len()).collect();
    dimensions.sort_by(|&a, &b| kl(b).total_cmp(&kl(a)));
    dimensions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::finished;
    use crate::warnings::WarningKind;

    #[test]
    fn a_result_comes_back_and_may_lack_what_was_not_measured() {
        let result = finished(0.5, 3, |result| result.diagnostics.choose.knn_accuracy = None);
        let json = serde_json::to_string(&result).unwrap();
        assert_eq!(serde_json::from_str::<MemberResult>(&json).unwrap(), result);

        let least = r#"{"c": 1, "seed": 0, "epochs": 2, "reconstruction": 90.5, "kl": 4, "objective": 94.5, "elbo_loss": 94.5}"#;
        let result: MemberResult = serde_json::from_str(least).unwrap();
        assert_eq!(result.test, Terms { reconstruction: 90.5, kl: 4.0 });
        assert_eq!((result.diagnostics, result.seconds), (Diagnostics::default(), None));
    }

    #[test]
    fn the_names_of_format_1_are_read() {
        let warning =
            Warning { epoch: 2, kind: WarningKind::ClampedLogVars, message: "two were clamped".into() };
        let result = finished(0.5, 3, |result| {
            result.clamped_log_vars = 2;
            result.warnings = vec![warning];
        });
        let json = serde_json::to_string(&result).unwrap();
        assert_eq!(json.matches("clamped_log_vars").count(), 2, "{json}");
        let before = json.replace("clamped_log_vars", "saturated_log_vars");
        assert_eq!(serde_json::from_str::<MemberResult>(&before).unwrap(), result);
    }

    #[test]
    fn what_no_losses_were_given_for_is_no_number() {
        let unknown = finished(1.0, 0, |result| {
            result.test.reconstruction = f64::NAN;
            (result.objective, result.elbo_loss) = (f64::NAN, f64::NAN);
        });
        let json = serde_json::to_string(&unknown).unwrap();
        assert!(json.contains("\"reconstruction\":null"), "{json}");
        let back: MemberResult = serde_json::from_str(&json).unwrap();
        assert!(back.test.reconstruction.is_nan() && back.objective.is_nan() && back.elbo_loss.is_nan());
        for key in ["reconstruction", "objective", "elbo_loss"] {
            assert_eq!((crate::Quantity::named(key).value)(&back), None, "{key}");
        }
        assert_eq!(back.test.kl, unknown.test.kl);
    }

    #[test]
    fn dimensions_are_ranked_by_their_kl() {
        assert_eq!(dimensions_by_kl(&[0.1, f64::NAN, 3.0, 2.0]), [2, 3, 0, 1]);
    }
}
