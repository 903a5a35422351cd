//! The command line: parse, call, exit code.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use data::Dataset;
use indicatif::HumanDuration;
use kernels::KernelSet;
use model::{NamedTensor, named_parameters};
use record::{
    Backend, Claims, DataRecord, FileHashes, Likelihood, MemberId, MemberResult, Part, Quantity, RunConfig,
    RunDir, RunRecord, Spread, Status, by_coefficient, now,
};
use report::verdict::Budget;
use report::{FigureSet, Report, ReportOptions, Written};

use crate::convert::{ConvertArgs, convert};
use crate::device::device;
use crate::diagnostics::SharedReference;
use crate::example_choice::choose_examples;
use crate::network::initial_vae;
use crate::own_data::{
    check_values, describe_columns, describe_data, describe_training, estimated_time, name_run, understand,
};
use crate::progress::{ReadingProgress, Style, SweepProgress};
use crate::recorder::CLASSIC_GRID;
use crate::recording::{Recording, record_baselines, record_collapse, record_examples};
use crate::run_context::RunContext;
use crate::scheduler::first_to_look_at;
use crate::selftest::{Case, Waiting, selftest};
use crate::status::RunStatus;
use crate::submit::Job;
use crate::sweep::SweepOutcome;
use crate::tensor_file::write_weights;
use crate::verify::{Choice, check_hashes, retrain};
use crate::watch::Watch;
use crate::{signals, sweep};

/// Trains one variational autoencoder across a list of KL coefficients, from the same initial weights.
#[derive(Debug, Parser)]
#[command(name = "klsweep", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    /// Data to train on with everything else chosen by what it is: a folder of images, .npy, .npz, .csv, .parquet
    #[arg(value_name = "DATA", conflicts_with_all = ["config", "resume"])]
    data: Option<PathBuf>,

    /// The configuration file: what it does not name keeps its default
    #[arg(long, value_name = "FILE", required_unless_present_any = ["resume", "data"])]
    config: Option<PathBuf>,

    /// The coefficients to try, instead of the configuration's: --c 0.1,1,10
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "resume")]
    c: Option<Vec<f64>>,

    /// Passes over the training examples
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    epochs: Option<usize>,

    /// How many seeds, from 0 on
    #[arg(long, value_name = "N", conflicts_with = "resume")]
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
    },
    /// Say what a coefficient is called elsewhere, and what another library's is here
    Convert(ConvertArgs),
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
    /// Say what there is in data, by a configuration or alone, and show some of its images
    Data {
        /// A configuration file, or data itself
        #[arg(value_name = "CONFIG")]
        path: PathBuf,

        /// Put a value over the configuration's
        #[arg(long = "set", value_name = "KEY=VALUE")]
        overrides: Vec<String>,

        /// Where to write the sheet of images
        #[arg(long, value_name = "FILE", default_value = "contact-sheet.png")]
        sheet: PathBuf,
    },
    /// Check that the files of a finished run are as they were written
    Verify {
        /// The directory of the run
        #[arg(value_name = "DIR")]
        dir: PathBuf,

        /// Train members again, apart from the run, and compare the bits: c=1, or c=1,seed=0
        #[arg(long, value_name = "MEMBER")]
        retrain: Vec<Choice>,
    },
    /// Show which members of a run are finished, running, waiting or failed
    Status {
        /// The directory of the run
        #[arg(value_name = "DIR")]
        dir: PathBuf,

        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the file by which a scheduler trains a sweep with many processes, or submit it
    Submit(Job),
    /// Check the training and the diagnostics of this program against cases whose answers are known; 1 if one is missed
    Selftest {
        /// Train on MNIST too, which takes minutes
        #[arg(long)]
        full: bool,

        /// Print only the cases that fail
        #[arg(long)]
        quiet: bool,
    },
    /// Print the completions of a shell, to be put where that looks for them
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What a process trains of a sweep that it shares with others.
#[derive(Clone, Copy, Debug)]
enum Share {
    /// Whatever no other process has.
    Free,
    Part(Part),
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Free) } else { text.parse().map(Self::Part) }
    }
}

/// Names of backends, those that this program was built without too: the error about these says how to build it with them.
fn figure_set() -> impl TypedValueParser<Value = FigureSet> {
    let named = |name: String| FigureSet::ALL.into_iter().find(|set| set.name() == name).unwrap_or_default();
    PossibleValuesParser::new(FigureSet::ALL.map(FigureSet::name)).map(named)
}

fn backend() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::ALL.map(Backend::name)).try_map(|name| name.parse::<Backend>())
}

