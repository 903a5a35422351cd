//! Matrix products.
//!
//! An element of a product is summed over the inner dimension from its first to its last index, whatever else is computed
//! beside it: its bits depend on its row and column alone, and so neither on how the work is cut nor on how many threads
//! there are. Other libraries cut the sum by the size of the caches, so that their bits depend on the machine.

use std::mem::MaybeUninit;

use crate::KernelSet;
use crate::memory::as_uninit;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
pub(crate) mod gathered;
mod matrix;
mod packed;
mod portable;
#[cfg(target_arch = "x86_64")]
mod unpacked;

pub use matrix::Matrix;

/// The product of two matrices, row after row, on the current thread.
///
/// What is multiplied by 0 is left out where some neighbouring rows of the left factor have it in common: most of MNIST's
/// pixels are black. It differs from the whole sum where the right factor holds infinities or NaN, of which `0 * inf` would
/// be NaN.
///
/// # Panics
///
/// Panics if the left factor has not as many columns as the right one has rows, or the output not as many values as the
/// product.
pub fn multiply(lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [f32]) {
    multiply_with(KernelSet::active(), lhs, rhs, as_uninit(output));
}

/// As [`multiply`]; every value of the output is initialised.
pub(crate) fn multiply_with(
    set: KernelSet,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    output: &mut [MaybeUninit<f32>],
) {
    if lhs.columns() == 0 {
        output.fill(MaybeUninit::new(0.0));
    }
    // SAFETY: nothing is read of the output.
    unsafe { multiply_or_add(set, lhs, rhs, output, false) };
}

/// Multiplications of a product that are done before a second thread could begin.
const MULTIPLICATIONS_OF_A_HALF: usize = 100_000;
/// Multiplications in the time of copying a number of the left factor, or of writing one of the product.
const MULTIPLICATIONS_OF_A_COPY: usize = 32;

/// Rows of a product that are worth a second thread, where a tile ends.
pub(crate) fn rows_of_a_half(set: KernelSet, inner: usize, columns: usize) -> usize {
    let copies = MULTIPLICATIONS_OF_A_COPY * (inner + columns);
    let multiplications_of_a_row = (inner * columns + copies).max(1);
    MULTIPLICATIONS_OF_A_HALF.div_ceil(multiplications_of_a_row).next_multiple_of(rows_of_a_tile(set))
}

/// Rows of a product that are summed together.
fn rows_of_a_tile(set: KernelSet) -> usize {
    match set {
        KernelSet::Portable => <portable::Portable as packed::Tiles>::ROWS,
        #[cfg(target_arch = "x86_64")]
        KernelSet::Avx2 => <avx2::Avx2 as packed::Tiles>::ROWS,
        #[cfg(target_arch = "x86_64")]
        KernelSet::Avx512 | KernelSet::Avx512Packed => avx512::ROWS,
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("only x86-64 has this set"),
    }
}

/// Adds the product to the output: each value goes on with the sum that it holds.
///
/// # Panics
///
/// As [`multiply`], and if the right factor is not stored by rows.
pub(crate) fn add_product(set: KernelSet, lhs: Matrix<'_>, rhs: Matrix<'_>, output: &mut [f32]) {
    assert!(rhs.is_by_rows(), "the right factor of a sum of products is stored by rows");
    // SAFETY: the output is initialised.
    unsafe { multiply_or_add(set, lhs, rhs, as_uninit(output), true) };
}

/// Numbers of a product that stay in the cache together with what is done with them: 64 kB.
const NUMBERS_OF_A_BAND: usize = 1 << 14;

/// So many at the most, of few columns: more would be copied together than the cache has room for.
const TILES_OF_A_BAND: usize = 32;

fn rows_of_a_band(rows_of_a_tile: usize, columns: usize) -> usize {
    (NUMBERS_OF_A_BAND / columns.max(1))
        .next_multiple_of(rows_of_a_tile)
        .clamp(rows_of_a_tile, TILES_OF_A_BAND * rows_of_a_tile)
}

