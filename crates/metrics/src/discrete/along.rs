//! A function of distributions along an axis of `ndarray` arrays, one distribution a lane, on all cores.

use std::ops::Range;

use ndarray::{Array, ArrayView, Axis, CowArray, RemoveAxis};
use rayon::prelude::*;

use crate::error::DivergenceError;

/// A `divergence` of each pair of lanes along `axis`.
///
/// Any function of two slices will do, and one that wraps its arguments in [`Weights`](super::Weights) normalises each lane.
///
/// # Shapes
///
/// - p, q: any with `axis`, the same
/// - output: theirs without `axis`
///
/// # Errors
///
/// [`DivergenceError::ShapeMismatch`], [`DivergenceError::NoAxis`], and [`DivergenceError::Lane`] around what is wrong with the
/// first lane of which something is.
///
/// ```
/// use metrics::discrete::{Weights, along};
/// use metrics::{jensen_shannon_divergence, kl_divergence};
/// use ndarray::{Axis, array};
///
/// let (p, q) = (array![[0.5, 0.5], [1.0, 0.0]], array![[0.5, 0.5], [0.5, 0.5]]);
/// assert_eq!(along(p.view(), q.view(), Axis(1), kl_divergence)?, array![0.0, 2.0_f64.ln()]);
///
/// let counts = array![[5.0, 1.0], [5.0, 1.0]];
/// let js = along(p.view(), counts.view(), Axis(0), |p, q| jensen_shannon_divergence(&Weights(p), &Weights(q)))?;
/// assert!(js[0] < 0.06 && js[1] < 0.23);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn along<A: Clone + Send + Sync, D: RemoveAxis>(
    p: ArrayView<'_, A, D>,
    q: ArrayView<'_, A, D>,
    axis: Axis,
    divergence: impl Fn(&[A], &[A]) -> Result<f64, DivergenceError> + Sync,
) -> Result<Array<f64, D::Smaller>, DivergenceError> {
    if p.shape() != q.shape() {
        return Err(DivergenceError::ShapeMismatch { p: p.shape().to_vec(), q: q.shape().to_vec() });
    }
    let (p, q) = (Lanes::new(p, axis)?, Lanes::new(q, axis)?);
    let (of_p, of_q) = (p.entries(), q.entries());
    p.each(|lane| divergence(&of_p[lane.clone()], &of_q[lane]))
}

/// A function, such as an entropy, of each lane along `axis`.
///
/// # Shapes
///
/// - p: any with `axis`
/// - output: that of `p` without `axis`
///
/// # Errors
///
/// As for [`along`].
///
/// ```
/// use metrics::discrete::along_one;
/// use ndarray::{Axis, array};
///
/// let p = array![[0.5, 0.5], [0.0, 1.0]];
/// assert_eq!(along_one(p.view(), Axis(1), metrics::entropy)?, array![2.0_f64.ln(), 0.0]);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn along_one<A: Clone + Send + Sync, D: RemoveAxis>(
    p: ArrayView<'_, A, D>,
    axis: Axis,
    entropy: impl Fn(&[A]) -> Result<f64, DivergenceError> + Sync,
) -> Result<Array<f64, D::Smaller>, DivergenceError> {
    let p = Lanes::new(p, axis)?;
    let entries = p.entries();
    p.each(|lane| entropy(&entries[lane]))
}

/// Entries that one task of a thread pool takes at least.
const TASK: usize = 1 << 12;

/// The lanes of an array, one after the other in memory.
struct Lanes<'a, A, D: RemoveAxis> {
    /// With the lanes along its last axis, in standard layout; copied where it has another one.
    array: CowArray<'a, A, D>,
    length: usize,
    shape: D::Smaller,
}

impl<'a, A: Clone + Send + Sync, D: RemoveAxis> Lanes<'a, A, D> {
    fn new(array: ArrayView<'a, A, D>, axis: Axis) -> Result<Self, DivergenceError> {
        let dimensions = array.ndim();
        if axis.index() >= dimensions {
            return Err(DivergenceError::NoAxis { axis: axis.index(), dimensions });
        }
        let (length, shape) = (array.len_of(axis), array.raw_dim().remove_axis(axis));
        let mut order = D::zeros(dimensions);
        let others = (0..dimensions).filter(|&other| other != axis.index());
        for (place, from) in order.slice_mut().iter_mut().zip(others.chain([axis.index()])) {
            *place = from;
        }
        let array = array.permuted_axes(order);
        let array = if array.is_standard_layout() {
            array.into()
        } else {
            array.as_standard_layout().into_owned().into()
        };
        Ok(Self { array, length, shape })
    }

