//! Tiles with AVX2.

use std::arch::x86_64::{
    __m256, __m256i, _CMP_NEQ_UQ, _MM_HINT_T0, _mm_loadl_epi64, _mm_prefetch, _mm256_add_epi32,
    _mm256_cmp_ps, _mm256_cvtepu8_epi32, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_movemask_ps, _mm256_or_ps, _mm256_permute2f128_ps,
    _mm256_permutevar8x32_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_shuffle_ps,
    _mm256_storeu_ps, _mm256_storeu_si256, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};
use std::mem::MaybeUninit;

use super::Matrix;
use super::packed::{Blocks, Left, Output, Tiles, width};
use crate::memory::Line;

const LANES: usize = 8;
/// Columns of a panel that lie side by side. Their sums for six rows take 12 of the 16 registers, those of two rows for both
/// strips of a panel 8: as many as are under way at a time.
const STRIP: usize = 2 * LANES;
/// Rows that are fetched before they are packed: they are too far apart for the processor to see them coming.
const ROWS_AHEAD: usize = 16;

/// The tiles of processors with AVX2. A strip of a panel takes half of the 32 kB that most have of first-level cache.
pub(super) struct Avx2;

impl Tiles for Avx2 {
    const ROWS: usize = 6;
    const SPARSE_ROWS: usize = 2;
    const COLUMNS: usize = 2 * STRIP;
    const LANES: usize = LANES;
    const DEPTH: usize = 264;

    unsafe fn collect(lhs: Matrix<'_>, blocks: &mut Blocks<'_>) {
        // SAFETY: the caller's promise.
        unsafe {
            match blocks.rows {
                Self::SPARSE_ROWS => collect::<{ Self::SPARSE_ROWS }>(lhs, blocks),
                _ => collect::<{ Self::ROWS }>(lhs, blocks),
            }
        }
    }

    unsafe fn pack(rhs: Matrix<'_>, panel: &mut [f32]) {
        let mut rest = panel;
        for start in (0..rhs.columns()).step_by(STRIP) {
            let columns = rhs.columns_between(start, (start + STRIP).min(rhs.columns()));
            let (strip, others) = rest.split_at_mut(rhs.rows() * width::<Self>(columns.columns()));
            // SAFETY: the caller's promise.
            unsafe {
                if rhs.is_by_rows() {
                    pack_rows(columns, strip)
                } else {
                    pack_columns(columns.transposed(), strip)
                }
            }
            rest = others;
        }
    }

    unsafe fn tile(left: &Left<'_>, panel: &[f32], output: &mut Output<'_>, accumulate: bool) {
        // SAFETY: the caller's promise.
        unsafe { add_products(left, panel, output, accumulate) }
    }
}

