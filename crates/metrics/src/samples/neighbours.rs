//! Kullback-Leibler divergence from the distances to nearest neighbours.
//!
//! Where samples lie dense their neighbours are close: the distance `r` to the k-th of `n` neighbours says that the
//! density is about `k / (n V_d r^d)`, with the volume `V_d` of the unit ball. No bins and no kernels; but the noise does
//! not shrink with the dimension, and in many dimensions, where all distances are alike, the estimates are biased towards
//! smaller divergences: 10,000 samples of N(0, I) itself come out at 0.00 nats in 2 dimensions, at -0.4 in 16 and at -8.6
//! in 64 with [`kl_from_standard_normal`], and at -0.2 in both with [`kl_divergence`] from a Normal beside it, whose two
//! biases nearly cancel.
//!
//! Standard errors come from ten disjoint batches of the samples (of both sides, where both are sampled): the standard
//! deviation of the ten estimates over the root of ten. They are themselves uncertain by a quarter and say nothing of the
//! bias.

use std::f64::consts::{LN_2, PI};

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::error::SampleError;
use super::estimate::{Estimate, variance};
use super::points::Points;
use super::tree::{Euclidean, Tree};

/// Batches from which a standard error is taken.
const BATCHES: usize = 10;

/// `KL(P ‖ Q)` in nats from samples `x` of P and `y` of the reference Q,
///
/// ```text
/// d / n sum_i ln(s_i / r_i) + ln(m / (n - 1))
/// ```
///
/// where `r_i` is the distance of `x_i` to the `neighbours`-th of the other `n - 1` samples of P, and `s_i` to that of the
/// `m` samples of Q. May be negative, as an estimate of a number close to 0. Too small where P reaches beyond the samples
/// of Q: two Normals in three dimensions whose divergence is 0.49 because P is 1.3 times as wide come out at 0.27 from
/// 4000 samples each. Infinite where so many samples of P
/// coincide: a distribution with a point mass has no density.
///
/// # Shapes
///
/// - x: `[samples of P, dimensions]`
/// - y: `[samples of Q, dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are not more than `10 neighbours` samples of each, if the dimensions differ or there are none,
/// if a coordinate is not finite, if `neighbours` is 0, or if so many samples of Q coincide with one of P.
///
/// # Source
///
/// Wang, Kulkarni and Verdú, *Divergence Estimation for Multidimensional Densities via k-Nearest-Neighbor Distances*, IEEE
/// Trans. Inf. Theory 55 (2009), equation 5; Pérez-Cruz, *Kullback-Leibler Divergence Estimation of Continuous
/// Distributions*, ISIT (2008).
pub fn kl_divergence(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    neighbours: usize,
) -> Result<Estimate, SampleError> {
    let (x, y) = Points::pair(x, y, needed(neighbours)?)?;
    with_batches(|stride, first| two_sample(x.every(stride, first), y.every(stride, first), neighbours))
}

/// `KL(P ‖ N(0, I))` in nats from samples `x` of P,
///
/// ```text
/// psi(k) - psi(n) - ln V_d - d / n sum_i ln r_i + d / 2 ln(2 pi) + 1 / n sum_i |x_i|^2 / 2
/// ```
///
/// where `r_i` is the distance of `x_i` to the `k`-th, `k = neighbours`, of the other samples and `psi` the digamma
/// function: the entropy of Kozachenko and Leonenko, and the exact log-density of the Normal. Less noisy than
/// [`kl_divergence`] with drawn samples of the Normal. Infinite where so many samples coincide.
///
/// # Shapes
///
/// - x: `[samples, dimensions]`
///
/// # Errors
///
/// [`SampleError`] if there are not more than `10 neighbours` samples, no dimensions, a coordinate that is not finite, or
/// if `neighbours` is 0.
///
/// # Source
///
/// Kozachenko and Leonenko, *Sample Estimate of the Entropy of a Random Vector*, Probl. Inf. Transm. 23 (1987), for k = 1;
/// Goria et al., *A New Class of Random Vector Entropy Estimators*, J. Nonparametr. Stat. 17 (2005), for any k.
pub fn kl_from_standard_normal(x: ArrayView2<'_, f64>, neighbours: usize) -> Result<Estimate, SampleError> {
    let x = Points::new(x, needed(neighbours)?)?;
    with_batches(|stride, first| Ok(one_sample(x.every(stride, first), neighbours)))
}

