//! The training step and its parts, fused against plain: `cargo bench --profile dev --workspace --bench step`.

use std::hint::black_box;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use model::{Adam, AdamConfig, Vae, VaeConfig, flush_denormals_to_zero};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const BATCH: usize = 128;
const PIXELS: usize = 784;
const LATENT: usize = 2;
/// As in MNIST.
const SHARE_OF_BLACK: f32 = 0.81;

struct Work {
    vae: Vae,
    images: Tensor<2>,
    noise: Tensor<2>,
}

fn work() -> Work {
    let device = Device::flex();
    let mut rng = StdRng::seed_from_u64(0);
    let grey = (0..BATCH * PIXELS)
        .map(|_| if rng.random::<f32>() < SHARE_OF_BLACK { 0.0 } else { rng.random() })
        .collect::<Vec<f32>>();
    Work {
        images: Tensor::from_data(TensorData::new(grey, [BATCH, PIXELS]), &device),
        noise: Tensor::ones([BATCH, LATENT], &device),
        vae: VaeConfig::default().init(PIXELS, &mut rng, &device.autodiff()),
    }
}

fn plain_gradients(Work { vae, images, noise }: &Work) -> GradientsParams {
    let terms = vae.forward(images.clone(), noise.clone()).elbo_terms(images.clone());
    GradientsParams::from_grads(terms.objective(1.0).backward(), vae)
}

fn fused_gradients(Work { vae, images, noise }: &Work) -> GradientsParams {
    vae.objective_gradient(images.clone(), noise.clone(), 1.0).gradients
}

fn step(criterion: &mut Criterion) {
    let work = work();
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .start_handler(|_| flush_denormals_to_zero())
            .build()
            .expect("threads can be started");
        let mut group = criterion.benchmark_group(format!("{threads} thread(s)"));
        group.bench_function("objective and gradient, plain", |b| {
            pool.install(|| b.iter(|| black_box(plain_gradients(&work))));
        });
        group.bench_function("objective and gradient, fused", |b| {
            pool.install(|| b.iter(|| black_box(fused_gradients(&work))));
        });
        let measured = work.vae.valid();
        group.bench_function("terms, plain", |b| {
            pool.install(|| {
                b.iter(|| {
                    let output = measured.forward(work.images.clone(), work.noise.clone());
                    black_box(output.elbo_terms(work.images.clone()))
                });
            });
        });
        group.bench_function("terms, fused", |b| {
            pool.install(|| b.iter(|| black_box(measured.measure(work.images.clone(), work.noise.clone()))));
        });
        group.bench_function("Adam", |b| {
            pool.install(|| {
                let mut adam = Adam::new(AdamConfig::default(), &work.vae);
                let mut vae = Some(work.vae.clone());
                b.iter_batched(
                    || fused_gradients(&work),
                    |gradients| vae = vae.take().map(|vae| adam.step(vae, gradients)),
                    BatchSize::PerIteration,
                );
            });
        });
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
