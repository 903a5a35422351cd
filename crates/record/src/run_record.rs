//! What was run, where and when.

use serde::{Deserialize, Serialize};

use crate::data_record::DataRecord;
use crate::hashes::FileHashes;

/// The circumstances of a run: `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// What computed.
    pub backend: String,
    /// The device, as Burn names it.
    pub device: String,
    /// The instruction set of the kernels, such as `avx512`, on which the last bits of a result depend; `None` where the
    /// backend has none of klsweep's kernels.
    #[serde(default)]
    pub kernels: Option<String>,
    /// Members that trained at the same time.
    pub workers: usize,
    /// The data set, for readers that do not have it.
    #[serde(alias = "images")]
    pub data: DataRecord,
    /// The reconstruction that no decoder falls below, in nats per image that is measured on: the entropy of the grey pixels,
    /// each the probability of a white one. `None` where the likelihood has no such floor.
    #[serde(default)]
    pub distortion_floor: Option<f64>,
    /// When the latest process began, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339; `None` while it runs or if it was killed.
    pub ended: Option<String>,
    /// How it ended.
    pub status: Status,
    /// The folder of arrays that it was made from, where other programs trained the networks: see `klsweep audit`.
    #[serde(default)]
    pub audited: Option<String>,
    /// The hashes of the files of finished members.
    #[serde(default)]
    pub files: FileHashes,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A process trains, or all that did were killed.
    Running,
    /// A signal stopped it.
    Interrupted,
    /// This process trained its part; members of other parts are missing.
    Partial,
    /// At least one member could not be trained to its end.
    Failed,
    /// All members are trained.
    Finished,
}

impl Status {
    /// Its name in `run.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }
}

/// The current time, RFC 3339 in UTC.
pub fn now() -> String {
    let seconds = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(seconds).expect("the present is in range").to_string()
}
