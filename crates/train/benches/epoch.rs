//! The parts of an epoch, a step among them, on MNIST: `cargo bench --profile dev --workspace --bench epoch`.

use std::hint::black_box;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use model::{Adam, Batch};
use record::{DataConfig, MemberId, RunConfig, RunDir};
use train::checkpoint::Snapshot;
use train::evaluate::evaluate;
use train::image_tensors::ImageTensors;
use train::network::{adam_config, initial_vae};
use train::random;
use train::state::TrainState;

// As in the program: what an allocator does with the memory of a step is part of the step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn epoch(criterion: &mut Criterion) {
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started")
    };
    let two_threads = pool(2);
    let pool = pool(1);
    let device = Device::flex();
    let dataset = data::load(&DataConfig::default(), &()).expect("MNIST is in the repository");
    let config = RunConfig::default();
    let vae = initial_vae(&config, dataset.train.shape(), 0, &device).expect("it fits");
    let order = random::image_order(0, 0, dataset.train.count(), None);

    // Of real images, with a network that learns from them: how fast a product is depends on its zeros.
    let mut trained = Some(vae.clone());
    let mut adam = Adam::new(adam_config(&config.optimizer), &vae);
    let mut batches = order.chunks_exact(128).cycle();
    for (threads, pool) in [(1, &pool), (2, &two_threads)] {
        criterion.bench_function(&format!("a training step, {threads} thread(s)"), |b| {
            pool.install(|| {
                b.iter(|| {
                    let images = dataset
                        .train
                        .batch(batches.next().expect("they go round"), &device)
                        .expect("it is in memory");
                    let noise = Tensor::random([128, vae.latent()], Distribution::Normal(0.0, 1.0), &device);
                    let vae = trained.take().expect("the step before put it back");
                    trained = Some(vae.train_step(Batch::new(images, noise), 1.0, &mut adam).vae);
                });
            });
        });
    }
    criterion.bench_function("a batch of 128 images", |b| {
        pool.install(|| b.iter(|| black_box(dataset.train.batch(&order[..128], &device))));
    });
    criterion.bench_function("the order of an epoch", |b| {
        b.iter(|| black_box(random::image_order(0, 0, dataset.train.count(), None)));
    });
    let measured = vae.valid();
    criterion.bench_function("evaluation on 10,000 images", |b| {
        pool.install(|| b.iter(|| black_box(evaluate(&measured, &dataset.test, 0, 0, &device))));
    });
    let state = TrainState::start(vae, &config, &device);
    let root = tempfile::tempdir().expect("a temporary directory can be made");
    let run = RunDir::create(root.path(), &config).expect("it is empty");
    let member = run.member(MemberId { kl_coefficient: 1.0, seed: 0 });
    criterion.bench_function("a copy of the state", |b| {
        b.iter(|| black_box(Snapshot::of(&state, None)));
    });
    criterion.bench_function("a checkpoint", |b| {
        let snapshot = || Snapshot::of(&state, None);
        b.iter(|| snapshot().write(&member).expect("the disk has room"));
    });
    criterion.bench_function("loading MNIST", |b| {
        b.iter(|| black_box(data::load(&DataConfig::default(), &()).expect("MNIST is in the repository")));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = epoch
}
criterion_main!(benches);
