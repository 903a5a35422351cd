//! The weights' gradients of the classic network and Adam by them: one after the other, and Adam by the product while it is in
//! the cache. One network alone, and two side by side, each on a thread, as in a sweep; without zeros to leave out:
//! `cargo bench --profile dev -p kernels --bench updates`, with `KLSWEEP_KERNELS` for another set.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use kernels::{AdamStep, Matrix, adam, adam_by_product, multiply};
use rand::{RngExt, SeedableRng, rngs::StdRng};

// As in the program: how memory is aligned is part of the speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 128;
const SIZES: [(usize, usize); 2] = [(784, 256), (256, 784)];
const STEP: AdamStep = AdamStep {
    beta_1: 0.9,
    beta_2: 0.999,
    one_minus_beta_1: 0.1,
    one_minus_beta_2: 0.001,
    step_size: 1e-3,
    second_moment_scale: 1.0,
    epsilon: 1e-7,
};

struct Layer {
    inputs: usize,
    outputs: usize,
    input: Vec<f32>,
    gradient_of_output: Vec<f32>,
    weights: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    gradient: Vec<f32>,
}

impl Layer {
    fn new((inputs, outputs): (usize, usize)) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        // None is 0.
        let mut random = |count: usize| (0..count).map(|_| rng.random::<f32>() + 0.1).collect();
        Self {
            inputs,
            outputs,
            input: random(BATCH * inputs),
            gradient_of_output: random(BATCH * outputs),
            weights: random(inputs * outputs),
            first: random(inputs * outputs),
            second: random(inputs * outputs),
            gradient: vec![0.0; inputs * outputs],
        }
    }

    fn update(&mut self, by_product: bool) {
        let input = Matrix::new(&self.input, BATCH, self.inputs).transposed();
        let gradient = Matrix::new(&self.gradient_of_output, BATCH, self.outputs);
        let (weights, first, second) = (&mut self.weights, &mut self.first, &mut self.second);
        if by_product {
            adam_by_product(&STEP, weights, first, second, input, gradient);
        } else {
            multiply(input, gradient, &mut self.gradient);
            adam(&STEP, weights, first, second, &self.gradient);
        }
    }
}

/// The time of so many updates of each of some networks, side by side.
fn time(networks: &mut [Vec<Layer>], updates: u64, by_product: bool) -> Duration {
    let start = Barrier::new(networks.len());
    let run = |layers: &mut Vec<Layer>| {
        start.wait();
        let begun = Instant::now();
        (0..updates).for_each(|_| layers.iter_mut().for_each(|layer| layer.update(by_product)));
        begun.elapsed()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = networks.iter_mut().map(|layers| scope.spawn(|| run(layers))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("the updates panicked"))
            .max()
            .unwrap_or_default()
    })
}

fn updates(criterion: &mut Criterion) {
    for count in [1, 2] {
        let mut networks: Vec<Vec<Layer>> =
            (0..count).map(|_| SIZES.into_iter().map(Layer::new).collect()).collect();
        let mut group = criterion.benchmark_group(format!("{count} side by side"));
        for (name, by_product) in [("products, then Adam", false), ("Adam by products", true)] {
            group.bench_function(name, |b| b.iter_custom(|updates| time(&mut networks, updates, by_product)));
        }
    }
}

criterion_group!(benches, updates);
criterion_main!(benches);
