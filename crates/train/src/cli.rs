//! The command line: parse, call, exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use data::Dataset;
use kernels::KernelSet;
use model::{NamedTensor, named_parameters};
use record::{
    Backend, ImageCounts, MemberResult, Part, Quantity, RunConfig, RunDir, RunRecord, Spread, Status,
    by_coefficient, now,
};
use report::{FigureSet, Report, ReportOptions, Written};

use crate::device::device;
use crate::network::initial_vae;
use crate::progress::{Style, SweepProgress};
use crate::recorder::CLASSIC_GRID;
use crate::recording::{Recording, record_collapse, record_examples};
use crate::run_context::RunContext;
use crate::sweep::SweepOutcome;
use crate::tensor_file::write_weights;
use crate::watch::Watch;
use crate::{signals, sweep};

/// Trains one variational autoencoder across a list of KL coefficients, from the same initial weights.
#[derive(Debug, Parser)]
#[command(name = "klsweep", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// The configuration file: what it does not name keeps its default
    #[arg(long, value_name = "FILE", required_unless_present = "resume")]
    config: Option<PathBuf>,

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

    /// Train only the K-th of N parts of the sweep into the shared run directory, as one job of an array
    #[arg(long, value_name = "K/N")]
    member: Option<Part>,

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

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the report on one or several runs anew, finished or not: report.html and the figures
    Report {
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

        /// Open the page in the browser
        #[arg(long)]
        open: bool,
    },
    /// Serve the report on runs while they go on, on this machine alone
    Watch {
        /// The directories of the runs
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,

        /// The port to listen on; 0 for any free one
        #[arg(long, value_name = "PORT", default_value_t = 0)]
        port: u16,

        /// Open the page in the browser
        #[arg(long)]
        open: bool,
    },
    /// Print the completions of a shell, to be put where that looks for them
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Names of backends, those that this program was built without too: the error about these says how to build it with them.
fn figure_set() -> impl TypedValueParser<Value = FigureSet> {
    let named = |name: String| FigureSet::ALL.into_iter().find(|set| set.name() == name).unwrap_or_default();
    PossibleValuesParser::new(FigureSet::ALL.map(FigureSet::name)).map(named)
}

fn backend() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::ALL.map(Backend::name)).try_map(|name| name.parse::<Backend>())
}

/// The greatest grid of images that a figure can show.
const GREATEST_GRID: usize = 50;

fn grid(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|grid| (2..=GREATEST_GRID).contains(grid))
        .ok_or_else(|| format!("a grid has from 2 to {GREATEST_GRID} rows and columns"))
}

/// The exit codes of the program that neither success nor a signal gives.
#[derive(Clone, Copy)]
enum Failed {
    /// The input cannot be worked with.
    Input = 2,
    /// Members could not be trained to their end; the others were.
    Members = 3,
}

impl From<Failed> for ExitCode {
    fn from(failed: Failed) -> Self {
        ExitCode::from(failed as u8)
    }
}

