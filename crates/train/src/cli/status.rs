//! `klsweep status`: where the members of a run stand.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::status::RunStatus;

/// Which run.
#[derive(Args, Debug)]
pub(super) struct StatusArgs {
    /// The directory of the run
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints where the members stand.
pub(super) fn run(StatusArgs { dir, json }: &StatusArgs) -> Result<ExitCode> {
    let status = RunStatus::read(dir)?;
    let text = if *json { serde_json::to_string_pretty(&status)? + "\n" } else { status.table() };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}
