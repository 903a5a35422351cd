//! Maximum mean discrepancy: how far apart two distributions lie in the eyes of a kernel.
//!
//! With the Gaussian kernel `k(x, y) = exp(-|x - y|^2 / 2 s^2)` of bandwidth `s`,
//!
//! ```text
//! MMD^2(P, Q) = E k(x, x') - 2 E k(x, y) + E k(y, y')
//! ```
//!
//! is 0 only for equal distributions, and at most 2. The estimates leave the pairs of a sample with itself out and are
//! thereby unbiased: their mean over repetitions is the true value, and where that is close to 0 they are as often
//! negative as not. A bandwidth of about the distance between two samples sees the most.

use std::f64::consts::SQRT_2;

use kernels::exp_f64;
use ndarray::ArrayView2;

use super::error::SampleError;
use super::estimate::{Estimate, variance};
use super::pairs::{BLOCK, Sums, Terms, across, within};
use super::points::Points;

/// The unbiased estimate of the squared discrepancy between samples `x` and `y`, without a unit.
///
/// The standard error is first-order: for either side the variance over its samples of their mean affinity to their own
/// kind less that to the other, four times over the number of samples. Where the distributions agree, higher orders are
/// all there is, and it errs on the large side, by up to a factor of 1.5.
///
/// # Shapes
///
/// - x: `[samples of P, dimensions]`
/// - y: `[samples of Q, dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are fewer than two samples on a side, if the dimensions differ or there are none, if a
/// coordinate is not finite, or if the bandwidth is not a positive, finite number.
///
/// # Source
///
/// Gretton, Borgwardt, Rasch, Schölkopf and Smola, *A Kernel Two-Sample Test*, J. Mach. Learn. Res. 13 (2012), lemma 6.
///
/// ```
/// use metrics::samples::mmd::squared_discrepancy;
/// use ndarray::array;
///
/// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[9.0], [10.0], [11.0]]);
/// let apart = squared_discrepancy(x.view(), y.view(), 2.0)?;
/// let alike = squared_discrepancy(x.view(), (&x + 0.1).view(), 2.0)?;
/// assert!(apart.value > 1.0 && alike.value < 0.1);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn squared_discrepancy(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    bandwidth: f64,
) -> Result<Estimate, SampleError> {
    squared_discrepancy_over(x, y, &[bandwidth])
}

/// The unbiased estimate of the squared discrepancy with the mean of the kernels of several bandwidths, without a unit.
///
/// Differences at every one of the scales are seen, each a little less than with its own bandwidth alone. A common choice is
/// [`median_bandwidth`] times 1/4, 1/2, 1, 2 and 4.
///
/// # Shapes
///
/// As for [`squared_discrepancy`].
///
/// # Errors
///
/// As for [`squared_discrepancy`], and [`SampleError::NoBandwidth`].
///
/// ```
/// use metrics::samples::mmd::{median_bandwidth, squared_discrepancy_over};
/// use ndarray::array;
///
/// let (x, y) = (array![[0.0], [1.0], [2.0]], array![[0.5], [1.5], [9.0]]);
/// let bandwidth = median_bandwidth(x.view(), y.view())?;
/// assert_eq!(bandwidth, 1.5);
/// let found = squared_discrepancy_over(x.view(), y.view(), &[0.5, 1.0, 2.0].map(|factor| factor * bandwidth))?;
/// assert!(found.value < found.standard_error);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn squared_discrepancy_over(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    bandwidths: &[f64],
) -> Result<Estimate, SampleError> {
    let kernel = Gaussian::new(bandwidths)?;
    let (x, y) = Points::pair(x, y, 2)?;
    let (x, y) = (kernel.scaled(&x)?, kernel.scaled(&y)?);
    Ok(discrepancy(&x, &y, &kernel))
}

