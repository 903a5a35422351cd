//! Tiles with AVX-512.

use std::arch::x86_64::{
    __m512, __mmask16, _CMP_NEQ_UQ, _mm512_add_epi32, _mm512_cmp_ps_mask, _mm512_fmadd_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_compress_epi32, _mm512_maskz_compress_ps, _mm512_maskz_loadu_ps,
    _mm512_set_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4,
    _mm512_shuffle_ps, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_unpackhi_ps, _mm512_unpacklo_ps,
};
use std::mem::MaybeUninit;

use super::Matrix;
use super::packed::{Block, Left, Output, Tiles};

pub(super) const LANES: usize = 16;
/// Rows and vectors of columns of the product that are summed at a time: 24 of the 32 registers hold sums.
pub(super) const ROWS: usize = 6;
pub(super) const VECTORS: usize = 4;

/// The tiles of Intel's processors. A panel of `DEPTH` rows takes 32 of the 48 kB of their first-level cache.
pub(super) struct Avx512;

impl Tiles for Avx512 {
    const ROWS: usize = ROWS;
    const COLUMNS: usize = VECTORS * LANES;
    const LANES: usize = LANES;
    const DEPTH: usize = 128;

    unsafe fn collect(lhs: Matrix<'_>, block: &mut Block<'_>) -> usize {
        // SAFETY: the caller's promise.
        unsafe { collect(lhs, block) }
    }

    unsafe fn pack(rhs: Matrix<'_>, panel: &mut [f32]) {
        // SAFETY: the caller's promise.
        unsafe {
            if rhs.is_by_rows() { pack_rows(rhs, panel) } else { pack_columns(rhs.transposed(), panel) }
        }
    }

    unsafe fn tile(left: &Left<'_>, panel: &[f32], output: &mut Output<'_>, accumulate: bool) {
        let width = output.columns.next_multiple_of(LANES);
        // SAFETY: the caller's promise; the rows of a panel are `width` long.
        unsafe { add_products(left, panel.as_ptr(), width, output, accumulate) }
    }
}

/// From one row of a block's values to the next, and from one column to the next.
fn strides(by_rows: bool, values: usize) -> (usize, usize) {
    if by_rows { (values / ROWS, 1) } else { (1, ROWS) }
}

/// As [`Tiles::collect`], of any number of columns.
///
/// # Safety
///
/// As there, with the lengths of [`Block`] for the columns of `lhs` in place of `DEPTH`.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn collect(lhs: Matrix<'_>, block: &mut Block<'_>) -> usize {
    assert!(block.columns.len() >= lhs.columns() + LANES);
    assert!(block.values.len() >= ROWS * (lhs.columns() + LANES));
    if lhs.is_by_rows() {
        // SAFETY: the lengths were just compared.
        unsafe { collect_rows(lhs, block) }
    } else {
        // SAFETY: as above.
        unsafe { collect_columns(lhs, block) }
    }
}

/// Sixteen columns at a time, of a matrix stored row after row.
///
/// # Safety
///
/// There must be room for `ROWS` rows of the matrix and a vector.
#[target_feature(enable = "avx512f")]
unsafe fn collect_rows(lhs: Matrix<'_>, block: &mut Block<'_>) -> usize {
    let (row_stride, _) = strides(true, block.values.len());
    let rows: [&[f32]; ROWS] = std::array::from_fn(|row| lhs.row(row.min(lhs.rows() - 1)));
    let mut columns = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    let mut count = 0;
    for first in (0..lhs.columns()).step_by(LANES) {
        let inside = first_lanes(lhs.columns() - first);
        let mut vectors = [_mm512_setzero_ps(); ROWS];
        let mut nonzero: __mmask16 = 0;
        for (vector, row) in vectors.iter_mut().zip(rows).take(lhs.rows()) {
            // SAFETY: the mask ends at the last column of the row.
            *vector = unsafe { _mm512_maskz_loadu_ps(inside, row.as_ptr().wrapping_add(first)) };
            nonzero |= _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(*vector, _mm512_setzero_ps());
        }
        for (row, &vector) in vectors.iter().enumerate() {
            let place = block.values.as_mut_ptr().wrapping_add(row * row_stride + count);
            // SAFETY: `count` is at most `first`, and a row of the block ends a vector after its last column.
            unsafe { _mm512_storeu_ps(place, _mm512_maskz_compress_ps(nonzero, vector)) };
        }
        let place = block.columns.as_mut_ptr().wrapping_add(count);
        // SAFETY: as above.
        unsafe { _mm512_storeu_si512(place.cast(), _mm512_maskz_compress_epi32(nonzero, columns)) };
        count += nonzero.count_ones() as usize;
        columns = _mm512_add_epi32(columns, _mm512_set1_epi32(LANES as i32));
    }
    count
}

