//! Products with AVX-512 of rows that lie anywhere in a larger array, as the patches of a convolution do.

use std::arch::x86_64::{
    __mmask16, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_set1_ps, _mm512_setzero_ps,
};
use std::mem::MaybeUninit;

use super::avx512::{LANES, ROWS, VECTORS, first_lanes};

/// Columns of a product that are summed at a time.
pub(crate) const COLUMNS: usize = VECTORS * LANES;
/// Rows of a product that are summed at a time.
pub(crate) const BLOCK: usize = ROWS;

/// A run of numbers of a row, from its beginning in the array on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub offset: usize,
    pub count: usize,
}

/// Some rows of a product.
pub(crate) struct Rows<'a> {
    /// Where each row of the left factor begins in the array, and of the product in the output; at most [`BLOCK`].
    pub places: &'a [[usize; 2]],
    /// What a row of the left factor consists of.
    pub segments: &'a [Segment],
    /// Columns of the product, at most [`COLUMNS`].
    pub columns: usize,
}

/// Multiplies some rows with a panel, whose rows are the columns up to a whole number of vectors, and adds what the output
/// holds if `accumulate`.
///
/// # Safety
///
/// The processor must have AVX-512, and the output be initialised where the rows lie if `accumulate`.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn multiply(
    array: &[f32],
    rows: &Rows<'_>,
    panel: &[f32],
    output: &mut [MaybeUninit<f32>],
    accumulate: bool,
) {
    let Rows { places, segments, columns } = *rows;
    let vectors = columns.div_ceil(LANES);
    assert!((1..=BLOCK).contains(&places.len()) && (1..=VECTORS).contains(&vectors));
    let depth: usize = segments.iter().map(|segment| segment.count).sum();
    assert!(panel.len() >= depth * vectors * LANES, "the rows of a panel");
    let reach = segments.iter().map(|segment| segment.offset + segment.count).max().unwrap_or(0);
    assert!(places.iter().all(|[from, to]| from + reach <= array.len() && to + columns <= output.len()));
    let tile = match vectors {
        1 => tile::<1>,
        2 => tile::<2>,
        3 => tile::<3>,
        _ => tile::<VECTORS>,
    };
    // SAFETY: the processor by the caller's promise; every row lies within the array and the output.
    unsafe { tile(array.as_ptr(), rows, panel.as_ptr(), output.as_mut_ptr().cast(), accumulate) };
}

/// [`multiply`] for so many vectors of columns.
///
/// # Safety
///
/// The processor must have AVX-512. Every row must lie within the array and the output, which must be initialised there if
/// `accumulate`, and the panel have a row for each number of the segments.
#[target_feature(enable = "avx512f")]
unsafe fn tile<const N: usize>(
    array: *const f32,
    rows: &Rows<'_>,
    panel: *const f32,
    output: *mut f32,
    accumulate: bool,
) {
    let Rows { places, segments, columns } = *rows;
    let masks: [__mmask16; N] =
        std::array::from_fn(|vector| first_lanes(columns.saturating_sub(vector * LANES)));
    // Rows that are not there are computed as the last one, and not stored.
    let place = |row: usize| places[row.min(places.len() - 1)];
    let output_of = |row: usize, vector: usize| output.wrapping_add(place(row)[1] + vector * LANES);
    let mut sums = [[_mm512_setzero_ps(); N]; ROWS];
    if accumulate {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (vector, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the mask ends at the last column of the row, which is initialised.
                *sum = unsafe { _mm512_maskz_loadu_ps(masks[vector], output_of(row, vector)) };
            }
        }
    }
    let starts: [*const f32; ROWS] = std::array::from_fn(|row| array.wrapping_add(place(row)[0]));
    let mut right = panel;
    for &Segment { offset, count } in segments {
        let values = starts.map(|start| start.wrapping_add(offset));
        for k in 0..count {
            let mut factors = [_mm512_setzero_ps(); N];
            for (vector, factor) in factors.iter_mut().enumerate() {
                // SAFETY: the panel has a row of whole vectors for each number of the segments.
                *factor = unsafe { _mm512_loadu_ps(right.wrapping_add(vector * LANES)) };
            }
            for (sums, value) in sums.iter_mut().zip(values) {
                // SAFETY: by the caller's promise the row lies within the array.
                let value = _mm512_set1_ps(unsafe { *value.wrapping_add(k) });
                for vector in 0..N {
                    sums[vector] = _mm512_fmadd_ps(value, factors[vector], sums[vector]);
                }
            }
            right = right.wrapping_add(N * LANES);
        }
    }
    for (row, sums) in sums.into_iter().enumerate().take(places.len()) {
        for (vector, sum) in sums.into_iter().enumerate() {
            // SAFETY: the mask ends at the last column of the row.
            unsafe { _mm512_mask_storeu_ps(output_of(row, vector), masks[vector], sum) };
        }
    }
}

/// A sum of products of columns with rows that lie anywhere in an array.
pub(crate) struct Columns<'a> {
    /// The columns of the left factor, row after row: one for each row of the output.
    pub left: &'a [f32],
    /// Where each row of the right factor begins in the array, one for each row of the left one.
    pub starts: &'a [usize],
    /// Columns of the right factor.
    pub columns: usize,
}

