//! The Rust side of `scripts/bench_divergences.py`: reads two distributions as little-endian 64-bit floats and prints, a
//! line each, what was measured, the shortest of many times in seconds, and the value.

use std::hint::black_box;
use std::process::exit;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use ndarray::ArrayView1;
use ndarray_stats::EntropyExt;

/// How long one function is repeated for.
const BUDGET: Duration = Duration::from_millis(700);

fn main() {
    let paths: Vec<String> = env::args().skip(1).collect();
    let [p, q] = paths.as_slice() else {
        eprintln!("usage: metrics-bench P.bin Q.bin");
        exit(2);
    };
    match (read(p), read(q)) {
        (Ok(p), Ok(q)) => measure_all(&p, &q),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("{error}");
            exit(2);
        }
    }
}

fn read(path: &str) -> io::Result<Vec<f64>> {
    let bytes = fs::read(path)?;
    Ok(bytes.chunks_exact(8).map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap())).collect())
}

fn measure_all(p: &[f64], q: &[f64]) {
    /// logp's tolerance of the sums; as wide as ours.
    const TOLERANCE: f64 = metrics::discrete::SUM_TOLERANCE;
    measure("metrics kl", || metrics::kl_divergence(p, q).unwrap());
    measure("metrics js", || metrics::jensen_shannon_divergence(p, q).unwrap().sqrt());
    let (p_array, q_array) = (ArrayView1::from(p), ArrayView1::from(q));
    measure("ndarray-stats kl", || p_array.kl_divergence(&q_array).unwrap());
    measure("logp kl", || logp::kl_divergence(p, q, TOLERANCE).unwrap());
    measure("logp js", || logp::jensen_shannon_divergence(p, q, TOLERANCE).unwrap().sqrt());
    measure("plain loop kl", || p.iter().zip(q).map(|(p, q)| p * (p / q).ln()).sum());
}

fn measure(name: &str, divergence: impl Fn() -> f64) {
    let start = Instant::now();
    let mut best = Duration::MAX;
    let mut value = 0.0;
    let mut runs = 0;
    while runs < 3 || start.elapsed() < BUDGET {
        let run = Instant::now();
        value = black_box(divergence());
        best = best.min(run.elapsed());
        runs += 1;
    }
    println!("{name},{},{value:e}", best.as_secs_f64());
}
