//! Tiles with AVX-512.

use std::arch::x86_64::{
    __m512, __mmask16, _CMP_NEQ_UQ, _mm512_add_epi32, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_compress_epi32, _mm512_maskz_compress_ps, _mm512_maskz_loadu_ps,
    _mm512_set_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_shuffle_f32x4,
    _mm512_shuffle_ps, _mm512_storeu_ps, _mm512_storeu_si512, _mm512_unpackhi_ps, _mm512_unpacklo_ps,
};
use std::mem::MaybeUninit;

use super::Matrix;
use super::packed::{Blocks, Left, Output, Tiles};

pub(super) const LANES: usize = 16;
/// Rows and vectors of columns of the product that are summed at a time: 24 of the 32 registers hold sums.
pub(super) const ROWS: usize = 6;
pub(super) const VECTORS: usize = 4;

/// The tiles of Intel's processors. A panel of `DEPTH` rows takes 32 of the 48 kB of their first-level cache.
pub(super) struct Avx512;

impl Tiles for Avx512 {
    const ROWS: usize = ROWS;
    const SPARSE_ROWS: usize = ROWS;
    const COLUMNS: usize = VECTORS * LANES;
    const LANES: usize = LANES;
    const DEPTH: usize = 128;

    unsafe fn collect(lhs: Matrix<'_>, blocks: &mut Blocks<'_>) {
        // SAFETY: the caller's promise.
        unsafe { collect(lhs, blocks) }
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
        unsafe { add_products::<true>(left, panel.as_ptr(), width, output, accumulate) }
    }
}

/// Blocks whose columns are read together, where a matrix is stored by columns: so many lie in a few cache lines.
const NEIGHBOURS: usize = 8;

/// As [`Tiles::collect`].
///
/// # Safety
///
/// As there.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn collect(lhs: Matrix<'_>, blocks: &mut Blocks<'_>) {
    let Blocks { values, columns, counts, stride, .. } = blocks;
    let stride = *stride;
    assert!(lhs.columns() > 0 && stride >= lhs.columns() + LANES);
    assert!(counts.len() == lhs.rows().div_ceil(ROWS));
    assert!(values.len() >= counts.len() * ROWS * stride && columns.len() >= counts.len() * stride);
    let rows = |block: usize| block * ROWS..((block + 1) * ROWS).min(lhs.rows());
    if lhs.is_by_rows() {
        let parts = values.chunks_exact_mut(ROWS * stride).zip(columns.chunks_exact_mut(stride));
        for ((block, (values, columns)), count) in parts.enumerate().zip(counts.iter_mut()) {
            let rows = rows(block);
            // SAFETY: the lengths were just compared.
            *count = unsafe { collect_rows(lhs.rows_between(rows.start, rows.end), stride, values, columns) };
        }
    } else {
        for first in (0..counts.len()).step_by(NEIGHBOURS) {
            let last = (first + NEIGHBOURS).min(counts.len());
            let rows = lhs.rows_between(rows(first).start, rows(last - 1).end);
            let values = &mut values[first * ROWS * stride..last * ROWS * stride];
            let columns = &mut columns[first * stride..last * stride];
            // SAFETY: as above.
            unsafe { collect_columns(rows, stride, values, columns, &mut counts[first..last]) };
        }
    }
}

/// Sixteen columns at a time, of one block of a matrix stored row after row.
///
/// # Safety
///
/// `stride` must be that of [`Blocks`], and `values` and `columns` as long as they are for a block.
#[target_feature(enable = "avx512f")]
unsafe fn collect_rows(lhs: Matrix<'_>, stride: usize, values: &mut [f32], columns: &mut [u32]) -> usize {
    let mut rows = [lhs.row(0); ROWS];
    for (row, place) in rows.iter_mut().enumerate().take(lhs.rows()) {
        *place = lhs.row(row);
    }
    let mut places = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
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
            let place = values.as_mut_ptr().wrapping_add(row * stride + count);
            // SAFETY: `count` is at most `first`, and a row of the block ends a vector after its last column.
            unsafe { _mm512_storeu_ps(place, _mm512_maskz_compress_ps(nonzero, vector)) };
        }
        let place = columns.as_mut_ptr().wrapping_add(count);
        // SAFETY: as above.
        unsafe { _mm512_storeu_si512(place.cast(), _mm512_maskz_compress_epi32(nonzero, places)) };
        count += nonzero.count_ones() as usize;
        places = _mm512_add_epi32(places, _mm512_set1_epi32(LANES as i32));
    }
    count
}

