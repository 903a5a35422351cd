//! Matrix products with AVX-512.

use std::arch::x86_64::{
    __m512, __mmask16, _CMP_NEQ_UQ, _mm512_add_epi32, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_compress_epi32, _mm512_maskz_compress_ps, _mm512_maskz_loadu_ps,
    _mm512_set_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4,
    _mm512_shuffle_ps, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_unpackhi_ps, _mm512_unpacklo_ps,
};
use std::cell::RefCell;

use super::Matrix;

const LANES: usize = 16;
/// Rows and vectors of columns of the product that are summed at a time: 24 of the 32 registers hold sums.
pub(super) const ROWS: usize = 6;
const VECTORS: usize = 4;
/// Rows of each factor of [`multiply_rows`] that are multiplied at a time: their products fill one vector.
const SIDE: usize = 4;

thread_local! {
    static LIT: RefCell<Lit> = RefCell::default();
}

/// The columns of a block of rows of the left factor in which one of the rows is not 0.
#[derive(Default)]
struct Lit {
    /// The rows' values in these columns, those of missing rows 0.
    values: Vec<f32>,
    /// From one row of `values` to the next.
    row_stride: usize,
    /// From one column of `values` to the next.
    column_stride: usize,
    columns: Vec<u32>,
    count: usize,
}

impl Lit {
    /// Collects the columns of up to [`ROWS`] rows from `start` on.
    #[target_feature(enable = "avx512f")]
    fn collect(&mut self, lhs: Matrix<'_>, start: usize) {
        let rows = (lhs.rows - start).min(ROWS);
        // Whole vectors are written and only their valid part counted.
        self.columns.resize(lhs.columns + LANES, 0);
        if lhs.column_stride == 1 {
            self.row_stride = lhs.columns + LANES;
            self.column_stride = 1;
            self.values.resize(ROWS * self.row_stride, 0.0);
            self.collect_along_rows(lhs, start, rows);
        } else {
            assert_eq!(lhs.row_stride, 1, "one of the strides of a matrix is 1");
            self.row_stride = 1;
            self.column_stride = LANES;
            self.values.resize((lhs.columns + 1) * LANES, 0.0);
            self.collect_across_rows(lhs, start, rows);
        }
    }

    /// Sixteen columns at a time, of a matrix stored row after row.
    #[target_feature(enable = "avx512f")]
    fn collect_along_rows(&mut self, lhs: Matrix<'_>, start: usize, rows: usize) {
        let mut columns = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        self.count = 0;
        for first in (0..lhs.columns).step_by(LANES) {
            let inside = first_lanes(lhs.columns - first);
            let mut vectors = [_mm512_setzero_ps(); ROWS];
            let mut lit: __mmask16 = 0;
            for (row, vector) in vectors.iter_mut().enumerate().take(rows) {
                let place = &lhs.values[(start + row) * lhs.row_stride + first..];
                // SAFETY: the mask ends at the last column of the row, which is in the slice.
                *vector = unsafe { _mm512_maskz_loadu_ps(inside, place.as_ptr()) };
                lit |= _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(*vector, _mm512_setzero_ps());
            }
            for (row, &vector) in vectors.iter().enumerate() {
                let place = &mut self.values[row * self.row_stride + self.count..][..LANES];
                // SAFETY: the slice has the length of a vector.
                unsafe { _mm512_storeu_ps(place.as_mut_ptr(), _mm512_maskz_compress_ps(lit, vector)) };
            }
            let place = &mut self.columns[self.count..][..LANES];
            // SAFETY: as above.
            unsafe {
                _mm512_storeu_si512(place.as_mut_ptr().cast(), _mm512_maskz_compress_epi32(lit, columns));
            }
            self.count += lit.count_ones() as usize;
            columns = _mm512_add_epi32(columns, _mm512_set1_epi32(LANES as i32));
        }
    }

