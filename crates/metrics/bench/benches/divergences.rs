//! Throughput of the divergences in bins a second, by size.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use metrics::{Base, DivergenceError, normalized};

type Divergence = fn(&[f64], &[f64]) -> Result<f64, DivergenceError>;

const DIVERGENCES: [(&str, Divergence); 8] = [
    ("kl", metrics::kl_divergence),
    ("js distance", |p, q| metrics::jensen_shannon_distance(p, q, Base::Nats)),
    ("cross entropy", metrics::cross_entropy),
    ("jeffreys", metrics::jeffreys),
    ("total variation", metrics::total_variation),
    ("hellinger", metrics::hellinger),
    ("chi-squared", metrics::chi_squared),
    ("renyi 2", |p, q| metrics::renyi_divergence(p, q, 2.0)),
];

/// Weights that are all positive and of one magnitude: the order of the draws is all that matters to the time.
fn distribution(bins: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let weights: Vec<f64> = (0..bins)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 11) + 1) as f64
        })
        .collect();
    normalized(&weights).unwrap()
}

fn by_size(criterion: &mut Criterion) {
    for (name, divergence) in DIVERGENCES {
        let mut group = criterion.benchmark_group(name);
        for bins in [1_000, 100_000, 10_000_000] {
            let (p, q) = (distribution(bins, 1), distribution(bins, 2));
            group.throughput(Throughput::Elements(bins as u64));
            group.sample_size(10);
            group.bench_function(BenchmarkId::from_parameter(bins), |bencher| {
                bencher.iter(|| divergence(black_box(&p), black_box(&q)).unwrap());
            });
        }
    }
}

criterion_group!(benches, by_size);
criterion_main!(benches);
