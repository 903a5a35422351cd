//! What is known of a member that was trained to its end.

use serde::{Deserialize, Serialize};

use crate::terms::Terms;
use crate::warnings::Warning;

/// A finished member: `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberResult {
    /// The coefficient of the KL term.
    pub c: f64,
    /// The seed of its random streams.
    pub seed: u64,
    /// Epochs trained.
    pub epochs: usize,
    /// Terms over the test images, in nats per image.
    #[serde(flatten)]
    pub test: Terms,
    /// `reconstruction + c * kl`.
    pub objective: f64,
    /// `reconstruction + kl`.
    pub elbo_loss: f64,
    /// Log-variances clamped to their bounds over the whole training.
    #[serde(default)]
    pub saturated_log_vars: u64,
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
    /// An upper bound on `-log p(x)`: the importance-weighted one with 100 codes an image, as the ELBO loss less the gap
    /// between the two bounds on up to 2,000 evenly spaced images. Never above the ELBO loss.
    pub iwae_nll: Option<f64>,
    /// The standard error of that gap.
    pub iwae_standard_error: Option<f64>,
    /// `I(x; z)`, what a code tells about which image it is of: between 0 and the lesser of the KL and `ln N`.
    pub mutual_information: Option<f64>,
    /// `KL(q(z) ‖ p(z))`; with the mutual information it adds up to the KL.
    pub marginal_kl: Option<f64>,
    /// `KL(q(z) ‖ prod_d q(z_d))`, how much the latent dimensions depend on each other.
    pub total_correlation: Option<f64>,
    /// `sum_d KL(q(z_d) ‖ p(z_d))`; with the total correlation it adds up to the marginal KL.
    pub dimension_kl: Option<f64>,
    /// `JS` in bits between the codes and the prior, on a grid of 24 bins over [-4, 4] an axis, the outer ones open;
    /// between 0 and 1. With more than two latent dimensions, of the two of highest KL. `None` if there are fewer codes
    /// than cells of the grid.
    pub js_to_prior: Option<f64>,
    /// `KL(codes ‖ prior)` in bits on the same grid.
    pub kl_to_prior: Option<f64>,
    /// The share of decoded prior samples that lie as near to a test image as 95 % of the reconstructions do.
    pub prior_near_data: Option<f64>,
    /// The share of test images whose class is that of most of their 10 nearest training images, by the posteriors' means.
    /// `None` without labels, or with fewer training images than neighbours.
    pub knn_accuracy: Option<f64>,
    /// `KL(q(z_d|x) ‖ p(z_d))` of each latent dimension.
    pub kl_per_dim: Vec<f64>,
    /// The mean of the codes in each latent dimension.
    pub z_mean: Vec<f64>,
    /// The standard deviation of the codes in each latent dimension, with `N` in the denominator.
    pub z_std: Vec<f64>,
    /// Stands for any diagnostic that is added: see the test in `quantities.rs`.
    #[cfg(test)]
    pub added_by_a_test: Option<f64>,
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

    #[test]
    fn a_result_comes_back_and_may_lack_what_was_not_measured() {
        let result = finished(0.5, 3, |result| result.diagnostics.knn_accuracy = None);
        let json = serde_json::to_string(&result).unwrap();
        assert_eq!(serde_json::from_str::<MemberResult>(&json).unwrap(), result);

        let least = r#"{"c": 1, "seed": 0, "epochs": 2, "reconstruction": 90.5, "kl": 4, "objective": 94.5, "elbo_loss": 94.5}"#;
        let result: MemberResult = serde_json::from_str(least).unwrap();
        assert_eq!(result.test, Terms { reconstruction: 90.5, kl: 4.0 });
        assert_eq!((result.diagnostics, result.seconds), (Diagnostics::default(), None));
    }

    #[test]
    fn dimensions_are_ranked_by_their_kl() {
        assert_eq!(dimensions_by_kl(&[0.1, f64::NAN, 3.0, 2.0]), [2, 3, 0, 1]);
    }
}
