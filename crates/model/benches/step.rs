//! A training step: `cargo bench --profile dev --workspace --bench step`.
//!
//! Of the classic network, with and without black pixels, on one thread and two, and of a network so small that nothing is
//! left but what Burn does around the arithmetic.

use std::hint::black_box;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, criterion_group, criterion_main};
use model::{Adam, AdamConfig, Batch, Vae, VaeConfig};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// As the program has it: the system's allocator faults the pages of a step in again and again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Work {
    vae: Vae,
    images: Tensor<2>,
    noise: Tensor<2>,
}

impl Work {
    fn new(config: &VaeConfig, batch: usize, pixels: usize, share_of_black: f32) -> Self {
        let device = Device::flex();
        let mut rng = StdRng::seed_from_u64(0);
        let grey: Vec<f32> = (0..batch * pixels)
            .map(|_| if rng.random::<f32>() < share_of_black { 0.0 } else { rng.random() })
            .collect();
        Self {
            images: Tensor::from_data(TensorData::new(grey, [batch, pixels]), &device),
            noise: Tensor::ones([batch, config.latent], &device),
            vae: config.init(pixels, &mut rng, &device.autodiff()),
        }
    }
}

fn step(criterion: &mut Criterion) {
    let tiny =
        VaeConfig { encoder_hidden: vec![4], latent: 2, decoder_hidden: vec![4], ..VaeConfig::default() };
    // The share is MNIST's.
    let works = [
        ("81 % black", Work::new(&VaeConfig::default(), 128, 784, 0.81)),
        ("no black", Work::new(&VaeConfig::default(), 128, 784, 0.0)),
        ("a tiny network", Work::new(&tiny, 2, 4, 0.0)),
    ];
    for threads in [1, 2] {
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        let mut group = criterion.benchmark_group(format!("{threads} thread(s)"));
        for (name, work) in &works {
            let mut adam = Adam::new(AdamConfig::default(), &work.vae);
            let mut trained = Some(work.vae.clone());
            group.bench_function(format!("a step, {name}"), |b| {
                pool.install(|| {
                    b.iter(|| {
                        let vae = trained.take().expect("the step before put it back");
                        let (images, noise) = (work.images.clone(), work.noise.clone());
                        let step = || vae.train_step(Batch::new(images, noise), 1.0, &mut adam).vae;
                        trained = Some(kernels::assisted(step, || ()).0);
                    });
                });
            });
            let measured = work.vae.valid();
            group.bench_function(format!("terms, {name}"), |b| {
                pool.install(|| {
                    b.iter(|| {
                        let (images, noise) = (work.images.clone(), work.noise.clone());
                        black_box(kernels::assisted(|| measured.measure(images, noise), || ()));
                    });
                });
            });
        }
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
