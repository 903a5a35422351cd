//! L-BFGS.

use std::collections::VecDeque;

use ndarray::{Array2, Zip};

/// Steps of the descent at most: well before, the classes no longer change.
const MOST_STEPS: usize = 200;
/// The greatest component of the gradient at which the descent ends, in nats a standard deviation.
const FLAT: f64 = 1e-4;
/// Steps that the descent remembers.
const MEMORY: usize = 10;

/// A function's value and its gradient.
pub(super) struct Point {
    pub(super) value: f64,
    pub(super) gradient: Array2<f64>,
}

/// Where a convex function is least, by L-BFGS from a start.
pub(super) fn minimise(mut at: Array2<f64>, function: impl Fn(&Array2<f64>) -> Point) -> Array2<f64> {
    /// A step, and how the gradient changed along it.
    struct Step {
        step: Array2<f64>,
        change: Array2<f64>,
        /// Their product.
        curvature: f64,
    }

    let product = |a: &Array2<f64>, b: &Array2<f64>| Zip::from(a).and(b).fold(0.0, |sum, a, b| sum + a * b);
    let mut here = function(&at);
    let mut steps: VecDeque<Step> = VecDeque::with_capacity(MEMORY + 1);
    for _ in 0..MOST_STEPS {
        if here.gradient.iter().all(|slope| slope.abs() <= FLAT) {
            break;
        }
        let mut direction = here.gradient.mapv(|slope| -slope);
        let mut along = Vec::with_capacity(steps.len());
        for Step { step, change, curvature } in steps.iter().rev() {
            let share = product(step, &direction) / curvature;
            direction.scaled_add(-share, change);
            along.push(share);
        }
        if let Some(Step { change, curvature, .. }) = steps.back() {
            direction *= curvature / product(change, change);
        }
        for (Step { step, change, curvature }, share) in steps.iter().zip(along.into_iter().rev()) {
            let other = product(change, &direction) / curvature;
            direction.scaled_add(share - other, step);
        }
        let slope = product(&direction, &here.gradient);
        let mut length = 1.0;
        let there = loop {
            let place = &at + &(length * &direction);
            let there = function(&place);
            if there.value <= here.value + 1e-4 * length * slope {
                break Some((place, there));
            }
            length *= 0.5;
            // So short a step is rounding: this is as low as it goes.
            if length < 1e-10 {
                break None;
            }
        };
        let Some((place, there)) = there else { break };
        let (step, change) = (&place - &at, &there.gradient - &here.gradient);
        let curvature = product(&step, &change);
        if curvature > 0.0 {
            steps.push_back(Step { step, change, curvature });
            if steps.len() > MEMORY {
                steps.pop_front();
            }
        }
        (at, here) = (place, there);
    }
    at
}