/// The product in bands of some rows, each handed to `consume` with the place of its first row: every value has the bits that
/// [`multiply_with`] gives it, and is done with before it leaves the cache.
pub(crate) fn multiply_in_bands(
    set: KernelSet,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    consume: &mut dyn FnMut(usize, &mut [f32]),
) {
    assert_eq!(lhs.columns(), rhs.rows(), "columns of the left and rows of the right factor");
    if lhs.rows() == 0 || rhs.columns() == 0 {
        return;
    }
    if lhs.columns() > 0 {
        // SAFETY: the sizes were just compared, and a set is only chosen where the processor has its features.
        unsafe {
            match set {
                KernelSet::Portable => {
                    return packed::multiply_in_bands::<portable::Portable>(lhs, rhs, consume);
                }
                #[cfg(target_arch = "x86_64")]
                KernelSet::Avx2 => return packed::multiply_in_bands::<avx2::Avx2>(lhs, rhs, consume),
                #[cfg(target_arch = "x86_64")]
                KernelSet::Avx512Packed => {
                    return packed::multiply_in_bands::<avx512::Avx512>(lhs, rhs, consume);
                }
                _ => {}
            }
        }
    }
    // Where the right factor is read in place, and where there is nothing to sum, a band is a product like another.
    let rows_of_a_band = rows_of_a_band(rows_of_a_tile(set), rhs.columns());
    let mut band = vec![0.0; rows_of_a_band.min(lhs.rows()) * rhs.columns()];
    for first in (0..lhs.rows()).step_by(rows_of_a_band) {
        let last = (first + rows_of_a_band).min(lhs.rows());
        let band = &mut band[..(last - first) * rhs.columns()];
        multiply_with(set, lhs.rows_between(first, last), rhs, as_uninit(band));
        consume(first, band);
    }
}

