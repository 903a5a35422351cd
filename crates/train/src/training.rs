//! A sweep from its configuration and its data to its results: what `klsweep` trains, for the command and for other programs.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use burn::tensor::Device;
use data::Dataset;
use kernels::KernelSet;
use model::{NamedTensor, named_parameters};
use record::{
    Backend, Claim, Claims, DataRecord, Examples, FileHashes, Likelihood, MemberId, MemberResult, Part,
    RunConfig, RunDir, RunRecord, Shape, Status, now,
};

use crate::device::device;
use crate::diagnostics::SharedReference;
use crate::network::initial_vae;
use crate::network_check::check_network;
use crate::own_data::{check_values, estimated_time};
use crate::progress::{ReadingProgress, Style, SweepProgress};
use crate::recording::{record_baselines, record_collapse, record_examples};
use crate::run_context::RunContext;
use crate::scheduler::first_to_look_at;
use crate::sweep::{self, SweepOutcome};
use crate::tensor_file::write_weights;

/// What a process trains of a sweep that it shares with others.
#[derive(Clone, Copy, Debug)]
pub enum Share {
    /// Whatever no other process has.
    Free,
    /// Only this part.
    Part(Part),
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Free) } else { text.parse().map(Self::Part) }
    }
}

/// How a sweep is trained; changes no result.
#[derive(Clone, Copy, Debug)]
pub struct TrainingOptions {
    /// What of it, where other processes train the rest.
    pub share: Option<Share>,
    /// Whether whoever left members unfinished is held to be gone.
    pub take_over: bool,
    /// Whether members may go on with other kernels than those that they were trained with.
    pub allow_other_processor: bool,
    /// Whether event files are written.
    pub tensorboard: bool,
    /// How progress is shown.
    pub style: Style,
}

/// A sweep that is ready to be trained: everything was checked, and its directory is there.
pub struct Training<'a> {
    config: &'a RunConfig,
    dataset: &'a Dataset,
    options: TrainingOptions,
    dir: RunDir,
    claims: Claims,
    /// Of the files that all members share.
    claim: Claim,
    examples: Examples,
    device: Device,
    members: Vec<MemberId>,
    workers: usize,
    kernels: Option<&'static str>,
}

/// How a sweep ended.
pub struct Trained {
    /// What became of its members.
    pub outcome: SweepOutcome,
    /// How many there were.
    pub members: usize,
    /// What is known of the finished ones, those of other processes too.
    pub results: Vec<MemberResult>,
    /// The tables of them.
    pub tables: Vec<PathBuf>,
    /// Whether all there will be is there, so that a report can be made, and by this process.
    pub is_to_be_reported: bool,
}

impl<'a> Training<'a> {
    /// Checks the configuration against the data and the machine, and opens the directory or makes it.
    ///
    /// # Errors
    ///
    /// Fails when anything does not fit; nothing is written if it is not the directory that does not.
    pub fn prepare(
        config: &'a RunConfig,
        dataset: &'a Dataset,
        path: &Path,
        options: TrainingOptions,
    ) -> Result<Self> {
        let set = KernelSet::from_environment()?;
        let kernels = (config.backend == Backend::Flex).then(|| set.name());
        config.check_batch_size(dataset.train.count())?;
        check_values(config, dataset)?;
        let device = device(config.backend)?;
        let mut members = match options.share {
            Some(Share::Part(part)) => config.members_of(part),
            Some(Share::Free) | None => config.members(),
        };
        if matches!(options.share, Some(Share::Free)) {
            let first = first_to_look_at(members.len());
            members.rotate_left(first);
        }
        let workers = sweep::worker_count(config.workers, members.len());
        check_network(config, dataset, workers)?;
        let dir = RunDir::create(path, config)?;
        let claims = Claims::new(options.take_over);
        let claim = dir.claim(&claims)?;
        check_data(&dir, &dataset.record)?;
        write_initial_weights(&dir, config, dataset.train.shape(), &device)?;
        let examples = match dir.examples()? {
            Some(examples) => examples,
            None => record_examples(&dir, config, dataset)?,
        };
        Ok(Self { config, dataset, options, dir, claims, claim, examples, device, members, workers, kernels })
    }

