//! Mutual information from the distances to nearest neighbours.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::error::SampleError;
use super::estimate::Estimate;
use super::neighbours::{needed, with_batches};
use super::points::Points;
use super::tree::{Maximum, Tree};

/// The mutual information of the variables X and Y in nats, from pairs of samples in the rows of `x` and `y`.
///
/// The mean over the samples of
///
/// ```text
/// psi(n_xy) + psi(n) - psi(n_x) - psi(n_y)
/// ```
///
/// where the three numbers count the samples, the sample itself among them, that lie nearer than its k-th neighbour,
/// `k = neighbours`, does in the larger of the distances in x and in y: nearer in both, which are k unless some are equally
/// far, nearer in x, and nearer in y. Where so many samples coincide that the distance to that neighbour is 0, they count
/// those that coincide. This makes the estimate right for variables that are discrete, or continuous with point masses, too:
/// a variable that is constant has no information about any other, and gets 0 to the last bit. May be negative, as an estimate
/// of a number close to 0. The distances of x and y are compared to each other only in their order, but coordinates within
/// one of them should have one scale.
///
/// Standard errors as in [`neighbours`](super::neighbours).
///
/// # Shapes
///
/// - x: `[samples, dimensions of X]`
/// - y: `[samples, dimensions of Y]`
///
/// # Errors
///
/// [`SampleError`] if there are not more than `10 neighbours` samples or not as many of Y as of X, no dimensions, a
/// coordinate that is not finite, or if `neighbours` is 0.
///
/// # Source
///
/// Kraskov, Stögbauer and Grassberger, *Estimating mutual information*, Phys. Rev. E 69 (2004), equation 8; Gao, Kannan, Oh
/// and Viswanath, *Estimating Mutual Information for Discrete-Continuous Mixtures*, NIPS (2017), for ties.
///
/// ```
/// use metrics::samples::mutual_information::mutual_information;
/// use ndarray::Array2;
///
/// // A third of the samples tell everything, the rest nothing: of three values as much as ln 3 nats.
/// let x = Array2::from_shape_fn((300, 1), |(i, _)| (i % 3) as f64);
/// let same = mutual_information(x.view(), x.view(), 3)?;
/// assert!((same.value - 3f64.ln()).abs() < 0.01);
/// let constant = Array2::from_elem((300, 1), 1.0);
/// assert_eq!(mutual_information(x.view(), constant.view(), 3)?.value, 0.0);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn mutual_information(
    x: ArrayView2<'_, f64>,
    y: ArrayView2<'_, f64>,
    neighbours: usize,
) -> Result<Estimate, SampleError> {
    let needed = needed(neighbours)?;
    let (x, y) = (Points::new(x, needed)?, Points::new(y, needed)?);
    if x.len() != y.len() {
        return Err(SampleError::Unpaired { x: x.len(), y: y.len() });
    }
    with_batches(|stride, first| Ok(estimate(&x.every(stride, first), &y.every(stride, first), neighbours)))
}