/// Column by column, of a matrix stored column after column.
///
/// # Safety
///
/// As of [`collect_rows`].
#[target_feature(enable = "avx512f")]
unsafe fn collect_columns(lhs: Matrix<'_>, block: &mut Block<'_>) -> usize {
    let by_columns = lhs.transposed();
    let inside = first_lanes(lhs.rows());
    let (values, columns) = (block.values.as_mut_ptr(), block.columns.as_mut_ptr());
    let mut column_start = by_columns.row(0).as_ptr();
    // The last column is in the matrix, and so are those before it.
    let _ = by_columns.row(lhs.columns() - 1);
    let mut count = 0;
    for column in 0..lhs.columns() {
        // SAFETY: the mask has as many lanes as the column has rows, at least one and at most `ROWS`.
        let vector = unsafe { _mm512_maskz_loadu_ps(inside, column_start) };
        // SAFETY: `count` is at most `column`, and the block ends a vector after its last column. What is written beyond
        // the rows is written over by the next column.
        unsafe {
            _mm512_storeu_ps(values.wrapping_add(count * ROWS), vector);
            *columns.wrapping_add(count) = column as u32;
        }
        // Written always and counted only if it matters: a branch would be mispredicted at every edge.
        let nonzero = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(vector, _mm512_setzero_ps());
        count += usize::from(nonzero != 0);
        column_start = column_start.wrapping_add(by_columns.row_stride());
    }
    count
}

pub(super) fn first_lanes(count: usize) -> __mmask16 {
    ((1u32 << count.min(LANES)) - 1) as __mmask16
}

/// # Safety
///
/// There must be a place for each value, with the rows of the panel a whole number of vectors long.
#[target_feature(enable = "avx512f")]
unsafe fn pack_rows(rhs: Matrix<'_>, panel: &mut [f32]) {
    let width = rhs.columns().next_multiple_of(LANES);
    for (row, place) in panel.chunks_exact_mut(width).enumerate().take(rhs.rows()) {
        let row = rhs.row(row);
        for first in (0..width).step_by(LANES) {
            let inside = first_lanes(row.len() - first);
            // SAFETY: the mask ends at the last column of the row; the place has the length of whole vectors.
            unsafe {
                let values = _mm512_maskz_loadu_ps(inside, row.as_ptr().wrapping_add(first));
                _mm512_storeu_ps(place.as_mut_ptr().wrapping_add(first), values);
            }
        }
    }
}

/// Packs the transposed of a matrix stored row after row.
///
/// # Safety
///
/// As of [`pack_rows`], for the transposed.
#[target_feature(enable = "avx512f")]
unsafe fn pack_columns(turned: Matrix<'_>, panel: &mut [f32]) {
    let width = turned.rows().next_multiple_of(LANES);
    assert!(panel.len() >= turned.columns() * width);
    for column in (0..turned.columns()).step_by(LANES) {
        let columns = (turned.columns() - column).min(LANES);
        let inside = first_lanes(columns);
        for row in (0..turned.rows()).step_by(LANES) {
            let mut vectors = [_mm512_setzero_ps(); LANES];
            for (vector, row) in vectors.iter_mut().zip(row..turned.rows()) {
                let start = turned.row(row).as_ptr().wrapping_add(column);
                // SAFETY: the mask ends at the last column of the row.
                *vector = unsafe { _mm512_maskz_loadu_ps(inside, start) };
            }
            for (at, vector) in transpose(vectors).into_iter().enumerate().take(columns) {
                let place = panel.as_mut_ptr().wrapping_add((column + at) * width + row);
                // SAFETY: the panel has whole vectors for the rows, in as many rows as there are columns.
                unsafe { _mm512_storeu_ps(place, vector) };
            }
        }
    }
}

/// The columns of a matrix of sixteen rows.
#[target_feature(enable = "avx512f")]
fn transpose(rows: [__m512; LANES]) -> [__m512; LANES] {
    // Each step exchanges the parts off the diagonal, of which each is twice as large as those of the step before: single
    // numbers and pairs within the quarters of a vector, then quarters and halves.
    let mut pairs = [_mm512_setzero_ps(); LANES];
    for at in (0..LANES).step_by(2) {
        pairs[at] = _mm512_unpacklo_ps(rows[at], rows[at + 1]);
        pairs[at + 1] = _mm512_unpackhi_ps(rows[at], rows[at + 1]);
    }
    let mut fours = [_mm512_setzero_ps(); LANES];
    for at in (0..LANES).step_by(4) {
        let [a, b, c, d] = [pairs[at], pairs[at + 1], pairs[at + 2], pairs[at + 3]];
        fours[at] = _mm512_shuffle_ps::<0x44>(a, c);
        fours[at + 1] = _mm512_shuffle_ps::<0xee>(a, c);
        fours[at + 2] = _mm512_shuffle_ps::<0x44>(b, d);
        fours[at + 3] = _mm512_shuffle_ps::<0xee>(b, d);
    }
    let mut columns = [_mm512_setzero_ps(); LANES];
    for at in 0..4 {
        let even = _mm512_shuffle_f32x4::<0x88>(fours[at], fours[4 + at]);
        let odd = _mm512_shuffle_f32x4::<0xdd>(fours[at], fours[4 + at]);
        let even_below = _mm512_shuffle_f32x4::<0x88>(fours[8 + at], fours[12 + at]);
        let odd_below = _mm512_shuffle_f32x4::<0xdd>(fours[8 + at], fours[12 + at]);
        columns[at] = _mm512_shuffle_f32x4::<0x88>(even, even_below);
        columns[8 + at] = _mm512_shuffle_f32x4::<0xdd>(even, even_below);
        columns[4 + at] = _mm512_shuffle_f32x4::<0x88>(odd, odd_below);
        columns[12 + at] = _mm512_shuffle_f32x4::<0xdd>(odd, odd_below);
    }
    columns
}

