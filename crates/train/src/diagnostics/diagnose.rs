//! The numbers that say what a coefficient did to a network.

use anyhow::{Context, Result};
use burn::tensor::Device;
use data::Dataset;
use metrics::Base;
use metrics::latent::{KlDecomposition, binned_comparison, decompose_kl};
use metrics::samples::classification::{Labelled, nearest_neighbour_accuracy};
use model::Vae;
use ndarray::{Array2, ArrayView2, Axis};
use record::{Diagnostics, LatentUse, Terms, dimensions_by_kl};

use super::importance::{ImportanceGap, importance_gap};
use super::posteriors::EncodedImages;
use super::prior_samples::prior_near_data;
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
    let encoded = EncodedImages::encode(vae, &dataset.test, device)?;
    let codes = encoded.codes(&noise(seed, Purpose::DiagnosticNoise, 0, 0, encoded.means.len()));
    let posteriors = encoded.posteriors().context("the posteriors of the test images are damaged")?;

    let LatentUse { kl_per_dim, active_units } = encoded.latent_use();
    let KlDecomposition { mutual_information, marginal_kl, total_correlation, dimension_kl, .. } =
        decompose_kl(posteriors, codes.view())?;
    let ImportanceGap { mean: gap, standard_error: iwae_standard_error } =
        importance_gap(vae, &dataset.test, &encoded, IMPORTANCE_SAMPLES, IMPORTANCE_IMAGES, seed, device)?;
    let beside_prior = binned_comparison(highest(&codes, &kl_per_dim).view())?;
    Ok(Diagnostics {
        active_units: Some(active_units),
        iwae_nll: Some(test.elbo_loss() - gap),
        iwae_standard_error: Some(iwae_standard_error),
        mutual_information: Some(mutual_information),
        marginal_kl: Some(marginal_kl),
        total_correlation: Some(total_correlation),
        dimension_kl: Some(dimension_kl),
        js_to_prior: beside_prior.map(|found| found.js.from_nats(Base::Bits).value),
        kl_to_prior: beside_prior.map(|found| found.kl.from_nats(Base::Bits).value),
        prior_near_data: Some(prior_near_data(vae, &dataset.test, &codes, seed, device)?),
        knn_accuracy: knn_accuracy(vae, dataset, encoded.means.view(), device)?,
        kl_per_dim,
        z_mean: codes.axis_iter(Axis(1)).map(|column| column.sum() / column.len() as f64).collect(),
        z_std: codes.axis_iter(Axis(1)).map(|column| column.std(0.0)).collect(),
    })
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
    let train = EncodedImages::encode(vae, &dataset.train, device)?;
    let accuracy = nearest_neighbour_accuracy(
        Labelled { samples: train.means.view(), labels: train_labels },
        Labelled { samples: test_means, labels: test_labels },
        NEIGHBOURS,
    )
    .context("the posteriors of the training images are damaged")?;
    Ok(Some(accuracy))
}
