//! `klsweep export`: a trained network for other programs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::member::MemberArgs;
use crate::device::any_device;
use crate::export::export;

/// Which network, and where to.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    member: MemberArgs,

    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = "export")]
    to: PathBuf,
}

/// Writes the network.
pub(super) fn run(ExportArgs { member, to }: &ExportArgs) -> Result<ExitCode> {
    let member = member.open(&any_device()?)?;
    let files = export(&member, to)?;
    println!("{} as {} in {}", member.id(), files.join(", "), to.display());
    Ok(ExitCode::SUCCESS)
}
