//! What can be had of the data without a network: `baselines.json` of a run.

use serde::{Deserialize, Serialize};

use crate::estimate::Estimate;
use crate::held_out::HeldOut;

/// Something of each part of the held-out images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfParts<T> {
    /// Of the images that decide between coefficients.
    pub choose: T,
    /// Of the images that say what the chosen coefficient is worth.
    pub report: T,
}

impl<T> OfParts<T> {
    /// That of one part.
    pub fn part(&self, part: HeldOut) -> &T {
        match part {
            HeldOut::Choose => &self.choose,
            HeldOut::Report => &self.report,
        }
    }
}

/// Numbers of the data alone, beside which those of a network can be judged. They are the same for every member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baselines {
    /// Principal components of the training images that images are compared in.
    pub components_used: usize,
    /// How well the classes are found from the pixels, in the ways in which they are looked for in codes.
    pub pixels: Option<OfParts<Classified>>,
    /// The same from the principal components.
    pub components: Option<OfParts<Classified>>,
    /// How the held-out images of the other part lie beside those of each part: what generated images cannot be expected to
    /// exceed.
    pub ceiling: Option<OfParts<Generated>>,
    /// What could not be measured, and why, in sentences.
    pub not_measured: Vec<String>,
}

/// Shares of images whose class is found; `None` where that was not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Classified {
    /// By a multinomial logistic regression.
    pub probe_accuracy: Option<Estimate>,
    /// By one that learns from ten labels of each class.
    pub few_labels_accuracy: Option<Estimate>,
    /// By the ten nearest neighbours.
    pub knn_accuracy: Option<Estimate>,
}

/// How images lie beside held-out ones, in the space of the training images' principal components.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// How many held-out images they are as near to as these are to each other, over what is expected of held-out images: fidelity.
    pub density: Estimate,
    /// The share of held-out images that one of them is as near to as other held-out images are: diversity.
    pub coverage: Estimate,
}
