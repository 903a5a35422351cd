//! Matrix products.

use gemm::Parallelism;

#[cfg(target_arch = "x86_64")]
mod avx512;

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

/// How many rows of a product with so many columns take no longer one block after another than all at once.
pub(crate) fn block_of_rows(columns: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        /// Half of a first-level cache.
        const VALUES: usize = 4096;
        return avx512::ROWS * VALUES.div_ceil(avx512::ROWS * columns);
    }
    // `gemm` copies the right factor together for each product.
    usize::MAX
}

/// The product of two matrices, row after row, on the current thread.
///
/// With AVX-512 and a right factor that is stored row after row, what is multiplied by 0 is left out where six
/// neighbouring rows of the left factor have it in common: most of MNIST's pixels are black. It differs from the whole
/// sum where the right factor holds infinities or NaN, of which `0 * inf` would be NaN. An element's bits do not depend
/// on the other rows and columns that are computed with it.
pub(crate) fn multiply(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [f32]) {
    assert_eq!(lhs.columns, rhs.rows, "columns of the left and rows of the right factor");
    assert_eq!(output.len(), lhs.rows * rhs.columns, "values of the product");
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        // SAFETY: the processor has the feature, which was just asked.
        unsafe {
            // With one row or column, both strides can be 1.
            if rhs.column_stride == 1 && rhs.row_stride >= rhs.columns {
                return avx512::multiply(lhs, rhs, output);
            }
            if lhs.column_stride == 1 && rhs.row_stride == 1 {
                return avx512::multiply_by_transposed(lhs, rhs.transposed(), output);
            }
        }
    }
    general(lhs, rhs, output);
}

/// The product by the `gemm` crate, which serves every processor and every order of memory.
fn general(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [f32]) {
    let stride = |length: usize| isize::try_from(length).expect("no slice is longer");
    // SAFETY: the strides and sizes describe the slices, which `Matrix::new` and the callers' assertions checked; `output`
    // is written and not read.
    unsafe {
        gemm::gemm(
            lhs.rows,
            rhs.columns,
            lhs.columns,
            output.as_mut_ptr(),
            1,
            stride(rhs.columns),
            false,
            lhs.values.as_ptr(),
            stride(lhs.column_stride),
            stride(lhs.row_stride),
            rhs.values.as_ptr(),
            stride(rhs.column_stride),
            stride(rhs.row_stride),
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
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

    const SIZES: [(usize, usize, usize); 11] = [
        (1, 1, 1),
        (5, 1, 7),
        (6, 300, 1),
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
                for multiply in [multiply, general] {
                    let mut found = vec![f32::NAN; rows * columns];
                    multiply(lhs, rhs, &mut found);
                    assert_close(&found, &expected);
                }
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
                    multiply(lhs, rhs, &mut found);
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
            multiply(lhs, rhs, &mut whole);
            let mut parts = vec![0.0; rows * columns];
            let (first, second) = parts.split_at_mut(11 * columns);
            multiply(lhs.rows(0, 11), rhs, first);
            multiply(lhs.rows(11, rows), rhs, second);
            assert_eq!(parts, whole);
        }
    }

    #[test]
    #[should_panic(expected = "values of the product")]
    fn an_output_of_another_size_is_refused() {
        multiply(Matrix::new(&[1.0; 4], 2, 2), Matrix::new(&[1.0; 4], 2, 2), &mut [0.0; 3]);
    }
}
