//! Wasserstein distances: how far the samples of one side have to be moved to become those of the other.
//!
//! Of empirical distributions, in the unit of the coordinates. For equal distributions they fall only slowly to 0, in one
//! dimension as `1 / sqrt(n)` and in d dimensions as `n^(-1 / d)`; [`permutation`](super::permutation) says what is noise.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use super::draws::Draws;
use super::error::SampleError;
use super::estimate::{Estimate, mean, variance};
use super::points::{Points, exponent_out_of_range};
use crate::numeric::bures_distance;

/// The Wasserstein-1 distance in one dimension, the mean distance that is moved: `∫ |F - G| = ∫_0^1 |F^-1 - G^-1|`.
///
/// # Errors
///
/// [`SampleError`] if a side has no sample, or one that is not finite.
///
/// ```
/// use metrics::samples::transport::wasserstein_1;
///
/// assert_eq!(wasserstein_1(&[0.0, 1.0, 3.0], &[5.0, 6.0, 8.0])?, 5.0);
/// assert_eq!(wasserstein_1(&[0.0, 2.0], &[1.0])?, 1.0);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn wasserstein_1(x: &[f64], y: &[f64]) -> Result<f64, SampleError> {
    let (x, y) = (sorted(x)?, sorted(y)?);
    Ok(transport(&x, &y, f64::abs))
}

/// The Wasserstein-2 distance in one dimension, the root of the mean square that is moved: `sqrt(∫_0^1 (F^-1 - G^-1)^2)`.
///
/// # Errors
///
/// [`SampleError`] if a side has no sample, or one that is not finite.
///
/// ```
/// use metrics::samples::transport::wasserstein_2;
///
/// // One of two is moved by 2.
/// assert_eq!(wasserstein_2(&[0.0, 1.0], &[0.0, 3.0])?, 2f64.sqrt());
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn wasserstein_2(x: &[f64], y: &[f64]) -> Result<f64, SampleError> {
    let (x, y) = (sorted(x)?, sorted(y)?);
    let exponent = exponent_out_of_range(x.iter().chain(&y));
    let squared = |d: f64| libm::ldexp(d, -exponent).powi(2);
    Ok(libm::ldexp(transport(&x, &y, squared).sqrt(), exponent))
}

/// The Wasserstein-2 distance between the Normals that have the means and the covariances of the two sides: on features of
/// a network the root of the Fréchet inception distance.
///
/// # Shapes
///
/// - x: `[samples of P, dimensions]`
/// - y: `[samples of Q, dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are fewer than two samples on a side, if the dimensions differ or there are none, or if a
/// coordinate is not finite.
///
/// # Source
///
/// Dowson and Landau, *The Fréchet distance between multivariate normal distributions*, J. Multivar. Anal. 12 (1982).
///
/// ```
/// use metrics::samples::transport::gaussian_wasserstein_2;
/// use ndarray::array;
///
/// let x = array![[0.0, 1.0], [2.0, 0.0], [1.0, 5.0], [3.0, 3.0]];
/// let moved = &x + &array![3.0, 4.0];
/// assert!((gaussian_wasserstein_2(x.view(), moved.view())? - 5.0).abs() < 1e-14);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn gaussian_wasserstein_2(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64, SampleError> {
    let (points_x, points_y) = Points::pair(x, y, 2)?;
    let ([points_x, points_y], exponent) = Points::in_range([points_x, points_y]);
    let d = points_x.dimensions();
    let shift = (0..d).map(|i| mean(points_x.column(i)) - mean(points_y.column(i)));
    let shapes = bures_distance(&covariance_root(&points_x), &covariance_root(&points_y), d);
    Ok(libm::ldexp(shift.fold(shapes, f64::hypot), exponent))
}