/// Adds, for each column of the left factor, the sum of its numbers times the rows of the array to a row of the output,
/// which are `stride` apart.
///
/// # Safety
///
/// The processor must have AVX-512.
#[target_feature(enable = "avx512f")]
pub(crate) unsafe fn add_sums(array: &[f32], sum: &Columns<'_>, output: &mut [f32], stride: usize) {
    let Columns { left, starts, columns } = *sum;
    if starts.is_empty() || columns == 0 {
        return;
    }
    let rows = left.len() / starts.len();
    assert_eq!(left.len(), rows * starts.len(), "a row of the left factor for each of the right one");
    assert!(starts.iter().all(|start| start + columns <= array.len()), "rows within the array");
    assert!(rows == 0 || output.len() >= (rows - 1) * stride + columns, "rows of the output");
    for first in (0..columns).step_by(COLUMNS) {
        let width = (columns - first).min(COLUMNS);
        let mut row = 0;
        while row < rows {
            let (count, add) = match rows - row {
                ROWS.. => (ROWS, sums_of::<ROWS>(width)),
                4.. => (4, sums_of::<4>(width)),
                2.. => (2, sums_of::<2>(width)),
                _ => (1, sums_of::<1>(width)),
            };
            let place = output[row * stride + first..].as_mut_ptr();
            // SAFETY: the processor by the caller's promise; everything lies within what was just compared.
            unsafe {
                add(
                    array.as_ptr().wrapping_add(first),
                    left.as_ptr().wrapping_add(row),
                    rows,
                    starts,
                    place,
                    stride,
                    width,
                )
            };
            row += count;
        }
    }
}

type AddSums = unsafe fn(*const f32, *const f32, usize, &[usize], *mut f32, usize, usize);

fn sums_of<const R: usize>(width: usize) -> AddSums {
    match width.div_ceil(LANES) {
        1 => sums::<R, 1>,
        2 => sums::<R, 2>,
        3 => sums::<R, 3>,
        _ => sums::<R, VECTORS>,
    }
}

/// [`add_sums`] for `R` columns of the left factor and up to `N` vectors.
///
/// # Safety
///
/// The processor must have AVX-512. At each start there must be `width` numbers in the array, `R` at every `left_stride` of the
/// left factor, and `R` rows of `width` in the output.
#[target_feature(enable = "avx512f")]
unsafe fn sums<const R: usize, const N: usize>(
    array: *const f32,
    left: *const f32,
    left_stride: usize,
    starts: &[usize],
    output: *mut f32,
    stride: usize,
    width: usize,
) {
    let masks: [__mmask16; N] =
        std::array::from_fn(|vector| first_lanes(width.saturating_sub(vector * LANES)));
    let place = |row: usize, vector: usize| output.wrapping_add(row * stride + vector * LANES);
    let mut sums = [[_mm512_setzero_ps(); N]; R];
    for (row, sums) in sums.iter_mut().enumerate() {
        for (vector, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the mask ends at the last number of the output's row.
            *sum = unsafe { _mm512_maskz_loadu_ps(masks[vector], place(row, vector)) };
        }
    }
    // Loads need no mask, whose arithmetic takes the place of multiplications, where all vectors are whole.
    if width == N * LANES {
        // SAFETY: the caller's promise, with whole vectors.
        unsafe { add_rows::<R, N, true>(&mut sums, array, left, left_stride, starts, masks) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { add_rows::<R, N, false>(&mut sums, array, left, left_stride, starts, masks) };
    }
    for (row, sums) in sums.into_iter().enumerate() {
        for (vector, sum) in sums.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { _mm512_mask_storeu_ps(place(row, vector), masks[vector], sum) };
        }
    }
}

/// # Safety
///
/// As of [`sums`]; `WHOLE` says that the width is `N` whole vectors.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn add_rows<const R: usize, const N: usize, const WHOLE: bool>(
    sums: &mut [[std::arch::x86_64::__m512; N]; R],
    array: *const f32,
    left: *const f32,
    left_stride: usize,
    starts: &[usize],
    masks: [__mmask16; N],
) {
    let mut values = left;
    for &start in starts {
        let right = array.wrapping_add(start);
        let mut factors = [_mm512_setzero_ps(); N];
        for (vector, factor) in factors.iter_mut().enumerate() {
            let place = right.wrapping_add(vector * LANES);
            // SAFETY: by the caller's promise the vector, or what the mask lets through of it, lies within the array.
            *factor = unsafe {
                if WHOLE { _mm512_loadu_ps(place) } else { _mm512_maskz_loadu_ps(masks[vector], place) }
            };
        }
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: by the caller's promise there are `R` numbers in each row of the left factor.
            let value = _mm512_set1_ps(unsafe { *values.wrapping_add(row) });
            for vector in 0..N {
                sums[vector] = _mm512_fmadd_ps(value, factors[vector], sums[vector]);
            }
        }
        values = values.wrapping_add(left_stride);
    }
}
