//! What a fit is to do, with the classic experiment as the default, and what can be wrong with it.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::samples::draws::Draws;

/// A fit: target, start, objective and descent. [`Default`] is the classic experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Updates to make, at most.
    pub steps: usize,
    /// Record every so many updates; the start and the last update are always recorded.
    pub record_every: usize,
    /// Learning rate.
    pub learning_rate: f64,
    /// Rule that turns gradients into updates.
    pub optimizer: OptimizerKind,
    /// What is made small.
    pub objective: Objective,
    /// How the spread of Q is parameterised.
    pub parameterization: Parameterization,
    /// Stop once no component of the gradient is larger than this. At 0 all steps are made.
    pub gradient_tolerance: f64,
    /// The points on which both distributions live.
    pub grid: Grid,
    /// Where Q starts.
    pub start: Start,
    /// Components of P, a mixture of Normals, normalised on the grid. One component is a Normal.
    pub target: Vec<Component>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            steps: 100,
            record_every: 10,
            learning_rate: 1.0,
            optimizer: OptimizerKind::Sgd,
            objective: Objective::ForwardKl,
            parameterization: Parameterization::Variance,
            gradient_tolerance: 0.0,
            grid: Grid::default(),
            start: Start::default(),
            target: vec![Component { weight: 1.0, mean: 0.0, sd: 2.0 }],
        }
    }
}

/// Equally spaced points, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grid {
    /// First point.
    pub low: f64,
    /// Last point.
    pub high: f64,
    /// Distance between neighbours.
    pub step: f64,
}

impl Default for Grid {
    fn default() -> Self {
        Self { low: -10.0, high: 10.0, step: 0.001 }
    }
}

/// More points than this are refused: 10 million doubles for each of a dozen intermediate tensors fill 1 GB.
const MOST_POINTS: f64 = 1e7;

impl Grid {
    /// Number of points, both ends included.
    pub fn point_count(&self) -> usize {
        ((self.high - self.low) / self.step).round() as usize + 1
    }

    /// The points, each computed from its index so that no error adds up.
    pub fn points(&self) -> Vec<f64> {
        let last = (self.point_count() - 1) as f64;
        (0..self.point_count())
            .map(|i| {
                let t = i as f64 / last;
                self.low * (1.0 - t) + self.high * t
            })
            .collect()
    }
}

/// Where Q starts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Start {
    /// Mean. Not used with a seed.
    pub mean: f64,
    /// Variance. Not used with a seed.
    pub variance: f64,
    /// Draws the start instead: the mean uniformly from the middle half of the grid, the standard deviation
    /// log-uniformly between 1/80 and 1/8 of the grid's width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl Default for Start {
    fn default() -> Self {
        Self { mean: 0.0, variance: 1.0, seed: None }
    }
}

/// Mean and variance of a Normal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanVariance {
    /// Mean.
    pub mean: f64,
    /// Variance.
    pub variance: f64,
}

impl Start {
    /// The start itself: as given, or drawn from the seed.
    pub fn resolve(&self, grid: &Grid) -> MeanVariance {
        let Some(seed) = self.seed else { return MeanVariance { mean: self.mean, variance: self.variance } };
        let width = grid.high - grid.low;
        let mut draws = Draws::stream(seed, 0);
        let mean = grid.low + width * (0.25 + 0.5 * draws.uniform());
        let sd = width / 80.0 * 10f64.powf(draws.uniform());
        MeanVariance { mean, variance: sd * sd }
    }
}

/// A Normal of a mixture.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Weight; the weights of a mixture need not sum to 1.
    #[serde(default = "one")]
    pub weight: f64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

fn one() -> f64 {
    1.0
}

/// What is made small, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// KL(P ‖ Q): mass-covering. Q pays for every place where P has mass and Q has none, so it spreads over all modes.
    ForwardKl,
    /// KL(Q ‖ P): mode-seeking. Q pays for its mass where P has none, so it settles in one mode.
    ReverseKl,
    /// The Jensen-Shannon divergence of the two: symmetric, between both.
    JensenShannon,
}

/// What turns gradients into updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Plain gradient descent.
    Sgd,
    /// Adam with Burn's defaults; its epsilon is 1e-5.
    Adam,
}

impl OptimizerKind {
    /// The usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sgd => "gradient descent",
            Self::Adam => "Adam",
        }
    }
}

/// How the spread of Q is parameterised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameterization {
    /// By its variance. A step may reach below 0; it is then halved.
    Variance,
    /// By the logarithm of its variance, which every step leaves in range. What a VAE does.
    LogVariance,
}

