//! An upper bound of the information that codes carry about images.

use ndarray::{Array1, Array2, ArrayView1, Axis, s};
use rayon::prelude::*;

use super::posteriors::Posteriors;
use crate::families::cholesky;
use crate::samples::Estimate;

/// `1/2 ln det S - 1/(2N) sum_i ln det S_i` for the covariance `S` of `q(z)` and those of the posteriors, `S_i`.
///
/// The standard error is that of the mean of what an image adds to first order,
/// `1/2 ((m_i - m)' S^-1 (m_i - m) + tr(S^-1 S_i) - ln det S_i)`.
pub(super) fn information_upper(posteriors: Posteriors<'_>) -> Estimate {
    let (means, log_vars) = (posteriors.means(), posteriors.log_vars());
    let (images, dimensions) = means.dim();
    let variances = log_vars.mapv(f64::exp);
    let mean = means.mean_axis(Axis(0)).expect("there are images");
    let centred = &means - &mean;
    let within = variances.mean_axis(Axis(0)).expect("there are images");
    let by_images = if images < dimensions { Covariance::by_images(&centred, &within) } else { None };
    let covariance = by_images.unwrap_or_else(|| Covariance::by_dimensions(&centred, &within));
    let log_determinants = log_vars.sum_axis(Axis(1));
    let value = 0.5 * (covariance.log_determinant - log_determinants.mean().expect("there are images"));
    let of_image = |i: usize| {
        let parts = variances.row(i).into_iter().zip(&covariance.precisions);
        let spread: f64 = parts.map(|(variance, precision)| variance * precision).sum();
        0.5 * (covariance.distances[i] + spread - log_determinants[i])
    };
    Estimate { value, ..Estimate::of_mean((0..images).map(of_image)) }
}

/// What is needed of the covariance `S = C'C / N + D` of `q(z)`, with the centred means `C`, `[images, dimensions]`, and the mean
/// variances `D` of the posteriors.
struct Covariance {
    /// `ln det S`.
    log_determinant: f64,
    /// `(m_i - m)' S^-1 (m_i - m)` of each image.
    distances: Vec<f64>,
    /// The diagonal of `S^-1`.
    precisions: Vec<f64>,
}

impl Covariance {
    /// By the matrix itself, in `N d^2` and `d^3` steps.
    fn by_dimensions(centred: &Array2<f64>, within: &Array1<f64>) -> Self {
        let (images, dimensions) = centred.dim();
        let mut covariance = centred.t().dot(centred) / images as f64;
        for (d, variance) in within.iter().enumerate() {
            covariance[[d, d]] += variance;
        }
        // Of correlations, so that a collapsed dimension does not drown beside a wide one.
        let deviation: Vec<f64> = covariance.diag().iter().map(|variance| variance.sqrt()).collect();
        let correlation: Vec<f64> = covariance
            .indexed_iter()
            .map(|((i, j), value)| if i == j { 1.0 } else { value / (deviation[i] * deviation[j]) })
            .collect();
        // Without the correlations, should dimensions depend on each other to the last bit, it is a bound as well.
        let factor = cholesky(&correlation, dimensions)
            .unwrap_or_else(|_| Array2::eye(dimensions).into_raw_vec_and_offset().0);
        let log_determinant =
            (0..dimensions).map(|d| 2.0 * (factor[d * dimensions + d].ln() + deviation[d].ln())).sum();
        let inverse = inverse_of_factor(&factor, dimensions);
        let squares = column_squares(&inverse);
        let distance = |i: usize| {
            let scaled = Array1::from_shape_fn(dimensions, |d| centred[[i, d]] / deviation[d]);
            inverse.dot(&scaled).iter().map(|x| x * x).sum()
        };
        Self {
            log_determinant,
            distances: (0..images).into_par_iter().map(distance).collect(),
            precisions: squares.iter().zip(&deviation).map(|(square, s)| square / (s * s)).collect(),
        }
    }

    /// By the products of the images, `G = A A'` with `A = C D^(-1/2) / sqrt(N)`, in `N^2 d` and `N^3` steps: of fewer images than
    /// dimensions there are fewer of them. `None` where numbers overflow.
    ///
    /// ```text
    /// ln det S                   = ln det D + ln det (I + G)
    /// (m_i - m)' S^-1 (m_i - m)  = N (1 - (I + G)^-1_ii)
    /// (S^-1)_dd                  = (1 - (A' (I + G)^-1 A)_dd) / D_dd
    /// ```
    ///
    /// Source: the identities of Sylvester and of Woodbury.
    fn by_images(centred: &Array2<f64>, within: &Array1<f64>) -> Option<Self> {
        let images = centred.nrows();
        let scaled = centred / &within.mapv(|variance| (variance * images as f64).sqrt());
        let mut products = scaled.dot(&scaled.t());
        products.diag_mut().mapv_inplace(|square| square + 1.0);
        let factor = cholesky(products.as_slice()?, images).ok()?;
        let log_determinant = within.iter().map(|variance| variance.ln()).sum::<f64>()
            + (0..images).map(|i| 2.0 * factor[i * images + i].ln()).sum::<f64>();
        let inverse = inverse_of_factor(&factor, images);
        let explained = column_squares(&inverse.dot(&scaled));
        let precision = |(explained, variance): (&f64, &f64)| (1.0 - explained).max(0.0) / variance;
        Some(Self {
            log_determinant,
            distances: column_squares(&inverse).iter().map(|left| images as f64 * (1.0 - left)).collect(),
            precisions: explained.iter().zip(within).map(precision).collect(),
        })
    }
}