    /// How long it will take, by some steps of a network that is thrown away.
    ///
    /// # Errors
    ///
    /// Fails when a file that the examples are read from has changed.
    pub fn expected_time(&self) -> Result<Duration> {
        let one_after_another = self.members.len() as f64 / self.workers as f64;
        estimated_time(self.config, self.dataset, one_after_another, &self.device)
    }

    /// Trains every member from where its directory says that it stands, measures it, and writes the tables.
    ///
    /// # Errors
    ///
    /// Fails when the record cannot be written. A member's failure stops only that member.
    pub fn run(self) -> Result<Trained> {
        let Self {
            config,
            dataset,
            options,
            dir,
            claims,
            claim,
            examples,
            device,
            members,
            workers,
            kernels,
        } = self;
        let is_shared = matches!(options.share, Some(Share::Free));
        let reference = SharedReference::default();
        let context = RunContext {
            config,
            dataset,
            reference: &reference,
            examples: &examples,
            device: &device,
            dir: &dir,
            claims: &claims,
            kernels,
            is_shared,
            allow_other_processor: options.allow_other_processor,
        };
        let before = dir.record()?;
        let mut record = begin_record(&context, workers)?;
        let files = before.as_ref().map(|record| record.files.clone()).unwrap_or_default();
        record.files = dir.hashes_of_finished(config, files);
        dir.write_record(&record)?;
        let process = dir.begin_process(&claims, &record)?;
        drop(claim);

        let progress = SweepProgress::new(options.style, members.len(), config.epochs, dataset.train.count());
        let mut outcome = sweep::run(&context, &members, workers, &progress, options.tensorboard)?;
        // Who had a member at first may have been stopped since.
        let mut trained = outcome.trained.len();
        while is_shared && trained > 0 && !outcome.taken.is_empty() && !outcome.interrupted {
            let left: Vec<MemberId> = outcome.taken.drain(..).map(|(member, _)| member).collect();
            let more = sweep::run(&context, &left, workers, &progress, options.tensorboard)?;
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
        // What follows holds training images as numbers, for which the memory of the training is in the wrong sizes.
        kernels::give_back_freed_pages();
        record_collapse(&dir, config, dataset, &device)?;
        if !outcome.interrupted && !results.is_empty() {
            let progress = ReadingProgress::new(options.style);
            record_baselines(&dir, dataset, &reference, &progress)?;
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
        // Of many processes, the one that finishes the last member makes the report.
        let was_finished = before.is_some_and(|record| record.status == Status::Finished);
        let is_others = is_shared && was_finished && outcome.trained.is_empty();
        let is_to_be_reported = !is_others && matches!(record.status, Status::Finished | Status::Failed);
        Ok(Trained { outcome, members: members.len(), results, tables, is_to_be_reported })
    }
}

/// Refuses a directory that holds an audit.
///
/// # Errors
///
/// Fails when it does.
pub fn check_is_no_audit(path: &Path) -> Result<()> {
    let record = RunDir::open(path).ok().and_then(|dir| dir.record().ok().flatten());
    if let Some(from) = record.and_then(|record| record.audited) {
        bail!("{} is an audit of {from}: there is nothing to train", path.display());
    }
    Ok(())
}

/// Refuses to go on with a run whose data has changed since it began.
fn check_data(dir: &RunDir, data: &DataRecord) -> Result<()> {
    let Some(before) = dir.record()?.map(|record| record.data) else { return Ok(()) };
    ensure!(
        before.is_same_data(data),
        "the data in {} is no longer that on which {} was trained ({} training and {} test examples, SHA-256 {}; now {}, {}, \
         {}): put it back, or train anew under another name, with --set 'name=\"…\"' and without --resume",
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
fn write_initial_weights(dir: &RunDir, config: &RunConfig, shape: &Shape, device: &Device) -> Result<()> {
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
