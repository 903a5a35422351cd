//! Has the traffic of a web site drifted? Counts, response times and a model of them, each with the divergence made for it.
//!
//! ```sh
//! cargo run --manifest-path examples/divergences/Cargo.toml
//! ```

use std::error::Error;

use metrics::discrete::pairwise_symmetric;
use metrics::families::{Exponential, KlDivergence};
use metrics::samples::{neighbours, transport};
use metrics::{Base, Weights, jensen_shannon_divergence, kl_divergence};
use ndarray::{Array2, array};

fn main() -> Result<(), Box<dyn Error>> {
    // Requests by kind, in the order home, search, product, basket, pay; a row for each week.
    let weeks = array![
        [5120.0, 2201.0, 1810.0, 302.0, 97.0],
        [4987.0, 2250.0, 1795.0, 310.0, 103.0],
        [4012.0, 3904.0, 1523.0, 288.0, 95.0],
    ];
    let (before, now) = (weeks.row(1), weeks.row(2));
    let kl = kl_divergence(&Weights(&now), &Weights(&before))?;
    println!("a code made for last week costs this week {:.4} bits a request more", Base::Bits.from_nats(kl));

    let js = pairwise_symmetric(weeks.view(), |p, q| jensen_shannon_divergence(&Weights(p), &Weights(q)))?;
    println!("Jensen-Shannon divergences of the weeks, in nats:\n{js:.5}");
    assert!(js[[0, 1]] < 1e-3 && js[[1, 2]] > 1e-2, "the third week is the one that differs");

    // Response times in milliseconds, the second ones half as long again.
    let times = |count: usize, mean: f64| {
        Array2::from_shape_fn((count, 1), |(i, _)| {
            let drawn = ((i as f64 + 1.0).sin() * 1e4).rem_euclid(1.0);
            -mean * (1.0 - drawn).ln()
        })
    };
    let (fast, slow) = (times(2000, 120.0), times(1500, 180.0));
    let estimate = neighbours::kl_divergence(fast.view(), slow.view(), 5)?;
    let moved = transport::wasserstein_1(&fast.column(0).to_vec(), &slow.column(0).to_vec())?;
    println!(
        "{moved:.0} ms slower; KL from samples {:.3} ± {:.3} nats",
        estimate.value, estimate.standard_error
    );

    let (p, q) = (Exponential::new(1.0 / 120.0)?, Exponential::new(1.0 / 180.0)?);
    let exact = p.kl_divergence(&q)?;
    println!("KL of the distributions that they were drawn from {exact:.3} nats");
    assert!((estimate.value - exact).abs() < 4.0 * estimate.standard_error);
    Ok(())
}
