//! Tiles in plain Rust, for every processor.

use std::mem::MaybeUninit;

use super::Matrix;
use super::packed::{Blocks, Left, Output, Tiles, width};
use crate::vectors::{self, Arithmetic};

/// Of the portable set.
pub(super) struct Portable;

impl Tiles for Portable {
    const ROWS: usize = 4;
    const SPARSE_ROWS: usize = Self::ROWS;
    const COLUMNS: usize = 8;
    const LANES: usize = 4;
    const DEPTH: usize = 256;

    unsafe fn collect(lhs: Matrix<'_>, blocks: &mut Blocks<'_>) {
        collect(lhs, blocks);
    }

    unsafe fn pack(rhs: Matrix<'_>, panel: &mut [f32]) {
        pack(rhs, panel);
    }

    unsafe fn tile(left: &Left<'_>, panel: &[f32], output: &mut Output<'_>, accumulate: bool) {
        if output.columns > Self::LANES {
            tile::<{ Self::COLUMNS }>(left, panel, output, accumulate);
        } else {
            tile::<{ Self::LANES }>(left, panel, output, accumulate);
        }
    }
}

const ROWS: usize = Portable::ROWS;

/// Always by columns: a tile reads the values of a column side by side.
fn collect(lhs: Matrix<'_>, blocks: &mut Blocks<'_>) {
    let Blocks { values, columns, counts, stride, .. } = blocks;
    let parts = values.chunks_exact_mut(ROWS * *stride).zip(columns.chunks_exact_mut(*stride));
    for ((block, (values, columns)), count) in parts.enumerate().zip(counts.iter_mut()) {
        let rows = lhs.rows_between(block * ROWS, ((block + 1) * ROWS).min(lhs.rows()));
        *count = collect_block(rows, values, columns);
    }
}

/// Copies a block and says how many columns there are.
fn collect_block(lhs: Matrix<'_>, values: &mut [f32], columns: &mut [u32]) -> usize {
    let mut count = 0;
    let (places, _) = values.as_chunks_mut::<ROWS>();
    let mut copy = |column: usize, values: [f32; ROWS]| {
        // Written always and counted only if it matters: a branch would be mispredicted at every edge.
        places[count] = values;
        columns[count] = column as u32;
        count += usize::from(values.iter().any(|&value| value != 0.0));
    };
    let rows = lhs.rows();
    if lhs.is_by_rows() {
        let of_rows: [&[f32]; ROWS] = std::array::from_fn(|row| lhs.row(row.min(rows - 1)));
        let value = |row: usize, column: usize| if row < rows { of_rows[row][column] } else { 0.0 };
        (0..lhs.columns()).for_each(|column| copy(column, std::array::from_fn(|row| value(row, column))));
    } else {
        let by_columns = lhs.transposed();
        for column in 0..lhs.columns() {
            let mut values = [0.0; ROWS];
            values[..rows].copy_from_slice(by_columns.row(column));
            copy(column, values);
        }
    }
    count
}

fn pack(rhs: Matrix<'_>, panel: &mut [f32]) {
    let columns = rhs.columns();
    let width = width::<Portable>(columns);
    if rhs.is_by_rows() {
        for (row, place) in panel.chunks_exact_mut(width).enumerate() {
            let (values, zeros) = place.split_at_mut(columns);
            values.copy_from_slice(rhs.row(row));
            zeros.fill(0.0);
        }
    } else {
        let by_columns = rhs.transposed();
        for column in 0..width {
            let places = panel[column..].iter_mut().step_by(width);
            if column < columns {
                for (place, &value) in places.zip(by_columns.row(column)) {
                    *place = value;
                }
            } else {
                places.for_each(|place| *place = 0.0);
            }
        }
    }
}

fn tile<const WIDTH: usize>(left: &Left<'_>, panel: &[f32], output: &mut Output<'_>, accumulate: bool) {
    let (values, _) = left.values.as_chunks::<ROWS>();
    let (panel, _) = panel.as_chunks::<WIDTH>();
    let mut sums = [[0.0; WIDTH]; ROWS];
    let rows = output.values.chunks(output.stride).take(left.rows);
    if accumulate {
        for (sums, row) in sums.iter_mut().zip(rows) {
            for (sum, value) in sums.iter_mut().zip(&row[..output.columns]) {
                // SAFETY: by the promise that `Tiles::tile` asks for, it is initialised.
                *sum = unsafe { value.assume_init() };
            }
        }
    }
    for (values, &column) in values.iter().zip(left.columns) {
        let factors = &panel[column as usize];
        for (sums, &value) in sums.iter_mut().zip(values) {
            for (sum, &factor) in sums.iter_mut().zip(factors) {
                *sum = vectors::Portable::multiply_add(value, factor, *sum);
            }
        }
    }
    for (sums, row) in sums.iter().zip(output.values.chunks_mut(output.stride).take(left.rows)) {
        for (sum, value) in sums.iter().zip(&mut row[..output.columns]) {
            *value = MaybeUninit::new(*sum);
        }
    }
}