/// For each set of lanes, which they are, from the first on.
static LANES_OF_MASK: [[u8; LANES]; 1 << LANES] = {
    let mut lanes = [[0; LANES]; 1 << LANES];
    let mut mask = 0;
    while mask < lanes.len() {
        let (mut lane, mut count) = (0, 0);
        while lane < LANES {
            if mask >> lane & 1 == 1 {
                lanes[mask][count] = lane as u8;
                count += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    lanes
};

/// The mask of so many lanes.
#[target_feature(enable = "avx2")]
fn first_lanes(count: usize) -> __m256i {
    static WINDOW: [i32; 2 * LANES] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    let start = &WINDOW[LANES - count.min(LANES)..][..LANES];
    // SAFETY: there are as many numbers as lanes.
    unsafe { _mm256_loadu_si256(start.as_ptr().cast()) }
}

/// `R` rows of a vector each, `stride` apart; zeros in the place of rows and columns that are missing.
///
/// # Safety
///
/// There must be as many rows and columns as they say, where they are fewer.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn load<const R: usize>(start: *const f32, stride: usize, rows: usize, columns: usize) -> [__m256; R] {
    let mut vectors = [_mm256_setzero_ps(); R];
    // SAFETY: no row is read that is missing, and the mask ends at the last column.
    unsafe {
        if rows >= R && columns >= LANES {
            for (row, vector) in vectors.iter_mut().enumerate().take(R) {
                *vector = _mm256_loadu_ps(start.wrapping_add(row * stride));
            }
        } else {
            let mask = first_lanes(columns);
            for (row, vector) in vectors.iter_mut().enumerate().take(R.min(rows)) {
                *vector = _mm256_maskload_ps(start.wrapping_add(row * stride), mask);
            }
        }
    }
    vectors
}

/// As [`Tiles::collect`], for blocks of `R` rows, and always by rows.
///
/// # Safety
///
/// As there.
#[target_feature(enable = "avx2,fma,popcnt")]
unsafe fn collect<const R: usize>(lhs: Matrix<'_>, blocks: &mut Blocks<'_>) {
    let Blocks { values, columns, counts, stride, .. } = blocks;
    let stride = *stride;
    assert!(lhs.columns() > 0 && stride >= lhs.columns() + LANES);
    assert!(counts.len() == lhs.rows().div_ceil(R));
    assert!(values.len() >= counts.len() * R * stride && columns.len() >= counts.len() * stride);
    let (values, columns) = (values.as_mut_ptr(), columns.as_mut_ptr());
    let by_rows = lhs.is_by_rows();
    let (start, lhs_stride) = place(if by_rows { lhs } else { lhs.transposed() });
    // So many blocks are turned together.
    let neighbours = if by_rows { 1 } else { LANES / R };
    for first in (0..counts.len()).step_by(neighbours) {
        let row = first * R;
        let rows = lhs.rows() - row;
        let mut taken = [0; LANES];
        for column in (0..lhs.columns()).step_by(LANES) {
            let inside = lhs.columns() - column;
            let mut append = |block: usize, vectors: [__m256; R]| {
                let values = values.wrapping_add((first + block) * R * stride + taken[block]);
                let columns = columns.wrapping_add((first + block) * stride + taken[block]);
                // SAFETY: no more was taken than there are columns before, and a row of the block ends a vector after its last one.
                taken[block] += unsafe { append(vectors, column, values, stride, columns) };
            };
            // SAFETY: there are as many rows and columns from there on.
            unsafe {
                if by_rows {
                    append(
                        0,
                        load::<R>(start.wrapping_add(row * lhs_stride + column), lhs_stride, rows, inside),
                    );
                } else {
                    let columns = load::<LANES>(
                        start.wrapping_add(column * lhs_stride + row),
                        lhs_stride,
                        inside,
                        rows,
                    );
                    let vectors = transpose(columns);
                    for block in 0..LANES / R {
                        if block * R < rows {
                            append(block, std::array::from_fn(|row| vectors[block * R + row]));
                        }
                    }
                }
            }
        }
        for (count, taken) in counts[first..].iter_mut().zip(taken).take(neighbours) {
            *count = taken;
        }
    }
}

/// Where a matrix stored row after row begins, and from one row to the next.
fn place(matrix: Matrix<'_>) -> (*const f32, usize) {
    // The last row is in the matrix, and so are those before it.
    let (first, _) = (matrix.row(0), matrix.row(matrix.rows() - 1));
    (first.as_ptr(), matrix.row_stride())
}

/// Stores what is in the lanes of which one of the rows is not 0, and which columns they are, and says how many.
///
/// # Safety
///
/// There must be a place for a vector in each row and for the columns.
#[target_feature(enable = "avx2,fma,popcnt")]
#[inline]
unsafe fn append<const R: usize>(
    rows: [__m256; R],
    first_column: usize,
    values: *mut f32,
    stride: usize,
    columns: *mut u32,
) -> usize {
    // The bits of numbers are only all 0 together, but for the sign, if each of the numbers is 0.
    let together = rows.iter().fold(_mm256_setzero_ps(), |bits, &row| _mm256_or_ps(bits, row));
    let nonzero = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(together, _mm256_setzero_ps()));
    // SAFETY: there are as many bytes as lanes.
    let lanes = unsafe { _mm_loadl_epi64(LANES_OF_MASK[nonzero as usize].as_ptr().cast()) };
    let lanes = _mm256_cvtepu8_epi32(lanes);
    for (row, vector) in rows.into_iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            _mm256_storeu_ps(values.wrapping_add(row * stride), _mm256_permutevar8x32_ps(vector, lanes))
        };
    }
    let places = _mm256_add_epi32(lanes, _mm256_set1_epi32(first_column as i32));
    // SAFETY: as above.
    unsafe { _mm256_storeu_si256(columns.cast(), places) };
    nonzero.count_ones() as usize
}