/// Column by column, of some blocks of a matrix stored column after column.
///
/// # Safety
///
/// As of [`collect_rows`], for each of the blocks.
#[target_feature(enable = "avx512f")]
unsafe fn collect_columns(
    lhs: Matrix<'_>,
    stride: usize,
    values: &mut [f32],
    columns: &mut [u32],
    counts: &mut [usize],
) {
    let by_columns = lhs.transposed();
    let (values, columns) = (values.as_mut_ptr(), columns.as_mut_ptr());
    counts.fill(0);
    for column in 0..lhs.columns() {
        let start = by_columns.row(column).as_ptr();
        for (block, count) in counts.iter_mut().enumerate() {
            let inside = first_lanes((lhs.rows() - block * ROWS).min(ROWS));
            // SAFETY: the mask has as many lanes as the block has rows, at least one.
            let vector = unsafe { _mm512_maskz_loadu_ps(inside, start.wrapping_add(block * ROWS)) };
            // SAFETY: `count` is at most `column`, and a block ends a vector after its last column. What is written beyond
            // the rows is written over by the next column, or never read.
            unsafe {
                _mm512_storeu_ps(values.wrapping_add((block * stride + *count) * ROWS), vector);
                *columns.wrapping_add(block * stride + *count) = column as u32;
            }
            // Written always and counted only if it matters: a branch would be mispredicted at every edge.
            let nonzero = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(vector, _mm512_setzero_ps());
            *count += usize::from(nonzero != 0);
        }
    }
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
/// `WHOLE` says that the rows of numbers are whole vectors long. Loads then need no mask, whose arithmetic takes the place of
/// every seventh multiplication on Intel's processors.
///
/// # Safety
///
/// The columns of the block must be rows of the numbers, each of which reaches to the output's last column, and to the end of
/// its last vector if `WHOLE`. `output` must reach to the end of the tile's last row, and be initialised if `accumulate`.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn add_products<const WHOLE: bool>(
    left: &Left<'_>,
    right: *const f32,
    stride: usize,
    output: &mut Output<'_>,
    accumulate: bool,
) {
    assert!((1..=ROWS).contains(&left.rows) && output.columns <= VECTORS * LANES);
    assert!(output.values.len() >= (left.rows - 1) * output.stride + output.columns);
    let tile = match (left.rows.div_ceil(2), output.columns.div_ceil(LANES)) {
        (1, 1) => tile::<2, 1, WHOLE>,
        (1, 2) => tile::<2, 2, WHOLE>,
        (1, 3) => tile::<2, 3, WHOLE>,
        (1, _) => tile::<2, VECTORS, WHOLE>,
        (2, 1) => tile::<4, 1, WHOLE>,
        (2, 2) => tile::<4, 2, WHOLE>,
        (2, 3) => tile::<4, 3, WHOLE>,
        (2, _) => tile::<4, VECTORS, WHOLE>,
        (_, 1) => tile::<ROWS, 1, WHOLE>,
        (_, 2) => tile::<ROWS, 2, WHOLE>,
        (_, 3) => tile::<ROWS, 3, WHOLE>,
        _ => tile::<ROWS, VECTORS, WHOLE>,
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
unsafe fn tile<const R: usize, const N: usize, const WHOLE: bool>(
    left: &Left<'_>,
    right: *const f32,
    stride: usize,
    output: &mut Output<'_>,
    accumulate: bool,
) {
    let (row_stride, column_stride) = if left.by_rows { (left.stride, 1) } else { (1, ROWS) };
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
            let place = row.wrapping_add(vector * LANES);
            // SAFETY: by the caller's promise, the vector, or what the mask lets through of it, lies within a row of the
            // numbers.
            factors[vector] = unsafe {
                if WHOLE { _mm512_loadu_ps(place) } else { _mm512_maskz_loadu_ps(masks[vector], place) }
            };
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
