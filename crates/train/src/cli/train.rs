//! `klsweep`, without a command: training.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use data::Dataset;
use indicatif::HumanDuration;
use record::{Backend, RunConfig, RunDir};
use report::{FigureSet, ReportOptions};

use super::arguments::{backend, figure_set};
use super::report::print_written;
use super::results::print_results;
use super::{Failed, NAMED, program};
use crate::own_data::{describe_data, describe_training, name_run, understand};
use crate::progress::{ReadingProgress, Style};
use crate::recording::make_report;
use crate::signals;
use crate::sweep::SweepOutcome;
use crate::training::{Share, Trained, Training, TrainingOptions, check_is_no_audit};

/// What is trained, and how.
/// More are no list that anybody trains.
const MOST_SEEDS: u64 = 100_000;

#[derive(Args, Debug)]
pub(super) struct TrainArgs {
    /// Data to train on with everything else chosen by what it is: a folder of images, .npy, .npz, .csv, .parquet
    #[arg(value_name = "DATA", conflicts_with_all = ["config", "resume"])]
    data: Option<PathBuf>,

    /// The configuration file: what it does not name keeps its default
    #[arg(long, value_name = "FILE", required_unless_present_any = ["resume", "data"])]
    config: Option<PathBuf>,

    /// The coefficients to try, instead of the configuration's: --c 0.1,1,10
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = coefficient, conflicts_with = "resume")]
    c: Option<Vec<f64>>,

    /// Passes over the training examples
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    epochs: Option<usize>,

    /// How many seeds, from 0 on
    #[arg(long, value_name = "N", conflicts_with = "resume", value_parser = clap::value_parser!(u64).range(1..=MOST_SEEDS))]
    seeds: Option<u64>,

    /// Go on with the run in this directory, every member from where it stood
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "overrides", "backend"])]
    resume: Option<PathBuf>,

    /// Put a value over the configuration's, in TOML's syntax: --set epochs=3 --set 'kl_coefficients=[0,1]'
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,

    /// What computes, instead of the configuration's backend
    #[arg(long, value_parser = backend())]
    backend: Option<Backend>,

    /// Members that train at the same time; 0 for one on each physical core. Changes no result
    #[arg(long, value_name = "N")]
    workers: Option<usize>,

    /// Train into a run directory that other processes share: with `auto` any member that no other one has, also on other
    /// machines; or only the K-th of N parts of the sweep
    #[arg(long, value_name = "auto|K/N")]
    member: Option<Share>,

    /// Hold whoever left members or the run unfinished to be gone, in a folder whose file system has no locks
    #[arg(long)]
    take_over: bool,

    /// Go on with a member on a processor whose kernels round otherwise; its bits are then those of no undisturbed run
    #[arg(long)]
    allow_other_processor: bool,

    /// Print the whole configuration with every default, and train nothing
    #[arg(long)]
    print_config: bool,

    /// Write the numbers of every epoch as TensorBoard event files too, to tensorboard/ in the run's directory
    #[arg(long)]
    tensorboard: bool,

    /// Which figures to write beside the report, each as PNG and SVG: the handful of a paper, all, or none
    #[arg(long, value_name = "SET", default_value = FigureSet::default().name(), value_parser = figure_set())]
    figures: FigureSet,

    /// Leave out the report and its figures at the end; `klsweep report` makes them later
    #[arg(long)]
    no_report: bool,

    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

fn coefficient(text: &str) -> Result<f64, &'static str> {
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or("a coefficient is a finite number, 0 or greater")
}

impl TrainArgs {
    /// What is put over the configuration: the flags that have keys of their own after the others.
    fn overrides(&self) -> Vec<String> {
        let coefficients = self.c.as_ref().map(|c| format!("kl_coefficients={c:?}"));
        let epochs = self.epochs.map(|epochs| format!("epochs={epochs}"));
        let seeds = self.seeds.map(|count| format!("seeds={:?}", (0..count).collect::<Vec<_>>()));
        self.overrides.iter().cloned().chain(coefficients).chain(epochs).chain(seeds).collect()
    }
}

