//! `klsweep selftest`: the training and the diagnostics of this very program, held against cases whose answers are known.
//!
//! Each case says beside what was found what had to come out, and by how much it may be missed: by rounding, by what a sample
//! of that size leaves open, or by what training may lack to its optimum.

mod check;
mod collapse;
mod gaussian_data;
mod information;
mod linear_network;
mod linear_optimum;
mod measured_columns;
mod mixture;
mod optimal_weights;
mod piecewise_linear;
mod tempering;
mod trained_members;
mod trained_sweep;
mod waiting;

use anyhow::{Context, Result};

pub use check::{Case, Check};
pub use waiting::Waiting;

/// What is computed, and how.
type Named = (&'static str, fn() -> Result<Case>);

/// In seconds.
const QUICK: [Named; 5] = [
    ("the linear Gaussian case, weights at the optimum", optimal_weights::case),
    ("the linear Gaussian case, trained", trained_members::case),
    ("information and its saturation", information::case),
    ("importance sampling under tempering", tempering::case),
    ("a mixture of known likelihood", mixture::case),
];
/// In minutes.
const SLOW: [Named; 1] = [("collapse on MNIST", collapse::case)];

/// Runs the cases one after another, those that take minutes too if `full`; `begins` is told what is computed next, and `ended`
/// what came out. Says whether all checks hold.
///
/// # Errors
///
/// Fails when something cannot be computed at all.
pub fn selftest(full: bool, mut begins: impl FnMut(&str), mut ended: impl FnMut(&Case)) -> Result<bool> {
    let slow = if full { &SLOW[..] } else { &[] };
    let mut passed = true;
    for (name, case) in QUICK.iter().chain(slow) {
        begins(name);
        let case = case().with_context(|| format!("cannot compute {name}"))?;
        passed &= case.passed();
        ended(&case);
    }
    Ok(passed)
}
