//! Divergences of binned samples.
//!
//! Binning is part of the result: it can only make distributions look more alike (the data-processing inequality), and
//! the more bins there are for the samples, the more their own noise looks like a divergence. With `n` samples and `K`
//! occupied bins the Kullback-Leibler divergence comes out too large by about `(K - 1) / 2n` nats, the Jensen-Shannon
//! divergence from a known distribution close to it by a quarter of that. (Miller, *Note on the Bias of Information
//! Estimates*, 1955.)
//!
//! Standard errors are first-order (the delta method): the standard deviation over the samples of the derivative of the
//! divergence with respect to their share in a bin, over the root of their number. Biases are second-order: half of the
//! second derivative with respect to the share in a bin times its variance, summed over the occupied bins. Where bins hold
//! few samples, they tell only most of it.

use ndarray::ArrayView2;

use super::error::SampleError;
use super::estimate::Estimate;
use super::points::Points;
use crate::discrete::{jensen_shannon_divergence, kl_divergence};

/// Cells beyond which a grid is refused: 8 MiB of counts.
const MOST_CELLS: usize = 1 << 20;

/// Equal bins from a low to a high edge, the same on every axis. The outer ones are open: they take all that lies beyond.
///
/// ```
/// use metrics::samples::histogram::Grid;
/// use ndarray::array;
///
/// let grid = Grid::new(-1.0, 1.0, 4)?;
/// assert_eq!(grid.cells(2), Some(16));
/// assert_eq!(grid.shares(array![[-7.0], [-0.2], [0.3], [0.4]].view())?, [0.25, 0.25, 0.5, 0.0]);
/// assert!(grid.standard_normal_mass(1)?[0] > 0.3, "the outer bins are open");
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    low: f64,
    high: f64,
    bins: usize,
}

/// The divergences between what two sides put into the bins of a grid.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct HistogramDivergences {
    /// The Jensen-Shannon divergence, in nats.
    pub js: Estimate,
    /// The Kullback-Leibler divergence of the samples from the reference, in nats.
    pub kl: Estimate,
    /// By how much the noise of the samples makes the Jensen-Shannon divergence too large, to be subtracted.
    pub js_bias: f64,
    /// The same of the Kullback-Leibler divergence.
    pub kl_bias: f64,
}

impl Grid {
    /// `bins` equal bins from `low` to `high` on every axis.
    ///
    /// # Errors
    ///
    /// [`SampleError::InvalidEdges`] unless the edges and their distance are finite and the edges in order, and
    /// [`SampleError::TooFewBins`].
    pub fn new(low: f64, high: f64, bins: usize) -> Result<Self, SampleError> {
        if !(low.is_finite() && high.is_finite() && low < high && (high - low).is_finite()) {
            return Err(SampleError::InvalidEdges { low, high });
        }
        if bins < 2 {
            return Err(SampleError::TooFewBins { bins });
        }
        Ok(Self { low, high, bins })
    }

    /// The number of cells in `dimensions`, `None` if there are more than a million.
    pub fn cells(&self, dimensions: usize) -> Option<usize> {
        let dimensions = u32::try_from(dimensions).ok()?;
        self.bins.checked_pow(dimensions).filter(|&cells| cells <= MOST_CELLS)
    }

    /// The share of the samples in each cell, the last dimension varying fastest.
    ///
    /// # Shapes
    ///
    /// - samples: `[samples, dimensions]`
    /// - output: `bins^dimensions`
    ///
    /// # Errors
    ///
    /// [`SampleError`] if there are no samples, no dimensions, too many cells, or a coordinate that is not finite.
    pub fn shares(&self, samples: ArrayView2<'_, f64>) -> Result<Vec<f64>, SampleError> {
        Points::check(samples, 1)?;
        let mut counts = vec![0_u64; self.checked_cells(samples.ncols())?];
        for sample in samples.rows() {
            counts[sample.iter().fold(0, |cell, &x| cell * self.bins + self.bin(x))] += 1;
        }
        Ok(counts.into_iter().map(|count| count as f64 / samples.nrows() as f64).collect())
    }

    /// The mass of the standard Normal N(0, I) in each cell, the last dimension varying fastest.
    ///
    /// # Errors
    ///
    /// [`SampleError::TooManyCells`].
    pub fn standard_normal_mass(&self, dimensions: usize) -> Result<Vec<f64>, SampleError> {
        self.checked_cells(dimensions)?;
        let axis: Vec<f64> = (0..self.bins)
            .map(|bin| {
                let left = if bin == 0 { f64::NEG_INFINITY } else { self.edge(bin) };
                let right = if bin + 1 == self.bins { f64::INFINITY } else { self.edge(bin + 1) };
                normal_mass(left, right)
            })
            .collect();
        let mut mass = vec![1.0];
        for _ in 0..dimensions {
            mass = mass.iter().flat_map(|outer| axis.iter().map(move |inner| outer * inner)).collect();
        }
        Ok(mass)
    }

