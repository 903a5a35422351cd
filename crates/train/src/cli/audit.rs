//! `klsweep audit`: networks that other programs trained.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use record::{Likelihood, Variance};
use report::{FigureSet, ReportOptions};

use super::arguments::figure_set;
use super::report::{open_in_browser, print_written};
use crate::audit::{AuditOptions, Spread, audit};
use crate::device::any_device;
use crate::own_data::name_of;
use crate::progress::{ReadingProgress, Style};
use crate::recording::make_report;

/// What is judged.
#[derive(Args, Debug)]
pub(super) struct AuditArgs {
    /// The folder: in c=0.1/seed=1/, or c=0.1/, the arrays means and log_vars of each network, and as far as there labels, losses,
    /// decoded and images; as .npy, .npz or .safetensors
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// What losses and decoded images are of
    #[arg(long, value_name = "NAME", value_parser = likelihood())]
    likelihood: Option<Likelihood>,

    /// The variance of Gaussian pixels: a number, or optimal for the mean squared error; 1 if not given
    #[arg(long, value_name = "VARIANCE", value_parser = variance)]
    variance: Option<Variance>,

    /// Decoded images are logits and not probabilities
    #[arg(long)]
    logits: bool,

    /// Posteriors are given by their variances and not by the logarithms of these
    #[arg(long)]
    variances: bool,

    /// The logarithms of variances are that, though none is below 0
    #[arg(long, conflicts_with = "variances")]
    log_variances: bool,

    /// An ONNX file in the folder of each network, or of the only one: its encoder, which encodes the images in place of means and
    /// log_vars. It needs a build with --features onnx
    #[arg(long, value_name = "FILE")]
    encoder: Option<PathBuf>,

    /// The same of its decoder: with it there are log p(x), samples and the latent explorer too
    #[arg(long, value_name = "FILE")]
    decoder: Option<PathBuf>,

    /// Where the record and the report are written, instead of a folder of the same name in runs/
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Which figures to write beside the report, each as PNG and SVG: the handful of a paper, all, or none
    #[arg(long, value_name = "SET", default_value = FigureSet::default().name(), value_parser = figure_set())]
    figures: FigureSet,

    /// Open the report in the browser
    #[arg(long)]
    open: bool,

    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

fn likelihood() -> impl TypedValueParser<Value = Likelihood> {
    let named =
        |name: String| Likelihood::ALL.into_iter().find(|known| known.name() == name).unwrap_or_default();
    PossibleValuesParser::new(Likelihood::ALL.map(Likelihood::name)).map(named)
}

fn variance(text: &str) -> Result<Variance, String> {
    if text == "optimal" {
        return Ok(Variance::Optimal);
    }
    let variance = text.parse().ok().filter(|variance: &f64| variance.is_finite() && *variance > 0.0);
    variance.map(Variance::Fixed).ok_or_else(|| "a variance is a number above 0, or optimal".to_string())
}

/// Reads the folder, writes the record and makes the report.
pub(super) fn run(args: &AuditArgs) -> Result<ExitCode> {
    let AuditArgs { dir, likelihood, variance, logits, output, figures, open, quiet, .. } = args;
    let (likelihood, variance) = (*likelihood, *variance);
    let spread = match (args.variances, args.log_variances) {
        (true, _) => Spread::Variances,
        (_, true) => Spread::LogVariances,
        _ => Spread::Expected,
    };
    let options = AuditOptions {
        likelihood,
        variance,
        logits: *logits,
        spread,
        encoder: args.encoder.clone(),
        decoder: args.decoder.clone(),
    };
    let name = name_of(dir);
    let to = output.clone().unwrap_or_else(|| Path::new("runs").join(&name));
    let progress = ReadingProgress::new(Style::detect(*quiet));
    let audited = audit(dir, &to, &name, &options, &any_device()?, &progress)?;
    drop(progress);
    let options = ReportOptions { figures: *figures, ..ReportOptions::default() };
    let written = make_report(&[audited.dir], &options, None).context("cannot make the report")?;
    if !quiet {
        audited.lines.iter().for_each(|line| println!("{line}"));
        print_written(&written);
    }
    if *open {
        open_in_browser(written.page.as_os_str())?;
    }
    Ok(ExitCode::SUCCESS)
}
