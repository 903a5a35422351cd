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
pub fn selftest(full: bool, begins: impl FnMut(&str), ended: impl FnMut(&Case)) -> Result<bool> {
    let slow = if full { &SLOW[..] } else { &[] };
    run(QUICK.iter().chain(slow), begins, ended)
}

fn run<'a>(
    cases: impl Iterator<Item = &'a Named>,
    mut begins: impl FnMut(&str),
    mut ended: impl FnMut(&Case),
) -> Result<bool> {
    let mut passed = true;
    for (name, case) in cases {
        begins(name);
        let case = case().with_context(|| format!("cannot compute {name}"))?;
        passed &= case.passed();
        ended(&case);
    }
    Ok(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_missed_number_fails_the_test_and_the_cases_after_it_are_run_all_the_same() {
        fn case(found: f64) -> Result<Case> {
            Ok(Case { title: "a case".to_string(), checks: vec![Check::value("a number", 1.0, 0.1, found)] })
        }
        let cases: [Named; 3] =
            [("right", || case(1.05)), ("wrong", || case(1.2)), ("right again", || case(1.0))];
        let mut ended = Vec::new();
        let passed = run(cases.iter(), |_| (), |case| ended.push(case.passed())).unwrap();
        assert_eq!((passed, ended), (false, vec![true, false, true]));
        assert!(run(cases[..1].iter(), |_| (), |_| ()).unwrap());
    }
}
