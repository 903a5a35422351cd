//! `klsweep verify`: whether a run is as it was written.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use kernels::KernelSet;
use record::{Backend, Claims, MemberId, RunConfig, RunDir};

use super::Failed;
use crate::device::device;
use crate::diagnostics::SharedReference;
use crate::example_choice::choose_examples;
use crate::progress::{ReadingProgress, Style, SweepProgress};
use crate::run_context::RunContext;
use crate::verify::{Choice, check_hashes, retrain};
use crate::{signals, sweep};

/// Which run.
#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// The directory of the run
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Train members again, apart from the run, and compare the bits: c=1, or c=1,seed=0
    #[arg(long, value_name = "MEMBER")]
    retrain: Vec<Choice>,
}

/// Checks the files of a run, and trains members of it again.
pub(super) fn run(VerifyArgs { dir: path, retrain }: &VerifyArgs) -> Result<ExitCode> {
    let dir = RunDir::open(path)?;
    let config = dir.config()?;
    let mut found = check_hashes(&dir, &config)?;
    if !retrain.is_empty() {
        let members: Vec<Vec<MemberId>> =
            retrain.iter().map(|choice| choice.of(&config)).collect::<Result<_>>()?;
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
        is_shared: false,
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
