//! A data set in its parts.

use record::DataRecord;

use crate::split::Split;

/// A data set in its parts.
#[derive(Debug)]
pub struct Dataset {
    /// What the networks learn from.
    pub train: Split,
    /// By which coefficients are chosen; `None` where the data has no such part, as MNIST.
    pub validation: Option<Split>,
    /// What the networks are measured on.
    pub test: Split,
    /// What a run records of it.
    pub record: DataRecord,
}
