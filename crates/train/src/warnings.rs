//! What in a member's history deserves a word while it trains.
//!
//! Warnings are derived from the history alone: a run that was stopped and resumed has those of one that was not, and each
//! is about the first epoch at which there was a reason for it.

use std::fmt;

use model::{LOG_VAR_MAX, LOG_VAR_MIN};
use serde::{Deserialize, Serialize};

use crate::member::EpochRow;

/// Nats below which a latent dimension counts as collapsed: on average its mean then moves by at most a seventh of the
/// posterior's own standard deviation, and the decoder gets next to nothing from it.
pub const COLLAPSED_KL: f64 = 0.01;

/// Nats per latent dimension above which the KL counts as exploded: a posterior there is some 14 prior standard
/// deviations from the origin, or e^100 times narrower than the prior. A code drawn from the prior never comes near.
const EXPLODED_KL_PER_DIM: f64 = 100.0;

/// The KL of an epoch over that of the one before at which it counts as exploding ...
const EXPLODING_GROWTH: f64 = 10.0;

/// ... once it has reached so many nats per latent dimension; little by little, tenfold is no news.
const EXPLODING_KL_PER_DIM: f64 = 10.0;

/// Epochs in which the objective has to improve, a quarter of the classic training ...
const PATIENCE: usize = 10;

/// ... by this share of itself. On MNIST it is 0.15 nats, less than what another seed changes.
const LEAST_IMPROVEMENT: f64 = 1e-3;

/// Something that a person who trains should know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warning {
    /// The epoch after which it was seen first, counted from 1.
    pub epoch: usize,
    /// What was seen.
    pub kind: WarningKind,
    /// It in plain words.
    pub message: String,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// A latent dimension carries almost nothing.
    CollapsedDimension(usize),
    /// The posteriors are far from the prior, or leave it in a leap.
    ExplodingKl,
    /// Log-variances were cut to their bounds.
    SaturatedLogVars,
    /// The training objective stays where it is.
    NoImprovement,
    /// The objective is no longer a number.
    NotFinite,
}

impl fmt::Display for WarningKind {
    /// One word, as in `history.csv`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CollapsedDimension(dimension) => write!(f, "collapsed_dimension_{dimension}"),
            Self::ExplodingKl => f.write_str("exploding_kl"),
            Self::SaturatedLogVars => f.write_str("saturated_log_vars"),
            Self::NoImprovement => f.write_str("no_improvement"),
            Self::NotFinite => f.write_str("not_finite"),
        }
    }
}

/// The warnings that a member's history gives reason for, in the order of their epochs.
///
/// `kl_coefficient` is what the member was trained with.
pub fn warnings(history: &[EpochRow], kl_coefficient: f64) -> Vec<Warning> {
    let mut found: Vec<Warning> = Vec::new();
    for end in 1..=history.len() {
        for (kind, message) in after_epoch(&history[..end], kl_coefficient) {
            if found.iter().all(|warning| warning.kind != kind) {
                found.push(Warning { epoch: history[end - 1].epoch, kind, message });
            }
        }
    }
    found
}

