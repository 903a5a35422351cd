//! `klsweep watch`: the report on runs while they go on.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::report::open_in_browser;
use crate::signals;
use crate::watch::Watch;

/// What is watched.
#[derive(Args, Debug)]
pub(super) struct WatchArgs {
    /// The directories of the runs
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,

    /// The port to listen on; 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port: u16,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

/// Serves the report until a signal ends it.
pub(super) fn run(WatchArgs { dirs, port, open }: &WatchArgs) -> Result<ExitCode> {
    signals::catch()?;
    let mut watch = Watch::start(dirs.clone(), *port)?;
    let url = watch.url();
    println!("the report is at {url} and follows the training; Ctrl-C ends it");
    if *open {
        open_in_browser(url.as_ref())?;
    }
    watch.serve()?;
    Ok(ExitCode::SUCCESS)
}