/// Adds the products of a block with some rows of numbers, `stride` apart, to a tile of the output.
///
/// # Safety
///
/// The columns of the block must be rows of the numbers, each of which reaches to the output's last column. `output` must
/// reach to the end of the tile's last row, and be initialised if `accumulate`.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn add_products(
    left: &Left<'_>,
    right: *const f32,
    stride: usize,
    output: &mut Output<'_>,
    accumulate: bool,
) {
    assert!((1..=ROWS).contains(&left.rows) && output.columns <= VECTORS * LANES);
    assert!(output.values.len() >= (left.rows - 1) * output.stride + output.columns);
    let tile = match (left.rows.div_ceil(2), output.columns.div_ceil(LANES)) {
        (1, 1) => tile::<2, 1>,
        (1, 2) => tile::<2, 2>,
        (1, 3) => tile::<2, 3>,
        (1, _) => tile::<2, VECTORS>,
        (2, 1) => tile::<4, 1>,
        (2, 2) => tile::<4, 2>,
        (2, 3) => tile::<4, 3>,
        (2, _) => tile::<4, VECTORS>,
        (_, 1) => tile::<ROWS, 1>,
        (_, 2) => tile::<ROWS, 2>,
        (_, 3) => tile::<ROWS, 3>,
        _ => tile::<ROWS, VECTORS>,
    };
    // SAFETY: the caller's promise.
    unsafe { tile(left, right, stride, output, accumulate) };
}

/// [`add_products`] for up to `R` rows and `N` vectors of columns.
///
/// # Safety
///
/// As there.
#[target_feature(enable = "avx512f")]
unsafe fn tile<const R: usize, const N: usize>(
    left: &Left<'_>,
    right: *const f32,
    stride: usize,
    output: &mut Output<'_>,
    accumulate: bool,
) {
    let (row_stride, column_stride) = strides(left.by_rows, left.values.len());
    let masks: [__mmask16; N] =
        std::array::from_fn(|vector| first_lanes(output.columns.saturating_sub(vector * LANES)));
    let Output { stride: output_stride, .. } = *output;
    let start: *mut MaybeUninit<f32> = output.values.as_mut_ptr();
    let place = |row: usize, vector: usize| -> *mut f32 {
        start.wrapping_add(row * output_stride + vector * LANES).cast()
    };
    let mut sums = [[_mm512_setzero_ps(); N]; R];
    if accumulate {
        for (row, sums) in sums.iter_mut().enumerate().take(left.rows) {
            for (vector, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the mask ends at the last column of the tile's row, which is initialised.
                *sum = unsafe { _mm512_maskz_loadu_ps(masks[vector], place(row, vector)) };
            }
        }
    }
    let mut values = left.values.as_ptr();
    for &column in left.columns {
        let row = right.wrapping_add(column as usize * stride);
        let mut factors = [_mm512_setzero_ps(); N];
        for vector in 0..N {
            // SAFETY: by the caller's promise, what the mask lets through lies within a row of the numbers.
            factors[vector] =
                unsafe { _mm512_maskz_loadu_ps(masks[vector], row.wrapping_add(vector * LANES)) };
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `collect` made room for the values of all rows in every column that it counted.
            let value: __m512 = _mm512_set1_ps(unsafe { *values.wrapping_add(row * row_stride) });
            for vector in 0..N {
                sums[vector] = _mm512_fmadd_ps(value, factors[vector], sums[vector]);
            }
        }
        values = values.wrapping_add(column_stride);
    }
    for (row, sums) in sums.into_iter().enumerate().take(left.rows) {
        for (vector, sum) in sums.into_iter().enumerate() {
            // SAFETY: the mask ends at the last column of the tile's row.
            unsafe { _mm512_mask_storeu_ps(place(row, vector), masks[vector], sum) };
        }
    }
}
