//! What all members of a run share.

use burn::tensor::Device;
use data::Dataset;
use record::{Examples, RunConfig, RunDir};

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
    /// The instruction set of the kernels, on which the last bits of every number depend.
    pub kernels: Option<&'a str>,
}