/// The sliced Wasserstein-2 distance: the root of the mean, over random directions, of the squared distance in one
/// dimension of the samples along a direction. The standard error is that of the directions.
///
/// # Shapes
///
/// - x: `[samples of P, dimensions]`
/// - y: `[samples of Q, dimensions]`
///
/// # Errors
///
/// [`SampleError`] if a side has no sample, if the dimensions differ or there are none, if a coordinate is not finite, or for
/// fewer than two directions.
///
/// # Source
///
/// Bonneel, Rabin, Peyré and Pfister, *Sliced and Radon Wasserstein Barycenters of Measures*, J. Math. Imaging Vis. 51 (2015).
///
/// ```
/// use metrics::samples::transport::sliced_wasserstein_2;
/// use ndarray::array;
///
/// let x = array![[0.0, 1.0], [2.0, 0.0], [1.0, 5.0]];
/// let moved = &x + &array![3.0, 4.0];
/// // Along a direction at the angle t to the shift of 5 it is 5 |cos t|, with a mean square of 25 / 2.
/// let found = sliced_wasserstein_2(x.view(), moved.view(), 2000, 0)?;
/// assert!((found.value - 5.0 / 2f64.sqrt()).abs() < 4.0 * found.standard_error);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn sliced_wasserstein_2(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    directions: usize,
    seed: u64,
) -> Result<Estimate, SampleError> {
    Points::pair(x, y, 1)?;
    if directions < 2 {
        return Err(SampleError::TooFewDirections { directions });
    }
    let exponent = exponent_out_of_range(x.iter().chain(&y));
    let [x, y] = [x, y].map(|samples| samples.mapv(|number| libm::ldexp(number, -exponent)));
    let squares: Vec<f64> = (0..directions)
        .into_par_iter()
        .map(|direction| {
            let direction = Draws::stream(seed, direction as u64).direction(x.ncols());
            let along = |samples: &Array2<f64>| {
                let of = |row: ArrayView1<'_, f64>| row.iter().zip(&direction).map(|(x, d)| x * d).sum();
                let mut along: Vec<f64> = samples.axis_iter(Axis(0)).map(of).collect();
                along.sort_by(f64::total_cmp);
                along
            };
            transport(&along(&x), &along(&y), |d| d * d)
        })
        .collect();
    let value = mean(&squares).sqrt();
    let of_squares = (variance(&squares) / directions as f64).sqrt();
    // The root of a number varies by half as much over the root.
    let standard_error = if value > 0.0 { 0.5 * of_squares / value } else { 0.0 };
    let back = |number| libm::ldexp(number, exponent);
    Ok(Estimate { value: back(value), standard_error: back(standard_error) })
}

fn sorted(values: &[f64]) -> Result<Vec<f64>, SampleError> {
    if values.is_empty() {
        return Err(SampleError::TooFew { needed: 1, found: 0 });
    }
    if let Some(sample) = values.iter().position(|x| !x.is_finite()) {
        return Err(SampleError::NotFinite { sample, dimension: 0, value: values[sample] });
    }
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    Ok(values)
}

/// The mean of `cost(F^-1(u) - G^-1(u))` over u. Both are steps, `1 / n` and `1 / m` wide, counted in units of `1 / n m`.
fn transport(x: &[f64], y: &[f64], cost: impl Fn(f64) -> f64) -> f64 {
    let (n, m) = (x.len() as u128, y.len() as u128);
    let (mut i, mut j, mut done) = (0, 0, 0);
    let mut sum = 0.0;
    while i < x.len() && j < y.len() {
        let (end_of_x, end_of_y) = ((i as u128 + 1) * m, (j as u128 + 1) * n);
        let end = end_of_x.min(end_of_y);
        sum += (end - done) as f64 * cost(x[i] - y[j]);
        done = end;
        i += usize::from(end == end_of_x);
        j += usize::from(end == end_of_y);
    }
    sum / (n * m) as f64
}

