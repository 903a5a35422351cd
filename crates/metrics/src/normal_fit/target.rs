//! P on the grid.

use super::settings::{Component, FitError, Grid, Objective};

/// P: probabilities at the points of a grid, and their logarithms.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The points.
    pub points: Vec<f64>,
    /// The probability at each point; they sum to 1.
    pub probabilities: Vec<f64>,
    /// The natural logarithm of each probability, -∞ where it is 0.
    pub ln_probabilities: Vec<f64>,
}

impl Target {
    /// A mixture of Normals.
    ///
    /// The logarithms come from the exponents and not from the probabilities, so they are finite where the probability
    /// itself is below the smallest double.
    pub(super) fn mixture(components: &[Component], grid: &Grid) -> Result<Self, FitError> {
        if components.is_empty() {
            return Err(FitError::NoTarget);
        }
        let points = grid.points();
        let ln_density = |x: f64| {
            let terms = components.iter().map(|c| {
                let z = (x - c.mean) / c.sd;
                c.weight.ln() - c.sd.ln() - 0.5 * z * z
            });
            ln_sum_exp(terms.collect::<Vec<_>>().as_slice())
        };
        let unscaled: Vec<f64> = points.iter().map(|&x| ln_density(x)).collect();
        let ln_total = ln_sum_exp(&unscaled);
        if !ln_total.is_finite() {
            return Err(FitError::TargetMass { sum: ln_total.exp() });
        }
        let ln_probabilities: Vec<f64> = unscaled.iter().map(|l| l - ln_total).collect();
        let probabilities = ln_probabilities.iter().map(|l| l.exp()).collect();
        Ok(Self { points, probabilities, ln_probabilities })
    }

    /// Any weights, one for each point of the grid, normalised here.
    pub(super) fn weights(weights: &[f64], grid: &Grid) -> Result<Self, FitError> {
        if weights.len() != grid.point_count() {
            return Err(FitError::TargetLength {
                actual: weights.len(),
                expected: grid.point_count(),
                low: grid.low,
                high: grid.high,
                step: grid.step,
            });
        }
        if let Some(index) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            return Err(FitError::TargetEntry { index, value: weights[index] });
        }
        let sum: f64 = weights.iter().sum();
        if !(sum > 0.0 && sum.is_finite()) {
            return Err(FitError::TargetMass { sum });
        }
        let probabilities: Vec<f64> = weights.iter().map(|w| w / sum).collect();
        let ln_probabilities = weights.iter().map(|w| w.ln() - sum.ln()).collect();
        Ok(Self { points: grid.points(), probabilities, ln_probabilities })
    }

    pub(super) fn check(&self, objective: Objective) -> Result<(), FitError> {
        let zero = self.ln_probabilities.iter().position(|l| *l == f64::NEG_INFINITY);
        match (objective, zero) {
            (Objective::ReverseKl, Some(index)) => Err(FitError::InfiniteObjective { index }),
            _ => Ok(()),
        }
    }
}

fn ln_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + values.iter().map(|v| (v - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { low: -4.0, high: 4.0, step: 0.5 };

    #[test]
    fn a_mixture_is_normalised_and_has_finite_logarithms_where_it_underflows() {
        let components =
            [Component { weight: 2.0, mean: -3.0, sd: 0.05 }, Component { weight: 6.0, mean: 2.0, sd: 0.05 }];
        let target = Target::mixture(&components, &GRID).unwrap();
        assert!((target.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-15);
        // Both peaks fall on a point of the grid, so their masses are in the ratio of the weights.
        assert!((target.probabilities[2] - 0.25).abs() < 1e-12, "{:?}", target.probabilities);
        assert_eq!(target.probabilities[8], 0.0);
        assert!((target.ln_probabilities[8] - (0.75f64.ln() - 800.0)).abs() < 1e-9);
    }

    #[test]
    fn weights_that_are_no_distribution_are_named() {
        let message = |weights: &[f64]| Target::weights(weights, &GRID).unwrap_err().to_string();
        assert_eq!(
            message(&[1.0; 3]),
            "the target has 3 entries, and the grid from -4 to 4 in steps of 0.5 has 17 points"
        );
        let mut weights = [1.0; 17];
        weights[5] = -0.5;
        assert_eq!(message(&weights), "entry 5 of the target is -0.5, and has to be finite and at least 0");
        assert_eq!(message(&[0.0; 17]), "the target sums to 0 on the grid, and has to have some mass there");
        weights[5] = 0.0;
        let target = Target::weights(&weights, &GRID).unwrap();
        assert_eq!(target.check(Objective::ReverseKl), Err(FitError::InfiniteObjective { index: 5 }));
        assert_eq!(target.check(Objective::ForwardKl), Ok(()));
    }
}