    fn checked_cells(&self, dimensions: usize) -> Result<usize, SampleError> {
        let (bins, most) = (self.bins, MOST_CELLS);
        self.cells(dimensions).ok_or(SampleError::TooManyCells { bins, dimensions, most })
    }

    fn edge(&self, bin: usize) -> f64 {
        self.low + (self.high - self.low) * (bin as f64 / self.bins as f64)
    }

    fn bin(&self, x: f64) -> usize {
        let position = (x - self.low) / (self.high - self.low) * self.bins as f64;
        // A float below 0 converts to 0.
        (position as usize).min(self.bins - 1)
    }
}

/// The mass of N(0, 1) between two points, precise in both tails.
fn normal_mass(left: f64, right: f64) -> f64 {
    let upper_tail = |x: f64| 0.5 * libm::erfc(x * std::f64::consts::FRAC_1_SQRT_2);
    if left >= 0.0 {
        upper_tail(left) - upper_tail(right)
    } else if right <= 0.0 {
        upper_tail(-right) - upper_tail(-left)
    } else {
        1.0 - upper_tail(right) - upper_tail(-left)
    }
}

/// The divergences of binned `samples` from the exact mass of N(0, I) in the same bins.
///
/// # Shapes
///
/// - samples: `[samples, dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are fewer than two samples, no dimensions, too many cells, or a coordinate that is not
/// finite.
///
/// ```
/// use metrics::samples::histogram::{Grid, divergences_from_standard_normal};
/// use ndarray::Array2;
///
/// // Between -1 and 1 only, where the Normal has two thirds of its mass.
/// let samples = Array2::from_shape_fn((1000, 1), |(i, _)| (i as f64).sin());
/// let found = divergences_from_standard_normal(samples.view(), Grid::new(-4.0, 4.0, 24)?)?;
/// assert!(found.kl.value > 0.3 && found.js.value < found.kl.value && found.kl.standard_error < 0.05);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn divergences_from_standard_normal(
    samples: ArrayView2<'_, f64>,
    grid: Grid,
) -> Result<HistogramDivergences, SampleError> {
    if samples.nrows() < 2 {
        return Err(SampleError::TooFew { needed: 2, found: samples.nrows() });
    }
    let shares = grid.shares(samples)?;
    let mass = grid.standard_normal_mass(samples.ncols())?;
    Ok(divergences(&shares, samples.nrows(), &mass, None))
}

/// The divergences of binned `samples` from binned `reference` samples. The Kullback-Leibler divergence is infinite as
/// soon as a bin holds samples and no reference sample.
///
/// # Shapes
///
/// - samples: `[samples, dimensions]`
/// - reference: `[reference samples, dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are fewer than two samples on a side, if the dimensions differ or there are none, too many
/// cells, or a coordinate that is not finite.
///
/// ```
/// use metrics::samples::histogram::{Grid, divergences_between};
/// use ndarray::Array2;
///
/// let samples = Array2::from_shape_fn((1000, 1), |(i, _)| (i as f64).sin());
/// let reference = &samples * 3.0;
/// let grid = Grid::new(-3.0, 3.0, 12)?;
/// let found = divergences_between(samples.view(), reference.view(), grid)?;
/// assert!(found.kl.value > 4.0 * found.kl.standard_error);
/// let reverse = divergences_between(reference.view(), samples.view(), grid)?;
/// assert_eq!(reverse.kl.value, f64::INFINITY, "where there is no reference sample");
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn divergences_between(
    samples: ArrayView2<'_, f64>,
    reference: ArrayView2<'_, f64>,
    grid: Grid,
) -> Result<HistogramDivergences, SampleError> {
    Points::pair(samples, reference, 2)?;
    let (shares, reference_shares) = (grid.shares(samples)?, grid.shares(reference)?);
    Ok(divergences(&shares, samples.nrows(), &reference_shares, Some(reference.nrows())))
}