/// The median distance between two samples of the pooled `x` and `y`: the bandwidth that is taken where nothing better is
/// known.
///
/// Of more than 1000 samples, evenly spaced ones are looked at.
///
/// # Shapes
///
/// As for [`squared_discrepancy`].
///
/// # Errors
///
/// [`SampleError`] if there are fewer than two samples on a side, if the dimensions differ or there are none, if a
/// coordinate is not finite, and [`SampleError::InvalidBandwidth`] if more than half of the samples coincide.
///
/// # Source
///
/// Gretton et al., as for [`squared_discrepancy`], section 8.
///
/// ```
/// use ndarray::array;
///
/// // Distances of 1, 1, 1, 2, 2 and 3.
/// let bandwidth = metrics::samples::mmd::median_bandwidth(array![[0.0], [1.0]].view(), array![[2.0], [3.0]].view())?;
/// assert_eq!(bandwidth, 2.0);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn median_bandwidth(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64, SampleError> {
    const MOST: usize = 1000;
    Points::pair(x, y, 2)?;
    let count = x.nrows() + y.nrows();
    let row = |i: usize| if i < x.nrows() { x.row(i) } else { y.row(i - x.nrows()) };
    let looked_at = count.min(MOST);
    let rows: Vec<_> = (0..looked_at).map(|i| row(i * count / looked_at)).collect();
    let mut distances: Vec<f64> = (1..looked_at)
        .flat_map(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| rows[i].iter().zip(rows[j]).fold(0.0, |sum: f64, (x, y)| sum.hypot(x - y)))
        .collect();
    let middle = distances.len() / 2;
    let (_, &mut median, _) = distances.select_nth_unstable_by(middle, f64::total_cmp);
    if median > 0.0 { Ok(median) } else { Err(SampleError::InvalidBandwidth { bandwidth: median }) }
}

/// A kernel as a function of the squared distance. To be inlined always.
pub(super) trait Kernel: Sync {
    fn of(&self, squared_distances: &[f64], values: &mut [f64; BLOCK]);
}

struct Affinity<'a, K>(&'a K);

impl<K: Kernel> Terms<1> for Affinity<'_, K> {
    #[inline(always)]
    fn of(&self, _: usize, _: usize, squared_distances: &[f64], values: &mut [[f64; BLOCK]; 1]) {
        self.0.of(squared_distances, &mut values[0]);
    }
}

/// The unbiased estimate with any kernel.
pub(super) fn discrepancy(x: &Points, y: &Points, kernel: &impl Kernel) -> Estimate {
    let terms = Affinity(kernel);
    // Within a set without the pairs of a sample with itself.
    let (Sums([within_x]), Sums([within_y])) = (within(x, &terms), within(y, &terms));
    let [Sums([x_to_y]), Sums([y_to_x])] = across(x, y, &terms);

    let over_pairs = |sums: &[f64], pairs: f64| sums.iter().sum::<f64>() / pairs;
    let (n, m) = (x.len() as f64, y.len() as f64);
    let value = over_pairs(&within_x, n * (n - 1.0)) + over_pairs(&within_y, m * (m - 1.0))
        - 2.0 * over_pairs(&x_to_y, n * m);

    let variance_of_side = |within: &[f64], across: &[f64], own: f64, other: f64| {
        let differences: Vec<f64> =
            within.iter().zip(across).map(|(within, across)| within / (own - 1.0) - across / other).collect();
        4.0 * variance(&differences) / own
    };
    let variance = variance_of_side(&within_x, &x_to_y, n, m) + variance_of_side(&within_y, &y_to_x, m, n);
    Estimate { value, standard_error: variance.sqrt() }
}

