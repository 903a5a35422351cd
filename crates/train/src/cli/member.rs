//! Which trained network a command is about.

use std::path::PathBuf;

use anyhow::Result;
use burn::tensor::Device;
use clap::Args;

use crate::trained_member::TrainedMember;

/// A network of a run.
#[derive(Args, Debug)]
pub(super) struct MemberArgs {
    /// The directory of the run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// The coefficient of the network
    #[arg(long, value_name = "C")]
    c: f64,

    /// The seed of the network; the first that is finished if not given
    #[arg(long, value_name = "SEED")]
    member_seed: Option<u64>,
}

impl MemberArgs {
    /// Reads the network.
    pub(super) fn open(&self, device: Device) -> Result<TrainedMember> {
        TrainedMember::open(&self.run, self.c, self.member_seed, device)
    }
}
