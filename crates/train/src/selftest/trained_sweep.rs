//! A sweep by the code that trains any sweep, in a directory that is gone afterwards.

use anyhow::{Context, Result, ensure};
use data::Dataset;
use record::{Claims, MemberResult, RunConfig, RunDir};

use crate::device::any_device;
use crate::diagnostics::SharedReference;
use crate::example_choice::choose_examples;
use crate::progress::{Style, SweepProgress};
use crate::run_context::RunContext;
use crate::sweep;

/// Trains all members and gives their results.
pub fn trained(config: &RunConfig, dataset: &Dataset) -> Result<Vec<MemberResult>> {
    let device = any_device()?;
    let root = tempfile::tempdir().context("cannot make a temporary directory")?;
    let dir = RunDir::create(&root.path().join("run"), config)?;
    let members = config.members();
    for &member in &members {
        dir.member(member).create()?;
    }
    let context = RunContext {
        config,
        dataset,
        reference: &SharedReference::default(),
        examples: &choose_examples(config, dataset)?,
        device: &device,
        dir: &dir,
        claims: &Claims::new(false),
        kernels: None,
        is_shared: false,
        allow_other_processor: false,
    };
    let workers = sweep::worker_count(0, members.len());
    let progress = SweepProgress::new(Style::Quiet, members.len(), config.epochs, dataset.train.count());
    let outcome = sweep::run(&context, &members, workers, &progress, false)?;
    if let Some((member, error)) = outcome.failures.into_iter().next() {
        return Err(error.context(format!("{member} failed")));
    }
    ensure!(!outcome.interrupted, "a signal stopped the training");
    Ok(dir.results(config)?)
}