/// The differential entropy `-∫ p ln p` in nats from samples `x`,
///
/// ```text
/// psi(n) - psi(k) + ln V_d + d / n sum_i ln r_i
/// ```
///
/// where `r_i` is the distance of `x_i` to the `k`-th, `k = neighbours`, of the other samples and `psi` the digamma function.
/// -∞ where so many samples coincide: a distribution with a point mass has no density.
///
/// # Shapes
///
/// - x: `[samples, dimensions]`
///
/// # Errors
///
/// As for [`kl_from_standard_normal`].
///
/// # Source
///
/// As for [`kl_from_standard_normal`].
///
/// ```
/// use metrics::samples::neighbours::entropy;
/// use ndarray::Array2;
///
/// // Spread over [0, 2) as if at random: ln 2 nats.
/// let x = Array2::from_shape_fn((1000, 1), |(i, _)| 2.0 * ((i as f64).sin() * 1e4).rem_euclid(1.0));
/// assert!((entropy(x.view(), 5)?.value - 2f64.ln()).abs() < 0.05);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn entropy(x: ArrayView2<'_, f64>, neighbours: usize) -> Result<Estimate, SampleError> {
    let x = Points::new(x, needed(neighbours)?)?;
    // Of the negative: infinity is what ends the batches.
    let negative = with_batches(|stride, first| Ok(negative_entropy(x.every(stride, first), neighbours)))?;
    Ok(Estimate { value: -negative.value, ..negative })
}

/// A batch has to leave a sample more than there are neighbours to look for.
pub(super) fn needed(neighbours: usize) -> Result<usize, SampleError> {
    match neighbours {
        0 => Err(SampleError::NoNeighbours),
        k => Ok(k.saturating_add(1).saturating_mul(BATCHES)),
    }
}

/// The estimate from all samples, and its error from those of batches.
pub(super) fn with_batches(
    estimate: impl Fn(usize, usize) -> Result<f64, SampleError> + Sync,
) -> Result<Estimate, SampleError> {
    let value = estimate(1, 0)?;
    if value.is_infinite() {
        return Ok(Estimate::INFINITE);
    }
    let batches: Vec<_> = (0..BATCHES).into_par_iter().map(|first| estimate(BATCHES, first)).collect();
    let batches = batches.into_iter().collect::<Result<Vec<_>, _>>()?;
    let standard_error = (variance(&batches) / BATCHES as f64).sqrt();
    Ok(Estimate { value, standard_error })
}

fn two_sample(x: Points, y: Points, neighbours: usize) -> Result<f64, SampleError> {
    let ([x, y], _) = Points::in_range([x, y]);
    let (of_x, of_y) = rayon::join(|| Tree::<Euclidean>::new(&x), || Tree::new(&y));
    let own = of_x.kth_distances(neighbours);
    let other = of_y.kth_distances_from(&of_x, neighbours);
    if own.contains(&0.0) {
        return Ok(f64::INFINITY);
    }
    if let Some(sample) = other.iter().position(|&distance| distance == 0.0) {
        return Err(SampleError::Tied { sample });
    }
    let (n, m, d) = (x.len() as f64, y.len() as f64, x.dimensions() as f64);
    let mean_log_ratio = own.iter().zip(&other).map(|(own, other)| 0.5 * (other / own).ln()).sum::<f64>() / n;
    Ok(d * mean_log_ratio + (m / (n - 1.0)).ln())
}

fn one_sample(x: Points, neighbours: usize) -> f64 {
    let (n, d) = (x.len() as f64, x.dimensions() as f64);
    let mean_squared_norm = (0..x.len()).map(|i| x.squared_norm(i)).sum::<f64>() / n;
    negative_entropy(x, neighbours) + 0.5 * d * (2.0 * PI).ln() + 0.5 * mean_squared_norm
}

