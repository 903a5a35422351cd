//! A Normal fitted to a target by gradient descent on KL(P ‖ Q), as a Burn autodiff graph on any backend.
//!
//! P and Q live on a grid of points x_i as probabilities that sum to 1: P a Normal, a mixture or any array of weights,
//! and `Q_i = exp(-(x_i - mean)^2 / (2 variance)) / sum_j exp(-(x_j - mean)^2 / (2 variance))`. Each step takes the
//! gradient of the objective with respect to the mean and the variance from Burn's autodiff and updates both.
//!
//! # The classic experiment
//!
//! The default is an experiment that many courses show: x from -10 to 10 in steps of 0.001, P = Normal(0, sd 2), Q
//! starting from mean 0 and variance 1, 100 steps of plain gradient descent.
//!
//! Its usual code forgets to multiply the density by the grid step. What it calls P and Q are then weights that sum to
//! 1000, its KL is 1000 times the KL, and so is the gradient; it takes a learning rate of 0.001. Here both are normalised,
//! KL is in nats, and the same path is walked at a learning rate of 1.0.
//!
//! ```
//! use burn::tensor::Device;
//! use metrics::normal_fit::{NormalFit, Settings};
//!
//! let fit = NormalFit::new(Settings::default())?;
//! let trajectory = fit.run(&Device::flex(), |_| {})?;
//!
//! let (first, last) = (trajectory.records[0], trajectory.records[10]);
//! assert_eq!((first.step, first.variance), (0, 1.0));
//! assert!((first.kl - 0.8068).abs() < 1e-4, "ln(1/2) + 4/2 - 1/2, less the tails beyond 10");
//! assert_eq!(last.step, 100);
//! assert!((last.variance - 4.0).abs() < 0.2 && last.kl < 1e-3, "{last:?}");
//! # Ok::<(), metrics::normal_fit::FitError>(())
//! ```
//!
//! # Precision
//!
//! The graph is computed in 64 bits where the device has them (`flex`, `ndarray`, `cuda`) and in 32 bits elsewhere (`wgpu`).
//! In 64 bits the trajectory is that of PyTorch to 1e-11. In 32 bits the sums over 20,001 points leave an error of about
//! 2e-5 in KL and in the variance after 100 steps of the classic experiment. Burn's Adam holds its own constants in 32 bits
//! on every device.

mod descent;
mod graph;
mod settings;
mod target;

pub use descent::{Halving, NormalFit, Record, StopReason, Trajectory};
pub use graph::Evaluation;
pub use settings::{
    Component, FitError, Grid, MeanVariance, Objective, OptimizerKind, Parameterization, Settings, Start,
};
pub use target::Target;
