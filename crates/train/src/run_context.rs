//! What all members of a run share.

use burn::tensor::Device;
use data::Dataset;
use record::{Claims, Examples, RunConfig, RunDir};

use crate::diagnostics::SharedReference;

/// What all members of a run share.
pub struct RunContext<'a> {
    /// What is trained.
    pub config: &'a RunConfig,
    /// The images.
    pub dataset: &'a Dataset,
    /// What trained networks are held against, made when the first of them is measured.
    pub reference: &'a SharedReference,
    /// Those of them that are recorded of every member.
    pub examples: &'a Examples,
    /// Where the tensors live.
    pub device: &'a Device,
    /// The run's directory.
    pub dir: &'a RunDir,
    /// What this process works on.
    pub claims: &'a Claims,
    /// The set of kernels, on which the last bits of every number depend; `None` where the backend has none.
    pub kernels: Option<&'a str>,
    /// Whether other processes train members of the same list. Then none is paused, and one that was stopped because its numbers
    /// were not finite is not tried again.
    pub is_shared: bool,
    /// Whether a member may go on with other kernels than those that it was trained with.
    pub allow_other_processor: bool,
}
