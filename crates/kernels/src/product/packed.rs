//! Products of factors that are copied together first.
//!
//! A block of the right factor, [`Tiles::DEPTH`] rows by a panel of columns, is copied to where it stays in the first-level
//! cache while every row of the left factor is multiplied with it. Of the left factor, blocks of [`Tiles::ROWS`] rows are
//! copied together without the columns in which all of them are 0.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::Matrix;
use crate::memory::{Line, as_uninit};

/// The parts of a product that differ between sets of kernels.
pub(super) trait Tiles {
    /// Rows of the product that are summed together.
    const ROWS: usize;
    /// The same where the left factor is sparse: the fewer, the more zeros they have in common.
    const SPARSE_ROWS: usize;
    /// Columns of the product that are summed together at the most.
    const COLUMNS: usize;
    /// Numbers that a vector holds.
    const LANES: usize;
    /// Terms of the sums that are added before the next panel.
    const DEPTH: usize;
    /// From one row of a block of the left factor to the next, with room for a vector after the last number.
    const STRIDE: usize = Self::DEPTH + Self::LANES;

    /// Copies, for each block of rows, the columns in which one of them is not 0.
    ///
    /// # Safety
    ///
    /// The processor must have the set's instructions. `lhs` must have rows and columns and be stored by rows or by columns,
    /// and `blocks` have the lengths that they state, for as many blocks as the rows fill.
    unsafe fn collect(lhs: Matrix<'_>, blocks: &mut Blocks<'_>);

    /// Copies a panel: the values of each row of `rhs`, and zeros up to a whole number of vectors.
    ///
    /// # Safety
    ///
    /// The processor must have the set's instructions. `rhs` must have up to `DEPTH` rows and 1 to `COLUMNS` columns and be
    /// stored by rows or by columns, and `panel` have a place for each value and zero.
    unsafe fn pack(rhs: Matrix<'_>, panel: &mut [f32]);

    /// Adds the products of a block and a panel up, to what the output holds if `accumulate`.
    ///
    /// # Safety
    ///
    /// The processor must have the set's instructions. `left` and `panel` must be as [`collect`](Self::collect) and
    /// [`pack`](Self::pack) left them, from as many columns as rows. `output` must reach to the end of the tile's last row,
    /// and be initialised if `accumulate`.
    unsafe fn tile(left: &Left<'_>, panel: &[f32], output: &mut Output<'_>, accumulate: bool);
}

/// Where [`Tiles::collect`] writes, block after block.
pub(super) struct Blocks<'a> {
    /// Of each block, `rows` times `stride`: by rows, or by columns with `rows` values each, as its tiles read them.
    pub values: &'a mut [f32],
    /// The columns that were copied; of each block, `stride`.
    pub columns: &'a mut [u32],
    /// How many they are; one of each block.
    pub counts: &'a mut [usize],
    /// Of each block: `ROWS` or `SPARSE_ROWS`.
    pub rows: usize,
    /// The columns of the left factor and the lanes of a vector, at the least.
    pub stride: usize,
}

/// A block of the left factor.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub values: &'a [f32],
    /// As of [`Blocks`].
    pub stride: usize,
    pub by_rows: bool,
    /// The columns that were copied.
    pub columns: &'a [u32],
    pub rows: usize,
}

/// The rows of a tile of the output.
pub(super) struct Output<'a> {
    /// From the tile's first value on.
    pub values: &'a mut [MaybeUninit<f32>],
    /// From one row to the next.
    pub stride: usize,
    pub columns: usize,
}

/// Memory for copies.
#[derive(Default)]
struct Buffers {
    left: Collected,
    panels: Vec<Line>,
    band: Vec<Line>,
}

/// Blocks of the left factor, copied together.
#[derive(Default)]
struct Collected {
    values: Vec<f32>,
    columns: Vec<u32>,
    counts: Vec<usize>,
    /// As of [`Blocks`].
    rows_of_a_block: usize,
    by_rows: bool,
    rows: usize,
}

thread_local! {
    /// Taken out for the time of a product, and not borrowed: a thread that waits may be given another one to compute.
    static BUFFERS: Cell<Buffers> = Cell::default();
}

/// Rows of the left factor that are collected at a time, in blocks: it bounds the memory.
const BLOCKS: usize = 256;

/// As [`super::multiply`], or [`super::add_product`] if `accumulate`.
///
/// # Safety
///
/// The processor must have the set's instructions, and the output be initialised if `accumulate`.
pub(super) unsafe fn multiply<T: Tiles>(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    output: &mut [MaybeUninit<f32>],
    accumulate: bool,
) {
    let mut buffers = BUFFERS.take();
    let columns = rhs.columns();
    for start in (0..lhs.rows()).step_by(BLOCKS * T::ROWS) {
        let end = (start + BLOCKS * T::ROWS).min(lhs.rows());
        let output = &mut output[start * columns..end * columns];
        // SAFETY: the caller's promise.
        unsafe { multiply_rows::<T>(lhs.rows_between(start, end), rhs, &mut buffers, output, accumulate) };
    }
    BUFFERS.set(buffers);
}

