//! What all members of a run share.

use burn::tensor::Device;
use data::Dataset;
use record::{Claims, Examples, RunConfig, RunDir};

/// What all members of a run share.
pub struct RunContext<'a> {
    /// What is trained.
    pub config: &'a RunConfig,
    /// The images.
    pub dataset: &'a Dataset,
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
    /// Whether a member is tried again whose numbers were not finite before.
    pub retry: bool,
    /// Whether a member may go on with other kernels than those that it was trained with.
    pub allow_other_processor: bool,
}