    /// Column by column, of a matrix stored column after column.
    #[target_feature(enable = "avx512f")]
    fn collect_across_rows(&mut self, lhs: Matrix<'_>, start: usize, rows: usize) {
        let inside = first_lanes(rows);
        self.count = 0;
        for column in 0..lhs.columns {
            let place = &lhs.values[column * lhs.column_stride + start..][..rows];
            // SAFETY: the mask has as many lanes as the slice has values.
            let vector = unsafe { _mm512_maskz_loadu_ps(inside, place.as_ptr()) };
            let target = &mut self.values[self.count * LANES..][..LANES];
            // SAFETY: the slice has the length of a vector.
            unsafe { _mm512_storeu_ps(target.as_mut_ptr(), vector) };
            self.columns[self.count] = column as u32;
            // Written always and counted only if it matters: a branch would be mispredicted at every edge.
            let lit = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(vector, _mm512_setzero_ps());
            self.count += usize::from(lit != 0);
        }
    }
}

fn first_lanes(count: usize) -> __mmask16 {
    ((1u32 << count.min(LANES)) - 1) as __mmask16
}

#[target_feature(enable = "avx512f")]
pub(super) fn multiply(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [f32]) {
    // `tile` reads the rows of `rhs` without asking again.
    assert!(rhs.column_stride == 1 && rhs.row_stride >= rhs.columns);
    assert!(rhs.rows == 0 || (rhs.rows - 1) * rhs.row_stride + rhs.columns <= rhs.values.len());
    if rhs.columns == 0 {
        return;
    }
    LIT.with_borrow_mut(|lit| {
        for (block, output) in output.chunks_mut(ROWS * rhs.columns).enumerate() {
            lit.collect(lhs, block * ROWS);
            for start in (0..rhs.columns).step_by(VECTORS * LANES) {
                // SAFETY: the lit columns of `lhs` are rows of `rhs`.
                unsafe {
                    match (rhs.columns - start).div_ceil(LANES) {
                        1 => tile::<1>(lit, rhs, start, output),
                        2 => tile::<2>(lit, rhs, start, output),
                        3 => tile::<3>(lit, rhs, start, output),
                        _ => tile::<VECTORS>(lit, rhs, start, output),
                    }
                }
            }
        }
    });
}

/// The product with the transposed of `rhs`, both stored row after row.
#[target_feature(enable = "avx512f")]
pub(super) fn multiply_by_transposed(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [f32]) {
    if lhs.columns >= LANES {
        return multiply_rows(lhs, rhs, output);
    }
    // Vectors along rows this short would be mostly empty.
    let turned = row_after_row(rhs.transposed());
    multiply(lhs, Matrix::new(&turned, rhs.columns, rhs.rows), output);
}

fn row_after_row(matrix: Matrix<'_>) -> Vec<f32> {
    let Matrix { values, rows, columns, row_stride, column_stride } = matrix;
    let value = |row, column| values[row * row_stride + column * column_stride];
    (0..rows).flat_map(|row| (0..columns).map(move |column| value(row, column))).collect()
}

/// The product with the transposed of `rhs`, each value from two rows.
#[target_feature(enable = "avx512f")]
fn multiply_rows(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [f32]) {
    for matrix in [lhs, rhs] {
        // `products_of_rows` reads them without asking again.
        assert!(matrix.column_stride == 1 && matrix.row_stride >= matrix.columns);
        assert!(
            matrix.rows == 0 || (matrix.rows - 1) * matrix.row_stride + matrix.columns <= matrix.values.len()
        );
    }
    for right in (0..rhs.rows).step_by(SIDE) {
        let columns = first_lanes((rhs.rows - right).min(SIDE));
        for left in (0..lhs.rows).step_by(SIDE) {
            let sums = products_of_rows(lhs, left, rhs, right);
            for (row, shift) in (left..lhs.rows).zip((0..LANES).step_by(SIDE)) {
                // The lanes of the row's sums, stored as if the vector's first lay `shift` places before the output.
                let place = output.as_mut_ptr().wrapping_add(row * rhs.rows + right).wrapping_sub(shift);
                // SAFETY: the mask lets through what lies within the row of the output.
                unsafe { _mm512_mask_storeu_ps(place.cast(), columns << shift, sums) };
            }
        }
    }
}

