//! Matrix products.

use std::mem::MaybeUninit;

use gemm::Parallelism;

/// A matrix in memory, read by rows and columns that may be any number of values apart.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A matrix stored row after row.
    ///
    /// # Panics
    ///
    /// Panics if there are not `rows * columns` values.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns, "values of a {rows} x {columns} matrix");
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// The rows from `start` up to `end`, without it.
    pub(crate) fn rows(self, start: usize, end: usize) -> Self {
        assert!(start <= end && end <= self.rows, "rows {start}..{end} of {}", self.rows);
        let skipped = (start * self.row_stride).min(self.values.len());
        Self { values: &self.values[skipped..], rows: end - start, ..self }
    }
}

/// What becomes of the values that stand in a product's place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    /// They are overwritten, and need not be initialised.
    Replace,
    /// The product is added to them.
    Add,
}

/// Memory as one that need not be initialised.
pub(crate) fn as_uninit(values: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: the layout is the same, and nothing in this module writes uninitialised values.
    unsafe { &mut *(std::ptr::from_mut(values) as *mut [MaybeUninit<f32>]) }
}

/// The product of two matrices, row after row, on the current thread.
pub(crate) fn multiply(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [f32]) {
    multiply_into(lhs, rhs, as_uninit(output), Destination::Replace);
}

/// The same, added to what `output` holds.
pub(crate) fn multiply_add(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [f32]) {
    multiply_into(lhs, rhs, as_uninit(output), Destination::Add);
}

/// The same into memory that need not be initialised; all of it is afterwards.
pub(crate) fn multiply_uninit(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [MaybeUninit<f32>]) {
    multiply_into(lhs, rhs, output, Destination::Replace);
}

