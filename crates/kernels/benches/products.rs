//! The five products of a step of the classic network, on one thread, without zeros to leave out, beside the `gemm` crate:
//! `cargo bench --profile dev -p kernels --bench products`, with `KLSWEEP_KERNELS` for another set.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernels::{KernelSet, Matrix, multiply};
use rand::{RngExt, SeedableRng, rngs::StdRng};

// As in the program: how memory is aligned is part of the speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 128;
const PIXELS: usize = 784;
const HIDDEN: usize = 256;

/// A matrix, and whether it is read transposed.
struct Factor {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl Factor {
    fn new(rows: usize, columns: usize, transposed: bool) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        // None is 0.
        let values = (0..rows * columns).map(|_| rng.random::<f32>() + 0.1).collect();
        Self { values, rows, columns, transposed }
    }

    fn matrix(&self) -> Matrix<'_> {
        let matrix = Matrix::new(&self.values, self.rows, self.columns);
        if self.transposed { matrix.transposed() } else { matrix }
    }

    /// From a row to the next and from a column to the next.
    fn strides(&self) -> (isize, isize) {
        let stride = self.columns as isize;
        if self.transposed { (1, stride) } else { (stride, 1) }
    }
}

fn gemm(lhs: &Factor, rhs: &Factor, output: &mut [f32]) {
    let (rows, inner, columns) = (lhs.matrix().rows(), lhs.matrix().columns(), rhs.matrix().columns());
    assert!(rhs.matrix().rows() == inner && output.len() == rows * columns);
    let ((lhs_row, lhs_column), (rhs_row, rhs_column)) = (lhs.strides(), rhs.strides());
    // SAFETY: the strides are those of the factors, whose sizes fit each other and the output.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            output.as_mut_ptr(),
            1,
            columns as isize,
            false,
            lhs.values.as_ptr(),
            lhs_column,
            lhs_row,
            rhs.values.as_ptr(),
            rhs_column,
            rhs_row,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn products(criterion: &mut Criterion) {
    let products = [
        ("images by weights", Factor::new(BATCH, PIXELS, false), Factor::new(PIXELS, HIDDEN, false)),
        ("their gradient", Factor::new(BATCH, PIXELS, true), Factor::new(BATCH, HIDDEN, false)),
        ("hidden units by weights", Factor::new(BATCH, HIDDEN, false), Factor::new(HIDDEN, PIXELS, false)),
        ("their gradient of weights", Factor::new(BATCH, HIDDEN, true), Factor::new(BATCH, PIXELS, false)),
        ("their gradient of units", Factor::new(BATCH, PIXELS, false), Factor::new(HIDDEN, PIXELS, true)),
    ];
    for (name, lhs, rhs) in &products {
        let mut output = vec![0.0; lhs.matrix().rows() * rhs.matrix().columns()];
        let mut group = criterion.benchmark_group(*name);
        group.throughput(Throughput::Elements(2 * (BATCH * PIXELS * HIDDEN) as u64));
        group.bench_function(KernelSet::active().name(), |b| {
            b.iter(|| multiply(lhs.matrix(), rhs.matrix(), &mut output));
        });
        group.bench_function("gemm", |b| b.iter(|| gemm(lhs, rhs, &mut output)));
    }
}

criterion_group!(benches, products);
criterion_main!(benches);