/// # Safety
///
/// The output must be initialised if `accumulate`, and the right factor then be stored by rows.
unsafe fn multiply_or_add(
    set: KernelSet,
    lhs: Matrix<'_>,
    rhs: Matrix<'_>,
    output: &mut [MaybeUninit<f32>],
    accumulate: bool,
) {
    assert_eq!(lhs.columns(), rhs.rows(), "columns of the left and rows of the right factor");
    assert_eq!(output.len(), lhs.rows() * rhs.columns(), "values of the product");
    if lhs.columns() == 0 || output.is_empty() {
        return;
    }
    // SAFETY: the sizes were just compared, a set is only chosen where the processor has its features, and the rest is the
    // caller's promise.
    unsafe {
        match set {
            KernelSet::Portable => packed::multiply::<portable::Portable>(lhs, rhs, output, accumulate),
            #[cfg(target_arch = "x86_64")]
            KernelSet::Avx2 => packed::multiply::<avx2::Avx2>(lhs, rhs, output, accumulate),
            #[cfg(target_arch = "x86_64")]
            KernelSet::Avx512 => unpacked::multiply(lhs, rhs, output, accumulate),
            #[cfg(target_arch = "x86_64")]
            KernelSet::Avx512Packed => packed::multiply::<avx512::Avx512>(lhs, rhs, output, accumulate),
            #[cfg(not(target_arch = "x86_64"))]
            _ => unreachable!("only x86-64 has this set"),
        }
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

    fn product(set: KernelSet, lhs: Matrix<'_>, rhs: Matrix<'_>) -> Vec<f32> {
        let mut output = vec![f32::NAN; lhs.rows() * rhs.columns()];
        multiply_with(set, lhs, rhs, as_uninit(&mut output));
        output
    }

    fn assert_is_product(set: KernelSet, lhs: Matrix<'_>, rhs: Matrix<'_>) {
        let found = product(set, lhs, rhs);
        let places = (0..lhs.rows()).flat_map(|row| (0..rhs.columns()).map(move |column| (row, column)));
        for ((row, column), found) in places.zip(found) {
            let terms =
                (0..lhs.columns()).map(|k| f64::from(lhs.value(row, k)) * f64::from(rhs.value(k, column)));
            let expected: f64 = terms.sum();
            assert!(
                (f64::from(found) - expected).abs() <= ABSOLUTE,
                "{set}, {row}, {column}: {found}, expected {expected}"
            );
        }
    }

    const SIZES: [(usize, usize, usize); 14] = [
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
        (1, 129, 31),
        (9, 260, 20),
        (1600, 3, 5),
    ];

    #[test]
    fn products_of_every_orientation_are_those_of_the_definition() {
        let mut rng = StdRng::seed_from_u64(1);
        for set in KernelSet::available() {
            for (rows, inner, columns) in SIZES {
                for share_of_zeros in [0.0, 0.8, 1.0] {
                    let a = random(rows * inner, share_of_zeros, &mut rng);
                    let b = random(inner * columns, 0.0, &mut rng);
                    for lhs in [Matrix::new(&a, rows, inner), Matrix::new(&a, inner, rows).transposed()] {
                        for rhs in
                            [Matrix::new(&b, inner, columns), Matrix::new(&b, columns, inner).transposed()]
                        {
                            assert_is_product(set, lhs, rhs);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn parts_of_matrices_are_multiplied_where_they_are() {
        let mut rng = StdRng::seed_from_u64(4);
        let (a, b) = (random(40 * 50, 0.5, &mut rng), random(50 * 90, 0.0, &mut rng));
        for set in KernelSet::available() {
            let lhs = Matrix::new(&a, 40, 50).rows_between(3, 31).columns_between(7, 40);
            let rhs = Matrix::new(&b, 50, 90).rows_between(10, 43).columns_between(1, 89);
            assert_is_product(set, lhs, rhs);
            let turned = Matrix::new(&b, 90, 50).transposed().rows_between(10, 43).columns_between(1, 89);
            assert_is_product(set, lhs, turned);
            assert_is_product(set, turned.transposed(), lhs.transposed());
        }
    }

    #[test]
    fn a_part_of_the_rows_or_columns_has_the_bits_of_the_whole() {
        let mut rng = StdRng::seed_from_u64(3);
        let (rows, inner, columns) = (29, 390, 70);
        let a = random(rows * inner, 0.8, &mut rng);
        let b = random(inner * columns, 0.0, &mut rng);
        for set in KernelSet::available() {
            for lhs in [Matrix::new(&a, rows, inner), Matrix::new(&a, inner, rows).transposed()] {
                for rhs in [Matrix::new(&b, inner, columns), Matrix::new(&b, columns, inner).transposed()] {
                    let whole = product(set, lhs, rhs);
                    let parts = [(0, 11), (11, 12), (12, rows)];
                    let rows: Vec<f32> = parts
                        .iter()
                        .flat_map(|&(start, end)| product(set, lhs.rows_between(start, end), rhs))
                        .collect();
                    assert_eq!(rows, whole, "{set}");
                    let column = product(set, lhs, rhs.columns_between(40, 41));
                    assert!(whole.iter().skip(40).step_by(columns).eq(&column), "{set}");
                }
            }
        }
    }

    /// The order of summation is the same in all sets, but in that of Zen 4 where it multiplies rows with rows.
    #[test]
    fn sets_with_fused_instructions_give_the_bits_of_fused_sums_in_order() {
        let mut rng = StdRng::seed_from_u64(5);
        let (rows, inner, columns) = (20, 300, 70);
        for share_of_zeros in [0.0, 0.5, 0.9] {
            let (a, b) =
                (random(rows * inner, share_of_zeros, &mut rng), random(inner * columns, 0.0, &mut rng));
            let rhs = Matrix::new(&b, inner, columns);
            let turned = Matrix::new(&a, inner, rows).transposed();
            for lhs in [Matrix::new(&a, rows, inner), turned] {
                let sum = |row: usize, column: usize| {
                    (0..inner).fold(0.0f32, |sum, k| lhs.value(row, k).mul_add(rhs.value(k, column), sum))
                };
                let expected: Vec<f32> =
                    (0..rows).flat_map(|row| (0..columns).map(move |column| sum(row, column))).collect();
                for set in KernelSet::available().filter(|&set| set != KernelSet::Portable) {
                    assert!(product(set, lhs, rhs) == expected, "{set}, {share_of_zeros} zeros");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "values of the product")]
    fn an_output_of_another_size_is_refused() {
        multiply(Matrix::new(&[1.0; 4], 2, 2), Matrix::new(&[1.0; 4], 2, 2), &mut [0.0; 3]);
    }

    #[test]
    #[should_panic(expected = "columns of the left and rows of the right factor")]
    fn factors_that_do_not_fit_are_refused() {
        multiply(Matrix::new(&[1.0; 4], 2, 2), Matrix::new(&[1.0; 6], 3, 2), &mut [0.0; 4]);
    }
}
