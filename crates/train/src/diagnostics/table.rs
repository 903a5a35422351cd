//! The table of numbers that says what a coefficient did to a network.

use anyhow::{Context, Result};
use burn::tensor::Device;
use metrics::Base;
use metrics::latent::{KlDecomposition, binned_comparison, decompose_kl};
use metrics::samples::classification::{Labelled, nearest_neighbour_accuracy};
use model::Vae;
use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use super::importance::{ImportanceGap, importance_gap};
use super::posteriors::EncodedImages;
use super::prior_samples::prior_near_data;
use crate::data::Dataset;
use crate::evaluate::{LatentUse, Terms};
use crate::random::{Purpose, noise};

/// Codes an image for the importance-weighted bound.
const IMPORTANCE_SAMPLES: usize = 100;
/// Images for the importance-weighted bound. Of 2,000 the gap between the bounds has a standard error of 0.02 to 0.2 nats,
/// less than what another seed changes, and costs about a second; of all 10,000 it would cost five times as much.
const IMPORTANCE_IMAGES: usize = 2000;
/// Neighbours that vote on a class.
const NEIGHBOURS: usize = 10;
/// Dimensions of the grid on which codes are held against the prior.
const GRID_DIMENSIONS: usize = 2;

/// What is measured of a trained network on the test images.
///
/// Every number is in nats per image unless it says otherwise. `N` is the number of test images, `q(z)` their aggregate
/// posterior `1/N sum_i q(z|x_i)`, the prior `p(z) = N(0, I)`. One code is drawn for each image; the members of a seed
/// draw with the same noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// Latent dimensions whose mean has a variance above 0.01 over the images.
    pub active_units: usize,
    /// An upper bound on `-log p(x)`: the importance-weighted one with 100 codes an image, as the ELBO loss less the
    /// [`importance_gap`] on up to 2,000 evenly spaced images. Never above the ELBO loss.
    pub iwae_nll: f64,
    /// The standard error of that gap.
    pub iwae_standard_error: f64,
    /// `I(x; z)`, what a code tells about which image it is of: between 0 and the lesser of the KL and `ln N`. See
    /// [`decompose_kl`] for this and the next three.
    pub mutual_information: f64,
    /// `KL(q(z) ‖ p(z))`; with the mutual information it adds up to the KL.
    pub marginal_kl: f64,
    /// `KL(q(z) ‖ prod_d q(z_d))`, how much the latent dimensions depend on each other.
    pub total_correlation: f64,
    /// `sum_d KL(q(z_d) ‖ p(z_d))`; with the total correlation it adds up to the marginal KL.
    pub dimension_kl: f64,
    /// `JS` in bits between the codes and the prior, on a grid of 24 bins over [-4, 4] an axis, the outer ones open;
    /// between 0 and 1. With more than two latent dimensions, of the two of highest KL. Nothing if there are fewer
    /// codes than cells of the grid.
    pub js_to_prior: Option<f64>,
    /// `KL(codes ‖ prior)` in bits on the same grid.
    pub kl_to_prior: Option<f64>,
    /// The share of decoded prior samples that lie near the data, as [`prior_near_data`] defines it; between 0 and 1.
    pub prior_near_data: f64,
    /// The share of test images whose class is that of most of their 10 nearest training images, by the posteriors' means.
    /// Nothing without labels, or with fewer training images than neighbours.
    pub knn_accuracy: Option<f64>,
    /// `KL(q(z_d|x) ‖ p(z_d))` of each latent dimension, as [`metrics::latent::kl_per_dimension`] defines it.
    pub kl_per_dim: Vec<f64>,
    /// The mean of the codes in each latent dimension.
    pub z_mean: Vec<f64>,
    /// The standard deviation of the codes in each latent dimension, with `N` in the denominator.
    pub z_std: Vec<f64>,
}