/// Asks for the line of a number, which need not exist.
#[target_feature(enable = "avx2")]
#[inline]
fn fetch(number: *const f32) {
    _mm_prefetch::<_MM_HINT_T0>(number.cast());
}

/// # Safety
///
/// There must be a place for each value, with the rows of the strip a whole number of vectors long.
#[target_feature(enable = "avx2")]
unsafe fn pack_rows(rhs: Matrix<'_>, strip: &mut [f32]) {
    let (width, (start, stride)) = (width::<Avx2>(rhs.columns()), place(rhs));
    assert!(strip.len() >= rhs.rows() * width);
    let strip = strip.as_mut_ptr();
    for row in 0..rhs.rows() {
        let values = start.wrapping_add(row * stride);
        fetch(values.wrapping_add(ROWS_AHEAD * stride));
        for first in (0..width).step_by(LANES) {
            // SAFETY: there are as many columns, and the place has the length of whole vectors.
            unsafe {
                let [vector] = load::<1>(values.wrapping_add(first), stride, 1, rhs.columns() - first);
                _mm256_storeu_ps(strip.wrapping_add(row * width + first), vector);
            }
        }
    }
}

/// Packs the transposed of a matrix stored row after row.
///
/// # Safety
///
/// As of [`pack_rows`], for the transposed.
#[target_feature(enable = "avx2")]
unsafe fn pack_columns(turned: Matrix<'_>, strip: &mut [f32]) {
    let (width, (start, stride)) = (width::<Avx2>(turned.rows()), place(turned));
    assert!(strip.len() >= turned.columns() * width);
    let strip = strip.as_mut_ptr();
    for column in (0..turned.columns()).step_by(LANES) {
        let columns = (turned.columns() - column).min(LANES);
        for row in (0..turned.rows()).step_by(LANES) {
            let values = start.wrapping_add(row * stride + column);
            if column % Line::NUMBERS == 0 {
                for at in 0..LANES {
                    fetch(values.wrapping_add((ROWS_AHEAD + at) * stride));
                }
            }
            // SAFETY: there are as many rows and columns from there on.
            let vectors = transpose(unsafe { load::<LANES>(values, stride, turned.rows() - row, columns) });
            for (at, vector) in vectors.into_iter().enumerate().take(columns) {
                // SAFETY: the strip has whole vectors for the rows, in as many rows as there are columns.
                unsafe { _mm256_storeu_ps(strip.wrapping_add((column + at) * width + row), vector) };
            }
        }
    }
}

/// The columns of a matrix of eight rows.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose(rows: [__m256; LANES]) -> [__m256; LANES] {
    // Each step exchanges the parts off the diagonal, of which each is twice as large as those of the step before: single
    // numbers and pairs within the halves of a vector, then the halves.
    let mut pairs = [_mm256_setzero_ps(); LANES];
    for at in (0..LANES).step_by(2) {
        pairs[at] = _mm256_unpacklo_ps(rows[at], rows[at + 1]);
        pairs[at + 1] = _mm256_unpackhi_ps(rows[at], rows[at + 1]);
    }
    let mut fours = [_mm256_setzero_ps(); LANES];
    for at in (0..LANES).step_by(4) {
        let [a, b, c, d] = [pairs[at], pairs[at + 1], pairs[at + 2], pairs[at + 3]];
        fours[at] = _mm256_shuffle_ps::<0x44>(a, c);
        fours[at + 1] = _mm256_shuffle_ps::<0xee>(a, c);
        fours[at + 2] = _mm256_shuffle_ps::<0x44>(b, d);
        fours[at + 3] = _mm256_shuffle_ps::<0xee>(b, d);
    }
    let mut columns = [_mm256_setzero_ps(); LANES];
    for at in 0..4 {
        columns[at] = _mm256_permute2f128_ps::<0x20>(fours[at], fours[4 + at]);
        columns[4 + at] = _mm256_permute2f128_ps::<0x31>(fours[at], fours[4 + at]);
    }
    columns
}

