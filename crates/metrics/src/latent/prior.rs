//! What a cloud of codes looks like beside its prior N(0, I).
//!
//! A variational autoencoder draws new images from codes `z ~ N(0, I)`; what it was trained on are codes of its images. If
//! the two clouds differ, it is asked for images from where it has never been. [`compare_to_prior`] measures how much they
//! differ, in four ways that fail in different places.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::samples::draws::Draws;
use crate::samples::histogram::{Grid, divergences_from_standard_normal};
use crate::samples::points::Points;
use crate::samples::{Estimate, SampleError, mmd, neighbours};

/// Bins on each axis of the grid of [`grid`].
const BINS: usize = 24;
/// Where the outer, open bins of the grid begin to be alone.
const EDGE: f64 = 4.0;
/// The neighbour whose distance is looked at: far enough that single coincidences do not count, close enough to be local.
const NEIGHBOURS: usize = 5;

/// Clouds drawn from the prior itself, for the noise floor, and the share of them that stays below it.
const CLOUDS: u64 = 100;
const BELOW_FLOOR: f64 = 0.95;
/// The seed of these clouds.
const SEED: u64 = 0x0f10_0a11;

/// The distance of a cloud of codes from N(0, I).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct PriorComparison {
    /// On the [`grid`]; `None` where the grid has more cells than there are codes, which with 10,000 codes is from three
    /// dimensions up.
    pub binned: Option<BinnedComparison>,
    /// The same from distances to the fifth-nearest neighbour, in any number of dimensions. Infinite where codes coincide.
    pub neighbour_kl: Estimate,
    /// The squared maximum mean discrepancy, without a unit, for a Gaussian kernel of bandwidth `sqrt(2 d)`: the typical
    /// distance between two draws from the prior.
    pub squared_mmd: Estimate,
}

/// Divergences of a cloud of codes from N(0, I) on the [`grid`], in nats, without the bias that the codes' own noise gives
/// them.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct BinnedComparison {
    /// The Jensen-Shannon divergence. As an estimate of a number close to 0 it may be negative.
    pub js: Estimate,
    /// The Kullback-Leibler divergence of the codes from the prior.
    pub kl: Estimate,
    /// What 95 % of as many codes drawn from the prior itself come out below: a smaller `js` is no sign of a difference.
    pub js_floor: f64,
    /// The same of `kl`.
    pub kl_floor: f64,
}

/// The grid of a [`BinnedComparison`]: 24 bins over [-4, 4] on each axis, the outer ones open.
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
/// use metrics::latent::compare_to_prior;
/// use ndarray::Array2;
///
/// // A lattice, much narrower than the prior.
/// let codes = Array2::from_shape_fn((900, 2), |(i, axis)| 0.01 * (if axis == 0 { i / 30 } else { i % 30 }) as f64);
/// let comparison = compare_to_prior(codes.view())?;
/// let js = comparison.binned.expect("two dimensions").js;
/// // Two clouds that have nothing in common are ln 2 apart.
/// assert!(js.value > 0.9 * 2f64.ln());
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn compare_to_prior(codes: ArrayView2<'_, f64>) -> Result<PriorComparison, SampleError> {
    let dimensions = codes.ncols();
    let neighbour_kl = neighbours::kl_from_standard_normal(codes, NEIGHBOURS)?;
    let bandwidth = (2.0 * dimensions as f64).sqrt();
    let squared_mmd = mmd::squared_discrepancy_from_standard_normal(codes, bandwidth)?;
    Ok(PriorComparison { binned: binned_comparison(codes)?, neighbour_kl, squared_mmd })
}

/// The part of [`compare_to_prior`] that needs no distances: the divergences on the [`grid`]. `None` where the grid has more
/// cells than there are codes.
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
pub fn binned_comparison(codes: ArrayView2<'_, f64>) -> Result<Option<BinnedComparison>, SampleError> {
    Points::check(codes, 0)?;
    let (images, dimensions) = codes.dim();
    if grid().cells(dimensions).is_none_or(|cells| cells > images) {
        return Ok(None);
    }
    let unbiased = |codes: ArrayView2<'_, f64>| {
        let found = divergences_from_standard_normal(codes, grid())?;
        let less = |estimate: Estimate, bias: f64| Estimate { value: estimate.value - bias, ..estimate };
        Ok([less(found.js, found.js_bias), less(found.kl, found.kl_bias)])
    };
    let [js, kl] = unbiased(codes)?;
    let cloud = |number: u64| {
        let mut draws = Draws::stream(SEED, number);
        unbiased(Array2::from_shape_simple_fn((images, dimensions), || draws.normal()).view())
    };
    let clouds = (0..CLOUDS).into_par_iter().map(cloud).collect::<Result<Vec<_>, SampleError>>()?;
    let floor = |of: usize| {
        let mut values: Vec<f64> = clouds.iter().map(|cloud| cloud[of].value).collect();
        values.sort_by(f64::total_cmp);
        values[(BELOW_FLOOR * (CLOUDS - 1) as f64).ceil() as usize]
    };
    Ok(Some(BinnedComparison { js, kl, js_floor: floor(0), kl_floor: floor(1) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::draws::Draws;

    #[test]
    fn codes_from_the_prior_are_close_to_it() {
        let codes = Draws::seeded(1).normals((10_000, 2), 0.0, 1.0);
        let found = compare_to_prior(codes.view()).unwrap();
        // What the bins' noise would make of no divergence: at most (576 - 1) / 2n, a quarter of it for JS.
        let bias = 575.0 / 20_000.0;
        let binned = found.binned.unwrap();
        // Where bins hold a sample or two, the second order leaves some of it.
        assert!(binned.kl.value.abs() < 0.4 * bias && binned.kl_floor < 0.4 * bias, "{binned:?}");
        assert!(binned.js.value.abs() < 0.12 * bias && binned.js_floor < 0.12 * bias, "{binned:?}");
        assert!(binned.kl_floor > 0.0 && binned.js_floor > 0.0, "{binned:?}");
        assert!(found.neighbour_kl.value.abs() < 0.01 + 4.0 * found.neighbour_kl.standard_error, "{found:?}");
        assert!(found.squared_mmd.value.abs() < 4.0 * found.squared_mmd.standard_error, "{found:?}");
    }

    #[test]
    fn codes_from_elsewhere_are_not() {
        let codes = Draws::seeded(2).normals((2000, 2), 1.0, 0.5);
        let found = compare_to_prior(codes.view()).unwrap();
        let kl = 0.5_f64.powi(2) + 1.0 - 1.0 - 2.0 * 0.5_f64.ln();
        let binned = found.binned.unwrap();
        assert!(binned.js.value > binned.js_floor && binned.kl.value > binned.kl_floor, "{binned:?}");
        for estimate in [binned.kl, found.neighbour_kl] {
            assert!((estimate.value - kl).abs() < 0.1, "{found:?}, not {kl}");
        }
        assert!(found.squared_mmd.value > 10.0 * found.squared_mmd.standard_error, "{found:?}");
    }

    #[test]
    fn more_cells_than_codes_are_not_binned() {
        let codes = Draws::seeded(3).normals((1000, 3), 0.0, 1.0);
        let found = compare_to_prior(codes.view()).unwrap();
        assert_eq!(found.binned, None);
    }
}