fn estimate(x: &Points, y: &Points, k: usize) -> f64 {
    let n = x.len();
    let joint = Tree::<Maximum>::new(&x.beside(y));
    let (of_x, of_y) = (Tree::<Maximum>::new(x), Tree::<Maximum>::new(y));
    let radii = joint.kth_distances(k);
    // psi(m) but for Euler's constant, of which as many are added as are taken off.
    let mut psi = vec![0.0; n + 1];
    for m in 2..=n {
        psi[m] = psi[m - 1] + 1.0 / (m - 1) as f64;
    }
    let sum: f64 = (0..n)
        .into_par_iter()
        .map(|i| {
            let (in_x, in_y, both) = (x.sample(i), y.sample(i), x.sample(i).chain(y.sample(i)));
            let count = |tree: &Tree<Maximum>, query: Vec<f64>| {
                if radii[i] > 0.0 { tree.count_nearer(&query, radii[i]) } else { tree.count_equal(&query) }
            };
            let near = count(&joint, both.collect());
            let (in_x, in_y) = (count(&of_x, in_x.collect()), count(&of_y, in_y.collect()));
            // Paired so that a variable without information leaves exactly 0, whichever it is.
            if in_x == n { psi[near] - psi[in_y] } else { (psi[near] - psi[in_x]) + (psi[n] - psi[in_y]) }
        })
        .collect::<Vec<f64>>()
        .iter()
        .sum();
    sum / n as f64
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::samples::draws::Draws;

    #[test]
    fn normals_against_the_closed_form() {
        for (correlation, seed) in [(0.0, 1), (0.6, 2), (0.95, 3)] {
            let mut draws = Draws::seeded(seed);
            let x = draws.normals((4000, 1), 0.0, 1.0);
            let noise = draws.normals((4000, 1), 0.0, f64::sqrt(1.0 - correlation * correlation));
            let y = &x * correlation + noise;
            let expected = -0.5 * (1.0 - correlation * correlation).ln();
            let found = mutual_information(x.view(), y.view(), 4).unwrap();
            let error = (found.value - expected).abs();
            assert!(
                error < 4.0 * found.standard_error && error < 0.05,
                "{correlation}: {found:?}, not {expected}"
            );
            // No rescaling of either side matters.
            let rescaled = mutual_information((&x * 1e3).view(), (&y * 1e3).view(), 4).unwrap();
            assert!((rescaled.value - found.value).abs() < 1e-12);
        }
    }

    #[test]
    fn several_dimensions() {
        let mut draws = Draws::seeded(5);
        let x = draws.normals((3000, 2), 0.0, 1.0);
        let y = &x + &draws.normals((3000, 2), 0.0, 1.0);
        // Two channels of ln(1 + 1) / 2 each.
        let found = mutual_information(x.view(), y.view(), 5).unwrap();
        assert!((found.value - 2f64.ln()).abs() < 0.05 + 4.0 * found.standard_error, "{found:?}");
    }

    #[test]
    fn discrete_and_mixed_variables() {
        let mut draws = Draws::seeded(7);
        // A bit through a channel that flips a tenth: ln 2 - H(0.1).
        let bits = Array2::from_shape_simple_fn((5000, 1), || f64::from(u8::from(draws.uniform() < 0.5)));
        let flipped = bits.mapv(|bit| if draws.uniform() < 0.1 { 1.0 - bit } else { bit });
        let expected = 2f64.ln() + 0.1 * 0.1f64.ln() + 0.9 * 0.9f64.ln();
        let found = mutual_information(bits.view(), flipped.view(), 5).unwrap();
        assert!((found.value - expected).abs() < 0.02, "{found:?}, not {expected}");
        // Uniform on [x, x + 2] for x in {0, ..., 4}: Gao et al., experiment 1, ln m - (m - 1) ln 2 / m.
        let x = Array2::from_shape_simple_fn((5000, 1), || (5.0 * draws.uniform()).floor());
        let y = x.mapv(|x| x + 2.0 * draws.uniform());
        let expected = 5f64.ln() - 0.8 * 2f64.ln();
        let found = mutual_information(x.view(), y.view(), 5).unwrap();
        assert!((found.value - expected).abs() < 0.04, "{found:?}, not {expected}");
    }

    #[test]
    fn a_constant_has_no_information() {
        let mut draws = Draws::seeded(9);
        let constant = Array2::from_elem((100_000, 1), 3.0);
        let other = draws.normals((100_000, 1), 0.0, 1.0);
        let discrete = other.mapv(f64::round);
        for other in [other, discrete] {
            for (x, y) in [(&constant, &other), (&other, &constant)] {
                let found = mutual_information(x.view(), y.view(), 3).unwrap();
                assert_eq!(found, Estimate { value: 0.0, standard_error: 0.0 });
            }
        }
    }

    #[test]
    fn bad_samples_are_refused() {
        let (x, y) = (Array2::zeros((40, 1)), Array2::zeros((41, 1)));
        assert_eq!(mutual_information(x.view(), y.view(), 2), Err(SampleError::Unpaired { x: 40, y: 41 }));
        assert_eq!(mutual_information(x.view(), x.view(), 0), Err(SampleError::NoNeighbours));
        assert_eq!(
            mutual_information(x.view(), x.view(), 4),
            Err(SampleError::TooFew { needed: 50, found: 40 })
        );
    }
}