/// As [`Tiles::tile`].
///
/// # Safety
///
/// As there.
#[target_feature(enable = "avx2,fma")]
unsafe fn add_products(left: &Left<'_>, panel: &[f32], output: &mut Output<'_>, accumulate: bool) {
    let Output { stride, columns, .. } = *output;
    assert!((1..=Avx2::ROWS).contains(&left.rows) && (1..=Avx2::COLUMNS).contains(&columns));
    assert!(output.values.len() >= (left.rows - 1) * stride + columns);
    assert!(left.stride == Avx2::STRIDE);
    let whole = columns == Avx2::COLUMNS;
    let of_first = if whole { panel.len() / 2 } else { panel.len() / width::<Avx2>(columns) * STRIP };
    let (first, second) = (panel.as_ptr(), panel.as_ptr().wrapping_add(of_first));
    let next = |strip: *const f32| strip.wrapping_add(LANES);
    if whole && left.rows <= Avx2::SPARSE_ROWS {
        let right = [first, next(first), second, next(second)];
        // SAFETY: the caller's promise.
        return unsafe { tile::<2, 4, STRIP>(left, right, output, accumulate) };
    }
    for (start, strip) in [(0, first), (STRIP, second)].into_iter().take(columns.div_ceil(STRIP)) {
        let columns = (columns - start).min(STRIP);
        let mut output = Output { values: &mut output.values[start..], stride, columns };
        // SAFETY: the caller's promise.
        unsafe {
            if columns > LANES {
                let right = [strip, next(strip)];
                match left.rows {
                    1..=2 => tile::<2, 2, STRIP>(left, right, &mut output, accumulate),
                    3..=4 => tile::<4, 2, STRIP>(left, right, &mut output, accumulate),
                    _ => tile::<6, 2, STRIP>(left, right, &mut output, accumulate),
                }
            } else {
                match left.rows {
                    1..=2 => tile::<2, 1, LANES>(left, [strip], &mut output, accumulate),
                    3..=4 => tile::<4, 1, LANES>(left, [strip], &mut output, accumulate),
                    _ => tile::<6, 1, LANES>(left, [strip], &mut output, accumulate),
                }
            }
        }
    }
}

/// [`add_products`] for up to `R` rows and `N` vectors of columns, whose factors are the vectors from `right` on, `STRIDE`
/// numbers apart.
///
/// # Safety
///
/// As there.
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<const R: usize, const N: usize, const STRIDE: usize>(
    left: &Left<'_>,
    right: [*const f32; N],
    output: &mut Output<'_>,
    accumulate: bool,
) {
    let Output { stride, columns, .. } = *output;
    let start: *mut MaybeUninit<f32> = output.values.as_mut_ptr();
    let place =
        |row: usize, vector: usize| -> *mut f32 { start.wrapping_add(row * stride + vector * LANES).cast() };
    let whole = columns == N * LANES;
    let mask = |vector: usize| first_lanes(columns.saturating_sub(vector * LANES));
    let mut sums = [[_mm256_setzero_ps(); N]; R];
    if accumulate {
        for (row, sums) in sums.iter_mut().enumerate().take(left.rows) {
            for (vector, sum) in sums.iter_mut().enumerate() {
                let place = place(row, vector);
                // SAFETY: the mask ends at the last column of the tile's row, which is initialised.
                *sum = unsafe {
                    if whole { _mm256_loadu_ps(place) } else { _mm256_maskload_ps(place, mask(vector)) }
                };
            }
        }
    }
    let mut values = left.values.as_ptr();
    for &column in left.columns {
        let mut factors = [_mm256_setzero_ps(); N];
        for (factor, right) in factors.iter_mut().zip(right) {
            // SAFETY: by the caller's promise the column is a row of the panel, which is whole vectors long.
            *factor = unsafe { _mm256_loadu_ps(right.wrapping_add(column as usize * STRIDE)) };
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `collect` made room for the values of all rows in every column that it counted.
            let value = _mm256_set1_ps(unsafe { *values.wrapping_add(row * Avx2::STRIDE) });
            for vector in 0..N {
                sums[vector] = _mm256_fmadd_ps(value, factors[vector], sums[vector]);
            }
        }
        values = values.wrapping_add(1);
    }
    for (row, sums) in sums.into_iter().enumerate().take(left.rows) {
        for (vector, sum) in sums.into_iter().enumerate() {
            // SAFETY: the mask ends at the last column of the tile's row. A store with a mask is slow on AMD's processors.
            unsafe {
                if whole {
                    _mm256_storeu_ps(place(row, vector), sum);
                } else {
                    _mm256_maskstore_ps(place(row, vector), mask(vector), sum);
                }
            }
        }
    }
}