fn multiply_into(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    output: &mut [MaybeUninit<f32>],
    destination: Destination,
) {
    assert_eq!(lhs.columns, rhs.rows, "columns of the left and rows of the right factor");
    assert_eq!(output.len(), lhs.rows * rhs.columns, "values of the product");
    let stride = |length: usize| isize::try_from(length).expect("no slice is longer");
    // SAFETY: the strides and sizes describe the slices, which `Matrix::new` and the assertions checked; `output` is read
    // only to be added to, by `multiply_add`, which holds initialised values.
    unsafe {
        gemm::gemm(
            lhs.rows,
            rhs.columns,
            lhs.columns,
            output.as_mut_ptr().cast::<f32>(),
            1,
            stride(rhs.columns),
            destination == Destination::Add,
            lhs.values.as_ptr(),
            stride(lhs.column_stride),
            stride(lhs.row_stride),
            rhs.values.as_ptr(),
            stride(rhs.column_stride),
            stride(rhs.row_stride),
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// The product with a left factor most of whose values are 0, as images on black: what is multiplied by 0 is left out.
///
/// Differs from [`multiply_uninit`] by rounding, and where the right factor holds infinities or NaN, of which `0 * inf`
/// would be NaN. An element's bits do not depend on the other rows and columns that are computed with it.
pub(crate) fn multiply_sparse(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [MaybeUninit<f32>]) {
    assert_eq!(lhs.columns, rhs.rows, "columns of the left and rows of the right factor");
    assert_eq!(output.len(), lhs.rows * rhs.columns, "values of the product");
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && rhs.column_stride == 1 {
        // SAFETY: the processor has the feature, which was just asked.
        unsafe { avx512::multiply_sparse(lhs, rhs, output) };
        return;
    }
    multiply_uninit(lhs, rhs, output);
}

#[cfg(target_arch = "x86_64")]
mod avx512 {
    use std::arch::x86_64::{
        __m512, __mmask16, _mm512_fmadd_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_set1_ps,
        _mm512_setzero_ps,
    };
    use std::mem::MaybeUninit;

    use super::Matrix;

    const LANES: usize = 16;
    /// Rows and vectors of columns of the product that are summed at a time: 24 of the 32 registers hold sums.
    const ROWS: usize = 6;
    const VECTORS: usize = 4;

    /// The columns of some rows of the left factor in which one of the rows is not 0.
    struct Lit {
        /// A column's values, the rows that are missing at the end filled up with 0.
        values: Vec<[f32; ROWS]>,
        columns: Vec<u32>,
    }

    impl Lit {
        fn with_capacity(columns: usize) -> Self {
            Self { values: vec![[0.0; ROWS]; columns], columns: vec![0; columns] }
        }

        /// Collects the columns of the rows from `start` on; gives back how many there are.
        #[target_feature(enable = "avx512f")]
        fn collect(&mut self, lhs: Matrix<'_>, start: usize) -> usize {
            let rows = (lhs.rows - start).min(ROWS);
            let mut count = 0;
            for column in 0..lhs.columns {
                let first = start * lhs.row_stride + column * lhs.column_stride;
                let mut values = [0.0f32; ROWS];
                if rows == ROWS {
                    for (row, value) in values.iter_mut().enumerate() {
                        *value = lhs.values[first + row * lhs.row_stride];
                    }
                } else {
                    for (row, value) in values[..rows].iter_mut().enumerate() {
                        *value = lhs.values[first + row * lhs.row_stride];
                    }
                }
                // Written always and counted only if it matters: a branch would be mispredicted at every edge.
                self.values[count] = values;
                self.columns[count] = column as u32;
                count += usize::from(values.iter().any(|&value| value != 0.0));
            }
            count
        }
    }

    #[target_feature(enable = "avx512f")]
    pub(super) fn multiply_sparse(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [MaybeUninit<f32>]) {
        // `tile` reads whole rows of `rhs` without asking again.
        assert!(rhs.column_stride == 1 && rhs.row_stride >= rhs.columns);
        assert!(rhs.rows == 0 || (rhs.rows - 1) * rhs.row_stride + rhs.columns <= rhs.values.len());
        if rhs.columns == 0 {
            return;
        }
        let mut lit = Lit::with_capacity(lhs.columns);
        for (block, output) in output.chunks_mut(ROWS * rhs.columns).enumerate() {
            let count = lit.collect(lhs, block * ROWS);
            let rows = output.len() / rhs.columns;
            for start in (0..rhs.columns).step_by(VECTORS * LANES) {
                let masks: [__mmask16; VECTORS] = std::array::from_fn(|vector| {
                    let left = rhs.columns.saturating_sub(start + vector * LANES).min(LANES);
                    ((1u32 << left) - 1) as __mmask16
                });
                // SAFETY: the masks end at the last column, and the lit columns are rows of `rhs`.
                let sums = unsafe { tile(&lit.values[..count], &lit.columns[..count], rhs, start, masks) };
                for (row, sums) in sums.iter().enumerate().take(rows) {
                    for (vector, &sum) in sums.iter().enumerate() {
                        let place = output.as_mut_ptr().wrapping_add(
                            row * rhs.columns + start + vector * LANES,
                        );
                        // SAFETY: `row` is one of the block's, and the mask ends at the last column.
                        unsafe { _mm512_mask_storeu_ps(place.cast(), masks[vector], sum) };
                    }
                }
            }
        }
    }

    /// The product of the lit columns with the columns of `rhs` from `start` on.
    ///
    /// # Safety
    ///
    /// `columns` must be rows of `rhs`, and `masks` cover none but its columns from `start` on.
    #[target_feature(enable = "avx512f")]
    unsafe fn tile(
        values: &[[f32; ROWS]],
        columns: &[u32],
        rhs: Matrix<'_>,
        start: usize,
        masks: [__mmask16; VECTORS],
    ) -> [[__m512; VECTORS]; ROWS] {
        let first = rhs.values.as_ptr().wrapping_add(start);
        let mut sums = [[_mm512_setzero_ps(); VECTORS]; ROWS];
        for (values, &column) in values.iter().zip(columns) {
            let row = first.wrapping_add(column as usize * rhs.row_stride);
            let mut factors = [_mm512_setzero_ps(); VECTORS];
            for vector in 0..VECTORS {
                // SAFETY: by the caller's promise, what the mask lets through lies within a row of `rhs`.
                factors[vector] =
                    unsafe { _mm512_maskz_loadu_ps(masks[vector], row.wrapping_add(vector * LANES)) };
            }
            for (sums, &value) in sums.iter_mut().zip(values) {
                let value = _mm512_set1_ps(value);
                for vector in 0..VECTORS {
                    sums[vector] = _mm512_fmadd_ps(value, factors[vector], sums[vector]);
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Of sums of up to 784 products of numbers below 1, in 32 bits and in any order.
    const ABSOLUTE: f64 = 1e-4;

    fn random(count: usize, share_of_zeros: f32, rng: &mut StdRng) -> Vec<f32> {
        (0..count)
            .map(|_| if rng.random::<f32>() < share_of_zeros { 0.0 } else { 2.0 * rng.random::<f32>() - 1.0 })
            .collect()
    }

    fn plain(lhs: Matrix<'_>, rhs: Matrix<'_>) -> Vec<f64> {
        let value = |matrix: &Matrix<'_>, row: usize, column: usize| {
            f64::from(matrix.values[row * matrix.row_stride + column * matrix.column_stride])
        };
        (0..lhs.rows)
            .flat_map(|row| (0..rhs.columns).map(move |column| (row, column)))
            .map(|(row, column)| (0..lhs.columns).map(|k| value(&lhs, row, k) * value(&rhs, k, column)).sum())
            .collect()
    }

    fn assert_close(found: &[f32], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() <= ABSOLUTE, "{found}, expected {expected}");
        }
    }

    const SIZES: [(usize, usize, usize); 9] = [
        (1, 1, 1),
        (0, 3, 2),
        (3, 0, 2),
        (3, 2, 0),
        (5, 7, 63),
        (6, 128, 64),
        (13, 20, 65),
        (64, 784, 256),
        (7, 2, 130),
    ];

    #[test]
    fn products_of_every_orientation_are_those_of_the_definition() {
        let mut rng = StdRng::seed_from_u64(1);
        for (rows, inner, columns) in SIZES {
            let (a, b) = (random(rows * inner, 0.0, &mut rng), random(inner * columns, 0.0, &mut rng));
            for (lhs, rhs) in [
                (Matrix::new(&a, rows, inner), Matrix::new(&b, inner, columns)),
                (Matrix::new(&a, inner, rows).transposed(), Matrix::new(&b, inner, columns)),
                (Matrix::new(&a, rows, inner), Matrix::new(&b, columns, inner).transposed()),
            ] {
                let expected = plain(lhs, rhs);
                let mut found = vec![f32::NAN; rows * columns];
                multiply(lhs, rhs, &mut found);
                assert_close(&found, &expected);
                multiply_add(lhs, rhs, &mut found);
                assert_close(&found, &expected.iter().map(|value| 2.0 * value).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn leaving_out_zeros_does_not_change_the_product() {
        let mut rng = StdRng::seed_from_u64(2);
        for share_of_zeros in [0.0, 0.8, 1.0] {
            for (rows, inner, columns) in SIZES {
                let a = random(rows * inner, share_of_zeros, &mut rng);
                let b = random(inner * columns, 0.0, &mut rng);
                let rhs = Matrix::new(&b, inner, columns);
                for lhs in [Matrix::new(&a, rows, inner), Matrix::new(&a, inner, rows).transposed()] {
                    let mut found = vec![f32::NAN; rows * columns];
                    multiply_sparse(lhs, rhs, as_uninit(&mut found));
                    assert_close(&found, &plain(lhs, rhs));
                }
            }
        }
    }

    #[test]
    fn a_part_of_the_rows_has_the_bits_of_the_whole() {
        let mut rng = StdRng::seed_from_u64(3);
        let (rows, inner, columns) = (29, 90, 70);
        let (a, b) = (random(rows * inner, 0.8, &mut rng), random(inner * columns, 0.0, &mut rng));
        let rhs = Matrix::new(&b, inner, columns);
        for lhs in [Matrix::new(&a, rows, inner), Matrix::new(&a, inner, rows).transposed()] {
            let mut whole = vec![0.0; rows * columns];
            multiply_sparse(lhs, rhs, as_uninit(&mut whole));
            let mut parts = vec![0.0; rows * columns];
            let (first, second) = parts.split_at_mut(11 * columns);
            multiply_sparse(lhs.rows(0, 11), rhs, as_uninit(first));
            multiply_sparse(lhs.rows(11, rows), rhs, as_uninit(second));
            // The same on processors that leave out no zeros: `gemm` sums in blocks of the inner dimension alone.
            assert_eq!(parts, whole);
        }
    }

    #[test]
    #[should_panic(expected = "values of the product")]
    fn an_output_of_another_size_is_refused() {
        multiply(Matrix::new(&[1.0; 4], 2, 2), Matrix::new(&[1.0; 4], 2, 2), &mut [0.0; 3]);
    }
}