/// Measures a network whose terms on the test images are `test`.
///
/// # Errors
///
/// Fails when the network gives numbers that are not finite.
pub fn diagnose(
    vae: &Vae,
    dataset: &Dataset,
    test: &Terms,
    seed: u64,
    device: &Device,
) -> Result<Diagnostics> {
    let encoded = EncodedImages::encode(vae, &dataset.test, device);
    let codes = encoded.codes(&noise(seed, Purpose::DiagnosticNoise, 0, 0, encoded.means.len()));
    let posteriors = encoded.posteriors().context("the posteriors of the test images are damaged")?;

    let LatentUse { kl_per_dim, active_units } = encoded.latent_use();
    let KlDecomposition { mutual_information, marginal_kl, total_correlation, dimension_kl, .. } =
        decompose_kl(posteriors, codes.view())?;
    let ImportanceGap { mean: gap, standard_error: iwae_standard_error } =
        importance_gap(vae, &dataset.test, &encoded, IMPORTANCE_SAMPLES, IMPORTANCE_IMAGES, seed, device)?;
    let beside_prior = binned_comparison(highest(&codes, &kl_per_dim).view())?;
    Ok(Diagnostics {
        active_units,
        iwae_nll: test.elbo_loss() - gap,
        iwae_standard_error,
        mutual_information,
        marginal_kl,
        total_correlation,
        dimension_kl,
        js_to_prior: beside_prior.map(|found| found.js.from_nats(Base::Bits).value),
        kl_to_prior: beside_prior.map(|found| found.kl.from_nats(Base::Bits).value),
        prior_near_data: prior_near_data(vae, &dataset.test, &codes, seed, device),
        knn_accuracy: knn_accuracy(vae, dataset, encoded.means.view(), device)?,
        kl_per_dim,
        z_mean: codes.axis_iter(Axis(1)).map(|column| column.sum() / column.len() as f64).collect(),
        z_std: codes.axis_iter(Axis(1)).map(|column| column.std(0.0)).collect(),
    })
}

/// The latent dimensions by falling KL, those whose KL is no number last.
pub fn dimensions_by_kl(kl_per_dim: &[f64]) -> Vec<usize> {
    let kl =
        |dimension: usize| Some(kl_per_dim[dimension]).filter(|kl| !kl.is_nan()).unwrap_or(f64::NEG_INFINITY);
    let mut dimensions: Vec<usize> = (0..kl_per_dim.len()).collect();
    dimensions.sort_by(|&a, &b| kl(b).total_cmp(&kl(a)));
    dimensions
}

/// The codes in the dimensions of highest KL, as many as the grid has, in their order.
fn highest(codes: &Array2<f64>, kl_per_dim: &[f64]) -> Array2<f64> {
    let mut dimensions = dimensions_by_kl(kl_per_dim);
    dimensions.truncate(GRID_DIMENSIONS);
    dimensions.sort_unstable();
    codes.select(Axis(1), &dimensions)
}

fn knn_accuracy(
    vae: &Vae,
    dataset: &Dataset,
    test_means: ArrayView2<'_, f64>,
    device: &Device,
) -> Result<Option<f64>> {
    let (Some(train_labels), Some(test_labels)) = (&dataset.train.labels, &dataset.test.labels) else {
        return Ok(None);
    };
    if dataset.train.count() < NEIGHBOURS {
        return Ok(None);
    }
    let train = EncodedImages::encode(vae, &dataset.train, device);
    let accuracy = nearest_neighbour_accuracy(
        Labelled { samples: train.means.view(), labels: train_labels },
        Labelled { samples: test_means, labels: test_labels },
        NEIGHBOURS,
    )
    .context("the posteriors of the training images are damaged")?;
    Ok(Some(accuracy))
}

impl Diagnostics {
    /// The names of the columns of `summary.csv`: `active_units` first, then those of [`values`](Self::values).
    pub fn columns(latent: usize) -> Vec<String> {
        let scalars = [
            "active_units",
            "iwae_nll",
            "iwae_standard_error",
            "mutual_information",
            "marginal_kl",
            "total_correlation",
            "dimension_kl",
            "js_to_prior",
            "kl_to_prior",
            "prior_near_data",
            "knn_accuracy",
        ];
        let of_dimensions = ["kl_dim", "z_mean", "z_std"]
            .into_iter()
            .flat_map(|name| (0..latent).map(move |dimension| format!("{name}_{dimension}")));
        scalars.into_iter().map(String::from).chain(of_dimensions).collect()
    }

    /// The values of all [`columns`](Self::columns) but the first; nothing where one was left out.
    pub fn values(&self) -> Vec<Option<f64>> {
        let scalars = [
            Some(self.iwae_nll),
            Some(self.iwae_standard_error),
            Some(self.mutual_information),
            Some(self.marginal_kl),
            Some(self.total_correlation),
            Some(self.dimension_kl),
            self.js_to_prior,
            self.kl_to_prior,
            Some(self.prior_near_data),
            self.knn_accuracy,
        ];
        let of_dimensions = [&self.kl_per_dim, &self.z_mean, &self.z_std];
        scalars.into_iter().chain(of_dimensions.into_iter().flatten().copied().map(Some)).collect()
    }
}
