//! The five matrix products of a step of the classic network in the `gemm` crate, and nothing else: what an epoch of
//! training costs at least, short of leaving out arithmetic. `scripts/bench.py` measures klsweep against it.
//!
//! Prints the seconds for each of the epochs that it runs side by side, one on each thread, divided by their number.

use std::time::Instant;

const BATCH: usize = 128;
const PIXELS: usize = 784;
const HIDDEN: usize = 256;
const STEPS: usize = 469;

struct Product {
    rows: usize,
    columns: usize,
    inner: usize,
    /// From a row to the next, and from a column to the next, of both factors.
    lhs_strides: (isize, isize),
    rhs_strides: (isize, isize),
}

impl Product {
    fn compute(&self, lhs: &[f32], rhs: &[f32], output: &mut [f32]) {
        let Self { rows, columns, inner, lhs_strides, rhs_strides } = *self;
        assert!(lhs.len() >= rows * inner && rhs.len() >= inner * columns && output.len() >= rows * columns);
        // SAFETY: the slices hold as many values, and the strides are those of their rows or columns.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                inner,
                output.as_mut_ptr(),
                1,
                columns as isize,
                false,
                lhs.as_ptr(),
                lhs_strides.1,
                lhs_strides.0,
                rhs.as_ptr(),
                rhs_strides.1,
                rhs_strides.0,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}

fn epoch() {
    let (by_row, by_column) = (|columns: usize| (columns as isize, 1), |rows: usize| (1, rows as isize));
    let product = |rows, columns, inner, lhs_strides, rhs_strides| Product {
        rows,
        columns,
        inner,
        lhs_strides,
        rhs_strides,
    };
    let products = [
        product(BATCH, HIDDEN, PIXELS, by_row(PIXELS), by_row(HIDDEN)),
        product(BATCH, PIXELS, HIDDEN, by_row(HIDDEN), by_row(PIXELS)),
        product(BATCH, HIDDEN, PIXELS, by_row(PIXELS), by_column(PIXELS)),
        product(HIDDEN, PIXELS, BATCH, by_column(HIDDEN), by_row(PIXELS)),
        product(PIXELS, HIDDEN, BATCH, by_column(PIXELS), by_row(HIDDEN)),
    ];
    let values = |count: usize| -> Vec<f32> { (0..count).map(|i| (i % 7) as f32 * 0.1).collect() };
    // As many different matrices as in training, so that the caches hold no more.
    let mut operands: Vec<[Vec<f32>; 3]> = products
        .iter()
        .map(|p| [values(p.rows * p.inner), values(p.inner * p.columns), values(p.rows * p.columns)])
        .collect();
    for _ in 0..STEPS {
        for (product, [lhs, rhs, output]) in products.iter().zip(&mut operands) {
            product.compute(lhs, rhs, output);
        }
    }
}

fn main() {
    let threads: usize = std::env::args().nth(1).map_or(2, |text| text.parse().expect("a number of threads"));
    let start = Instant::now();
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(epoch))));
    println!("{}", start.elapsed().as_secs_f64() / threads as f64);
}