/// Images along each side of a contact sheet.
const SHEET_SIDE: usize = 10;
/// The greatest grid of images that a figure can show.
const GREATEST_GRID: usize = 50;

fn grid(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|grid| (2..=GREATEST_GRID).contains(grid))
        .ok_or_else(|| format!("a grid has from 2 to {GREATEST_GRID} rows and columns"))
}

fn nats(text: &str) -> Result<f64, String> {
    let nats = text.parse().ok().filter(|nats: &f64| nats.is_finite());
    nats.ok_or_else(|| format!("{text:?} is no number of nats: write one such as 5.5"))
}

/// The exit codes of the program that neither success nor a signal gives.
#[derive(Clone, Copy)]
enum Failed {
    /// A check found something.
    Check = 1,
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

/// The program. It exits with 0 when everything asked for was done, with a number of `Failed`, or as the signal demands
/// that stopped it: 130 for Ctrl-C, 75 where a scheduler is to start the same command again.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Where it cannot be printed, there is nobody to tell.
            let _ = error.print();
            if let Some(hint) = error.use_stderr().then(command_or_data).flatten() {
                eprintln!("\n{hint}");
            }
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            Failed::Input.into()
        }
    }
}

/// What to write where the first argument names a command and data too.
fn command_or_data() -> Option<String> {
    let first = std::env::args().nth(1)?;
    let is_command = Args::command().get_subcommands().any(|command| command.get_name() == first);
    (is_command && Path::new(&first).exists())
        .then(|| format!("{first} is a command, and there is something here that is called so: to train on it, write ./{first}"))
}

impl Args {
    /// What is put over the configuration: the flags that have keys of their own after the others.
    fn overrides(&self) -> Vec<String> {
        let coefficients = self.c.as_ref().map(|c| format!("kl_coefficients={c:?}"));
        let epochs = self.epochs.map(|epochs| format!("epochs={epochs}"));
        let seeds = self.seeds.map(|count| format!("seeds={:?}", (0..count).collect::<Vec<_>>()));
        self.overrides.iter().cloned().chain(coefficients).chain(epochs).chain(seeds).collect()
    }
}