/// Why a fit cannot be made, or broke off.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum FitError {
    /// A setting is out of its range.
    #[error("{key} is {value}, and has to be {requirement}")]
    Setting {
        /// The setting, as a dotted key.
        key: String,
        /// The value that was given.
        value: f64,
        /// The range that would be right.
        requirement: &'static str,
    },
    /// The target has no component.
    #[error("target has no component; a Normal of mean 0 and sd 2 is [[target]] with mean = 0 and sd = 2")]
    NoTarget,
    /// A target given as numbers has another length than the grid.
    #[error(
        "the target has {actual} entries, and the grid from {low} to {high} in steps of {step} has {expected} points"
    )]
    TargetLength {
        /// Entries of the target.
        actual: usize,
        /// Points of the grid.
        expected: usize,
        /// First point.
        low: f64,
        /// Last point.
        high: f64,
        /// Distance between neighbours.
        step: f64,
    },
    /// An entry of a target given as numbers is not a weight.
    #[error("entry {index} of the target is {value}, and has to be finite and at least 0")]
    TargetEntry {
        /// Position, from 0.
        index: usize,
        /// The entry.
        value: f64,
    },
    /// The target has no mass on the grid, or more than a double holds.
    #[error("the target sums to {sum} on the grid, and has to have some mass there")]
    TargetMass {
        /// The sum.
        sum: f64,
    },
    /// KL(Q ‖ P) is infinite for every Normal Q where P is 0 somewhere.
    #[error(
        "entry {index} of the target is 0, so KL(Q ‖ P) is infinite for every Normal Q: use forward_kl or jensen_shannon"
    )]
    InfiniteObjective {
        /// Position of the first such entry, from 0.
        index: usize,
    },
    /// The objective or its gradient is not a finite number.
    #[error(
        "after update {step}, at mean {mean:e} and variance {variance:e}, the objective is {objective} and its gradient \
         ({gradient_mean}, {gradient_spread}): try a smaller learning_rate or parameterization = \"log_variance\""
    )]
    NotFinite {
        /// Updates made.
        step: usize,
        /// Mean of Q.
        mean: f64,
        /// Variance of Q.
        variance: f64,
        /// The objective.
        objective: f64,
        /// Its derivative by the mean.
        gradient_mean: f64,
        /// Its derivative by the variance or its logarithm.
        gradient_spread: f64,
    },
    /// No halving of the step led back into the range.
    #[error(
        "update {step} leads out of the range of the variance, from {variance}, however often it is halved"
    )]
    Stuck {
        /// The update.
        step: usize,
        /// The variance before it.
        variance: f64,
    },
}

impl Settings {
    /// Refuses what no fit can be made of.
    pub(super) fn check(&self) -> Result<(), FitError> {
        let finite = |key: &str, value: f64| require(key, value, value.is_finite(), "finite");
        let positive = |key: &str, value: f64| {
            require(key, value, value.is_finite() && value > 0.0, "finite and above 0")
        };
        require("record_every", self.record_every as f64, self.record_every > 0, "at least 1")?;
        positive("learning_rate", self.learning_rate)?;
        let tolerance = self.gradient_tolerance;
        require(
            "gradient_tolerance",
            tolerance,
            tolerance.is_finite() && tolerance >= 0.0,
            "finite and at least 0",
        )?;
        finite("grid.low", self.grid.low)?;
        finite("grid.high", self.grid.high)?;
        require("grid.high", self.grid.high, self.grid.high > self.grid.low, "above grid.low")?;
        positive("grid.step", self.grid.step)?;
        let intervals = (self.grid.high - self.grid.low) / self.grid.step;
        require("grid.step", self.grid.step, intervals >= 0.5, "at most the width of the grid")?;
        require("grid.step", self.grid.step, intervals <= MOST_POINTS, "wide enough for at most 1e7 points")?;
        if self.start.seed.is_none() {
            finite("start.mean", self.start.mean)?;
            positive("start.variance", self.start.variance)?;
        }
        for (i, component) in self.target.iter().enumerate() {
            positive(&format!("target[{i}].weight"), component.weight)?;
            finite(&format!("target[{i}].mean"), component.mean)?;
            positive(&format!("target[{i}].sd"), component.sd)?;
        }
        Ok(())
    }
}

fn require(key: &str, value: f64, holds: bool, requirement: &'static str) -> Result<(), FitError> {
    if holds {
        return Ok(());
    }
    Err(FitError::Setting { key: key.to_owned(), value, requirement })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classic_grid_has_20001_points_with_both_ends() {
        let points = Grid::default().points();
        assert_eq!((points.len(), points[0], points[10_000], points[20_000]), (20_001, -10.0, 0.0, 10.0));
    }

    #[test]
    fn a_random_start_is_the_same_for_the_same_seed_and_lies_in_its_range() {
        let grid = Grid::default();
        let start = |seed| Start { seed: Some(seed), ..Start::default() }.resolve(&grid);
        assert_eq!(start(7), start(7));
        assert_ne!(start(7), start(8));
        for seed in 0..1000 {
            let MeanVariance { mean, variance } = start(seed);
            assert!((-5.0..5.0).contains(&mean), "{mean}");
            assert!((0.0625..6.25).contains(&variance), "{variance}");
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let named = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        assert_eq!(named(|s| s.record_every = 0), "record_every is 0, and has to be at least 1");
        assert_eq!(
            named(|s| s.learning_rate = -1.0),
            "learning_rate is -1, and has to be finite and above 0"
        );
        assert_eq!(named(|s| s.grid.high = -11.0), "grid.high is -11, and has to be above grid.low");
        assert_eq!(
            named(|s| s.grid.step = 50.0),
            "grid.step is 50, and has to be at most the width of the grid"
        );
        assert_eq!(
            named(|s| s.start.variance = 0.0),
            "start.variance is 0, and has to be finite and above 0"
        );
        assert_eq!(
            named(|s| s.target[0].sd = f64::NAN),
            "target[0].sd is NaN, and has to be finite and above 0"
        );
    }
}
