//! Gradient descent on the objective.

use burn::optim::{AdamConfig, ModuleOptimizer, SgdConfig};
use burn::tensor::Device;

use super::graph::{Evaluation, Graph};
use super::settings::{FitError, MeanVariance, OptimizerKind, Settings};
use super::target::Target;

/// A fit that has been checked: its settings, and P on the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct NormalFit {
    settings: Settings,
    target: Target,
}

/// Q and its divergence after so many updates.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// Updates made.
    pub step: usize,
    /// KL(P ‖ Q) in nats.
    pub kl: f64,
    /// The objective in nats; the same as `kl` where that is the objective.
    pub objective: f64,
    /// Mean of Q.
    pub mean: f64,
    /// Variance of Q.
    pub variance: f64,
    /// The larger derivative of the objective, in magnitude.
    pub gradient: f64,
}

/// An update that would have left the range of the variance and was shortened.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Halving {
    /// The update, counted from 1.
    pub step: usize,
    /// How often it was halved.
    pub times: u32,
    /// The variance that the full update would have led to.
    pub refused_variance: f64,
    /// The variance that it led to instead.
    pub variance: f64,
}

/// Why a descent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// All updates were made.
    Steps,
    /// The gradient fell to the tolerance.
    GradientTolerance,
}

/// What a descent went through.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trajectory {
    /// The start, every so many updates, and the end.
    pub records: Vec<Record>,
    /// The updates that were shortened.
    pub halvings: Vec<Halving>,
    /// Why it ended.
    pub stop: StopReason,
}

/// A double cannot be halved more often than this and still change the parameters.
const MOST_HALVINGS: u32 = 60;

impl NormalFit {
    /// Checks the settings and puts the mixture of [`Settings::target`] on the grid.
    ///
    /// # Errors
    ///
    /// [`FitError`] for the first setting that is out of its range.
    pub fn new(settings: Settings) -> Result<Self, FitError> {
        settings.check()?;
        let target = Target::mixture(&settings.target, &settings.grid)?;
        target.check(settings.objective)?;
        Ok(Self { settings, target })
    }

    /// The same with any weights as the target, one for each point of the grid, in place of [`Settings::target`].
    ///
    /// # Errors
    ///
    /// [`FitError`] for the first setting that is out of its range, or for weights that are no distribution on this grid.
    ///
    /// ```
    /// use metrics::normal_fit::{Grid, NormalFit, Settings};
    ///
    /// let settings = Settings { grid: Grid { low: 0.0, high: 4.0, step: 1.0 }, ..Settings::default() };
    /// let fit = NormalFit::with_weights(settings, &[1.0, 2.0, 4.0, 2.0, 1.0])?;
    /// assert_eq!(fit.target().probabilities, [0.1, 0.2, 0.4, 0.2, 0.1]);
    /// # Ok::<(), metrics::normal_fit::FitError>(())
    /// ```
    pub fn with_weights(settings: Settings, weights: &[f64]) -> Result<Self, FitError> {
        settings.check()?;
        let target = Target::weights(weights, &settings.grid)?;
        target.check(settings.objective)?;
        Ok(Self { settings, target })
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// P on the grid.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The objective and its gradient at a mean and a variance.
    ///
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use burn::tensor::Device;
    /// use metrics::normal_fit::{MeanVariance, NormalFit, Settings};
    ///
    /// // The target of the classic experiment is a Normal of variance 4: nothing is left to descend there.
    /// let fit = NormalFit::new(Settings::default())?;
    /// let at_target = fit.evaluate(MeanVariance { mean: 0.0, variance: 4.0 }, &Device::flex());
    /// assert!(at_target.kl < 1e-12 && at_target.gradient_mean.abs() < 1e-12);
    /// # }
    /// # Ok::<(), metrics::normal_fit::FitError>(())
    /// ```
    pub fn evaluate(&self, at: MeanVariance, device: &Device) -> Evaluation {
        let graph = self.graph(device);
        graph.evaluate(&graph.parameters(at)).0
    }

    /// Descends from the start and calls `on_update` with Q before the first and after each update.
    ///
    /// # Errors
    ///
    /// [`FitError::NotFinite`] where the objective or its gradient leaves the range of its float type.
    pub fn run(&self, device: &Device, mut on_update: impl FnMut(&Record)) -> Result<Trajectory, FitError> {
        let settings = &self.settings;
        let graph = self.graph(device);
        let mut optimizer = optimizer(settings.optimizer);
        let mut parameters = graph.parameters(settings.start.resolve(&settings.grid));
        let mut records = Vec::new();
        let mut halvings = Vec::new();
        let mut step = 0;
        loop {
            let at = graph.read(&parameters);
            let (evaluation, gradients) = graph.evaluate(&parameters);
            if !evaluation.is_finite() {
                return Err(not_finite(step, at, &evaluation));
            }
            let record = Record {
                step,
                kl: evaluation.kl,
                objective: evaluation.objective,
                mean: at.mean,
                variance: at.variance,
                gradient: evaluation.gradient_size(),
            };
            on_update(&record);
            let reached = settings.gradient_tolerance > 0.0 && record.gradient <= settings.gradient_tolerance;
            let ends = reached || step == settings.steps;
            if ends || step % settings.record_every == 0 {
                records.push(record);
            }
            if ends {
                let stop = if reached { StopReason::GradientTolerance } else { StopReason::Steps };
                return Ok(Trajectory { records, halvings, stop });
            }
            step += 1;
            let proposed = optimizer.step(settings.learning_rate, parameters.clone(), gradients);
            let refused_variance = graph.read(&proposed).variance;
            let mut next = proposed.clone();
            let mut times = 0;
            while !in_range(graph.read(&next)) {
                times += 1;
                if times > MOST_HALVINGS {
                    return Err(FitError::Stuck { step, variance: at.variance });
                }
                next = graph.between(&parameters, &proposed, 0.5f64.powi(times as i32));
            }
            if times > 0 {
                let variance = graph.read(&next).variance;
                halvings.push(Halving { step, times, refused_variance, variance });
            }
            parameters = next;
        }
    }

    fn graph(&self, device: &Device) -> Graph {
        Graph::new(&self.target, self.settings.objective, self.settings.parameterization, device)
    }
}

fn optimizer(kind: OptimizerKind) -> ModuleOptimizer {
    match kind {
        OptimizerKind::Sgd => SgdConfig::new().init(),
        OptimizerKind::Adam => AdamConfig::new().init(),
    }
}

fn in_range(at: MeanVariance) -> bool {
    at.mean.is_finite() && at.variance.is_finite() && at.variance > 0.0
}

fn not_finite(step: usize, at: MeanVariance, evaluation: &Evaluation) -> FitError {
    FitError::NotFinite {
        step,
        mean: at.mean,
        variance: at.variance,
        objective: evaluation.objective,
        gradient_mean: evaluation.gradient_mean,
        gradient_spread: evaluation.gradient_spread,
    }
}