/// The sum of the squares of each column.
fn column_squares(matrix: &Array2<f64>) -> Array1<f64> {
    let add = |sums: Array1<f64>, row: ArrayView1<'_, f64>| sums + row.mapv(|value| value * value);
    matrix.axis_iter(Axis(0)).fold(Array1::zeros(matrix.ncols()), add)
}

/// The inverse of a lower triangular matrix, row by row.
fn inverse_of_factor(factor: &[f64], size: usize) -> Array2<f64> {
    let mut inverse = Array2::zeros((size, size));
    for row in 0..size {
        let (above, mut rest) = inverse.view_mut().split_at(Axis(0), row);
        let mut this = rest.row_mut(0);
        let diagonal = factor[row * size + row];
        for (k, above) in above.axis_iter(Axis(0)).enumerate() {
            this.slice_mut(s![..=k]).scaled_add(-factor[row * size + k], &above.slice(s![..=k]));
        }
        this.mapv_inplace(|value| value / diagonal);
        this[row] = 1.0 / diagonal;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::samples::draws::Draws;

    #[test]
    fn dependent_dimensions_have_the_bound_of_their_determinant() {
        // q(z) = N(0, [[1, r], [r, 1]]) and posteriors of variance v: ln det S / 2 - ln v.
        let (r, v): (f64, f64) = (0.8, 0.05);
        let mut draws = Draws::seeded(13);
        let x = draws.normals((20_000, 2), 0.0, 1.0);
        let (plus, minus) = (0.5 * (1.0 - v + r).sqrt(), 0.5 * (1.0 - v - r).sqrt());
        let means = x.dot(&array![[plus + minus, plus - minus], [plus - minus, plus + minus]]);
        let log_vars = Array2::from_elem(means.dim(), v.ln());
        let found = information_upper(Posteriors::new(means.view(), log_vars.view()).unwrap());
        let expected = 0.5 * (1.0 - r * r).ln() - v.ln();
        assert!((found.value - expected).abs() < 5.0 * found.standard_error, "{found:?}, not {expected}");
        assert!(found.standard_error < 0.01, "{found:?}");
    }

    #[test]
    fn both_ways_give_the_same_of_any_posteriors() {
        let mut draws = Draws::seeded(17);
        for (images, dimensions, spread, log_var) in [
            (40, 60, 1.0, -1.0),
            (60, 40, 1.0, -1.0),
            (3, 50, 30.0, -6.0),
            (25, 25, 1e-4, 0.0),
            (1, 4, 1.0, 0.5),
        ] {
            let means = draws.normals((images, dimensions), 0.3, spread);
            let centred = &means - &means.mean_axis(Axis(0)).unwrap();
            let within = draws.normals((1, dimensions), log_var, 0.7).mapv(f64::exp).row(0).to_owned();
            let by_images = Covariance::by_images(&centred, &within).unwrap();
            let by_dimensions = Covariance::by_dimensions(&centred, &within);
            let close = |found: f64, expected: f64, what: &str| {
                // Roundings of sums of some thousand products.
                let error = (found - expected).abs();
                assert!(
                    error < 1e-9 * expected.abs().max(1.0),
                    "{what}: {found}, not {expected} of {images}"
                );
            };
            close(by_images.log_determinant, by_dimensions.log_determinant, "log determinant");
            for (found, expected) in by_images.distances.iter().zip(&by_dimensions.distances) {
                close(*found, *expected, "distance");
            }
            for (found, expected) in by_images.precisions.iter().zip(&by_dimensions.precisions) {
                close(*found / expected, 1.0, "precision");
            }
        }
    }

    #[test]
    fn a_factor_times_its_inverse_is_the_identity() {
        let factor = [2.0, 0.0, 0.0, -1.0, 0.5, 0.0, 3.0, 4.0, 0.25];
        let product =
            Array2::from_shape_vec((3, 3), factor.to_vec()).unwrap().dot(&inverse_of_factor(&factor, 3));
        assert_eq!(product, Array2::<f64>::eye(3));
    }
}
