//! What in a member's history deserves a word while it trains.
//!
//! Warnings are derived from the history alone: a run that was stopped and resumed has those of one that was not, and each
//! is about the first epoch at which there was a reason for it.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::history::EpochRow;

/// Nats below which a latent dimension counts as collapsed: on average its mean then moves by at most a seventh of the
/// posterior's own standard deviation, and the decoder gets next to nothing from it.
pub const COLLAPSED_KL: f64 = 0.01;

/// A dimension that had collapsed counts as in use again from so many times that on: not as soon as it wavers.
const RECOVERED: f64 = 2.0;

/// The share of the epochs at the end of a training in which the objective should no longer improve.
const LAST_EPOCHS: f64 = 0.25;

/// Nats per latent dimension above which the KL counts as exploded: a posterior there is some 14 prior standard
/// deviations from the origin, or e^100 times narrower than the prior. A code drawn from the prior never comes near.
const EXPLODED_KL_PER_DIM: f64 = 100.0;

/// The KL of an epoch over that of the one before at which it counts as exploding ...
const EXPLODING_GROWTH: f64 = 10.0;

/// ... once it has reached so many nats per latent dimension; little by little, tenfold is no news.
const EXPLODING_KL_PER_DIM: f64 = 10.0;

/// Epochs in which the objective has to improve, a quarter of the classic training ...
const PATIENCE: usize = 10;

/// ... by this share of itself: on MNIST, 0.15 nats.
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
    /// A latent dimension that had collapsed is in use again.
    RecoveredDimension(usize),
    /// The posteriors are far from the prior, or leave it in a leap.
    ExplodingKl,
    /// Log-variances were clamped to their bounds.
    #[serde(alias = "saturated_log_vars")]
    ClampedLogVars,
    /// The training objective stays where it is.
    NoImprovement,
    /// The training objective was still improving when training ended.
    StillImproving,
    /// The objective is NaN or infinite.
    NotFinite,
}

impl fmt::Display for WarningKind {
    /// One word, as in `history.csv`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CollapsedDimension(dimension) => write!(f, "collapsed_dimension_{dimension}"),
            Self::RecoveredDimension(dimension) => write!(f, "recovered_dimension_{dimension}"),
            Self::ExplodingKl => f.write_str("exploding_kl"),
            Self::ClampedLogVars => f.write_str("clamped_log_vars"),
            Self::NoImprovement => f.write_str("no_improvement"),
            Self::StillImproving => f.write_str("still_improving"),
            Self::NotFinite => f.write_str("not_finite"),
        }
    }
}

/// Watches the epochs of a member one after another: how long an epoch takes does not depend on how many there were.
#[derive(Clone, Debug)]
pub struct WarningWatch {
    kl_coefficient: f64,
    seen: Vec<WarningKind>,
    /// The KL on the test images after the epoch before.
    previous_kl: Option<f64>,
    /// The training objectives of the last epochs, at most [`PATIENCE`].
    recent: VecDeque<f64>,
    /// The best training objective of the epochs before those.
    best_earlier: f64,
}

impl WarningWatch {
    /// Of a member that is trained with this coefficient and has no epoch yet.
    pub fn new(kl_coefficient: f64) -> Self {
        Self {
            kl_coefficient,
            seen: Vec::new(),
            previous_kl: None,
            recent: VecDeque::with_capacity(PATIENCE + 1),
            best_earlier: f64::INFINITY,
        }
    }

    /// What there is to say after the next epoch that was not said before.
    pub fn epoch(&mut self, row: &EpochRow) -> Vec<Warning> {
        let mut found = Vec::new();
        if row.objective_is_finite(self.kl_coefficient) {
            found.extend(collapsed(row));
            found.extend(self.recovered(row));
            found.extend(exploding(row, self.previous_kl));
            found.extend(clamped(row));
            found.extend(self.no_improvement(row));
        } else {
            let message = format!("after epoch {}, the objective is no longer a finite number", row.epoch);
            found.push((WarningKind::NotFinite, message));
        }
        self.previous_kl = Some(row.test.kl);
        found.retain(|(kind, _)| !self.seen.contains(kind));
        for (kind, _) in &found {
            match *kind {
                // It may collapse again, and that would be news.
                WarningKind::RecoveredDimension(dimension) => {
                    self.seen.retain(|seen| *seen != WarningKind::CollapsedDimension(dimension));
                }
                kind => self.seen.push(kind),
            }
        }
        let epoch = row.epoch;
        found.into_iter().map(|(kind, message)| Warning { epoch, kind, message }).collect()
    }

