//! What a cloud of codes looks like beside its prior N(0, I).
//!
//! A variational autoencoder draws new images from codes `z ~ N(0, I)`; what it was trained on are codes of its images. If
//! the two clouds differ, it is asked for images from where it has never been. [`compare_to_prior`] measures how much they
//! differ, in four ways that fail in different places.

use ndarray::ArrayView2;

use crate::samples::histogram::{Grid, HistogramDivergences, divergences_from_standard_normal};
use crate::samples::{Estimate, SampleError, mmd, neighbours};

/// Bins on each axis of the grid of [`grid`].
const BINS: usize = 24;
/// Where the outer, open bins of the grid begin to be alone.
const EDGE: f64 = 4.0;
/// The neighbour whose distance is looked at: far enough that single coincidences do not count, close enough to be local.
const NEIGHBOURS: usize = 5;

/// The distance of a cloud of codes from N(0, I).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PriorComparison {
    /// The Jensen-Shannon divergence, in nats, on the [`grid`]; `None` where the grid has more cells than there are codes,
    /// which with 10,000 codes is from three dimensions up.
    pub js_to_prior: Option<Estimate>,
    /// The Kullback-Leibler divergence of the codes from the prior, in nats, on the same grid.
    pub kl_to_prior: Option<Estimate>,
    /// The same from distances to the fifth-nearest neighbour, in any number of dimensions. Infinite where codes coincide.
    pub neighbour_kl: Estimate,
    /// The squared maximum mean discrepancy, without a unit, for a Gaussian kernel of bandwidth `sqrt(2 d)`: the typical
    /// distance between two draws from the prior.
    pub squared_mmd: Estimate,
}

/// The grid of `js_to_prior` and `kl_to_prior`: 24 bins over [-4, 4] on each axis, the outer ones open.
///
/// ```
/// assert_eq!(metrics::latent::grid().cells(2), Some(24 * 24));
/// ```
pub fn grid() -> Grid {
    Grid::new(-EDGE, EDGE, BINS).expect("the edges are in order")
}

/// Holds `codes`, one sample of the posterior for each image, against the prior.
///
/// # Shapes
///
/// - codes: `[images, latent dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are fewer than 60 codes, no dimensions, or a coordinate that is not finite.
///
/// ```
/// use metrics::Base;
/// use metrics::latent::compare_to_prior;
/// use ndarray::Array2;
///
/// // A lattice, much narrower than the prior.
/// let codes = Array2::from_shape_fn((900, 2), |(i, axis)| 0.01 * (if axis == 0 { i / 30 } else { i % 30 }) as f64);
/// let comparison = compare_to_prior(codes.view())?;
/// let js = comparison.js_to_prior.expect("two dimensions").from_nats(Base::Bits);
/// assert!(js.value > 0.9);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn compare_to_prior(codes: ArrayView2<'_, f64>) -> Result<PriorComparison, SampleError> {
    let dimensions = codes.ncols();
    let neighbour_kl = neighbours::kl_from_standard_normal(codes, NEIGHBOURS)?;
    let bandwidth = (2.0 * dimensions as f64).sqrt();
    let squared_mmd = mmd::squared_discrepancy_from_standard_normal(codes, bandwidth)?;
    let binned = binned_comparison(codes)?;
    Ok(PriorComparison {
        js_to_prior: binned.map(|divergences| divergences.js),
        kl_to_prior: binned.map(|divergences| divergences.kl),
        neighbour_kl,
        squared_mmd,
    })
}

/// The part of [`compare_to_prior`] that needs no distances, and takes no time: the divergences on the [`grid`]. `None`
/// where the grid has more cells than there are codes.
///
/// # Shapes
///
/// - codes: `[images, latent dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are no dimensions, or a coordinate that is not finite.
///
/// ```
/// use ndarray::Array2;
///
/// let codes = Array2::from_shape_fn((900, 1), |(i, _)| (i as f64).sin());
/// let binned = metrics::latent::binned_comparison(codes.view())?.expect("more codes than cells");
/// assert!(binned.kl.value > 0.3 && binned.js.value > 0.05);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn binned_comparison(codes: ArrayView2<'_, f64>) -> Result<Option<HistogramDivergences>, SampleError> {
    let (images, dimensions) = codes.dim();
    match grid().cells(dimensions) {
        Some(cells) if cells <= images => divergences_from_standard_normal(codes, grid()).map(Some),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::draws::Draws;

    #[test]
    fn codes_from_the_prior_are_close_to_it() {
        let codes = Draws::seeded(1).normals((10_000, 2), 0.0, 1.0);
        let found = compare_to_prior(codes.view()).unwrap();
        // What the bins' noise makes of no divergence: at most (576 - 1) / 2n, a quarter of it for JS.
        let bias = 575.0 / 20_000.0;
        assert!((0.0..bias).contains(&found.kl_to_prior.unwrap().value), "{found:?}");
        assert!((0.0..bias / 4.0).contains(&found.js_to_prior.unwrap().value), "{found:?}");
        assert!(found.neighbour_kl.value.abs() < 0.01 + 4.0 * found.neighbour_kl.standard_error, "{found:?}");
        assert!(found.squared_mmd.value.abs() < 4.0 * found.squared_mmd.standard_error, "{found:?}");
    }

    #[test]
    fn codes_from_elsewhere_are_not() {
        let codes = Draws::seeded(2).normals((2000, 2), 1.0, 0.5);
        let found = compare_to_prior(codes.view()).unwrap();
        let kl = 0.5_f64.powi(2) + 1.0 - 1.0 - 2.0 * 0.5_f64.ln();
        for estimate in [found.kl_to_prior.unwrap(), found.neighbour_kl] {
            assert!((estimate.value - kl).abs() < 0.1, "{found:?}, not {kl}");
        }
        assert!(found.squared_mmd.value > 10.0 * found.squared_mmd.standard_error, "{found:?}");
    }

    #[test]
    fn more_cells_than_codes_are_not_binned() {
        let codes = Draws::seeded(3).normals((1000, 3), 0.0, 1.0);
        let found = compare_to_prior(codes.view()).unwrap();
        assert_eq!((found.js_to_prior, found.kl_to_prior), (None, None));
    }
}
