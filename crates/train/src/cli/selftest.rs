//! `klsweep selftest`: whether this program gives the answers that are known.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::progress::Style;
use crate::selftest::{Case, Waiting, selftest};

/// Which cases.
#[derive(Args, Debug)]
pub(super) struct SelftestArgs {
    /// Train on MNIST too, which takes minutes
    #[arg(long)]
    full: bool,

    /// Print only the cases that fail
    #[arg(long)]
    quiet: bool,
}

/// Runs the cases and prints what came out.
pub(super) fn run(&SelftestArgs { full, quiet }: &SelftestArgs) -> Result<ExitCode> {
    let waiting = Waiting::new(Style::detect(quiet));
    let show = |case: &Case| {
        if !quiet || !case.passed() {
            waiting.above(|| println!("{case}"));
        }
    };
    let passed = selftest(full, |name| waiting.on(name), show)?;
    waiting.end();
    if passed {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("the self-test FAILED: the lines marked so are not what theory says");
    Ok(ExitCode::FAILURE)
}