    fn recovered(&self, row: &EpochRow) -> Vec<(WarningKind, String)> {
        let in_use = row.test_latent.kl_per_dim.iter().enumerate().filter(|(dimension, kl)| {
            **kl >= RECOVERED * COLLAPSED_KL
                && self.seen.contains(&WarningKind::CollapsedDimension(*dimension))
        });
        let recovered = |(dimension, kl): (usize, &f64)| {
            let message = format!(
                "after epoch {}, latent dimension {dimension}, which had collapsed, is in use again: its KL is {kl:.2e} nats",
                row.epoch
            );
            (WarningKind::RecoveredDimension(dimension), message)
        };
        in_use.map(recovered).collect()
    }

    fn no_improvement(&mut self, row: &EpochRow) -> Option<(WarningKind, String)> {
        self.recent.push_back(row.train.objective(self.kl_coefficient));
        if self.recent.len() <= PATIENCE {
            return None;
        }
        self.best_earlier =
            self.recent.pop_front().map_or(self.best_earlier, |oldest| oldest.min(self.best_earlier));
        let earlier = self.best_earlier;
        let recent = self.recent.iter().copied().fold(f64::INFINITY, f64::min);
        (recent > earlier - LEAST_IMPROVEMENT * earlier.abs()).then(|| {
            let message = format!(
                "after epoch {}, the training objective has not improved by {} % in {PATIENCE} epochs: the best of them \
                 is {recent:.2} nats, the best before {earlier:.2}; more epochs will change little",
                row.epoch,
                100.0 * LEAST_IMPROVEMENT
            );
            (WarningKind::NoImprovement, message)
        })
    }
}

/// The warnings that a member's history gives reason for, in the order of their epochs, without those that were withdrawn.
pub fn warnings(history: &[EpochRow], kl_coefficient: f64) -> Vec<Warning> {
    let mut watch = WarningWatch::new(kl_coefficient);
    standing(history.iter().flat_map(|row| watch.epoch(row)).collect())
}

/// Warnings without the collapses from which a dimension recovered.
pub fn standing(warnings: Vec<Warning>) -> Vec<Warning> {
    let mut standing: Vec<Warning> = Vec::with_capacity(warnings.len());
    for warning in warnings {
        match warning.kind {
            WarningKind::RecoveredDimension(dimension) => {
                standing.retain(|earlier| earlier.kind != WarningKind::CollapsedDimension(dimension));
            }
            _ => standing.push(warning),
        }
    }
    standing
}

/// Whether the training of a member that is finished ended while its objective was still improving: by more than a thousandth
/// of itself in the last quarter of the epochs. A longer training would change what was measured.
pub fn still_improving(history: &[EpochRow], kl_coefficient: f64) -> Option<Warning> {
    let last = (LAST_EPOCHS * history.len() as f64).ceil() as usize;
    let (before, end) = history.split_at(history.len() - last);
    let best = |rows: &[EpochRow]| {
        rows.iter().map(|row| row.train.objective(kl_coefficient)).fold(f64::INFINITY, f64::min)
    };
    let (before, best) = (best(before), best(end));
    let gained = before - best;
    (before.is_finite() && gained > LEAST_IMPROVEMENT * before.abs()).then(|| Warning {
        epoch: history.len(),
        kind: WarningKind::StillImproving,
        message: format!(
            "training was still improving when it stopped: in the last {last} of {} epochs, the training objective fell by \
             {gained:.2} nats, from {before:.2} to {best:.2}; more epochs would change what was measured",
            history.len()
        ),
    })
}

fn collapsed(row: &EpochRow) -> impl Iterator<Item = (WarningKind, String)> + '_ {
    let below = row.test_latent.kl_per_dim.iter().enumerate().filter(|(_, kl)| **kl < COLLAPSED_KL);
    below.map(|(dimension, kl)| {
        let message = format!(
            "after epoch {}, latent dimension {dimension} has collapsed: its KL is {kl:.2e} nats, and it carries less than \
             {COLLAPSED_KL} nats at this epoch; a smaller coefficient keeps more dimensions in use",
            row.epoch
        );
        (WarningKind::CollapsedDimension(dimension), message)
    })
}

