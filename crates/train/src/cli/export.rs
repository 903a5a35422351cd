//! `klsweep export`: a trained network for other programs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::member::MemberArgs;
use super::program;
use crate::device::any_device;
use crate::export::{export, export_arrays};
use crate::progress::{ReadingProgress, Style};

/// Which network, and where to.
#[derive(Args, Debug)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    member: MemberArgs,

    /// The folder to write into
    #[arg(long, value_name = "DIR", default_value = "export")]
    to: PathBuf,

    /// Write the run's data and what the network makes of it too, as audit reads it: the network into DIR/c=…/seed=…/, and another
    /// one beside it with the same DIR
    #[arg(long)]
    arrays: bool,
}

/// Writes the network.
pub(super) fn run(ExportArgs { member, to, arrays }: &ExportArgs) -> Result<ExitCode> {
    let member = member.open(any_device()?)?;
    if !arrays {
        let files = export(&member, to)?;
        println!("{} as {} in {}", member.id(), files.join(", "), to.display());
        return Ok(ExitCode::SUCCESS);
    }
    let progress = ReadingProgress::new(Style::detect(false));
    let arguments = export_arrays(&member, to, &progress)?;
    drop(progress);
    let own = to.join(member.id().dir());
    let files = export(&member, &own)?;
    println!("{} as {} in {}, and its arrays", member.id(), files.join(", "), own.display());
    println!("to judge it: {} audit {} {}", program(), to.display(), arguments.join(" "));
    Ok(ExitCode::SUCCESS)
}
