//! One member of a sweep: one coefficient, one seed, from its first step to its last.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Error, Result, bail, ensure};
use burn::module::Module;
use model::named_parameters;
use record::{Claim, Failure, MemberDir, MemberId, MemberResult, NotFinite, Owner, RecordError, Taken};

use crate::batches::Batches;
use crate::checkpoint::{self, Snapshot};
use crate::diagnostics::{Measurement, diagnose};
use crate::evaluate::evaluate;
use crate::finished_epochs::FinishedEpochs;
use crate::finiteness::{LOOK_EVERY, first_not_finite};
use crate::network::initial_vae;
use crate::observer::Observer;
use crate::recorder::{CLASSIC_GRID, Recorder};
use crate::run_context::RunContext;
use crate::signals;
use crate::state::{Stepped, TrainState};
use crate::tensor_file::write_weights;
use crate::writer::Writer;

/// How a call of [`train`] ended.
pub enum Outcome {
    /// The member was trained to its end.
    Finished,
    /// There was nothing to do: it was trained to its end before, or stopped where it would stop again.
    Done,
    /// A signal stopped it; its checkpoint holds everything.
    Interrupted,
    /// It has seen as many images as it was to see for now; its checkpoint holds everything, and it still belongs to this
    /// process.
    Paused(Arc<Claim>),
    /// Another process has it, by its name where that is known.
    Taken {
        owner: Option<Owner>,
        /// Whether that process is known to live; if not, a later attempt tells.
        alive: bool,
    },
}

/// Which part of a member's training a call of [`train`] is for.
#[derive(Default)]
pub struct Part {
    /// How many images it is to have seen when it is paused, those of all epochs together; `None` for the last part.
    pub pause_after: Option<usize>,
    /// That of the part before; `None` for the first part.
    pub claim: Option<Arc<Claim>>,
}

/// Trains a member from where its directory says that it stands.
pub fn train(run: &RunContext<'_>, id: MemberId, part: Part, observer: &mut dyn Observer) -> Result<Outcome> {
    let dir = run.dir.member(id);
    let is_done = || -> Result<bool> {
        // Read, so that a damaged result is noticed.
        if dir.result()?.is_some() {
            // Whoever finished it may have been stopped before these were removed.
            dir.remove_checkpoint()?;
            dir.remove_failure()?;
            return Ok(true);
        }
        Ok(run.is_shared && dir.failure()?.is_some_and(|failure| failure.not_finite.is_some()))
    };
    let claim = match part.claim {
        Some(claim) => claim,
        None if is_done()? => return Ok(Outcome::Done),
        None => match dir.claim(run.claims)? {
            // Another process may have finished it meanwhile.
            Taken::Ours(_) if is_done()? => return Ok(Outcome::Done),
            Taken::Ours(claim) => Arc::new(claim),
            Taken::Theirs { owner, alive } => return Ok(Outcome::Taken { owner, alive }),
        },
    };
    let error = match train_on(run, &dir, &claim, part.pause_after, observer) {
        Err(error) => error,
        outcome => return outcome,
    };
    // Whatever went wrong: the files of a member that is another's by now change under this process's hands.
    if let Err(RecordError::TakenOver { owner, .. }) = claim.check() {
        observer.say(&format!("{id} was taken over by {owner}"));
        return Ok(Outcome::Taken { owner: None, alive: true });
    }
    let error = match error.downcast() {
        Ok(found) => explain(run, &dir, found),
        Err(other) => other,
    };
    let not_finite = error.downcast_ref::<Diverged>().map(|diverged| diverged.first.clone());
    // On a full disk, this cannot be written either, and the error itself is the one to be told.
    let _ = dir.write_failure(&Failure { message: format!("{error:#}"), not_finite });
    Err(error)
}

fn train_on(
    run: &RunContext<'_>,
    dir: &MemberDir,
    claim: &Arc<Claim>,
    pause_after: Option<usize>,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    let RunContext { config, dataset, device, .. } = *run;
    let (id, images) = (dir.id(), dataset.train.count());
    // A paused member may have been taken over meanwhile, and what follows writes.
    claim.check()?;
    dir.remove_failure()?;
    let Resumed { mut state, damage } = resume_or_start(run, dir)?;
    if let Some(damage) = damage {
        observer.say(&format!("{id}: {damage:#}; it goes on from the checkpoint before that one"));
    }
    let mut epochs = FinishedEpochs::resume(dir, state.epoch)?;
    let mut writer = Writer::default();
    let seen = |state: &TrainState| state.epoch * images + state.step * config.batch_size;
    observer.begin(state.epoch, seen(&state))?;
    let stop = |state: &TrainState| match pause_after {
        _ if signals::interrupted() => Some(Outcome::Interrupted),
        Some(images) if seen(state) >= images => Some(Outcome::Paused(claim.clone())),
        _ => None,
    };
    if let Some(stopped) = stop(&state) {
        return Ok(stopped);
    }

    while state.epoch < config.epochs {
        let epoch = state.epoch;
        let mut batches = Batches::of_epoch(run, id.seed, epoch, state.step)?;
        while let Some(batch) = batches.take() {
            let [size, _] = batch.images.dims();
            let terms;
            Stepped { state, terms } = batches.beside(|| state.step(batch, id.kl_coefficient))?;
            observer.step(epoch, size, &terms);
            if state.step % LOOK_EVERY == 0 && !state.sums.are_finite() {
                let tensor = "the loss".to_string();
                bail!(NotFinite { tensor, epoch: epoch + 1, step: Some(state.step) });
            }
            let due = config.checkpoint_every_steps > 0 && state.step % config.checkpoint_every_steps == 0;
            let stop = stop(&state);
            if batches.more() && (due || stop.is_some()) {
                let (snapshot, dir, claim) = (Snapshot::of(&state, run.kernels), dir.clone(), claim.clone());
                writer.begin(move || {
                    claim.check()?;
                    snapshot.write(&dir)
                })?;
                if let Some(stopped) = stop {
                    writer.finish()?;
                    return Ok(stopped);
                }
            }
        }

        let losses_are_finite = state.sums.are_finite();
        let evaluation = evaluate(&state.vae.valid(), dataset.evaluated(), id.seed, epoch, device)?;
        let row = state.finish_epoch(images, evaluation, device);
        let warnings = epochs.push(row.clone());
        observer.epoch(&row, &warnings)?;
        let (snapshot, file) = (Snapshot::of(&state, run.kernels), epochs.file().clone());
        let (dir, claim) = (dir.clone(), claim.clone());
        let test_is_finite = row.test.objective(id.kl_coefficient).is_finite();
        writer.begin(move || {
            claim.check()?;
            file.append(&row, &warnings)?;
            let of_epoch =
                |tensor: &str| NotFinite { tensor: tensor.to_string(), epoch: row.epoch, step: None };
            ensure!(losses_are_finite, of_epoch("the loss"));
            if let Some(not_finite) = snapshot.not_finite() {
                return Err(not_finite.into());
            }
            ensure!(test_is_finite, of_epoch("the loss over the test images"));
            snapshot.write(&dir)
        })?;
        if let (Some(stopped), true) = (stop(&state), state.epoch < config.epochs) {
            writer.finish()?;
            return Ok(stopped);
        }
    }

    writer.finish()?;
    if let Some(warning) = epochs.still_improving() {
        observer.say(&format!("{id}: warning: {}", warning.message));
    }
    observer.measuring();
    let result = finish(run, dir, claim, &state, &epochs)?;
    observer.finished(&result)?;
    if let Err(error) = dir.remove_checkpoint() {
        observer.say(&format!("{id} is finished, but {:#}", Error::new(error)));
    }
    Ok(Outcome::Finished)
}

