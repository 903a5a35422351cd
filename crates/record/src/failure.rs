//! Why a member could not be trained to its end: `failure.json`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What stopped a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What to tell a person.
    pub message: String,
    /// The number that was not finite, where that was the reason. The same training comes to the same number again, so that
    /// nobody takes up such a member unasked.
    #[serde(default)]
    pub not_finite: Option<NotFinite>,
}

/// The first number of a training that was NaN or infinite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotFinite {
    /// What holds the number, for example `the gradient of encoder.hidden.0.weight`.
    pub tensor: String,
    /// The epoch in which it arose, counted from 1.
    pub epoch: usize,
    /// The step of the epoch, counted from 1; `None` where it arose after the last one, in the evaluation.
    pub step: Option<usize>,
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tensor, epoch, step } = self;
        match step {
            Some(step) => write!(f, "{tensor} is no longer finite after step {step} of epoch {epoch}"),
            None => write!(f, "{tensor} is no longer finite after epoch {epoch}"),
        }
    }
}

impl std::error::Error for NotFinite {}
