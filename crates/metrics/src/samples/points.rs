//! Samples laid out for distances: one contiguous column a dimension.

use ndarray::ArrayView2;

use super::error::SampleError;

/// Distances that are computed together: few enough for the first-level cache.
pub(crate) const BLOCK: usize = 512;

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

    /// The squared norm of sample `i` over `unit`.
    pub(crate) fn squared_norm_over(&self, unit: f64, i: usize) -> f64 {
        self.columns.iter().map(|column| (column[i] / unit).powi(2)).sum()
    }

    pub(crate) fn squared_norm(&self, i: usize) -> f64 {
        self.columns.iter().map(|column| column[i] * column[i]).sum()
    }

    /// Calls `visit` with the squared distances from sample `i` of `from` to all samples of `self`, in blocks: with the
    /// index of the first sample of the block and its distances.
    pub(crate) fn squared_distances(&self, from: &Self, i: usize, mut visit: impl FnMut(usize, &[f64])) {
        let mut distances = [0.0; BLOCK];
        for start in (0..self.len).step_by(BLOCK) {
            let block = &mut distances[..BLOCK.min(self.len - start)];
            block.fill(0.0);
            for (column, origin) in self.columns.iter().zip(&from.columns) {
                add_squares(&column[start..start + block.len()], origin[i], block);
            }
            visit(start, block);
        }
    }
}

/// Adds `(x - origin)^2` to each sum, in the version compiled for the best instructions that this processor has.
fn add_squares(values: &[f64], origin: f64, sums: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has the feature that the function is compiled for.
            return unsafe { add_squares_avx512(values, origin, sums) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { add_squares_avx2(values, origin, sums) };
        }
    }
    add_squares_anywhere(values, origin, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn add_squares_avx512(values: &[f64], origin: f64, sums: &mut [f64]) {
    add_squares_anywhere(values, origin, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_squares_avx2(values: &[f64], origin: f64, sums: &mut [f64]) {
    add_squares_anywhere(values, origin, sums);
}

#[inline(always)]
fn add_squares_anywhere(values: &[f64], origin: f64, sums: &mut [f64]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        let difference = value - origin;
        *sum += difference * difference;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn distances_across_block_boundaries() {
        let samples = ndarray::Array2::from_shape_fn((BLOCK + 3, 2), |(i, j)| (i * (j + 1)) as f64);
        let points = Points::new(samples.view(), 1).unwrap();
        let mut all = Vec::new();
        points.squared_distances(&points, 2, |start, block| {
            assert_eq!(start, all.len());
            all.extend_from_slice(block);
        });
        let expected: Vec<f64> = (0..BLOCK + 3).map(|i| 5.0 * (i as f64 - 2.0).powi(2)).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn bad_coordinates_are_named() {
        let samples = array![[0.0, 1.0], [2.0, f64::INFINITY]];
        assert_eq!(
            Points::new(samples.view(), 1).err(),
            Some(SampleError::NotFinite { sample: 1, dimension: 1, value: f64::INFINITY })
        );
    }
}