/// Trains what the arguments name.
pub(super) fn run(args: &TrainArgs) -> Result<ExitCode> {
    let overrides = args.overrides();
    let mut dataset = None;
    let mut config = match (&args.data, &args.config, &args.resume) {
        (Some(data), ..) => {
            let progress = ReadingProgress::new(Style::detect(args.quiet));
            let understood = understand(data, &overrides, &progress)?;
            dataset = Some(understood.dataset);
            understood.config
        }
        (None, _, Some(dir)) => RunDir::open(dir)?.config()?,
        (None, Some(path), None) => RunConfig::load(path, &overrides)?,
        (None, None, None) => bail!("name data, a configuration with --config, or a run with --resume"),
    };
    config.backend = args.backend.unwrap_or(config.backend);
    config.workers = args.workers.unwrap_or(config.workers);
    if args.print_config {
        print!("{}", config.to_toml());
        return Ok(ExitCode::SUCCESS);
    }
    let runs = Path::new("runs");
    let dir = match (&args.data, &args.resume) {
        (Some(_), _) => name_run(&mut config, runs),
        (None, Some(dir)) => dir.clone(),
        (None, None) => runs.join(&config.name),
    };
    train(&config, args, &dir, dataset)
}

fn train(config: &RunConfig, args: &TrainArgs, path: &Path, dataset: Option<Dataset>) -> Result<ExitCode> {
    check_is_no_audit(path)?;
    signals::catch()?;
    let style = Style::detect(args.quiet);
    let dataset = match dataset {
        Some(dataset) => dataset,
        None => data::load(&config.data, &ReadingProgress::new(style)).context("cannot read the data")?,
    };
    let options = TrainingOptions {
        share: args.member,
        take_over: args.take_over,
        allow_other_processor: args.allow_other_processor,
        tensorboard: args.tensorboard,
        style,
    };
    let training = Training::prepare(config, &dataset, path, options)?;
    if args.data.is_some() && !args.quiet {
        describe_data(&dataset, config.data.scale).iter().for_each(|line| println!("{line}"));
        describe_training(config, &dataset).iter().for_each(|line| println!("{line}"));
        let time = training.expected_time()?;
        println!("time: about {}; run: {}", HumanDuration(time), path.display());
    }
    let Trained { outcome, members, results, tables, is_to_be_reported } = training.run()?;
    if !args.quiet && !results.is_empty() {
        print_results(config, &results, &dataset);
        let tables: Vec<String> = tables.iter().map(|file| file.display().to_string()).collect();
        println!(
            "\nresults: {}; weights and history of each member: {}/c=…/seed=…/",
            tables.join(", "),
            path.display()
        );
    }
    let is_shared = matches!(args.member, Some(Share::Free));
    let code = exit_code(outcome, members, path, is_shared);
    if !args.no_report
        && is_to_be_reported
        && let Err(error) = write_report(path, args)
    {
        eprintln!("error: {error:#}");
        return Ok(Failed::Part.into());
    }
    Ok(code)
}

fn write_report(run: &Path, args: &TrainArgs) -> Result<()> {
    let options = ReportOptions { figures: args.figures, ..ReportOptions::default() };
    let written = make_report(&[run.to_path_buf()], &options, None);
    let written = written.with_context(|| {
        format!(
            "the results are written, the report is not; to make it: {} report {}",
            program(),
            run.display()
        )
    })?;
    if !args.quiet {
        print_written(&written);
    }
    Ok(())
}

/// Says how a sweep of so many members ended, and gives the exit code; whether those of others count as done, if it `is_shared`.
fn exit_code(outcome: SweepOutcome, members: usize, run: &Path, is_shared: bool) -> ExitCode {
    for (member, owner) in &outcome.taken {
        let owner = owner.as_ref().map_or("another process".to_string(), |owner| owner.to_string());
        eprintln!("{member} is being trained by {owner}");
    }
    for (member, error) in outcome.failures.iter().take(NAMED) {
        eprintln!("error: {member} failed: {error:#}");
    }
    if outcome.interrupted
        && let Some(code) = signals::exit_code()
    {
        eprintln!("stopped and saved; go on with: {} --resume {}", program(), run.display());
        return ExitCode::from(code);
    }
    let left = if is_shared { 0 } else { outcome.taken.len() };
    if outcome.failures.is_empty() && left == 0 {
        return ExitCode::SUCCESS;
    }
    if !outcome.failures.is_empty() {
        eprintln!("{} of {members} members failed", outcome.failures.len());
    }
    if left > 0 {
        eprintln!(
            "{left} of {members} members are left to other processes; how far they are: {} status {}",
            program(),
            run.display()
        );
    }
    Failed::Part.into()
}