/// # Safety
///
/// As of [`multiply`].
unsafe fn multiply_rows<T: Tiles>(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    buffers: &mut Buffers,
    output: &mut [MaybeUninit<f32>],
    accumulate: bool,
) {
    let (inner, columns) = (lhs.columns(), rhs.columns());
    let depth = depth_of_panels::<T>(inner);
    let Buffers { left, panels, .. } = buffers;
    grow(panels, (depth * T::COLUMNS).div_ceil(Line::NUMBERS), Line::ZERO);
    let rows_of_a_block = rows_of_a_block::<T>(lhs, columns);
    for first in (0..inner).step_by(depth) {
        let last = (first + depth).min(inner);
        // SAFETY: the caller's promise.
        unsafe { left.collect::<T>(lhs.columns_between(first, last), rows_of_a_block) };
        let right = rhs.rows_between(first, last);
        for start in (0..columns).step_by(T::COLUMNS) {
            let end = (start + T::COLUMNS).min(columns);
            let panel = &mut Line::numbers_mut(panels)[..(last - first) * width::<T>(end - start)];
            // SAFETY: the caller's promise about the processor; the sizes are those that `pack` and `multiply` ask for, and
            // the first panel initialises what the others add to.
            unsafe {
                T::pack(right.columns_between(start, end), panel);
                left.multiply::<T>(panel, output, columns, start..end, accumulate || first > 0);
            }
        }
    }
}

/// The product in bands of rows, each handed to `consume` while it is in the cache, with the place of its first row.
///
/// # Safety
///
/// The processor must have the set's instructions.
pub(super) unsafe fn multiply_in_bands<T: Tiles>(
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    consume: &mut dyn FnMut(usize, &mut [f32]),
) {
    let (inner, columns) = (lhs.columns(), rhs.columns());
    let depth = depth_of_panels::<T>(inner);
    let mut buffers = BUFFERS.take();
    let Buffers { left, panels, band } = &mut buffers;
    let rows_of_a_block = rows_of_a_block::<T>(lhs, columns);
    let packed_columns = width::<T>(columns);
    grow(panels, (inner * packed_columns).div_ceil(Line::NUMBERS), Line::ZERO);
    let panels = Line::numbers_mut(panels);
    let place = |first: usize, last: usize, start: usize, end: usize| {
        let place = first * packed_columns + (last - first) * start;
        place..place + (last - first) * width::<T>(end - start)
    };
    for first in (0..inner).step_by(depth) {
        let last = (first + depth).min(inner);
        for start in (0..columns).step_by(T::COLUMNS) {
            let end = (start + T::COLUMNS).min(columns);
            let right = rhs.rows_between(first, last).columns_between(start, end);
            // SAFETY: the caller's promise about the processor; the sizes are those that `pack` asks for.
            unsafe { T::pack(right, &mut panels[place(first, last, start, end)]) };
        }
    }
    let rows_of_a_band = super::rows_of_a_band(T::ROWS, columns);
    grow(band, (rows_of_a_band * columns).div_ceil(Line::NUMBERS), Line::ZERO);
    for row in (0..lhs.rows()).step_by(rows_of_a_band) {
        let rows = lhs.rows_between(row, (row + rows_of_a_band).min(lhs.rows()));
        let band = &mut Line::numbers_mut(band)[..rows.rows() * columns];
        for first in (0..inner).step_by(depth) {
            let last = (first + depth).min(inner);
            // SAFETY: the caller's promise.
            unsafe { left.collect::<T>(rows.columns_between(first, last), rows_of_a_block) };
            for start in (0..columns).step_by(T::COLUMNS) {
                let end = (start + T::COLUMNS).min(columns);
                let panel = &panels[place(first, last, start, end)];
                // SAFETY: as above, for `multiply`.
                unsafe { left.multiply::<T>(panel, as_uninit(band), columns, start..end, first > 0) };
            }
        }
        consume(row, band);
    }
    BUFFERS.set(buffers);
}

/// Panels of about the same depth: one of a few rows would cost as much as a deep one around its arithmetic.
fn depth_of_panels<T: Tiles>(inner: usize) -> usize {
    inner.div_ceil(inner.div_ceil(T::DEPTH)).next_multiple_of(T::LANES).min(T::DEPTH)
}

/// Places of the left factor that are looked at to see whether it is sparse.
const PLACES: usize = 64;
/// Share of the multiplications below which smaller tiles pay, of which more is around the arithmetic.
const WORTH_SMALLER_TILES: f32 = 0.9;

