//! Normal samples that have their moments exactly.

use ndarray::{Array2, Axis};

use crate::random::{Purpose, noise};

/// `rows` samples of `N(0, diag(variances))`, `[rows, variances]`, moved and turned so that their mean is 0 and their
/// covariance is the diagonal one, with the number of rows in the denominator: whatever depends on the second moments alone
/// then has its expectation, not an estimate of it.
///
/// # Panics
///
/// Panics unless there are more rows than variances.
pub fn exact_gaussian(rows: usize, variances: &[f64], seed: u64) -> Array2<f64> {
    assert!(rows > variances.len(), "a sample of {rows} has no covariance of rank {}", variances.len());
    let drawn = noise(seed, Purpose::SelfTestData, 0, 0, rows * variances.len());
    let mut samples = Array2::from_shape_vec((rows, variances.len()), drawn)
        .expect("as many numbers were drawn as it holds")
        .mapv(f64::from);
    for column in 0..variances.len() {
        let mean = samples.column(column).sum() / rows as f64;
        samples.column_mut(column).mapv_inplace(|value| value - mean);
        // Once leaves the rounding errors of a long column, twice is enough.
        for _ in 0..2 {
            for before in 0..column {
                let direction = samples.column(before).to_owned();
                let along = direction.dot(&samples.column(column)) / direction.dot(&direction);
                samples.column_mut(column).scaled_add(-along, &direction);
            }
        }
        let variance = samples.column(column).mapv(|value| value * value).sum() / rows as f64;
        samples.column_mut(column).mapv_inplace(|value| value / variance.sqrt());
    }
    for (mut column, variance) in samples.axis_iter_mut(Axis(1)).zip(variances) {
        column.mapv_inplace(|value| value * variance.sqrt());
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moments_are_exact() {
        let variances = [16.0, 1.0, 0.25];
        let samples = exact_gaussian(500, &variances, 1);
        let covariance = samples.t().dot(&samples) / 500.0;
        assert!(samples.sum_axis(Axis(0)).iter().all(|sum| sum.abs() < 1e-9));
        for ((row, column), found) in covariance.indexed_iter() {
            let expected = if row == column { variances[row] } else { 0.0 };
            assert!((found - expected).abs() < 1e-12 * 16.0, "{found}, expected {expected}");
        }
    }
}