/// The unbiased estimate of the squared discrepancy between samples `x` and N(0, I), without a unit.
///
/// The expectations over the Normal have closed forms, so that the samples are the only source of noise:
///
/// ```text
/// E k(x, y)  = (s^2 / (s^2 + 1))^(d / 2) exp(-|x|^2 / 2 (s^2 + 1))
/// E k(y, y') = (s^2 / (s^2 + 2))^(d / 2)
/// ```
///
/// The standard error is that of a U-statistic, both orders of it. Where the distributions agree, the first order is 0 and
/// its estimate is not, so that the error comes out too large by about a quarter.
///
/// # Shapes
///
/// - x: `[samples, dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are fewer than two samples, no dimensions, a coordinate that is not finite, or if the
/// bandwidth is not a positive, finite number.
///
/// # Source
///
/// Gretton et al., as above; Hoeffding, *A Class of Statistics with Asymptotically Normal Distribution*, Ann. Math. Stat. 19
/// (1948), for the variance.
pub fn squared_discrepancy_from_standard_normal(
    x: ArrayView2<'_, f64>,
    bandwidth: f64,
) -> Result<Estimate, SampleError> {
    let kernel = Gaussian::new(&[bandwidth])?;
    let x = Points::new(x, 2)?;
    let (n, d) = (x.len() as f64, x.dimensions() as f64);
    // Roots of s^2 + 1 and s^2 + 2 that do not overflow.
    let (with_one, with_two) = (bandwidth.hypot(1.0), bandwidth.hypot(SQRT_2));
    let scale = (bandwidth / with_one).powf(d);
    let to_normal =
        (0..x.len()).map(|i| scale * (-0.5 * x.squared_norm_over(with_one, i)).exp()).collect::<Vec<_>>();
    let between_normals = (bandwidth / with_two).powf(d);
    let terms = Centred { kernel: &kernel, to_normal: &to_normal, between_normals };
    let Sums([sums, sums_of_squares]) = within(&kernel.scaled(&x)?, &terms);

    let pairs = n * (n - 1.0);
    let value = sums.iter().sum::<f64>() / pairs;
    let of_pairs = sums_of_squares.iter().sum::<f64>() / pairs - value * value;
    let row_means: Vec<f64> = sums.iter().map(|sum| sum / (n - 1.0)).collect();
    // A mean over a row varies by itself, by `of_pairs / n`, where the projection does not vary at all.
    let of_projection = variance(&row_means) - of_pairs / n;
    let variance = 4.0 * of_projection.max(0.0) / n + 2.0 * of_pairs / pairs;
    Ok(Estimate { value, standard_error: variance.sqrt() })
}

/// `h(x, x') = k(x, x') - E k(x, y) - E k(x', y) + E k(y, y')`, which has the discrepancy as its mean, and its square.
struct Centred<'a> {
    kernel: &'a Gaussian,
    /// `E k(x, y)` of each sample.
    to_normal: &'a [f64],
    between_normals: f64,
}

impl Terms<2> for Centred<'_> {
    #[inline(always)]
    fn of(&self, i: usize, first: usize, squared_distances: &[f64], [h, squares]: &mut [[f64; BLOCK]; 2]) {
        self.kernel.of(squared_distances, h);
        let of_i = self.between_normals - self.to_normal[i];
        let to_normal = &self.to_normal[first..first + squared_distances.len()];
        for ((h, square), to_normal) in h.iter_mut().zip(squares).zip(to_normal) {
            *h += of_i - to_normal;
            *square = *h * *h;
        }
    }
}

/// The mean of the kernels of some bandwidths, over coordinates that are divided by a power of two near the smallest, so that
/// neither the square of a bandwidth nor that of a distance leaves the range of f64 before their ratio does.
struct Gaussian {
    /// The exponent of that power of two.
    exponent: i32,
    /// `-1 / 2 b^2` for each bandwidth b in its unit.
    scales: Vec<f64>,
}

impl Gaussian {
    fn new(bandwidths: &[f64]) -> Result<Self, SampleError> {
        if let Some(&bandwidth) = bandwidths.iter().find(|b| !(b.is_finite() && **b > 0.0)) {
            return Err(SampleError::InvalidBandwidth { bandwidth });
        }
        let smallest = bandwidths.iter().copied().reduce(f64::min).ok_or(SampleError::NoBandwidth)?;
        let (_, exponent) = libm::frexp(smallest);
        let scale = |&bandwidth: &f64| -0.5 / libm::ldexp(bandwidth, -exponent).powi(2);
        Ok(Self { exponent, scales: bandwidths.iter().map(scale).collect() })
    }