/// Rows of the left factor to multiply together: few where they have so many more zeros in common that it pays. The bits do
/// not depend on it, but for infinities and NaN as in [`super::multiply`].
fn rows_of_a_block<T: Tiles>(lhs: Matrix<'_>, columns: usize) -> usize {
    if T::SPARSE_ROWS == T::ROWS || columns < T::COLUMNS || lhs.rows() < T::ROWS {
        return T::ROWS;
    }
    let (mut rows_lit, mut sparse_rows_lit) = (0, 0);
    for place in 0..PLACES {
        let first = place * (lhs.rows() / T::ROWS) / PLACES * T::ROWS;
        // Multiples of the golden section are spread evenly.
        let column = (place * 40_503 % (1 << 16) * lhs.columns()) >> 16;
        let is_lit =
            |start: &usize| (0..T::SPARSE_ROWS).any(|row| lhs.value(first + start + row, column) != 0.0);
        let lit = (0..T::ROWS).step_by(T::SPARSE_ROWS).filter(is_lit).count();
        sparse_rows_lit += T::SPARSE_ROWS * lit;
        rows_lit += if lit > 0 { T::ROWS } else { 0 };
    }
    let pays = (sparse_rows_lit as f32) < WORTH_SMALLER_TILES * rows_lit as f32;
    if pays { T::SPARSE_ROWS } else { T::ROWS }
}

/// The columns of a panel, and zeros up to a whole number of vectors.
pub(super) fn width<T: Tiles>(columns: usize) -> usize {
    columns.next_multiple_of(T::LANES)
}

impl Collected {
    /// Copies the rows together, in blocks.
    ///
    /// # Safety
    ///
    /// The processor must have the set's instructions. `lhs` must have rows and up to `DEPTH` columns.
    unsafe fn collect<T: Tiles>(&mut self, lhs: Matrix<'_>, rows_of_a_block: usize) {
        self.rows_of_a_block = rows_of_a_block;
        self.by_rows = lhs.is_by_rows();
        self.rows = lhs.rows();
        let rows = rows_of_a_block;
        let blocks = lhs.rows().div_ceil(rows);
        grow(&mut self.values, blocks * rows * T::STRIDE, 0.0);
        grow(&mut self.columns, blocks * T::STRIDE, 0);
        grow(&mut self.counts, blocks, 0);
        let mut collected = Blocks {
            values: &mut self.values[..blocks * rows * T::STRIDE],
            columns: &mut self.columns[..blocks * T::STRIDE],
            counts: &mut self.counts[..blocks],
            rows,
            stride: T::STRIDE,
        };
        // SAFETY: the caller's promise; the sizes are those that `collect` asks for.
        unsafe { T::collect(lhs, &mut collected) };
    }

    /// The blocks times a panel, into some columns of an output that has `stride` of them.
    ///
    /// # Safety
    ///
    /// The processor must have the set's instructions. The blocks must have been collected from as many columns as the panel,
    /// left by [`Tiles::pack`], has rows. The output must have as many rows as the blocks, and be initialised if `accumulate`.
    unsafe fn multiply<T: Tiles>(
        &self,
        panel: &[f32],
        output: &mut [MaybeUninit<f32>],
        stride: usize,
        columns: Range<usize>,
        accumulate: bool,
    ) {
        let rows = self.rows_of_a_block;
        let values_of_block = rows * T::STRIDE;
        for block in 0..self.rows.div_ceil(rows) {
            let left = Left {
                values: &self.values[block * values_of_block..][..values_of_block],
                stride: T::STRIDE,
                by_rows: self.by_rows,
                columns: &self.columns[block * T::STRIDE..][..self.counts[block]],
                rows: (self.rows - block * rows).min(rows),
            };
            let values = &mut output[block * rows * stride + columns.start..];
            let mut output = Output { values, stride, columns: columns.len() };
            // SAFETY: the caller's promise.
            unsafe { T::tile(&left, panel, &mut output, accumulate) };
        }
    }
}

fn grow<T: Copy>(values: &mut Vec<T>, length: usize, value: T) {
    if values.len() < length {
        values.resize(length, value);
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::super::avx2::Avx2;
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn sparse_factors_go_by_few_rows() {
        let mut rng = StdRng::seed_from_u64(1);
        for (share_of_zeros, expected) in
            [(0.0, Avx2::ROWS), (0.05, Avx2::ROWS), (0.6, Avx2::SPARSE_ROWS), (0.9, Avx2::SPARSE_ROWS)]
        {
            let values: Vec<f32> =
                (0..100 * 80).map(|_| f32::from(rng.random::<f32>() >= share_of_zeros)).collect();
            let lhs = Matrix::new(&values, 100, 80);
            for lhs in [lhs, lhs.transposed()] {
                assert_eq!(rows_of_a_block::<Avx2>(lhs, 256), expected, "{share_of_zeros} zeros");
                assert_eq!(
                    rows_of_a_block::<Avx2>(lhs, 2),
                    Avx2::ROWS,
                    "{share_of_zeros} zeros, few columns"
                );
                assert_eq!(rows_of_a_block::<Avx2>(lhs.rows_between(0, 1), 256), Avx2::ROWS);
            }
        }
        // Nothing to gain where all have their zeros in common.
        assert_eq!(rows_of_a_block::<Avx2>(Matrix::new(&[0.0; 600], 12, 50), 256), Avx2::ROWS);
    }
}