/// The lower triangular L with `L Lᵀ` the covariance, row by row, with zeros for a coordinate that depends on those before.
fn covariance_root(points: &Points) -> Vec<f64> {
    let (n, d) = (points.len(), points.dimensions());
    let centred: Vec<Vec<f64>> = (0..d)
        .map(|i| {
            let mean = mean(points.column(i));
            points.column(i).iter().map(|x| x - mean).collect()
        })
        .collect();
    let covariance = |i: usize, j: usize| -> f64 {
        centred[i].iter().zip(&centred[j]).map(|(x, y)| x * y).sum::<f64>() / (n as f64 - 1.0)
    };
    let mut l = vec![0.0; d * d];
    for i in 0..d {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| l[i * d + k] * l[j * d + k]).sum();
            let rest = covariance(i, j) - known;
            l[i * d + j] = if i == j {
                // What rounding leaves of a variance that the coordinates before have used up is none.
                if rest > 1e-13 * (rest + known) { rest.sqrt() } else { 0.0 }
            } else if l[j * d + j] > 0.0 {
                rest / l[j * d + j]
            } else {
                0.0
            };
        }
    }
    l
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_of_different_size() {
        // Every sample of the coarse side twice is the fine side.
        let (coarse, fine) = ([3.0, -1.0, 4.0], [3.5, 2.5, -0.5, -1.5, 4.5, 3.5]);
        assert!((wasserstein_1(&coarse, &fine).unwrap() - 0.5).abs() < 1e-15);
        assert!((wasserstein_2(&fine, &coarse).unwrap() - 0.5).abs() < 1e-15);
        // Quantiles by hand: x = 0, 1 and y = 0, 1, 2 meet on sixths.
        let found = wasserstein_1(&[0.0, 1.0], &[0.0, 1.0, 2.0]).unwrap();
        assert!((found - (1.0 + 2.0) / 6.0).abs() < 1e-15, "{found}");
        assert_eq!(wasserstein_2(&[1.0, 2.0], &[2.0, 1.0]), Ok(0.0));
    }

    #[test]
    fn normals_against_the_closed_form() {
        let mut draws = Draws::seeded(12);
        let x = draws.normals((20_000, 2), 0.5, 2.0);
        let y = draws.normals((15_000, 2), -1.0, 1.0);
        // sqrt((mean_p - mean_q)^2 + (sd_p - sd_q)^2), in one dimension and with both in two.
        let column = |samples: &Array2<f64>| samples.column(0).to_vec();
        let one = wasserstein_2(&column(&x), &column(&y)).unwrap();
        assert!((one - (1.5f64 * 1.5 + 1.0).sqrt()).abs() < 0.05, "{one}");
        let both = gaussian_wasserstein_2(x.view(), y.view()).unwrap();
        assert!((both - (2.0f64 * (1.5 * 1.5 + 1.0)).sqrt()).abs() < 0.05, "{both}");
        // Along a direction (mean d)^2 + 1 with a mean of 1.5^2 + 1.
        let sliced = sliced_wasserstein_2(x.view(), y.view(), 100, 3).unwrap();
        let expected = (1.5f64 * 1.5 + 1.0).sqrt();
        assert!((sliced.value - expected).abs() < 0.05 + 4.0 * sliced.standard_error, "{sliced:?}");
        assert_eq!(sliced_wasserstein_2(x.view(), y.view(), 100, 3).unwrap(), sliced);
    }

    #[test]
    fn at_the_ends_of_the_range_distances_scale_as_the_coordinates_do() {
        let (x, y) =
            (Draws::seeded(5).normals((30, 2), 0.5, 0.7), Draws::seeded(6).normals((40, 2), 0.0, 1.0));
        let all = |exponent: i32| {
            let [x, y] = [&x, &y].map(|samples| samples.mapv(|number| libm::ldexp(number, exponent)));
            let [first_x, first_y] = [&x, &y].map(|samples| samples.column(0).to_vec());
            let sliced = sliced_wasserstein_2(x.view(), y.view(), 10, 0).unwrap();
            [
                wasserstein_1(&first_x, &first_y).unwrap(),
                wasserstein_2(&first_x, &first_y).unwrap(),
                gaussian_wasserstein_2(x.view(), y.view()).unwrap(),
                sliced.value,
                sliced.standard_error,
            ]
        };
        for exponent in [-900, -300, -200, 130, 200, 260, 300, 600, 1000] {
            assert_eq!(all(exponent), all(0).map(|number| libm::ldexp(number, exponent)), "{exponent}");
        }
    }

    #[test]
    fn dependent_coordinates() {
        let mut draws = Draws::seeded(1);
        let x = draws.normals((500, 1), 0.0, 1.0);
        // The same coordinate twice, at two scales: the distance of the scales along the diagonal.
        let twice = |scale: f64| Array2::from_shape_fn((500, 2), |(i, _)| scale * x[[i, 0]]);
        let found = gaussian_wasserstein_2(twice(1.0).view(), twice(3.0).view()).unwrap();
        let sd = variance(x.column(0).as_slice().unwrap()).sqrt();
        let shift = 2.0 * mean(x.column(0).as_slice().unwrap());
        let expected = (2.0 * shift * shift + 2.0 * (2.0 * sd).powi(2)).sqrt();
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    #[test]
    fn bad_samples_are_refused() {
        assert_eq!(wasserstein_1(&[], &[1.0]), Err(SampleError::TooFew { needed: 1, found: 0 }));
        assert!(matches!(
            wasserstein_2(&[1.0, f64::NAN], &[1.0]),
            Err(SampleError::NotFinite { sample: 1, .. })
        ));
        let x = Array2::zeros((5, 2));
        assert_eq!(
            sliced_wasserstein_2(x.view(), x.view(), 1, 0),
            Err(SampleError::TooFewDirections { directions: 1 })
        );
    }
}