/// The program. It exits with 0 when everything asked for was done, with a number of [`Failed`], or as the signal demands
/// that stopped it: 130 for Ctrl-C, 75 where a scheduler is to start the same command again.
pub fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            Failed::Input.into()
        }
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    match &args.command {
        Some(Command::Report { dirs, output, grid, figures, open }) => {
            let options = ReportOptions { output: output.clone(), figures: *figures };
            return report(dirs, &options, *grid, *open);
        }
        Some(Command::Watch { dirs, port, open }) => return watch(dirs, *port, *open),
        Some(Command::Completions { shell }) => {
            let mut command = Args::command();
            let name = command.get_name().to_string();
            clap_complete::generate(*shell, &mut command, name, &mut std::io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        None => {}
    }
    let mut config = match (&args.config, &args.resume) {
        (_, Some(dir)) => RunDir::open(dir)?.config()?,
        (Some(path), None) => RunConfig::load(path, &args.overrides)?,
        (None, None) => bail!("name a configuration with --config, or a run with --resume"),
    };
    config.backend = args.backend.unwrap_or(config.backend);
    config.workers = args.workers.unwrap_or(config.workers);
    if args.print_config {
        print!("{}", config.to_toml());
        return Ok(ExitCode::SUCCESS);
    }
    let dir = match &args.resume {
        Some(dir) => dir.clone(),
        None => Path::new("runs").join(&config.name),
    };
    train(&config, args, &dir)
}

fn train(config: &RunConfig, args: &Args, path: &Path) -> Result<ExitCode> {
    signals::catch()?;
    let set = KernelSet::from_environment()?;
    let kernels = (config.backend == Backend::Flex).then(|| set.name());
    let dataset = data::load(&config.data).context("cannot load the images")?;
    config.check_batch_size(dataset.train.count())?;
    let device = device(config.backend)?;
    let members = match args.member {
        Some(part) => config.members_of(part),
        None => config.members(),
    };
    let dir = RunDir::create(path, config)?;
    let lock = dir.lock()?;
    prepare(&dir, config, dataset.train.pixels(), &device)?;
    let examples = match dir.examples()? {
        Some(examples) => examples,
        None => record_examples(&dir, config, &dataset)?,
    };
    let workers = sweep::worker_count(config.workers, members.len());
    let context = RunContext {
        config,
        dataset: &dataset,
        examples: &examples,
        device: &device,
        dir: &dir,
        kernels,
        allow_other_processor: args.allow_other_processor,
    };
    let mut record = begin_record(&context, workers);
    dir.write_record(&record)?;
    drop(lock);

    let progress =
        SweepProgress::new(Style::detect(args.quiet), members.len(), config.epochs, dataset.train.count());
    let outcome = sweep::run(&context, &members, workers, &progress, args.tensorboard)?;
    progress.finish();

    let _lock = dir.lock()?;
    let results = dir.results(config)?;
    let tables = dir.write_summary(config, &results)?;
    record_collapse(&dir, config, &dataset, &device)?;
    record.ended = Some(now());
    record.status = match &outcome {
        _ if results.len() == config.members().len() => Status::Finished,
        outcome if outcome.interrupted => Status::Interrupted,
        outcome if !outcome.failures.is_empty() => Status::Failed,
        _ => Status::Partial,
    };
    dir.write_record(&record)?;

    if !args.quiet && !results.is_empty() {
        print_results(config, &results);
        let tables: Vec<String> = tables.iter().map(|file| file.display().to_string()).collect();
        println!(
            "\nresults: {}; weights and history of each member: {}/c=…/seed=…/",
            tables.join(", "),
            path.display()
        );
    }
    if !args.no_report && matches!(record.status, Status::Finished | Status::Failed) {
        write_report(path, args)?;
    }
    Ok(exit_code(outcome, members.len(), path))
}

/// Creates the members' directories and writes the weights that they start from.
fn prepare(dir: &RunDir, config: &RunConfig, pixels: usize, device: &Device) -> Result<()> {
    for id in config.members() {
        dir.member(id).create()?;
    }
    let path = dir.initial_weights();
    if path.exists() {
        return Ok(());
    }
    let of_seed = |&seed: &u64| {
        let parameters = named_parameters(&initial_vae(config, pixels, seed, device));
        parameters
            .into_iter()
            .map(move |NamedTensor { name, data }| NamedTensor { name: format!("seed={seed}/{name}"), data })
    };
    write_weights(&path, &config.seeds.iter().flat_map(of_seed).collect::<Vec<_>>())
}

/// The record of a run that begins.
fn begin_record(context: &RunContext<'_>, workers: usize) -> RunRecord {
    let Dataset { train, test } = context.dataset;
    RunRecord {
        backend: context.config.backend.name().to_string(),
        device: format!("{:?}", context.device),
        kernels: context.kernels.map(str::to_string),
        workers,
        images: ImageCounts {
            train: train.count(),
            test: test.count(),
            height: test.height,
            width: test.width,
        },
        started: now(),
        ended: None,
        status: Status::Running,
    }
}

fn write_report(run: &Path, args: &Args) -> Result<()> {
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

/// Makes a report on what is recorded, after bringing that up to date.
fn make_report(dirs: &[PathBuf], options: &ReportOptions, grid: Option<usize>) -> Result<Written> {
    for dir in dirs {
        Recording::open(dir)?.update(grid)?;
    }
    Ok(Report::read(dirs)?.write(options)?)
}

/// Says how a sweep of so many members ended, and gives the exit code.
fn exit_code(outcome: SweepOutcome, members: usize, run: &Path) -> ExitCode {
    for member in &outcome.locked {
        eprintln!("{member} is being trained by another process");
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
    if outcome.failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("{} of {members} members failed", outcome.failures.len());
    Failed::Members.into()
}

/// How this program was called, to name in advice.
fn program() -> &'static str {
    // Cargo sets the variable for what `cargo run` starts.
    if std::env::var_os("CARGO").is_some() { "cargo run -p train --" } else { "klsweep" }
}

fn report(dirs: &[PathBuf], options: &ReportOptions, grid: usize, open: bool) -> Result<ExitCode> {
    let written = make_report(dirs, options, Some(grid))?;
    print_written(&written);
    if open {
        open_in_browser(written.page.as_os_str())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How many of a kind are named: failures, and left-out figures, which are often the same of every member.
const NAMED: usize = 8;

fn print_written(Written { page, figures, left_out }: &Written) {
    println!("report: {}; {figures} figures beside it, as PNG and SVG", page.display());
    for figure in left_out.iter().take(NAMED) {
        println!("left out: {figure}");
    }
    if left_out.len() > NAMED {
        println!("left out: {} more", left_out.len() - NAMED);
    }
}

fn watch(dirs: &[PathBuf], port: u16, open: bool) -> Result<ExitCode> {
    signals::catch()?;
    let mut watch = Watch::start(dirs.to_vec(), port)?;
    let url = watch.url();
    println!("the report is at {url} and follows the training; Ctrl-C ends it");
    if open {
        open_in_browser(url.as_ref())?;
    }
    watch.serve()?;
    Ok(ExitCode::SUCCESS)
}

fn open_in_browser(what: &std::ffi::OsStr) -> Result<()> {
    open::that_detached(what)
        .with_context(|| format!("cannot open a browser: open {} yourself", what.display()))
}

fn print_results(config: &RunConfig, results: &[MemberResult]) {
    println!("\nOn the test images, in nats per image:\n");
    println!(
        "{:>10} {:>6} {:>6} {:>14} {:>10} {:>10} {:>10} {:>9}",
        "c", "seed", "epochs", "reconstruction", "KL", "objective", "ELBO loss", "seconds"
    );
    for r in results {
        println!(
            "{:>10} {:>6} {:>6} {:>14.2} {:>10.2} {:>10.2} {:>10.2} {:>9.1}",
            r.c,
            r.seed,
            r.epochs,
            r.test.reconstruction,
            r.test.kl,
            r.objective,
            r.elbo_loss,
            r.seconds.unwrap_or(f64::NAN)
        );
    }
    if config.seeds.len() > 1 {
        const SHOWN: [&Quantity; 4] = [
            Quantity::named("reconstruction"),
            Quantity::named("kl"),
            Quantity::named("objective"),
            Quantity::named("elbo_loss"),
        ];
        println!("\nMean and standard deviation over the seeds:\n");
        let headings = SHOWN.map(|quantity| format!(" {:>18}", quantity.label)).concat();
        println!("{:>10} {:>6}{headings}", "c", "seeds");
        for group in by_coefficient(results.iter().map(|result| (result.c, result))) {
            let text = |quantity: &Quantity| {
                let shown =
                    group.spread(quantity.value).map(|Spread { mean, std }| format!("{mean:.2} ± {std:.2}"));
                format!(" {:>18}", shown.unwrap_or_default())
            };
            println!("{:>10} {:>6}{}", group.c, group.values.len(), SHOWN.map(text).concat());
        }
    }
}