fn negative_entropy(x: Points, neighbours: usize) -> f64 {
    let ([x], exponent) = Points::in_range([x]);
    let own = Tree::<Euclidean>::new(&x).kth_distances(neighbours);
    let (n, d) = (x.len() as f64, x.dimensions() as f64);
    let mean_log_distance =
        own.iter().map(|squared| 0.5 * squared.ln()).sum::<f64>() / n + f64::from(exponent) * LN_2;
    let log_ball = 0.5 * d * PI.ln() - libm::lgamma(0.5 * d + 1.0);
    // psi(n) - psi(k) = 1 / k + ... + 1 / (n - 1).
    let digammas: f64 = (neighbours..x.len()).map(|i| 1.0 / i as f64).sum();
    -digammas - log_ball - d * mean_log_distance
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;
    use crate::samples::draws::Draws;
    use crate::samples::estimate::mean;

    /// `KL(N(mean, sd^2 I) ‖ N(0, I))`.
    fn exact(dimensions: usize, mean: f64, sd: f64) -> f64 {
        dimensions as f64 * 0.5 * (sd * sd + mean * mean - 1.0 - 2.0 * sd.ln())
    }

    #[test]
    fn normals_against_the_closed_form() {
        for (dimensions, mean, sd) in [(1, 0.0, 1.0), (2, 0.5, 0.7), (3, -0.4, 1.3), (8, 0.3, 0.9)] {
            let mut draws = Draws::seeded(dimensions as u64);
            let x = draws.normals((4000, dimensions), mean, sd);
            let y = draws.normals((4000, dimensions), 0.0, 1.0);
            let mut found = vec![kl_from_standard_normal(x.view(), 5).unwrap()];
            // What lies in the tails of Q is held against samples that are not there.
            if sd <= 1.0 {
                found.push(kl_divergence(x.view(), y.view(), 5).unwrap());
            }
            let expected = exact(dimensions, mean, sd);
            // Eight dimensions are where the bias begins to show.
            let bias = 0.01 * dimensions as f64;
            for found in found {
                let error = (found.value - expected).abs();
                assert!(error < bias + 4.0 * found.standard_error, "{dimensions}: {found:?}, not {expected}");
                assert!(found.standard_error < 0.1, "{dimensions}: {found:?}");
            }
        }
    }

    #[test]
    fn standard_errors_are_the_spread_over_repetitions() {
        let mut draws = Draws::seeded(9);
        let (mut own, mut both) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            let x = draws.normals((500, 2), 0.5, 0.8);
            let y = draws.normals((500, 2), 0.0, 1.0);
            own.push(kl_from_standard_normal(x.view(), 3).unwrap());
            both.push(kl_divergence(x.view(), y.view(), 3).unwrap());
        }
        for estimates in [own, both] {
            let values: Vec<f64> = estimates.iter().map(|e| e.value).collect();
            let stated: Vec<f64> = estimates.iter().map(|e| e.standard_error).collect();
            let ratio = mean(&stated) / variance(&values).sqrt();
            assert!((0.75..1.35).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn the_entropy_of_normals_and_of_a_point_mass() {
        for (dimensions, sd) in [(1, 2.0), (3, 0.5)] {
            let x = Draws::seeded(20).normals((4000, dimensions), 7.0, sd);
            let expected = dimensions as f64 * (0.5 * (2.0 * PI * std::f64::consts::E).ln() + f64::ln(sd));
            let found = entropy(x.view(), 4).unwrap();
            assert!(
                (found.value - expected).abs() < 0.02 + 4.0 * found.standard_error,
                "{found:?}, not {expected}"
            );
        }
        let mut tied = Draws::seeded(3).normals((40, 1), 0.0, 1.0);
        tied[[1, 0]] = tied[[0, 0]];
        assert_eq!(entropy(tied.view(), 1).unwrap().value, f64::NEG_INFINITY);
    }

    /// The squares of such coordinates have no `f64`.
    #[test]
    fn at_the_ends_of_the_range_estimates_are_what_they_are_at_1() {
        let (x, y) =
            (Draws::seeded(5).normals((60, 2), 0.5, 0.7), Draws::seeded(6).normals((60, 2), 0.0, 1.0));
        let kl = kl_divergence(x.view(), y.view(), 2).unwrap();
        let of_x = entropy(x.view(), 2).unwrap();
        for exponent in [-600, 600] {
            let scaled = |samples: &Array2<f64>| samples.mapv(|x| libm::ldexp(x, exponent));
            assert_eq!(kl_divergence(scaled(&x).view(), scaled(&y).view(), 2).unwrap(), kl);
            let found = entropy(scaled(&x).view(), 2).unwrap();
            let expected = of_x.value + 2.0 * f64::from(exponent) * LN_2;
            assert!((found.value - expected).abs() < 1e-12 * expected.abs(), "{found:?}, not {expected}");
            assert!((found.standard_error - of_x.standard_error).abs() < 1e-9, "{found:?}, {of_x:?}");
        }
        assert_eq!(
            kl_divergence(x.view(), y.view(), usize::MAX),
            Err(SampleError::TooFew { needed: usize::MAX, found: 60 })
        );
    }

    #[test]
    fn point_masses() {
        let mut x = Draws::seeded(3).normals((40, 2), 0.0, 1.0);
        x.row_mut(1).assign(&array![0.5, 0.5]);
        x.row_mut(0).assign(&array![0.5, 0.5]);
        let y = Draws::seeded(4).normals((40, 2), 0.0, 1.0);
        assert_eq!(kl_from_standard_normal(x.view(), 1).unwrap(), Estimate::INFINITE);
        assert_eq!(kl_divergence(x.view(), y.view(), 1).unwrap(), Estimate::INFINITE);
        assert_eq!(kl_divergence(y.view(), y.view(), 1), Err(SampleError::Tied { sample: 0 }));
    }

    #[test]
    fn bad_samples_are_refused() {
        let few = Array2::zeros((19, 1));
        assert_eq!(
            kl_from_standard_normal(few.view(), 1),
            Err(SampleError::TooFew { needed: 20, found: 19 })
        );
        assert_eq!(kl_from_standard_normal(few.view(), 0), Err(SampleError::NoNeighbours));
        assert_eq!(
            kl_divergence(few.view(), Array2::zeros((30, 2)).view(), 1),
            Err(SampleError::Dimensions { expected: 1, found: 2 })
        );
        assert_eq!(kl_from_standard_normal(Array2::zeros((30, 0)).view(), 1), Err(SampleError::NoDimensions));
    }
}