    fn entries(&self) -> &[A] {
        self.array.as_slice().unwrap_or_default()
    }

    /// Computes a number from the entries of each lane, and names the first for which there is none.
    fn each(
        &self,
        of_entries: impl Fn(Range<usize>) -> Result<f64, DivergenceError> + Sync,
    ) -> Result<Array<f64, D::Smaller>, DivergenceError> {
        let mut values = Array::zeros(self.shape.clone());
        let lanes_a_task = TASK.div_ceil(self.length.max(1));
        let slots = values.as_slice_mut().unwrap_or_default();
        let failed = slots.par_chunks_mut(lanes_a_task).enumerate().find_map_first(|(task, slots)| {
            slots.iter_mut().zip(task * lanes_a_task..).find_map(|(slot, lane)| {
                match of_entries(lane * self.length..(lane + 1) * self.length) {
                    Ok(value) => {
                        *slot = value;
                        None
                    }
                    Err(source) => Some(DivergenceError::Lane { lane, source: Box::new(source) }),
                }
            })
        });
        failed.map_or(Ok(values), Err)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, array};

    use super::*;
    use crate::error::Argument;
    use crate::{entropy, kl_divergence};

    fn table() -> Array3<f64> {
        Array3::from_shape_fn((2, 3, 4), |(i, j, k)| (1 + i + 2 * j + k * (1 + i)) as f64)
    }

    fn normalized_along(weights: &Array3<f64>, axis: Axis) -> Array3<f64> {
        let sums = weights.sum_axis(axis).insert_axis(axis);
        weights / &sums
    }

    #[test]
    fn every_axis_agrees_with_the_slices() {
        for axis in [Axis(0), Axis(1), Axis(2)] {
            let p = normalized_along(&table(), axis);
            let q = normalized_along(&table().mapv(|x| 1.0 / x), axis);
            let batch = along(p.view(), q.view(), axis, kl_divergence).unwrap();
            assert_eq!(batch.raw_dim(), p.raw_dim().remove_axis(axis));
            for ((value, p), q) in batch.iter().zip(p.lanes(axis)).zip(q.lanes(axis)) {
                assert_eq!(*value, kl_divergence(&p, &q).unwrap());
            }
        }
    }

    #[test]
    fn views_that_run_backwards_and_over_every_second_entry() {
        let p = normalized_along(&table(), Axis(2));
        let reversed = p.slice(ndarray::s![..;-1, .., ..;-1]);
        let found = along_one(reversed, Axis(2), entropy).unwrap();
        let expected = along_one(p.view(), Axis(2), entropy).unwrap();
        assert_eq!(found.slice(ndarray::s![..;-1, ..]), expected);
    }

    #[test]
    fn many_tasks_fill_every_place() {
        let lanes = 3 * TASK + 5;
        let p = Array2::from_shape_fn((lanes, 2), |(i, j)| {
            let p = i as f64 / lanes as f64;
            if j == 0 { p } else { 1.0 - p }
        });
        let found = along_one(p.view(), Axis(1), entropy).unwrap();
        assert!(found.iter().zip(p.rows()).all(|(found, p)| *found == entropy(&p).unwrap()));
        assert_eq!(along_one(Array2::<f64>::zeros((0, 3)).view(), Axis(1), entropy).unwrap().len(), 0);
    }

    #[test]
    fn the_first_bad_lane_is_named() {
        let mut p = Array2::from_elem((3 * TASK, 2), 0.5);
        for lane in [1, 7, 2 * TASK] {
            p[[lane, 1]] = f64::INFINITY;
        }
        assert_eq!(
            along_one(p.view(), Axis(1), entropy),
            Err(DivergenceError::Lane {
                lane: 1,
                source: Box::new(DivergenceError::Infinite { argument: Argument::P, index: 1 })
            })
        );
    }

    #[test]
    fn shapes_have_to_fit() {
        let (p, q) = (array![[1.0]], array![[0.5, 0.5]]);
        assert_eq!(
            along(p.view(), q.view(), Axis(1), kl_divergence),
            Err(DivergenceError::ShapeMismatch { p: vec![1, 1], q: vec![1, 2] })
        );
        assert_eq!(
            along_one(p.view(), Axis(2), entropy),
            Err(DivergenceError::NoAxis { axis: 2, dimensions: 2 })
        );
    }
}