fn run(args: &Args) -> Result<ExitCode> {
    match &args.command {
        Some(Command::Report { dirs, output, grid, figures, rate, distortion, json, open }) => {
            let budget = rate.map(Budget::Rate).or(distortion.map(Budget::Distortion));
            if *json {
                return print_answers(dirs, budget);
            }
            let options = ReportOptions { output: output.clone(), figures: *figures, budget };
            return report(dirs, &options, *grid, *open);
        }
        Some(Command::Convert(args)) => {
            print!("{}", convert(args)?);
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Watch { dirs, port, open }) => return watch(dirs, *port, *open),
        Some(Command::Data { path, overrides, sheet }) => return show_data(path, overrides, sheet),
        Some(Command::Verify { dir, retrain }) => return verify(dir, retrain),
        Some(Command::Status { dir, json }) => {
            let status = RunStatus::read(dir)?;
            let text = if *json { serde_json::to_string_pretty(&status)? + "\n" } else { status.table() };
            print!("{text}");
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Submit(job)) => {
            job.run()?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Selftest { full, quiet }) => return check_itself(*full, *quiet),
        Some(Command::Completions { shell }) => {
            let mut command = Args::command();
            let name = command.get_name().to_string();
            clap_complete::generate(*shell, &mut command, name, &mut std::io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        None => {}
    }
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

/// Says what there is in data, and writes a sheet of its images.
fn show_data(path: &Path, overrides: &[String], sheet: &Path) -> Result<ExitCode> {
    let progress = ReadingProgress::new(Style::detect(false));
    let dataset = if path.extension().is_some_and(|extension| extension == "toml") {
        data::load(&RunConfig::load(path, overrides)?.data, &progress).context("cannot read the data")?
    } else {
        understand(path, overrides, &progress)?.dataset
    };
    drop(progress);
    describe_data(&dataset).iter().for_each(|line| println!("{line}"));
    match data::contact_sheet(&dataset.train, SHEET_SIDE)? {
        Some(png) => {
            record::write_atomically(sheet, &png)?;
            println!("images: {}", sheet.display());
        }
        None => describe_columns(&dataset)?.iter().for_each(|line| println!("{line}")),
    }
    Ok(ExitCode::SUCCESS)
}

fn train(config: &RunConfig, args: &Args, path: &Path, dataset: Option<Dataset>) -> Result<ExitCode> {
    signals::catch()?;
    let set = KernelSet::from_environment()?;
    let kernels = (config.backend == Backend::Flex).then(|| set.name());
    let dataset = match dataset {
        Some(dataset) => dataset,
        None => {
            let progress = ReadingProgress::new(Style::detect(args.quiet));
            data::load(&config.data, &progress).context("cannot read the data")?
        }
    };
    config.check_batch_size(dataset.train.count())?;
    check_values(config, &dataset)?;
    let device = device(config.backend)?;
    let mut members = match args.member {
        Some(Share::Part(part)) => config.members_of(part),
        Some(Share::Free) | None => config.members(),
    };
    let shares = matches!(args.member, Some(Share::Free));
    if shares {
        let first = first_to_look_at(members.len());
        members.rotate_left(first);
    }
    let dir = RunDir::create(path, config)?;
    let claims = Claims::new(args.take_over);
    let claim = dir.claim(&claims)?;
    check_data(&dir, &dataset.record)?;
    prepare(&dir, config, dataset.train.numbers(), &device)?;
    let examples = match dir.examples()? {
        Some(examples) => examples,
        None => record_examples(&dir, config, &dataset)?,
    };
    let workers = sweep::worker_count(config.workers, members.len());
    if args.data.is_some() && !args.quiet {
        describe_data(&dataset).iter().for_each(|line| println!("{line}"));
        describe_training(config, &dataset).iter().for_each(|line| println!("{line}"));
        let time = estimated_time(config, &dataset, members.len().div_ceil(workers), &device)?;
        println!("time: about {}; run: {}", HumanDuration(time), path.display());
    }
    let reference = SharedReference::default();
    let context = RunContext {
        config,
        dataset: &dataset,
        reference: &reference,
        examples: &examples,
        device: &device,
        dir: &dir,
        claims: &claims,
        kernels,
        // What others have stopped is not theirs alone to try again.
        retry: !shares,
        allow_other_processor: args.allow_other_processor,
    };
    let before = dir.record()?;
    let mut record = begin_record(&context, workers)?;
    record.files = before.as_ref().map(|record| record.files.clone()).unwrap_or_default();
    dir.write_record(&record)?;
    let process = dir.begin_process(&claims, &record)?;
    drop(claim);

    let progress =
        SweepProgress::new(Style::detect(args.quiet), members.len(), config.epochs, dataset.train.count());
    let mut outcome = sweep::run(&context, &members, workers, &progress, args.tensorboard)?;
    // Who had a member at first may have been stopped since.
    let mut trained = outcome.trained.len();
    while shares && trained > 0 && !outcome.taken.is_empty() && !outcome.interrupted {
        let left: Vec<MemberId> = outcome.taken.drain(..).map(|(member, _)| member).collect();
        let more = sweep::run(&context, &left, workers, &progress, args.tensorboard)?;
        trained = more.trained.len();
        outcome.add(more);
    }
    progress.finish();

    let claim = dir.claim(&claims)?;
    record.ended = Some(now());
    let own_end = match &outcome {
        outcome if outcome.interrupted => Status::Interrupted,
        outcome if !outcome.failures.is_empty() => Status::Failed,
        _ => Status::Finished,
    };
    process.end(own_end, now())?;
    let results = dir.results(config)?;
    let tables = dir.write_summary(config, &results)?;
    record_collapse(&dir, config, &dataset, &device)?;
    if !outcome.interrupted && !results.is_empty() {
        let progress = ReadingProgress::new(Style::detect(args.quiet));
        record_baselines(&dir, &dataset, &reference, &progress)?;
    }
    // Other processes may have added theirs.
    let files = dir.record()?.map(|record| record.files).unwrap_or_default();
    record.files = dir.hashes(config, files, &outcome.trained)?;
    let others_work = dir.processes()?.iter().any(|(_, at_work)| *at_work);
    record.status = match own_end {
        _ if results.len() == config.members().len() => Status::Finished,
        _ if others_work => Status::Running,
        Status::Finished => Status::Partial,
        stopped => stopped,
    };
    dir.write_record(&record)?;
    drop(claim);

    if !args.quiet && !results.is_empty() {
        print_results(config, &results, &dataset);
        let tables: Vec<String> = tables.iter().map(|file| file.display().to_string()).collect();
        println!(
            "\nresults: {}; weights and history of each member: {}/c=…/seed=…/",
            tables.join(", "),
            path.display()
        );
    }
    // Of many processes, the one that finishes the last member makes the report.
    let was_finished = before.is_some_and(|record| record.status == Status::Finished);
    let is_others = shares && was_finished && outcome.trained.is_empty();
    if !args.no_report && !is_others && matches!(record.status, Status::Finished | Status::Failed) {
        write_report(path, args)?;
    }
    Ok(exit_code(outcome, members.len(), path))
}

/// Refuses to go on with a run whose data has changed since it began.
fn check_data(dir: &RunDir, data: &DataRecord) -> Result<()> {
    let Some(before) = dir.record()?.map(|record| record.data) else { return Ok(()) };
    ensure!(
        before.is_same_data(data),
        "the data in {} is no longer that on which {} was trained ({} training and {} test examples, SHA-256 {}; now {}, {}, \
         {}): put it back, or give the run another name with --set 'name=\"…\"'",
        data.source,
        dir.path().display(),
        before.train,
        before.test,
        before.sha256,
        data.train,
        data.test,
        data.sha256
    );
    Ok(())
}

/// Writes the weights that the members start from.
fn prepare(dir: &RunDir, config: &RunConfig, pixels: usize, device: &Device) -> Result<()> {
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
fn begin_record(context: &RunContext<'_>, workers: usize) -> Result<RunRecord> {
    let has_floor = context.config.model.likelihood == Likelihood::GreyBernoulli;
    let distortion_floor = if has_floor { Some(context.dataset.evaluated().grey_entropy()?) } else { None };
    Ok(RunRecord {
        backend: context.config.backend.name().to_string(),
        device: format!("{:?}", context.device),
        kernels: context.kernels.map(str::to_string),
        workers,
        data: context.dataset.record.clone(),
        distortion_floor,
        started: now(),
        ended: None,
        status: Status::Running,
        files: FileHashes::new(),
    })
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

/// Prints which coefficient to keep for what, for programs.
fn print_answers(dirs: &[PathBuf], budget: Option<Budget>) -> Result<ExitCode> {
    let recommendation = Report::read(dirs)?.recommendation(budget);
    println!("{}", serde_json::to_string_pretty(&recommendation.answers())?);
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

fn verify(path: &Path, choices: &[Choice]) -> Result<ExitCode> {
    let dir = RunDir::open(path)?;
    let config = dir.config()?;
    let mut found = check_hashes(&dir, &config)?;
    if !choices.is_empty() {
        let members: Vec<Vec<MemberId>> =
            choices.iter().map(|choice| choice.of(&config)).collect::<Result<_>>()?;
        found.extend(retrain_and_compare(&dir, &config, &members.concat())?);
    }
    for line in &found {
        eprintln!("{line}");
    }
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { Failed::Check.into() })
}

fn retrain_and_compare(dir: &RunDir, config: &RunConfig, members: &[MemberId]) -> Result<Vec<String>> {
    signals::catch()?;
    let set = KernelSet::from_environment()?;
    let progress = ReadingProgress::new(Style::detect(false));
    let dataset = data::load(&config.data, &progress).context("cannot read the data")?;
    drop(progress);
    let examples = match dir.examples()? {
        Some(examples) => examples,
        None => choose_examples(config, &dataset)?,
    };
    let context = RunContext {
        config,
        dataset: &dataset,
        reference: &SharedReference::default(),
        examples: &examples,
        device: &device(config.backend)?,
        dir,
        claims: &Claims::new(false),
        kernels: (config.backend == Backend::Flex).then(|| set.name()),
        retry: true,
        allow_other_processor: false,
    };
    let workers = sweep::worker_count(config.workers, members.len());
    let progress =
        SweepProgress::new(Style::detect(false), members.len(), config.epochs, dataset.train.count());
    let differences = retrain(&context, members, |context| {
        let outcome = sweep::run(context, members, workers, &progress, false)?;
        progress.finish();
        match outcome.failures.into_iter().next() {
            Some((member, error)) => Err(error.context(format!("{member} could not be trained again"))),
            None if outcome.interrupted => bail!("stopped before the members were trained again"),
            None => Ok(()),
        }
    })?;
    println!("{} members trained again: {} files have other bits", members.len(), differences.len());
    Ok(differences)
}

fn check_itself(full: bool, quiet: bool) -> Result<ExitCode> {
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

fn open_in_browser(what: &std::ffi::OsStr) -> Result<()> {
    open::that_detached(what)
        .with_context(|| format!("cannot open a browser: open {} yourself", what.display()))
}

fn print_results(config: &RunConfig, results: &[MemberResult], dataset: &Dataset) {
    match dataset.validation {
        Some(_) => println!("\nOn the validation part, in nats per example:\n"),
        None => println!("\nOn the test images, in nats per image:\n"),
    }
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