fn exploding(row: &EpochRow, previous_kl: Option<f64>) -> Option<(WarningKind, String)> {
    let kl_per_dim = row.test.kl / row.test_latent.kl_per_dim.len() as f64;
    let leapt = previous_kl.is_some_and(|previous| {
        row.test.kl > EXPLODING_GROWTH * previous && kl_per_dim > EXPLODING_KL_PER_DIM
    });
    (kl_per_dim > EXPLODED_KL_PER_DIM || leapt).then(|| {
        let message = format!(
            "after epoch {}, the KL explodes: it is {:.4e} nats, {kl_per_dim:.4e} per latent dimension, and the decoder \
             has seen no codes like those drawn from the prior; a greater coefficient prevents that",
            row.epoch, row.test.kl
        );
        (WarningKind::ExplodingKl, message)
    })
}

fn clamped(row: &EpochRow) -> Option<(WarningKind, String)> {
    (row.clamped_log_vars > 0).then(|| {
        let message = format!(
            "during epoch {}, {} log-variances of posteriors had to be clamped to their bounds: the encoder no longer \
             learns from those; a smaller optimizer.learning_rate may help",
            row.epoch, row.clamped_log_vars
        );
        (WarningKind::ClampedLogVars, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::{LatentUse, Terms};

    /// A history in which nothing is remarkable: the objective improves by one part in a hundred an epoch.
    fn healthy(epochs: usize) -> Vec<EpochRow> {
        (1..=epochs)
            .map(|epoch| {
                let terms = Terms { reconstruction: 150.0 * 0.99f64.powi(epoch as i32), kl: 6.0 };
                let test_latent = LatentUse { kl_per_dim: vec![3.5, 2.5], active_units: 2 };
                EpochRow { epoch, train: terms, test: terms, test_latent, clamped_log_vars: 0 }
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
        for row in &mut history[2..] {
            row.test_latent.kl_per_dim[1] = 0.0099;
        }
        history[3].test_latent.kl_per_dim[0] = 0.0101;
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
    fn a_collapse_is_withdrawn_when_the_dimension_recovers_and_said_again_when_it_does_not_last() {
        let mut history = healthy(6);
        history[0].test_latent.kl_per_dim[1] = 0.001;
        history[1].test_latent.kl_per_dim[1] = 0.015;
        let mut watch = WarningWatch::new(1.0);
        let said: Vec<_> = history.iter().flat_map(|row| watch.epoch(row)).collect();
        let kinds: Vec<_> = said.iter().map(|warning| (warning.epoch, warning.kind)).collect();
        let (collapsed, recovered) = (WarningKind::CollapsedDimension(1), WarningKind::RecoveredDimension(1));
        assert_eq!(kinds, [(1, collapsed), (3, recovered)], "0.015 is neither collapsed nor recovered");
        assert_eq!(found(&history), []);
        history[4].test_latent.kl_per_dim[1] = 0.001;
        history[5].test_latent.kl_per_dim[1] = 0.001;
        assert_eq!(found(&history), [(5, collapsed)]);
    }

    #[test]
    fn a_training_that_was_still_improving_is_named_and_one_that_had_settled_is_not() {
        let message = still_improving(&healthy(40), 1.0).unwrap().message;
        // From 0.99^30 to 0.99^40 of 150.
        assert!(
            message.contains("in the last 10 of 40 epochs") && message.contains("by 10.61 nats"),
            "{message}"
        );
        let mut history = healthy(40);
        let settled = history[25].train;
        history[26..].iter_mut().for_each(|row| row.train = settled);
        assert_eq!(still_improving(&history, 1.0), None);
        assert_eq!(still_improving(&healthy(1), 1.0), None, "of one epoch nobody knows");
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
    fn clamped_log_variances_are_counted() {
        let mut history = healthy(3);
        history[1].clamped_log_vars = 7;
        history[2].clamped_log_vars = 8;
        assert_eq!(found(&history), [(2, WarningKind::ClampedLogVars)]);
        let message = &warnings(&history, 1.0)[0].message;
        assert!(message.contains("epoch 2, 7 log-variances"), "{message}");
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
    fn an_objective_that_is_not_finite_is_the_only_warning_of_its_epoch() {
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
        history[1].clamped_log_vars = 1;
        history[6].test_latent.kl_per_dim[0] = 0.0;
        let whole = warnings(&history, 1.0);
        assert_eq!(warnings(&history[..4], 1.0), whole[..1]);
    }
}
