//! Samples laid out for distances: one contiguous column a dimension.

use ndarray::ArrayView2;

use super::error::SampleError;
use crate::numeric::exponent_above;

/// Finite samples, dimension by dimension.
pub(crate) struct Points {
    columns: Vec<Vec<f64>>,
    len: usize,
}

impl Points {
    /// # Errors
    ///
    /// [`SampleError`] if there are fewer than `needed` samples, no dimensions, or a coordinate that is not finite.
    pub(crate) fn new(samples: ArrayView2<'_, f64>, needed: usize) -> Result<Self, SampleError> {
        Self::check(samples, needed)?;
        let columns = samples.columns().into_iter().map(|column| column.to_vec()).collect();
        Ok(Self { columns, len: samples.nrows() })
    }

    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub(crate) fn check(samples: ArrayView2<'_, f64>, needed: usize) -> Result<(), SampleError> {
        let (len, dimensions) = samples.dim();
        if dimensions == 0 {
            return Err(SampleError::NoDimensions);
        }
        if len < needed {
            return Err(SampleError::TooFew { needed, found: len });
        }
        for ((sample, dimension), &value) in samples.indexed_iter() {
            if !value.is_finite() {
                return Err(SampleError::NotFinite { sample, dimension, value });
            }
        }
        Ok(())
    }

    /// Two sets of samples in the same space.
    pub(crate) fn pair(
        x: ArrayView2<'_, f64>,
        y: ArrayView2<'_, f64>,
        needed: usize,
    ) -> Result<(Self, Self), SampleError> {
        if x.ncols() != y.ncols() {
            return Err(SampleError::Dimensions { expected: x.ncols(), found: y.ncols() });
        }
        Ok((Self::new(x, needed)?, Self::new(y, needed)?))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn dimensions(&self) -> usize {
        self.columns.len()
    }

    pub(crate) fn column(&self, dimension: usize) -> &[f64] {
        &self.columns[dimension]
    }

    /// The coordinates of sample `i`.
    pub(crate) fn sample(&self, i: usize) -> impl Iterator<Item = f64> {
        self.columns.iter().map(move |column| column[i])
    }

    /// The samples with the dimensions of the same samples of `other` after theirs.
    pub(crate) fn beside(&self, other: &Self) -> Self {
        Self { columns: [self.columns.as_slice(), &other.columns].concat(), len: self.len }
    }

    /// Every `stride`-th sample from `first` on.
    pub(crate) fn every(&self, stride: usize, first: usize) -> Self {
        let columns: Vec<Vec<f64>> = self
            .columns
            .iter()
            .map(|column| column.iter().skip(first).step_by(stride).copied().collect())
            .collect();
        Self { len: columns[0].len(), columns }
    }

    /// The coordinates times `2^exponent`, `None` where one leaves the range of f64. Exact but for what underflows.
    pub(crate) fn scaled_by_power_of_two(&self, exponent: i32) -> Option<Self> {
        let scaled = |column: &Vec<f64>| column.iter().map(|&x| libm::ldexp(x, exponent)).collect::<Vec<_>>();
        let columns: Vec<Vec<f64>> = self.columns.iter().map(scaled).collect();
        let finite = columns.iter().flatten().all(|x| x.is_finite());
        finite.then_some(Self { columns, len: self.len })
    }

    /// The points over a power of two, and its exponent: such that the squares of their distances are in range.
    pub(crate) fn in_range<const N: usize>(points: [Self; N]) -> ([Self; N], i32) {
        match exponent_out_of_range(points.iter().flat_map(|points| points.columns.iter().flatten())) {
            0 => (points, 0),
            exponent => {
                let scaled = |points: Self| points.scaled_by_power_of_two(-exponent);
                (points.map(|points| scaled(points).expect("no coordinate is above 1")), exponent)
            }
        }
    }

    /// The squared norm of sample `i` over `unit`.
    pub(crate) fn squared_norm_over(&self, unit: f64, i: usize) -> f64 {
        self.columns.iter().map(|column| (column[i] / unit).powi(2)).sum()
    }

    pub(crate) fn squared_norm(&self, i: usize) -> f64 {
        self.columns.iter().map(|column| column[i] * column[i]).sum()
    }
}

/// The exponent of the power of two just above all numbers, or 0 where their fourth powers, of which the errors of squares are
/// made, are far from the ends of the range of f64.
pub(crate) fn exponent_out_of_range<'a>(numbers: impl Iterator<Item = &'a f64>) -> i32 {
    let exponent = exponent_above(numbers);
    if exponent.abs() < 200 { 0 } else { exponent }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn bad_coordinates_are_named() {
        let samples = array![[0.0, 1.0], [2.0, f64::INFINITY]];
        assert_eq!(
            Points::new(samples.view(), 1).err(),
            Some(SampleError::NotFinite { sample: 1, dimension: 1, value: f64::INFINITY })
        );
    }
}
