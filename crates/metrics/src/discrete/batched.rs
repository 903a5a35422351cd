//! The divergences along an axis of `ndarray` arrays: one distribution a lane.
//!
//! ```
//! use metrics::discrete::batched;
//! use ndarray::{Axis, array};
//!
//! let p = array![[0.5, 0.5], [1.0, 0.0]];
//! let q = array![[0.5, 0.5], [0.5, 0.5]];
//! let kl = batched::kl_divergence(p.view(), q.view(), Axis(1))?;
//! assert_eq!(kl, array![0.0, 2.0_f64.ln()]);
//! # Ok::<(), metrics::DivergenceError>(())
//! ```

use std::borrow::Cow;

use ndarray::{Array, ArrayView, ArrayView1, Axis, Dimension, RemoveAxis};

use crate::base::Base;
use crate::error::DivergenceError;

/// [`entropy`](super::entropy) of each lane of `p` along `axis`, in nats.
///
/// # Shapes
///
/// - p: any with `axis`
/// - output: that of `p` without `axis`
///
/// # Errors
///
/// [`DivergenceError::Shape`] if there is no such axis, and [`DivergenceError::Lane`] around what is wrong with a lane.
pub fn entropy<D: RemoveAxis>(
    p: ArrayView<'_, f64, D>,
    axis: Axis,
) -> Result<Array<f64, D::Smaller>, DivergenceError> {
    check_axis(&p, axis)?;
    let values = p
        .lanes(axis)
        .into_iter()
        .enumerate()
        .map(|(lane, p)| super::entropy(&contiguous(p)).map_err(|source| in_lane(lane, source)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(shaped(values, p.raw_dim().remove_axis(axis)))
}

/// [`cross_entropy`](super::cross_entropy) of each pair of lanes along `axis`, in nats, with `q` as the reference.
///
/// # Shapes
///
/// - p, q: any with `axis`, the same
/// - output: theirs without `axis`
///
/// # Errors
///
/// [`DivergenceError::Shape`] if the shapes differ or lack the axis, and [`DivergenceError::Lane`] around what is wrong
/// with a lane.
pub fn cross_entropy<D: RemoveAxis>(
    p: ArrayView<'_, f64, D>,
    q: ArrayView<'_, f64, D>,
    axis: Axis,
) -> Result<Array<f64, D::Smaller>, DivergenceError> {
    along(p, q, axis, super::cross_entropy)
}

/// [`kl_divergence`](super::kl_divergence) of each pair of lanes along `axis`, in nats, with `q` as the reference.
///
/// # Shapes
///
/// As for [`cross_entropy`].
///
/// # Errors
///
/// As for [`cross_entropy`].
pub fn kl_divergence<D: RemoveAxis>(
    p: ArrayView<'_, f64, D>,
    q: ArrayView<'_, f64, D>,
    axis: Axis,
) -> Result<Array<f64, D::Smaller>, DivergenceError> {
    along(p, q, axis, super::kl_divergence)
}

/// [`jensen_shannon_divergence`](super::jensen_shannon_divergence) of each pair of lanes along `axis`, in nats.
///
/// # Shapes
///
/// As for [`cross_entropy`].
///
/// # Errors
///
/// As for [`cross_entropy`].
pub fn jensen_shannon_divergence<D: RemoveAxis>(
    p: ArrayView<'_, f64, D>,
    q: ArrayView<'_, f64, D>,
    axis: Axis,
) -> Result<Array<f64, D::Smaller>, DivergenceError> {
    along(p, q, axis, super::jensen_shannon_divergence)
}

/// [`jensen_shannon_distance`](super::jensen_shannon_distance) of each pair of lanes along `axis`: the root of the
/// divergence in `base`.
///
/// # Shapes
///
/// As for [`cross_entropy`].
///
/// # Errors
///
/// As for [`cross_entropy`], and [`DivergenceError::InvalidBase`].
pub fn jensen_shannon_distance<D: RemoveAxis>(
    p: ArrayView<'_, f64, D>,
    q: ArrayView<'_, f64, D>,
    axis: Axis,
    base: Base,
) -> Result<Array<f64, D::Smaller>, DivergenceError> {
    let base = base.checked()?;
    along(p, q, axis, |p, q| super::jensen_shannon_distance(p, q, base))
}

/// Any `divergence` of two slices for each pair of lanes along `axis`.
///
/// # Shapes
///
/// As for [`cross_entropy`].
///
/// # Errors
///
/// As for [`cross_entropy`].
///
/// ```
/// use metrics::discrete::batched;
/// use ndarray::{Axis, array};
///
/// let p = array![[0.5, 1.0], [0.5, 0.0]];
/// let tv = batched::along(p.view(), array![[0.5, 0.5], [0.5, 0.5]].view(), Axis(0), metrics::total_variation)?;
/// assert_eq!(tv, array![0.0, 0.5]);
/// # Ok::<(), metrics::DivergenceError>(())
/// ```
pub fn along<D: RemoveAxis>(
    p: ArrayView<'_, f64, D>,
    q: ArrayView<'_, f64, D>,
    axis: Axis,
    divergence: impl Fn(&[f64], &[f64]) -> Result<f64, DivergenceError>,
) -> Result<Array<f64, D::Smaller>, DivergenceError> {
    if p.shape() != q.shape() {
        return Err(DivergenceError::Shape {
            what: format!("p has the shape {:?} and q {:?}: they have to be the same", p.shape(), q.shape()),
        });
    }
    check_axis(&p, axis)?;
    let values = p
        .lanes(axis)
        .into_iter()
        .zip(q.lanes(axis))
        .enumerate()
        .map(|(lane, (p, q))| {
            divergence(&contiguous(p), &contiguous(q)).map_err(|source| in_lane(lane, source))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(shaped(values, p.raw_dim().remove_axis(axis)))
}

fn check_axis<D: Dimension>(p: &ArrayView<'_, f64, D>, axis: Axis) -> Result<(), DivergenceError> {
    if axis.index() < p.ndim() {
        Ok(())
    } else {
        Err(DivergenceError::Shape {
            what: format!(
                "axis {} of an array with {} dimensions: they count from 0",
                axis.index(),
                p.ndim()
            ),
        })
    }
}

/// The lane as a slice; copied only where its entries lie apart in memory.
fn contiguous(lane: ArrayView1<'_, f64>) -> Cow<'_, [f64]> {
    match lane.to_slice() {
        Some(slice) => Cow::Borrowed(slice),
        None => Cow::Owned(lane.to_vec()),
    }
}

fn in_lane(lane: usize, source: DivergenceError) -> DivergenceError {
    DivergenceError::Lane { lane, source: Box::new(source) }
}

fn shaped<D: Dimension>(values: Vec<f64>, shape: D) -> Array<f64, D> {
    Array::from_shape_vec(shape, values).expect("there is one value for each lane")
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;
    use crate::error::Argument;

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
            let batch = kl_divergence(p.view(), q.view(), axis).unwrap();
            assert_eq!(batch.raw_dim(), p.raw_dim().remove_axis(axis));
            for ((value, p), q) in batch.iter().zip(p.lanes(axis)).zip(q.lanes(axis)) {
                assert_eq!(*value, crate::kl_divergence(&p.to_vec(), &q.to_vec()).unwrap());
            }
        }
    }

    #[test]
    fn entropies_of_rows() {
        assert_eq!(
            entropy(array![[0.5, 0.5], [0.0, 1.0]].view(), Axis(1)).unwrap(),
            array![2.0_f64.ln(), 0.0]
        );
    }

    #[test]
    fn a_bad_lane_is_named() {
        let p = array![[0.5, 0.5], [0.5, f64::INFINITY]];
        assert_eq!(
            entropy(p.view(), Axis(1)),
            Err(DivergenceError::Lane {
                lane: 1,
                source: Box::new(DivergenceError::Infinite { argument: Argument::P, index: 1 })
            })
        );
    }

    #[test]
    fn shapes_have_to_fit() {
        let (p, q) = (array![[1.0]], array![[0.5, 0.5]]);
        assert!(matches!(kl_divergence(p.view(), q.view(), Axis(1)), Err(DivergenceError::Shape { .. })));
        assert!(matches!(entropy(p.view(), Axis(2)), Err(DivergenceError::Shape { .. })));
    }
}
