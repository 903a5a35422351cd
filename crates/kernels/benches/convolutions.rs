//! The convolutions of a step of `28 x 28 -> 32 -> 64` and the mirror back, 4 x 4 with stride 2, at batch 128, forward and
//! backward: `cargo bench --profile dev -p kernels --bench convolutions`, on one thread and with a helper.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernels::{
    Activation, Convolution, assisted, convolve, convolve_backward, convolve_transposed,
    convolve_transposed_backward,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

// As in the program: how memory is aligned is part of the speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 128;

fn convolutions(criterion: &mut Criterion) {
    let mut rng = StdRng::seed_from_u64(1);
    // None is 0.
    let mut random = |count: usize| -> Vec<f32> { (0..count).map(|_| rng.random::<f32>() - 0.5).collect() };
    for (name, size, channels, filters) in
        [("28 x 28 x 1 to 32", 28, 1, 32), ("14 x 14 x 32 to 64", 14, 32, 64)]
    {
        let convolution = Convolution {
            image: [size; 2],
            channels,
            filters,
            kernel: [4; 2],
            stride: [2; 2],
            padding: [1; 2],
        };
        let images = random(BATCH * size * size * channels);
        let outputs = random(BATCH * size * size / 4 * filters);
        let weight = random(16 * channels * filters);
        let (of_filters, of_channels) = (random(filters), random(channels));
        let pass = |transposed: bool, backward: bool| {
            let (input, bias, gradient) =
                if transposed { (&outputs, &of_channels, &images) } else { (&images, &of_filters, &outputs) };
            match (transposed, backward) {
                (false, false) => drop(convolve(&convolution, input, &weight, bias, Activation::Relu)),
                (true, false) => {
                    drop(convolve_transposed(&convolution, input, &weight, bias, Activation::Identity))
                }
                (false, true) => drop(convolve_backward(
                    &convolution,
                    input,
                    &weight,
                    Some(gradient),
                    Activation::Relu,
                    &mut gradient.clone(),
                    channels > 1,
                )),
                (true, true) => drop(convolve_transposed_backward(
                    &convolution,
                    input,
                    &weight,
                    None,
                    Activation::Identity,
                    &mut gradient.clone(),
                    true,
                )),
            }
        };
        let mut group = criterion.benchmark_group(name);
        // A multiply-add counted as two.
        let operations = 2 * outputs.len() * 16 * channels;
        for (transposed, way) in [(false, ""), (true, "transposed ")] {
            for (backward, direction, products) in [(false, "forward", 1), (true, "backward", 2)] {
                let products = if !transposed && backward && channels == 1 { 1 } else { products };
                group.throughput(Throughput::Elements((operations * products) as u64));
                for threads in [1, 2] {
                    let pool = rayon::ThreadPoolBuilder::new()
                        .num_threads(threads)
                        .build()
                        .expect("threads can be started");
                    group.bench_function(format!("{way}{direction}, {threads} thread(s)"), |b| {
                        pool.install(|| b.iter(|| assisted(|| pass(transposed, backward), || ())));
                    });
                }
            }
        }
    }
}

criterion_group!(benches, convolutions);
criterion_main!(benches);
