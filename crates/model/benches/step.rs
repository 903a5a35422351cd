//! The training step and its parts, fused against plain: `cargo bench --profile dev --workspace --bench step`.

use std::hint::black_box;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, criterion_group, criterion_main};
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

fn plain_step(vae: Vae, images: Tensor<2>, noise: Tensor<2>, adam: &mut Adam) -> Vae {
    let terms = vae.forward(images.clone(), noise).elbo_terms(images);
    let gradients = GradientsParams::from_grads(terms.objective(1.0).backward(), &vae);
    adam.step(vae, gradients)
}

fn fused_step(vae: Vae, images: Tensor<2>, noise: Tensor<2>, adam: &mut Adam) -> Vae {
    vae.train_step(images, noise, 1.0, adam).vae
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
        for (name, step, vae) in [
            ("a step, plain", plain_step as fn(_, _, _, &mut _) -> _, &work.vae),
            ("a step, fused", fused_step, &work.vae.valid()),
        ] {
            let mut adam = Adam::new(AdamConfig::default(), vae);
            let mut trained = Some(vae.clone());
            group.bench_function(name, |b| {
                pool.install(|| {
                    b.iter(|| {
                        let vae = trained.take().expect("the step before put it back");
                        trained = Some(step(vae, work.images.clone(), work.noise.clone(), &mut adam));
                    });
                });
            });
        }
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
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
