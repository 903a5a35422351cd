//! Matrices of divergences: of every pair of the rows of two arrays, on all cores.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::error::DivergenceError;

/// A `divergence` of each row of `p` from each row of `q`.
///
/// # Shapes
///
/// - p: `[distributions, outcomes]`
/// - q: `[references, outcomes]`
/// - output: `[distributions, references]`
///
/// # Errors
///
/// [`DivergenceError::Pair`] around what is wrong with the first pair of which something is.
///
/// ```
/// use metrics::discrete::pairwise;
/// use ndarray::array;
///
/// let p = array![[0.5, 0.5], [1.0, 0.0]];
/// let kl = pairwise(p.view(), p.view(), metrics::kl_divergence)?;
/// assert_eq!(kl, array![[0.0, f64::INFINITY], [2.0_f64.ln(), 0.0]]);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn pairwise<A: Clone + Send + Sync>(
    p: ArrayView2<'_, A>,
    q: ArrayView2<'_, A>,
    divergence: impl Fn(&[A], &[A]) -> Result<f64, DivergenceError> + Sync,
) -> Result<Array2<f64>, DivergenceError> {
    lower(p, q, |_| q.nrows(), divergence)
}

/// A symmetric `divergence`, such as [`jensen_shannon_divergence`](super::jensen_shannon_divergence), of each row of `p` from
/// each other one: half the work of [`pairwise`].
///
/// # Shapes
///
/// - p: `[distributions, outcomes]`
/// - output: `[distributions, distributions]`
///
/// # Errors
///
/// As for [`pairwise`].
///
/// ```
/// use metrics::discrete::pairwise_symmetric;
/// use ndarray::array;
///
/// let p = array![[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]];
/// let distances = pairwise_symmetric(p.view(), metrics::total_variation)?;
/// assert_eq!(distances, array![[0.0, 0.5], [0.5, 0.0]]);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn pairwise_symmetric<A: Clone + Send + Sync>(
    p: ArrayView2<'_, A>,
    divergence: impl Fn(&[A], &[A]) -> Result<f64, DivergenceError> + Sync,
) -> Result<Array2<f64>, DivergenceError> {
    let mut values = lower(p, p, |row| row + 1, divergence)?;
    for row in 1..values.nrows() {
        for column in 0..row {
            values[[column, row]] = values[[row, column]];
        }
    }
    Ok(values)
}

/// The first so many entries of each row.
fn lower<A: Clone + Send + Sync>(
    p: ArrayView2<'_, A>,
    q: ArrayView2<'_, A>,
    columns: impl Fn(usize) -> usize + Sync,
    divergence: impl Fn(&[A], &[A]) -> Result<f64, DivergenceError> + Sync,
) -> Result<Array2<f64>, DivergenceError> {
    let references = q.nrows();
    let mut values = Array2::zeros((p.nrows(), references));
    let (of_p, of_q) = (p.ncols(), q.ncols());
    let (p, q) = (p.as_standard_layout(), q.as_standard_layout());
    let [p, q] = [&p, &q].map(|rows| rows.as_slice().unwrap_or_default());
    let slots = values.as_slice_mut().unwrap_or_default();
    let failed = slots.par_chunks_mut(references.max(1)).enumerate().find_map_first(|(i, slots)| {
        let p = &p[i * of_p..(i + 1) * of_p];
        (0..columns(i)).find_map(|j| match divergence(p, &q[j * of_q..(j + 1) * of_q]) {
            Ok(value) => {
                slots[j] = value;
                None
            }
            Err(source) => Some(DivergenceError::Pair { p: i, q: j, source: Box::new(source) }),
        })
    });
    failed.map_or(Ok(values), Err)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::error::Argument;
    use crate::samples::draws::Draws;
    use crate::{jensen_shannon_divergence, kl_divergence, normalized};

    fn rows(count: usize, outcomes: usize, seed: u64) -> Array2<f64> {
        let mut draws = Draws::seeded(seed);
        let mut rows = Array2::from_shape_simple_fn((count, outcomes), || draws.uniform());
        for mut row in rows.rows_mut() {
            let distribution = normalized(&row).unwrap();
            row.iter_mut().zip(distribution).for_each(|(slot, p)| *slot = p);
        }
        rows
    }

    #[test]
    fn every_pair_is_the_divergence_of_its_rows() {
        let (p, q) = (rows(7, 5, 1), rows(4, 5, 2));
        let found = pairwise(p.view(), q.view(), kl_divergence).unwrap();
        assert_eq!(found.dim(), (7, 4));
        for ((i, j), found) in found.indexed_iter() {
            assert_eq!(*found, kl_divergence(&p.row(i), &q.row(j)).unwrap());
        }
        // Of columns, that lie apart in memory.
        let turned = pairwise(p.t().as_standard_layout().t(), q.view(), kl_divergence).unwrap();
        assert_eq!(turned, found);
        let symmetric = pairwise_symmetric(p.view(), jensen_shannon_divergence).unwrap();
        assert_eq!(symmetric, pairwise(p.view(), p.view(), jensen_shannon_divergence).unwrap());
    }

    #[test]
    fn floats_of_32_bits() {
        let p = array![[0.1_f32, 0.9], [0.7, 0.3]];
        let found = pairwise_symmetric(p.view(), jensen_shannon_divergence).unwrap();
        assert_eq!(found[[0, 1]], jensen_shannon_divergence(&[0.1_f32, 0.9], &[0.7_f32, 0.3]).unwrap());
    }

    #[test]
    fn the_first_bad_pair_is_named() {
        let p = array![[0.5, 0.5], [0.5, 0.25], [1.0, 0.0]];
        let source =
            Box::new(DivergenceError::SumNotOne { argument: Argument::Q, sum: 0.75, tolerance: 1e-8 });
        assert_eq!(
            pairwise(p.view(), p.view(), kl_divergence),
            Err(DivergenceError::Pair { p: 0, q: 1, source })
        );
        let (p, q) = (array![[1.0]], array![[0.5, 0.5]]);
        assert!(matches!(
            pairwise(p.view(), q.view(), kl_divergence),
            Err(DivergenceError::Pair { p: 0, q: 0, .. })
        ));
        assert_eq!(pairwise(Array2::zeros((0, 2)).view(), q.view(), kl_divergence).unwrap().dim(), (0, 1));
    }
}
