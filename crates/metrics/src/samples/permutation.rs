//! Permutation tests: could two samples come from one distribution?

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;

use super::draws::Draws;
use super::error::SampleError;

/// What two statistics may differ by, over their size, that are equal.
const ROUNDING: f64 = 1e-12;

/// The probability that samples of one distribution, dealt to the two sides at random, are as far apart as `x` and `y` in the
/// eyes of `statistic`, or farther.
///
/// The share of `permutations` random deals whose statistic is at least the observed one, but for rounding, which counts as one
/// of them: under the hypothesis that P and Q are equal, a p-value at most any α has a probability at most α, exactly, for any
/// statistic and any number of samples. The deals depend on the `seed` alone, and not on the number of threads.
///
/// # Shapes
///
/// - x: `[samples of P, dimensions]`
/// - y: `[samples of Q, dimensions]`
///
/// # Errors
///
/// [`SampleError::Dimensions`] if the dimensions differ, [`SampleError::NoPermutations`], [`SampleError::StatisticIsNan`], and
/// what `statistic` returns.
///
/// # Source
///
/// Phipson and Smyth, *Permutation P-values Should Never Be Zero*, Stat. Appl. Genet. Mol. Biol. 9 (2010).
///
/// ```
/// use metrics::samples::{mmd, permutation::p_value};
/// use ndarray::Array2;
///
/// let x = Array2::from_shape_fn((30, 1), |(i, _)| i as f64);
/// let y = Array2::from_shape_fn((30, 1), |(i, _)| i as f64 + 12.0);
/// let p = p_value(x.view(), y.view(), 199, 0, |x, y| Ok(mmd::squared_discrepancy(x, y, 5.0)?.value))?;
/// assert!(p <= 0.01);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn p_value(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    permutations: usize,
    seed: u64,
    statistic: impl Fn(ArrayView2<'_, f64>, ArrayView2<'_, f64>) -> Result<f64, SampleError> + Sync,
) -> Result<f64, SampleError> {
    if permutations == 0 {
        return Err(SampleError::NoPermutations);
    }
    let number = |x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>| match statistic(x, y)? {
        number if number.is_nan() => Err(SampleError::StatisticIsNan),
        number => Ok(number),
    };
    let observed = number(x, y)?;
    // The same deal in another order of its samples is the same statistic, but for the order of its sums. Infinity is not rounded.
    let rounding = if observed.is_finite() { ROUNDING * observed.abs() } else { 0.0 };
    let pooled = concatenate(Axis(0), &[x, y])
        .map_err(|_| SampleError::Dimensions { expected: x.ncols(), found: y.ncols() })?;
    let as_far = (0..permutations)
        .into_par_iter()
        .map(|permutation| {
            let dealt = shuffled(&pooled, Draws::stream(seed, permutation as u64));
            let found = number(dealt.slice(s![..x.nrows(), ..]), dealt.slice(s![x.nrows().., ..]))?;
            Ok(usize::from(found >= observed - rounding))
        })
        .sum::<Result<usize, SampleError>>()?;
    Ok((as_far + 1) as f64 / (permutations + 1) as f64)
}

fn shuffled(rows: &Array2<f64>, mut draws: Draws) -> Array2<f64> {
    let mut order: Vec<usize> = (0..rows.nrows()).collect();
    for last in (1..order.len()).rev() {
        let other = (draws.uniform() * (last + 1) as f64) as usize;
        order.swap(last, other.min(last));
    }
    rows.select(Axis(0), &order)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::samples::energy::energy_distance;
    use crate::samples::mmd::squared_discrepancy;

    #[test]
    fn a_statistic_that_is_nan_is_an_error() {
        let x = Array2::zeros((3, 1));
        assert_eq!(p_value(x.view(), x.view(), 9, 0, |_, _| Ok(f64::NAN)), Err(SampleError::StatisticIsNan));
    }

    /// Two of the twenty splits are as extreme; the sums of one and the same split differ by the order of its samples.
    #[test]
    fn rounding_breaks_no_ties() {
        let distance = |x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>| Ok(energy_distance(x, y)?.value);
        for x in [array![[7.93], [6.77], [6.29]], array![[6.29], [6.77], [7.93]]] {
            for middle in [25.99, 25.990000000000002] {
                let y = array![[27.75], [middle], [27.4]];
                let found = p_value(x.view(), y.view(), 9999, 0, distance).unwrap();
                // Three standard deviations of a share of 9999 deals.
                assert!((found - 0.1).abs() < 0.009, "{x}, {middle}: {found}");
            }
        }
    }

    fn p(x: &Array2<f64>, y: &Array2<f64>, seed: u64) -> f64 {
        p_value(x.view(), y.view(), 99, seed, |x, y| Ok(squared_discrepancy(x, y, 1.0)?.value)).unwrap()
    }

    #[test]
    fn p_values_are_uniform_under_the_hypothesis_and_small_beyond() {
        let mut draws = Draws::seeded(2);
        let ps: Vec<f64> = (0..200)
            .map(|seed| p(&draws.normals((25, 1), 0.0, 1.0), &draws.normals((20, 1), 0.0, 1.0), seed))
            .collect();
        for alpha in [0.1, 0.3, 0.5, 0.8] {
            let share = ps.iter().filter(|p| **p <= alpha).count() as f64 / 200.0;
            // Four standard deviations of a binomial share.
            assert!((share - alpha).abs() < 4.0 * (alpha * (1.0 - alpha) / 200.0).sqrt(), "{alpha}: {share}");
        }
        assert_eq!(p(&draws.normals((25, 1), 0.0, 1.0), &draws.normals((25, 1), 3.0, 1.0), 1), 0.01);
    }

    #[test]
    fn a_deal_is_a_permutation_and_the_seed_decides() {
        let rows = Array2::from_shape_fn((50, 2), |(i, j)| (2 * i + j) as f64);
        let mut dealt: Vec<f64> = shuffled(&rows, Draws::stream(1, 2)).iter().copied().collect();
        assert_ne!(dealt, rows.iter().copied().collect::<Vec<_>>());
        dealt.sort_by(f64::total_cmp);
        assert_eq!(dealt, (0..100).map(f64::from).collect::<Vec<_>>());
        let (x, y) =
            (Draws::seeded(5).normals((15, 1), 0.0, 1.0), Draws::seeded(6).normals((15, 1), 0.5, 1.0));
        assert_eq!(p(&x, &y, 3), p(&x, &y, 3));
    }

    #[test]
    fn bad_arguments_are_refused() {
        let (line, plane) = (Array2::zeros((5, 1)), Array2::zeros((5, 2)));
        let statistic = |_: ArrayView2<'_, f64>, _: ArrayView2<'_, f64>| Ok(0.0);
        let refused = p_value(line.view(), plane.view(), 9, 0, statistic);
        assert_eq!(refused, Err(SampleError::Dimensions { expected: 1, found: 2 }));
        assert_eq!(p_value(line.view(), line.view(), 0, 0, statistic), Err(SampleError::NoPermutations));
        // All deals are as far apart: nothing speaks against the hypothesis.
        assert_eq!(p_value(line.view(), line.view(), 9, 0, statistic), Ok(1.0));
    }
}
