//! Products of factors that are copied together first.
//!
//! A block of the right factor, [`Tiles::DEPTH`] rows by a panel of columns, is copied to where it stays in the first-level
//! cache while every row of the left factor is multiplied with it. Of the left factor, blocks of [`Tiles::ROWS`] rows are
//! copied together without the columns in which all of them are 0.

use std::cell::Cell;
use std::mem::MaybeUninit;

use super::Matrix;
use crate::memory::Line;

/// The parts of a product that differ between sets of kernels.
pub(super) trait Tiles {
    /// Rows of the product that are summed together.
    const ROWS: usize;
    /// Columns of the product that are summed together at the most.
    const COLUMNS: usize;
    /// Numbers that a vector holds.
    const LANES: usize;
    /// Terms of the sums that are added before the next panel.
    const DEPTH: usize;

    /// Copies, for each block of `ROWS` rows, the columns in which one of them is not 0.
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
    /// Of each block, `ROWS` times `stride`: by rows if the left factor is, else by columns, `ROWS` values each.
    pub values: &'a mut [f32],
    /// The columns that were copied; of each block, `stride`.
    pub columns: &'a mut [u32],
    /// How many they are; one of each block.
    pub counts: &'a mut [usize],
    /// The columns of the left factor and the lanes of a vector, at the least.
    pub stride: usize,
}

/// A block of the left factor.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub values: &'a [f32],
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
    values: Vec<f32>,
    columns: Vec<u32>,
    counts: Vec<usize>,
    panel: Vec<Line>,
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
    // Panels of about the same depth: one of a few rows would cost as much as a deep one around its arithmetic.
    let depth = inner.div_ceil(inner.div_ceil(T::DEPTH)).next_multiple_of(T::LANES).min(T::DEPTH);
    let stride = depth + T::LANES;
    let values_of_block = T::ROWS * stride;
    let blocks = lhs.rows().div_ceil(T::ROWS);
    let Buffers { values, columns: copied, counts, panel } = buffers;
    grow(values, blocks * values_of_block, 0.0);
    grow(copied, blocks * stride, 0);
    grow(counts, blocks, 0);
    grow(panel, (depth * T::COLUMNS).div_ceil(Line::NUMBERS), Line::ZERO);
    let panel = Line::numbers_mut(panel);
    for first in (0..inner).step_by(depth) {
        let last = (first + depth).min(inner);
        let left = lhs.columns_between(first, last);
        let mut collected = Blocks {
            values: &mut values[..blocks * values_of_block],
            columns: &mut copied[..blocks * stride],
            counts: &mut counts[..blocks],
            stride,
        };
        // SAFETY: the caller's promise about the processor; the sizes are those that `collect` asks for.
        unsafe { T::collect(left, &mut collected) };
        let right = rhs.rows_between(first, last);
        for start in (0..columns).step_by(T::COLUMNS) {
            let end = (start + T::COLUMNS).min(columns);
            let width = (end - start).next_multiple_of(T::LANES);
            let panel = &mut panel[..(last - first) * width];
            // SAFETY: as above, for `pack`.
            unsafe { T::pack(right.columns_between(start, end), panel) };
            for block in 0..blocks {
                let rows = (lhs.rows() - block * T::ROWS).min(T::ROWS);
                let left = Left {
                    values: &values[block * values_of_block..][..values_of_block],
                    by_rows: left.is_by_rows(),
                    columns: &copied[block * stride..][..counts[block]],
                    rows,
                };
                let values = &mut output[block * T::ROWS * columns + start..];
                let mut output = Output { values, stride: columns, columns: end - start };
                // SAFETY: as above, for `tile`; the first panel initialises what the others add to.
                unsafe { T::tile(&left, panel, &mut output, accumulate || first > 0) };
            }
        }
    }
}

fn grow<T: Copy>(values: &mut Vec<T>, length: usize, value: T) {
    if values.len() < length {
        values.resize(length, value);
    }
}
