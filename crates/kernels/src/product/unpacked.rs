//! Products with AVX-512 that read the right factor where it is.
//!
//! AMD's Zen 4 computes a vector in two halves, and its second-level cache keeps up with that: 103 to 116 of 118 GFLOP/s.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps,
    _mm512_shuffle_f32x4, _mm512_shuffle_ps, _mm512_unpackhi_ps, _mm512_unpacklo_ps,
};
use std::cell::Cell;
use std::mem::MaybeUninit;

use super::Matrix;
use super::avx512::{LANES, ROWS, VECTORS, add_products, collect, first_lanes};
use super::packed::{Blocks, Left, Output};

/// Rows of each factor of [`multiply_rows`] that are multiplied at a time: their products fill one vector.
const SIDE: usize = 4;

thread_local! {
    /// Taken out for the time of a product, and not borrowed: a thread that waits may be given another one to compute.
    static BLOCK: Cell<(Vec<f32>, Vec<u32>)> = Cell::default();
}

/// As [`super::multiply`], or [`super::add_product`] if `accumulate`.
///
/// # Safety
///
/// The processor must have AVX-512. `lhs` must have as many columns as `rhs` rows, at least one, and `output` as many
/// values as the product. If `accumulate`, the output must be initialised, and `rhs` stored by rows.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn multiply(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    output: &mut [MaybeUninit<f32>],
    accumulate: bool,
) {
    if rhs.is_by_rows() {
        // SAFETY: the caller's promise.
        return unsafe { multiply_by_rows(lhs, rhs, output, accumulate) };
    }
    assert!(!accumulate, "the right factor of a sum of products is stored by rows");
    // Vectors along rows this short would be mostly empty.
    if lhs.is_by_rows() && lhs.columns() >= LANES {
        return multiply_rows(lhs, rhs.transposed(), output);
    }
    let by_columns = rhs.transposed();
    let turned: Vec<f32> = (0..rhs.rows())
        .flat_map(|row| (0..rhs.columns()).map(move |column| by_columns.row(column)[row]))
        .collect();
    // SAFETY: nothing is read of the output.
    unsafe { multiply_by_rows(lhs, Matrix::new(&turned, rhs.rows(), rhs.columns()), output, false) };
}

/// # Safety
///
/// The output must be initialised if `accumulate`.
#[target_feature(enable = "avx512f")]
unsafe fn multiply_by_rows(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    output: &mut [MaybeUninit<f32>],
    accumulate: bool,
) {
    assert!(rhs.is_by_rows() && lhs.columns() == rhs.rows());
    // The last row is in the matrix, and so are those before it.
    let (first, _) = (rhs.row(0), rhs.row(rhs.rows() - 1));
    let (mut values, mut columns) = BLOCK.take();
    let places = lhs.columns() + LANES;
    values.resize(ROWS * places, 0.0);
    columns.resize(places, 0);
    for (block, output) in output.chunks_mut(ROWS * rhs.columns()).enumerate() {
        let rows = (block * ROWS)..((block + 1) * ROWS).min(lhs.rows());
        let part = lhs.rows_between(rows.start, rows.end);
        let mut counts = [0];
        let mut collected = Blocks {
            values: &mut values,
            columns: &mut columns,
            counts: &mut counts,
            rows: ROWS,
            stride: places,
        };
        // SAFETY: there is room for all columns of one block.
        unsafe { collect(part, &mut collected) };
        let left = Left {
            values: &values,
            stride: places,
            by_rows: lhs.is_by_rows(),
            columns: &columns[..counts[0]],
            rows: rows.len(),
        };
        for start in (0..rhs.columns()).step_by(VECTORS * LANES) {
            let width = (rhs.columns() - start).min(VECTORS * LANES);
            let mut output = Output { values: &mut output[start..], stride: rhs.columns(), columns: width };
            let right = first.as_ptr().wrapping_add(start);
            // SAFETY: the columns of `lhs` are rows of `rhs`, which reach to the output's last column; the rest is the
            // caller's promise.
            unsafe {
                if width == VECTORS * LANES {
                    add_products::<true>(&left, right, rhs.row_stride(), &mut output, accumulate);
                } else {
                    add_products::<false>(&left, right, rhs.row_stride(), &mut output, accumulate);
                }
            }
        }
    }
    BLOCK.set((values, columns));
}

/// The product with the transposed of `rhs`, each value from two rows, both stored row after row.
#[target_feature(enable = "avx512f")]
fn multiply_rows(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [MaybeUninit<f32>]) {
    assert!(lhs.columns() == rhs.columns() && output.len() == lhs.rows() * rhs.rows());
    for right in (0..rhs.rows()).step_by(SIDE) {
        let columns = first_lanes((rhs.rows() - right).min(SIDE));
        for left in (0..lhs.rows()).step_by(SIDE) {
            let sums = products_of_rows(lhs, left, rhs, right);
            for (row, shift) in (left..lhs.rows()).zip((0..LANES).step_by(SIDE)) {
                // The lanes of the row's sums, stored as if the vector's first lay `shift` places before the output.
                let place = output.as_mut_ptr().wrapping_add(row * rhs.rows() + right).wrapping_sub(shift);
                // SAFETY: the mask lets through what lies within the row of the output.
                unsafe { _mm512_mask_storeu_ps(place.cast(), columns << shift, sums) };
            }
        }
    }
}

/// The products of the rows from `left` on with those from `right` on, four of the first row, then of the second.
///
/// Rows that are missing are replaced by the last one.
#[target_feature(enable = "avx512f")]
fn products_of_rows(lhs: Matrix<'_>, left: usize, rhs: Matrix<'_>, right: usize) -> __m512 {
    let starts = |matrix: Matrix<'_>, first: usize| -> [*const f32; SIDE] {
        std::array::from_fn(|row| matrix.row((first + row).min(matrix.rows() - 1)).as_ptr())
    };
    let (left, right) = (starts(lhs, left), starts(rhs, right));
    let mut sums = [[_mm512_setzero_ps(); SIDE]; SIDE];
    for first in (0..lhs.columns()).step_by(LANES) {
        let inside = first_lanes(lhs.columns() - first);
        // SAFETY: the mask ends at the last column of the rows, of which both matrices have as many.
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