/// `q_samples` is `None` for a reference that is known exactly.
fn divergences(p: &[f64], p_samples: usize, q: &[f64], q_samples: Option<usize>) -> HistogramDivergences {
    let is_distribution = "shares and masses are distributions";
    let js = jensen_shannon_divergence(p, q).expect(is_distribution);
    let kl = kl_divergence(p, q).expect(is_distribution);

    // d KL / dp = ln(p / q) + 1, d KL / dq = -p / q, d JS / dp = ln(p / m) / 2; constants do not vary.
    let half_log_share = |x: f64, y: f64| 0.5 * (2.0 * x / (x + y)).ln();
    let mut js_variance = share_variance(p, |i| half_log_share(p[i], q[i])) / p_samples as f64;
    let mut kl_variance = share_variance(p, |i| p[i].ln() - q[i].ln()) / p_samples as f64;
    if let Some(samples) = q_samples {
        js_variance += share_variance(q, |i| half_log_share(q[i], p[i])) / samples as f64;
        kl_variance += share_variance(q, |i| p[i] / q[i]) / samples as f64;
    }
    // d² KL / dp² = 1 / p, d² KL / dq² = p / q², d² JS / dp² = q / 2p(p + q), each times p (1 - p) / 2n.
    let js_bias_of = |x: f64, y: f64| 0.25 * (1.0 - x) * y / (x + y);
    let mut js_bias = over_occupied(p, |i| js_bias_of(p[i], q[i])) / p_samples as f64;
    let mut kl_bias = over_occupied(p, |i| 0.5 * (1.0 - p[i])) / p_samples as f64;
    if let Some(samples) = q_samples {
        js_bias += over_occupied(q, |i| js_bias_of(q[i], p[i])) / samples as f64;
        kl_bias += over_occupied(q, |i| 0.5 * p[i] / q[i] * (1.0 - q[i])) / samples as f64;
    }
    let (kl, kl_bias) = if kl.is_finite() {
        (Estimate { value: kl, standard_error: kl_variance.sqrt() }, kl_bias)
    } else {
        (Estimate::INFINITE, 0.0)
    };
    let js = Estimate { value: js, standard_error: js_variance.sqrt() };
    HistogramDivergences { js, kl, js_bias, kl_bias }
}

fn over_occupied(shares: &[f64], value: impl Fn(usize) -> f64) -> f64 {
    (0..shares.len()).filter(|&i| shares[i] > 0.0).map(value).sum()
}