/// The products of the rows from `left` on with those from `right` on, four of the first row, then of the second.
///
/// Of rows that are missing, there are those of the last one once more.
#[target_feature(enable = "avx512f")]
fn products_of_rows(lhs: Matrix<'_>, left: usize, rhs: Matrix<'_>, right: usize) -> __m512 {
    let starts = |matrix: Matrix<'_>, first: usize| -> [*const f32; SIDE] {
        std::array::from_fn(|row| {
            let row = (first + row).min(matrix.rows - 1);
            matrix.values.as_ptr().wrapping_add(row * matrix.row_stride)
        })
    };
    let (left, right) = (starts(lhs, left), starts(rhs, right));
    let mut sums = [[_mm512_setzero_ps(); SIDE]; SIDE];
    for first in (0..lhs.columns).step_by(LANES) {
        let inside = first_lanes(lhs.columns - first);
        // SAFETY: the mask ends at the last column of the rows, which lie in the values of their matrices.
        let load = |row: &*const f32| unsafe { _mm512_maskz_loadu_ps(inside, row.wrapping_add(first)) };
        let right = [load(&right[0]), load(&right[1]), load(&right[2]), load(&right[3])];
        for (sums, row) in sums.iter_mut().zip(&left) {
            let left = load(row);
            for (sum, right) in sums.iter_mut().zip(right) {
                *sum = _mm512_fmadd_ps(left, right, *sum);
            }
        }
    }
    // Each level adds up halves: pairs of vectors within their quarters twice, then the quarters themselves.
    let [a, b, c, d] = sums.map(|[a, b, c, d]| {
        let halves = |a, b| _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (ab, cd) = (halves(a, b), halves(c, d));
        _mm512_add_ps(_mm512_shuffle_ps::<0x44>(ab, cd), _mm512_shuffle_ps::<0xee>(ab, cd))
    });
    let quarters =
        |a, b| _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
    quarters(quarters(a, b), quarters(c, d))
}

/// The product of the lit columns with `N` vectors of columns of `rhs` from `start` on, into the rows of `output`.
///
/// # Safety
///
/// The lit columns must be rows of `rhs`, whose rows must lie in its values.
#[target_feature(enable = "avx512f")]
unsafe fn tile<const N: usize>(lit: &Lit, rhs: Matrix<'_>, start: usize, output: &mut [f32]) {
    let masks: [__mmask16; N] =
        std::array::from_fn(|vector| first_lanes((rhs.columns - start).saturating_sub(vector * LANES)));
    let first = rhs.values.as_ptr().wrapping_add(start);
    let mut values = lit.values.as_ptr();
    let mut sums = [[_mm512_setzero_ps(); N]; ROWS];
    for &column in &lit.columns[..lit.count] {
        let row = first.wrapping_add(column as usize * rhs.row_stride);
        let mut factors = [_mm512_setzero_ps(); N];
        for vector in 0..N {
            // SAFETY: by the caller's promise, what the mask lets through lies within a row of `rhs`.
            factors[vector] =
                unsafe { _mm512_maskz_loadu_ps(masks[vector], row.wrapping_add(vector * LANES)) };
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `collect` made room for the values of all rows in every column that it counted.
            let value: __m512 = _mm512_set1_ps(unsafe { *values.wrapping_add(row * lit.row_stride) });
            for vector in 0..N {
                sums[vector] = _mm512_fmadd_ps(value, factors[vector], sums[vector]);
            }
        }
        values = values.wrapping_add(lit.column_stride);
    }
    for (output, sums) in output.chunks_exact_mut(rhs.columns).zip(sums) {
        for (vector, sum) in sums.into_iter().enumerate() {
            let place = output.as_mut_ptr().wrapping_add(start + vector * LANES);
            // SAFETY: the mask ends at the last column of the output's row.
            unsafe { _mm512_mask_storeu_ps(place.cast(), masks[vector], sum) };
        }
    }
}