/// The error of a member in whose training a number was found that is not finite.
fn explain(run: &RunContext<'_>, dir: &MemberDir, found: NotFinite) -> Error {
    let first = resume_or_start(run, dir)
        .and_then(|Resumed { state, .. }| first_not_finite(run, dir.id(), state, found));
    match first {
        Err(error) => error,
        Ok(first) => Error::new(Diverged { first, history: dir.history_file().path().to_path_buf() }),
    }
}

/// Why a member was stopped whose numbers are no longer finite.
#[derive(Debug, thiserror::Error)]
#[error(
    "{first}: a smaller optimizer.learning_rate may help; {} and the last checkpoint hold what was before", history.display()
)]
struct Diverged {
    first: NotFinite,
    history: PathBuf,
}

/// Where training begins.
struct Resumed {
    state: TrainState,
    /// What is wrong with the last checkpoint, where this is the one before it.
    damage: Option<Error>,
}

fn resume_or_start(run: &RunContext<'_>, dir: &MemberDir) -> Result<Resumed> {
    let RunContext { config, dataset, device, .. } = *run;
    let vae = initial_vae(config, dataset.train.shape(), dir.id().seed, device)?;
    let Some(saved) = checkpoint::load(dir, vae.clone(), &config.optimizer, device)? else {
        return Ok(Resumed { state: TrainState::start(vae, config, device), damage: None });
    };
    if saved.kernels.as_deref() != run.kernels && !run.allow_other_processor {
        let [before, now] = [saved.kernels.as_deref(), run.kernels].map(|set| set.unwrap_or("none"));
        bail!(
            "{} was trained with the kernels {before} up to here, and this processor goes on with {now}: the result would \
             not have the bits of a run that was never stopped. Choose the same kernels where the processor has them \
             ({}={before}), or go on all the same with --allow-other-processor",
            dir.id(),
            kernels::VARIABLE
        );
    }
    Ok(Resumed { state: saved.state, damage: saved.damage })
}

/// Measures the trained network, and writes it, what it makes of the examples, and its result.
fn finish(
    run: &RunContext<'_>,
    dir: &MemberDir,
    claim: &Claim,
    state: &TrainState,
    epochs: &FinishedEpochs,
) -> Result<MemberResult> {
    let MemberId { kl_coefficient, seed } = dir.id();
    let last = epochs.last().context("a finished member has at least one epoch")?;
    let seconds = state.seconds();
    let started = Instant::now();
    let vae = state.vae.valid();
    let reference = run.reference.of(run.dataset)?;
    let Measurement { diagnostics, losses } = diagnose(&vae, run.dataset, &reference, dir.id(), run.device)
        .with_context(|| format!("cannot measure {}", dir.id()))?;
    let recorder =
        Recorder { dataset: run.dataset, examples: run.examples, device: run.device, grid: CLASSIC_GRID };
    let outputs = recorder.outputs(&vae, state.epoch, &diagnostics.kl_per_dim, seed)?;
    let result = MemberResult {
        c: kl_coefficient,
        seed,
        epochs: state.epoch,
        test: last.test,
        objective: last.test.objective(kl_coefficient),
        elbo_loss: last.test.elbo_loss(),
        clamped_log_vars: epochs.clamped_log_vars(),
        diagnostics,
        warnings: epochs.final_warnings(),
        kernels: run.kernels.map(str::to_string),
        seconds: Some(seconds),
        diagnostics_seconds: Some(started.elapsed().as_secs_f64()),
    };
    claim.check()?;
    write_weights(&dir.weights(), &named_parameters(&state.vae))?;
    dir.write_outputs(&outputs)?;
    dir.write_losses(&losses)?;
    // Last: where it stands, all the rest does too.
    dir.write_result(&result)?;
    Ok(result)
}