/// The variance of `value` over an outcome drawn with the probabilities `shares`.
fn share_variance(shares: &[f64], value: impl Fn(usize) -> f64) -> f64 {
    let occupied = || shares.iter().enumerate().filter(|(_, share)| **share > 0.0);
    let mean: f64 = occupied().map(|(i, share)| share * value(i)).sum();
    occupied().map(|(i, share)| share * (value(i) - mean).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::samples::draws::Draws;
    use crate::samples::estimate::{mean, variance};

    fn grid() -> Grid {
        Grid::new(-4.0, 4.0, 24).unwrap()
    }

    #[test]
    fn outer_bins_are_open_and_edges_belong_to_the_right() {
        let grid = Grid::new(-1.0, 1.0, 4).unwrap();
        let samples = array![[-100.0], [-1.0], [-0.5], [0.0], [0.49], [0.5], [1.0], [1e300]];
        assert_eq!(grid.shares(samples.view()).unwrap(), [0.25, 0.125, 0.25, 0.375]);
    }

    #[test]
    fn the_last_dimension_varies_fastest() {
        let grid = Grid::new(-1.0, 1.0, 2).unwrap();
        assert_eq!(grid.shares(array![[-0.5, 0.5]].view()).unwrap(), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_mass_of_the_normal() {
        let mass = Grid::new(-1.0, 1.0, 2).unwrap().standard_normal_mass(1).unwrap();
        assert_eq!(mass, [0.5, 0.5]);
        let mass = grid().standard_normal_mass(2).unwrap();
        assert_eq!(mass.len(), 576);
        assert!((mass.iter().sum::<f64>() - 1.0).abs() < 1e-14);
        // mpmath: ncdf(-11/3)^2 for the corner, (ncdf(1/3) - 0.5)^2 next to the origin.
        let corner = 1.509_614_978_3e-8;
        assert!((mass[0] - corner).abs() < 1e-9 * corner, "{}", mass[0]);
        assert!((mass[0] - mass[575]).abs() < 1e-12 * corner);
        assert!((mass[12 * 24 + 12] - 0.130_558_659_8_f64.powi(2)).abs() < 1e-10, "{}", mass[12 * 24 + 12]);
    }

    #[test]
    fn a_point_is_as_far_as_its_bin_is_improbable() {
        let samples = Array2::from_elem((100, 2), 0.1);
        let found = divergences_from_standard_normal(samples.view(), grid()).unwrap();
        let mass = grid().standard_normal_mass(2).unwrap()[12 * 24 + 12];
        assert!((found.kl.value + mass.ln()).abs() < 1e-14, "{found:?}");
        assert_eq!((found.kl.standard_error, found.js.standard_error), (0.0, 0.0));
    }

    #[test]
    fn standard_errors_are_the_spread_over_repetitions() {
        let mut draws = Draws::seeded(1);
        let repeated: Vec<_> = (0..200)
            .map(|_| {
                let samples = draws.normals((2000, 1), 0.7, 0.8);
                divergences_from_standard_normal(samples.view(), grid()).unwrap()
            })
            .collect();
        for pick in [|d: &HistogramDivergences| d.js, |d: &HistogramDivergences| d.kl] {
            let values: Vec<f64> = repeated.iter().map(|d| pick(d).value).collect();
            let stated: Vec<f64> = repeated.iter().map(|d| pick(d).standard_error).collect();
            let ratio = mean(&stated) / variance(&values).sqrt();
            // The spread of 200 repetitions is itself uncertain by 5 %.
            assert!((0.8..1.25).contains(&ratio), "{ratio}");
        }
    }

    /// Counts in eight bins of 25 and more samples, drawn again and again: their mean divergence less the true one.
    #[test]
    fn the_bias_is_what_repetitions_are_off_by() {
        const SAMPLES: usize = 400;
        const REPETITIONS: u64 = 4000;
        let bins = Grid::new(-1.0, 1.0, 2).unwrap();
        // The samples lie in octants with unequal shares; the reference has all alike.
        const BELOW: f64 = 0.4;
        let share =
            |i: usize| -> f64 { (0..3).map(|d| if i >> d & 1 == 1 { 1.0 - BELOW } else { BELOW }).product() };
        let (p, q): (Vec<f64>, Vec<f64>) = (0..8).map(|i| (share(i), 0.125)).unzip();
        let truth = divergences(&p, 1, &q, None);
        let (mut off, mut bias) = ([0.0; 2], [0.0; 2]);
        for repetition in 0..REPETITIONS {
            let mut draws = Draws::stream(7, repetition);
            let samples = Array2::from_shape_simple_fn((SAMPLES, 3), || draws.uniform() - BELOW);
            let found = divergences(&bins.shares(samples.view()).unwrap(), SAMPLES, &q, None);
            off[0] += (found.js.value - truth.js.value) / REPETITIONS as f64;
            off[1] += (found.kl.value - truth.kl.value) / REPETITIONS as f64;
            bias[0] += found.js_bias / REPETITIONS as f64;
            bias[1] += found.kl_bias / REPETITIONS as f64;
        }
        for (off, bias) in off.into_iter().zip(bias) {
            // The repetitions leave a twentieth open, the third order another.
            assert!((off / bias - 1.0).abs() < 0.15, "off by {off}, bias {bias}");
        }
        assert!((bias[1] / (7.0 / 800.0) - 1.0).abs() < 1e-3, "seven degrees of freedom over 2n: {bias:?}");
    }

    #[test]
    fn two_sets_of_samples() {
        let mut draws = Draws::seeded(2);
        let (x, y) = (draws.normals((5000, 1), 0.0, 1.0), draws.normals((5000, 1), 1.0, 1.0));
        let narrow = Grid::new(-2.0, 3.0, 10).unwrap();
        let found = divergences_between(x.view(), y.view(), narrow).unwrap();
        // 0.5 between the Normals themselves; binning takes a little, and four standard errors are allowed.
        assert!((found.kl.value - 0.48).abs() < 0.02 + 4.0 * found.kl.standard_error, "{found:?}");
        let empty = divergences_between(x.view(), array![[0.0], [0.1]].view(), narrow).unwrap();
        assert_eq!(empty.kl, Estimate::INFINITE);
    }

    #[test]
    fn bad_grids_and_samples_are_refused() {
        assert!(Grid::new(1.0, 1.0, 4).is_err());
        assert!(Grid::new(0.0, f64::INFINITY, 4).is_err());
        assert_eq!(
            Grid::new(-1e308, 1e308, 4).unwrap_err().to_string(),
            "a grid from -1e308 to 1e308: the edges have to be finite and in order, and their distance finite"
        );
        let wide = Grid::new(-8e307, 8e307, 4).unwrap();
        assert_eq!(wide.shares(array![[-8e307], [-1e307], [1e307], [8e307]].view()).unwrap(), [0.25; 4]);
        assert!(wide.standard_normal_mass(1).unwrap().iter().all(|mass| mass.is_finite()));
        assert!(Grid::new(0.0, 1.0, 1).is_err());
        assert!(matches!(
            divergences_from_standard_normal(Array2::zeros((10, 9)).view(), grid()),
            Err(SampleError::TooManyCells { .. })
        ));
        assert_eq!(
            divergences_from_standard_normal(Array2::zeros((1, 2)).view(), grid()),
            Err(SampleError::TooFew { needed: 2, found: 1 })
        );
    }
}