    /// The points over the power of two.
    fn scaled(&self, points: &Points) -> Result<Points, SampleError> {
        points.scaled_by_power_of_two(-self.exponent).ok_or(SampleError::BandwidthTooSmall)
    }
}

impl Kernel for Gaussian {
    #[inline(always)]
    fn of(&self, squared_distances: &[f64], values: &mut [f64; BLOCK]) {
        values.fill(0.0);
        let share = 1.0 / self.scales.len() as f64;
        for scale in &self.scales {
            for (value, squared) in values.iter_mut().zip(squared_distances) {
                *value += share * exp_f64(scale * squared);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::samples::draws::Draws;
    use crate::samples::estimate::mean;

    /// The discrepancy between N(mean, sd^2 I) and N(0, I), from the Gaussian integrals.
    fn exact(dimensions: usize, mean: f64, sd: f64, bandwidth: f64) -> f64 {
        let s2 = bandwidth * bandwidth;
        let half_d = 0.5 * dimensions as f64;
        let term = |variance: f64, distance: f64| {
            (s2 / (s2 + variance)).powf(half_d)
                * (-0.5 * dimensions as f64 * distance * distance / (s2 + variance)).exp()
        };
        term(2.0 * sd * sd, 0.0) + term(2.0, 0.0) - 2.0 * term(1.0 + sd * sd, mean)
    }

    #[test]
    fn two_points_by_hand() {
        let (x, y) = (array![[0.0], [1.0]], array![[0.0], [2.0]]);
        let k = |d: f64| (-0.5 * d * d).exp();
        let expected = k(1.0) + k(2.0) - 0.5 * (k(0.0) + k(2.0) + k(1.0) + k(1.0));
        let found = squared_discrepancy(x.view(), y.view(), 1.0).unwrap();
        assert!((found.value - expected).abs() < 1e-15, "{found:?}, not {expected}");
    }

    #[test]
    fn normals_against_the_closed_form() {
        for (dimensions, mean, sd) in [(1, 0.0, 1.0), (2, 0.5, 0.7), (8, 0.3, 0.9), (32, 0.1, 1.1)] {
            let bandwidth = (2.0 * dimensions as f64).sqrt();
            let mut draws = Draws::seeded(10 + dimensions as u64);
            let x = draws.normals((1500, dimensions), mean, sd);
            let y = draws.normals((1200, dimensions), 0.0, 1.0);
            let expected = exact(dimensions, mean, sd, bandwidth);
            for found in [
                squared_discrepancy_from_standard_normal(x.view(), bandwidth).unwrap(),
                squared_discrepancy(x.view(), y.view(), bandwidth).unwrap(),
            ] {
                let error = (found.value - expected).abs();
                assert!(error < 4.0 * found.standard_error, "{dimensions}: {found:?}, not {expected}");
            }
        }
    }

    const REPETITIONS: usize = 300;

    /// The mean and the spread of an estimate over repetitions, and the standard error that it states.
    struct Repeated {
        mean: f64,
        spread: f64,
        stated: f64,
    }

    fn repeated(mut estimate: impl FnMut() -> Estimate) -> Repeated {
        let estimates: Vec<Estimate> = (0..REPETITIONS).map(|_| estimate()).collect();
        let values: Vec<f64> = estimates.iter().map(|e| e.value).collect();
        let stated: Vec<f64> = estimates.iter().map(|e| e.standard_error).collect();
        Repeated { mean: mean(&values), spread: variance(&values).sqrt(), stated: mean(&stated) }
    }

    #[test]
    fn estimates_are_unbiased_and_errors_calibrated() {
        for (centre, sd) in [(0.0, 1.0), (0.6, 0.8)] {
            let expected = exact(2, centre, sd, 2.0);
            let mut draws = Draws::seeded(5);
            let one_sample = repeated(|| {
                let x = draws.normals((100, 2), centre, sd);
                squared_discrepancy_from_standard_normal(x.view(), 2.0).unwrap()
            });
            let two_samples = repeated(|| {
                let (x, y) = (draws.normals((100, 2), centre, sd), draws.normals((80, 2), 0.0, 1.0));
                squared_discrepancy(x.view(), y.view(), 2.0).unwrap()
            });
            // Above 1 where the distributions agree, as the documentation says.
            for (found, largest_ratio) in [(one_sample, 1.4), (two_samples, 1.6)] {
                let Repeated { mean, spread, stated } = found;
                let error_of_mean = spread / (REPETITIONS as f64).sqrt();
                assert!((mean - expected).abs() < 4.0 * error_of_mean, "{centre}: {mean}, not {expected}");
                assert!((0.8..largest_ratio).contains(&(stated / spread)), "{centre}: {stated} for {spread}");
            }
        }
    }

    #[test]
    fn several_bandwidths_are_the_mean_of_each() {
        let mut draws = Draws::seeded(11);
        let (x, y) = (draws.normals((40, 3), 0.5, 1.0), draws.normals((30, 3), 0.0, 1.0));
        let bandwidth = median_bandwidth(x.view(), y.view()).unwrap();
        // The distance of two draws in three dimensions.
        assert!((1.5..3.0).contains(&bandwidth), "{bandwidth}");
        let bandwidths = [0.25, 1.0, 1e200].map(|factor| factor * bandwidth);
        let of_each = bandwidths.map(|b| squared_discrepancy(x.view(), y.view(), b).unwrap().value);
        let found = squared_discrepancy_over(x.view(), y.view(), &bandwidths).unwrap().value;
        assert!((found - mean(&of_each)).abs() < 1e-15, "{found}, not the mean of {of_each:?}");
        assert_eq!(squared_discrepancy_over(x.view(), y.view(), &[]), Err(SampleError::NoBandwidth));
        let same = Array2::zeros((5, 2));
        assert!(matches!(
            median_bandwidth(same.view(), same.view()),
            Err(SampleError::InvalidBandwidth { .. })
        ));
    }

    #[test]
    fn bandwidths_near_the_limits_of_f64() {
        let mut draws = Draws::seeded(8);
        let (x, y) = (draws.normals((20, 2), 0.5, 1.0), draws.normals((30, 2), 0.0, 1.0));
        // A kernel much narrower than any distance sees nothing alike, one much wider sees no difference.
        for bandwidth in [1e-300, 1e-170, 1e160, 1e308] {
            for found in [
                squared_discrepancy(x.view(), y.view(), bandwidth).unwrap(),
                squared_discrepancy_from_standard_normal(x.view(), bandwidth).unwrap(),
            ] {
                assert!(
                    found.value.abs() < 1e-14 && found.standard_error < 1e-14,
                    "{bandwidth:e}: {found:?}"
                );
            }
        }
        // The discrepancy of two samples does not depend on the unit of length.
        let expected = squared_discrepancy(x.view(), y.view(), 0.75).unwrap();
        for unit in [2f64.powi(-600), 2f64.powi(600)] {
            let found = squared_discrepancy((&x * unit).view(), (&y * unit).view(), 0.75 * unit).unwrap();
            assert_eq!(found, expected, "unit {unit:e}");
        }
        let far = &x * 1e300;
        let refused = squared_discrepancy(far.view(), y.view(), 1e-100);
        assert_eq!(refused, Err(SampleError::BandwidthTooSmall));
    }

    #[test]
    fn bad_arguments_are_refused() {
        let x = Array2::zeros((5, 2));
        for bandwidth in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                squared_discrepancy(x.view(), x.view(), bandwidth),
                Err(SampleError::InvalidBandwidth { .. })
            ));
        }
        assert_eq!(
            squared_discrepancy_from_standard_normal(Array2::zeros((1, 2)).view(), 1.0),
            Err(SampleError::TooFew { needed: 2, found: 1 })
        );
    }
}
