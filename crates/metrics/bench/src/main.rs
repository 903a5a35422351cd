//! The Rust side of `scripts/bench_divergences.py`: reads arrays of little-endian 64-bit floats and prints, a line each,
//! what was measured, the shortest of many times in seconds, and the value.

use std::hint::black_box;
use std::process::exit;
use std::time::{Duration, Instant};
use std::{env, fs};

use metrics::discrete::{along, pairwise_symmetric};
use metrics::samples::{mmd, neighbours};
use metrics::{jensen_shannon_divergence, kl_divergence};
use ndarray::{Array2, ArrayView1, Axis};
use ndarray_stats::EntropyExt;

/// How long one function is repeated for.
const BUDGET: Duration = Duration::from_millis(700);

const USAGE: &str = "usage: metrics-bench bins|rows|pairwise|neighbours|mmd P.bin Q.bin COLUMNS";

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [what, p, q, columns] = arguments.as_slice() else { fail(USAGE) };
    let columns: usize = columns.parse().unwrap_or_else(|_| fail(USAGE));
    let (p, q) = (read(p, columns), read(q, columns));
    match what.as_str() {
        "bins" => bins(&p.row(0), &q.row(0)),
        "rows" => {
            measure("kl", || along(p.view(), q.view(), Axis(1), kl_divergence).unwrap().sum());
            measure("js", || along(p.view(), q.view(), Axis(1), jensen_shannon_divergence).unwrap().sum());
        }
        "pairwise" => measure("js", || pairwise_symmetric(p.view(), jensen_shannon_divergence).unwrap().sum()),
        "neighbours" => measure("kl", || neighbours::kl_divergence(p.view(), q.view(), 5).unwrap().value),
        "mmd" => measure("mmd", || mmd::squared_discrepancy(p.view(), q.view(), 2.0).unwrap().value),
        _ => fail(USAGE),
    }
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    exit(2)
}

fn read(path: &str, columns: usize) -> Array2<f64> {
    let bytes = fs::read(path).unwrap_or_else(|error| fail(&format!("{path}: {error}")));
    let values: Vec<f64> =
        bytes.chunks_exact(8).map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap())).collect();
    Array2::from_shape_vec((values.len() / columns, columns), values)
        .unwrap_or_else(|error| fail(&format!("{path}: {error}")))
}

fn bins(p: &ArrayView1<'_, f64>, q: &ArrayView1<'_, f64>) {
    /// logp's tolerance of the sums; as wide as ours.
    const TOLERANCE: f64 = metrics::discrete::SUM_TOLERANCE;
    measure("metrics kl", || kl_divergence(p, q).unwrap());
    measure("metrics js", || jensen_shannon_divergence(p, q).unwrap().sqrt());
    measure("ndarray-stats kl", || p.kl_divergence(q).unwrap());
    let (p, q) = (p.to_slice().unwrap(), q.to_slice().unwrap());
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