/// What is to be seen of the last epoch, whether it was seen before or not.
fn after_epoch(history: &[EpochRow], kl_coefficient: f64) -> Vec<(WarningKind, String)> {
    let Some((row, before)) = history.split_last() else { return Vec::new() };
    let mut seen = Vec::new();

    let objectives = [row.train.objective(kl_coefficient), row.test.objective(kl_coefficient)];
    if objectives.iter().any(|objective| !objective.is_finite()) {
        let message = format!("after epoch {}, the objective is no longer a finite number", row.epoch);
        return vec![(WarningKind::NotFinite, message)];
    }

    for (dimension, &kl) in row.test_latent.kl_per_dim.iter().enumerate() {
        if kl < COLLAPSED_KL {
            let message = format!(
                "after epoch {}, latent dimension {dimension} has collapsed: its KL is {kl:.2e} nats, below {COLLAPSED_KL}, \
                 so it tells the decoder nothing; a smaller coefficient keeps more dimensions in use",
                row.epoch
            );
            seen.push((WarningKind::CollapsedDimension(dimension), message));
        }
    }

    let latent = row.test_latent.kl_per_dim.len() as f64;
    let kl_per_dim = row.test.kl / latent;
    let leapt = before.last().is_some_and(|previous| {
        row.test.kl > EXPLODING_GROWTH * previous.test.kl && kl_per_dim > EXPLODING_KL_PER_DIM
    });
    if kl_per_dim > EXPLODED_KL_PER_DIM || leapt {
        let message = format!(
            "after epoch {}, the KL explodes: it is {:.4e} nats, {kl_per_dim:.4e} per latent dimension, and the decoder \
             has seen no codes like those drawn from the prior; a greater coefficient prevents that",
            row.epoch, row.test.kl
        );
        seen.push((WarningKind::ExplodingKl, message));
    }

    if row.saturated_log_vars > 0 {
        let message = format!(
            "during epoch {}, {} log-variances of posteriors had to be cut to [{LOG_VAR_MIN}, {LOG_VAR_MAX}]: the encoder \
             no longer learns from those; a smaller optimizer.learning_rate may help",
            row.epoch, row.saturated_log_vars
        );
        seen.push((WarningKind::SaturatedLogVars, message));
    }

    if history.len() > PATIENCE {
        let (earlier, recent) = history.split_at(history.len() - PATIENCE);
        let best = |rows: &[EpochRow]| {
            rows.iter().map(|row| row.train.objective(kl_coefficient)).fold(f64::INFINITY, f64::min)
        };
        let (earlier, recent) = (best(earlier), best(recent));
        if recent > earlier - LEAST_IMPROVEMENT * earlier.abs() {
            let message = format!(
                "after epoch {}, the training objective has not improved by {} % in {PATIENCE} epochs: the best of them \
                 is {recent:.2} nats, the best before {earlier:.2}; more epochs will change little",
                row.epoch,
                100.0 * LEAST_IMPROVEMENT
            );
            seen.push((WarningKind::NoImprovement, message));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{LatentUse, Terms};

    /// A history in which nothing is remarkable: the objective improves by one part in a hundred an epoch.
    fn healthy(epochs: usize) -> Vec<EpochRow> {
        (1..=epochs)
            .map(|epoch| {
                let terms = Terms { reconstruction: 150.0 * 0.99f64.powi(epoch as i32), kl: 6.0 };
                let test_latent = LatentUse { kl_per_dim: vec![3.5, 2.5], active_units: 2 };
                EpochRow { epoch, train: terms, test: terms, test_latent, saturated_log_vars: 0 }
            })
            .collect()
    }

    fn found(history: &[EpochRow]) -> Vec<(usize, WarningKind)> {
        warnings(history, 1.0).into_iter().map(|warning| (warning.epoch, warning.kind)).collect()
    }

    #[test]
    fn a_healthy_training_has_none() {
        assert_eq!(found(&healthy(40)), []);
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn a_dimension_collapses_once_at_its_first_epoch_below_the_threshold() {
        let mut history = healthy(6);
        history[2].test_latent.kl_per_dim[1] = 0.0099;
        history[3].test_latent.kl_per_dim = vec![0.0101, 0.0];
        history[5].test_latent.kl_per_dim[0] = 1e-5;
        assert_eq!(
            found(&history),
            [(3, WarningKind::CollapsedDimension(1)), (6, WarningKind::CollapsedDimension(0))]
        );
        let message = &warnings(&history, 1.0)[0].message;
        assert!(
            message.starts_with("after epoch 3, latent dimension 1 has collapsed: its KL is 9.90e-3"),
            "{message}"
        );
    }

    #[test]
    fn a_kl_explodes_by_its_size_or_by_a_leap() {
        let mut history = healthy(5);
        history[3].test.kl = 200.1;
        assert_eq!(found(&history), [(4, WarningKind::ExplodingKl)]);
        let mut history = healthy(5);
        history[3].test.kl = 61.0;
        assert_eq!(found(&history), [(4, WarningKind::ExplodingKl)]);
        // Tenfold, but from almost nothing.
        let mut history = healthy(5);
        history[0].test.kl = 0.1;
        assert_eq!(found(&history), []);
    }

    #[test]
    fn log_variances_that_were_cut_are_counted() {
        let mut history = healthy(3);
        history[1].saturated_log_vars = 7;
        history[2].saturated_log_vars = 8;
        assert_eq!(found(&history), [(2, WarningKind::SaturatedLogVars)]);
        let message = &warnings(&history, 1.0)[0].message;
        assert!(message.contains("epoch 2, 7 log-variances") && message.contains("[-80, 40]"), "{message}");
    }

    #[test]
    fn an_objective_that_stays_is_noticed_after_ten_epochs_of_patience() {
        let mut history = healthy(30);
        let at = history[9].train;
        for row in &mut history[10..] {
            row.train = Terms { reconstruction: at.reconstruction - 0.1, ..at };
        }
        assert_eq!(found(&history), [(20, WarningKind::NoImprovement)]);
        assert_eq!(found(&history[..19]), []);
    }

    #[test]
    fn an_objective_that_is_no_number_is_the_only_warning_of_its_epoch() {
        for broken in [f64::NAN, f64::INFINITY] {
            let mut history = healthy(3);
            history[2].train.kl = broken;
            history[2].test_latent.kl_per_dim = vec![broken, 0.0];
            assert_eq!(found(&history), [(3, WarningKind::NotFinite)]);
        }
    }

    #[test]
    fn what_was_seen_before_a_stop_is_seen_at_the_same_epoch_after_it() {
        let mut history = healthy(8);
        history[1].saturated_log_vars = 1;
        history[6].test_latent.kl_per_dim[0] = 0.0;
        let whole = warnings(&history, 1.0);
        assert_eq!(warnings(&history[..4], 1.0), whole[..1]);
    }
}
