//! `klsweep report`: the report on runs, made anew.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use report::verdict::Budget;
use report::{FigureSet, Report, ReportOptions, Written};

use super::NAMED;
use super::arguments::{figure_set, grid, nats};
use crate::recorder::CLASSIC_GRID;
use crate::recording::make_report;

/// Which report.
#[derive(Args, Debug)]
pub(super) struct ReportArgs {
    /// The directories of the runs
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,

    /// Where to write the page, instead of report.html in the run's directory; needed for several runs
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Rows and columns of decoded images in the figures of the manifold
    #[arg(long, value_name = "N", default_value_t = CLASSIC_GRID, value_parser = grid)]
    grid: usize,

    /// Which figures to write beside the page, each as PNG and SVG: the handful of a paper, all, or none
    #[arg(long, value_name = "SET", default_value = FigureSet::default().name(), value_parser = figure_set())]
    figures: FigureSet,

    /// Read the coefficient that spends so many nats of KL an image off the curve, to compress with
    #[arg(long, value_name = "NATS", value_parser = nats, conflicts_with = "distortion")]
    rate: Option<f64>,

    /// Read the coefficient that leaves so many nats of reconstruction an image off the curve, to compress with
    #[arg(long, value_name = "NATS", value_parser = nats)]
    distortion: Option<f64>,

    /// Print which coefficient to keep for what as JSON, and write nothing
    #[arg(long, conflicts_with_all = ["output", "grid", "figures", "open"])]
    json: bool,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

/// Makes the report, or prints what it says.
pub(super) fn run(args: &ReportArgs) -> Result<ExitCode> {
    let ReportArgs { dirs, output, grid, figures, rate, distortion, json, open } = args;
    let budget = rate.map(Budget::Rate).or(distortion.map(Budget::Distortion));
    if *json {
        return print_answers(dirs, budget);
    }
    for (at, dir) in dirs.iter().enumerate() {
        let same = |other: &&PathBuf| {
            other.canonicalize().ok().is_some_and(|path| dir.canonicalize().ok() == Some(path))
        };
        if let Some(other) = dirs[..at].iter().find(same) {
            bail!("{} and {} are the same run: name each once", other.display(), dir.display());
        }
    }
    let options = ReportOptions { output: output.clone(), figures: *figures, budget };
    let written = make_report(dirs, &options, Some(*grid))?;
    print_written(&written);
    if *open {
        open_in_browser(written.page.as_os_str())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints which coefficient to keep for what, for programs.
fn print_answers(dirs: &[PathBuf], budget: Option<Budget>) -> Result<ExitCode> {
    let recommendation = Report::read(dirs)?.recommendation(budget);
    println!("{}", serde_json::to_string_pretty(&recommendation.answers())?);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print_written(Written { page, figures, left_out }: &Written) {
    println!("report: {}; {figures} figures beside it, as PNG and SVG", page.display());
    for figure in left_out.iter().take(NAMED) {
        println!("left out: {figure}");
    }
    if left_out.len() > NAMED {
        println!("left out: {} more", left_out.len() - NAMED);
    }
}

pub(super) fn open_in_browser(what: &std::ffi::OsStr) -> Result<()> {
    open::that_detached(what)
        .with_context(|| format!("cannot open a browser: open {} yourself", what.display()))
}
