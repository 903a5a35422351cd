//! Where dimensions collapse, predicted and measured, as the page shows it.

use record::{Group, MemberResult, Quantity};
use serde::Serialize;

use crate::format;

/// Where a linear decoder would collapse, beside what the trained ones did.
#[derive(Serialize)]
pub struct Collapse {
    text: String,
    predicted: Vec<PredictedCollapse>,
    measured: Vec<MeasuredUse>,
}

#[derive(Serialize)]
struct PredictedCollapse {
    /// Counted from 1: the last dimension in use is the first.
    dimension: usize,
    c: f64,
}

#[derive(Serialize)]
struct MeasuredUse {
    c: f64,
    /// Over the seeds, as they are shown.
    active_units: String,
    kl: String,
}

impl Collapse {
    /// Of the predicted coefficients, the greatest first; nothing without them.
    pub fn new(predicted: &[f64], groups: &[Group<&MemberResult>]) -> Option<Self> {
        let (greatest, least) = (predicted.first()?, predicted.last()?);
        let measured: Vec<MeasuredUse> = groups
            .iter()
            .filter_map(|group| {
                let active_units = group.spread(Quantity::named("active_units").value)?;
                let kl = group.spread(Quantity::named("kl").value)?;
                let digits = usize::from(active_units.mean.fract() != 0.0);
                Some(MeasuredUse {
                    c: group.c,
                    active_units: format::number(active_units.mean, digits),
                    kl: format::number(kl.mean, 2),
                })
            })
            .collect();
        let lower = match predicted.len() {
            1 => String::new(),
            dimensions => format!(
                " In a Gaussian linear decoder, the {dimensions} latent dimensions collapse one after the other from c = \
                 {least:.1} on."
            ),
        };
        let predicted =
            predicted.iter().enumerate().map(|(at, &c)| PredictedCollapse { dimension: at + 1, c });
        Some(Self {
            text: format!(
                "No optimum is fully collapsed below c = {greatest:.1} if the network can be linear, as it can with hidden layers of \
                 ReLU twice as wide as the code: one that has collapsed at a smaller coefficient is badly trained.{lower} These \
                 are eigenvalues of the covariance of the training images, every pixel divided by the standard deviation of a \
                 coin of its mean."
            ),
            predicted: predicted.collect(),
            measured,
        })
    }
}
