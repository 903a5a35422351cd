//! `klsweep`, without a command: training.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use clap::Args;
use data::Dataset;
use indicatif::HumanDuration;
use kernels::KernelSet;
use model::{NamedTensor, named_parameters};
use record::{
    Backend, Claims, DataRecord, FileHashes, Likelihood, MemberId, Part, RunConfig, RunDir, RunRecord, Shape,
    Status, now,
};
use report::{FigureSet, ReportOptions};

use super::arguments::{backend, figure_set};
use super::report::{make_report, print_written};
use super::results::print_results;
use super::{Failed, NAMED, program};
use crate::device::device;
use crate::diagnostics::SharedReference;
use crate::network::initial_vae;
use crate::network_check::check_network;
use crate::own_data::{check_values, describe_data, describe_training, estimated_time, name_run, understand};
use crate::progress::{ReadingProgress, Style, SweepProgress};
use crate::recording::{record_baselines, record_collapse, record_examples};
use crate::run_context::RunContext;
use crate::scheduler::first_to_look_at;
use crate::sweep::SweepOutcome;
use crate::tensor_file::write_weights;
use crate::{signals, sweep};

/// What is trained, and how.
#[derive(Args, Debug)]
pub(super) struct TrainArgs {
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
    let record = RunDir::open(path).ok().and_then(|dir| dir.record().ok().flatten());
    if let Some(from) = record.and_then(|record| record.audited) {
        bail!("{} is an audit of {from}: there is nothing to train", path.display());
    }
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
    let workers = sweep::worker_count(config.workers, members.len());
    check_network(config, &dataset, workers)?;
    let dir = RunDir::create(path, config)?;
    let claims = Claims::new(args.take_over);
    let claim = dir.claim(&claims)?;
    check_data(&dir, &dataset.record)?;
    prepare(&dir, config, dataset.train.shape(), &device)?;
    let examples = match dir.examples()? {
        Some(examples) => examples,
        None => record_examples(&dir, config, &dataset)?,
    };
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
fn prepare(dir: &RunDir, config: &RunConfig, shape: &Shape, device: &Device) -> Result<()> {
    let path = dir.initial_weights();
    if path.exists() {
        return Ok(());
    }
    let mut weights = Vec::new();
    for seed in &config.seeds {
        let parameters = named_parameters(&initial_vae(config, shape, *seed, device)?);
        let named = |NamedTensor { name, data }| NamedTensor { name: format!("seed={seed}/{name}"), data };
        weights.extend(parameters.into_iter().map(named));
    }
    write_weights(&path, &weights)
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
        audited: None,
        files: FileHashes::new(),
    })
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
