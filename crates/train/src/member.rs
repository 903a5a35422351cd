//! One member of a sweep: one coefficient, one seed, from its first step to its last.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::module::Module;
use model::named_parameters;
use record::{MemberDir, MemberId, MemberResult};

use crate::batches::Batches;
use crate::checkpoint::{self, Snapshot};
use crate::diagnostics::{Measurement, diagnose};
use crate::evaluate::evaluate;
use crate::finished_epochs::FinishedEpochs;
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
    /// The member was trained to its end, now or before.
    Finished(Box<MemberResult>),
    /// A signal stopped it; its checkpoint holds everything.
    Interrupted,
    /// Another process trains it.
    Locked,
}

/// Trains a member from where its directory says that it stands.
pub fn train(run: &RunContext<'_>, id: MemberId, observer: &mut dyn Observer) -> Result<Outcome> {
    let RunContext { config, dataset, device, .. } = *run;
    let images = dataset.train.count();
    let dir = run.dir.member(id);
    let Some(_lock) = dir.lock()? else { return Ok(Outcome::Locked) };
    if let Some(result) = dir.result()? {
        return Ok(Outcome::Finished(Box::new(result)));
    }
    let mut state = resume_or_start(run, &dir)?;
    let mut epochs = FinishedEpochs::resume(&dir, state.epoch)?;
    let mut writer = Writer::default();
    observer.begin(state.epoch, state.epoch * images + state.step * config.batch_size)?;

    while state.epoch < config.epochs {
        let epoch = state.epoch;
        let mut batches = Batches::of_epoch(run, id.seed, epoch, state.step);
        while let Some(batch) = batches.take() {
            let [size, _] = batch.images.dims();
            let terms;
            Stepped { state, terms } = batches.beside(|| state.step(batch, id.kl_coefficient));
            observer.step(epoch, size, &terms);
            let due = config.checkpoint_every_steps > 0 && state.step % config.checkpoint_every_steps == 0;
            let interrupted = signals::interrupted();
            if batches.more() && (due || interrupted) {
                let (snapshot, dir) = (Snapshot::of(&state, run.kernels)?, dir.clone());
                writer.begin(move || snapshot.write(&dir))?;
                if interrupted {
                    writer.finish()?;
                    return Ok(Outcome::Interrupted);
                }
            }
        }

        let evaluation = evaluate(&state.vae.valid(), &dataset.test, id.seed, epoch, device);
        let row = state.finish_epoch(images, evaluation, device);
        let warnings = epochs.push(row.clone());
        observer.epoch(&row, &warnings)?;
        let (snapshot, file, dir) = (Snapshot::of(&state, run.kernels)?, epochs.file().clone(), dir.clone());
        let finite = row.objective_is_finite(id.kl_coefficient);
        writer.begin(move || {
            file.append(&row, &warnings)?;
            if finite { snapshot.write(&dir) } else { Ok(()) }
        })?;
        if !finite {
            writer.finish()?;
            bail!(
                "the objective of {id} is no longer a finite number after epoch {}: a smaller optimizer.learning_rate may \
                 help; {} has the epochs before it",
                state.epoch,
                epochs.file().path().display()
            );
        }
        if signals::interrupted() && state.epoch < config.epochs {
            writer.finish()?;
            return Ok(Outcome::Interrupted);
        }
    }

    writer.finish()?;
    let result = finish(run, &dir, &state, &epochs)?;
    observer.finished(&result)?;
    dir.remove_checkpoint()?;
    Ok(Outcome::Finished(Box::new(result)))
}

fn resume_or_start(run: &RunContext<'_>, dir: &MemberDir) -> Result<TrainState> {
    let RunContext { config, dataset, device, .. } = *run;
    let vae = initial_vae(config, dataset.train.pixels(), dir.id().seed, device);
    let Some(saved) = checkpoint::load(dir, vae.clone(), &config.optimizer, device)? else {
        return Ok(TrainState::start(vae, config, device));
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
    Ok(saved.state)
}

/// Measures the trained network, and writes it, what it makes of the examples, and its result.
fn finish(
    run: &RunContext<'_>,
    dir: &MemberDir,
    state: &TrainState,
    epochs: &FinishedEpochs,
) -> Result<MemberResult> {
    let MemberId { kl_coefficient, seed } = dir.id();
    let last = epochs.last().context("a finished member has at least one epoch")?;
    let seconds = state.seconds();
    let started = Instant::now();
    let vae = state.vae.valid();
    let Measurement { diagnostics, losses } = diagnose(&vae, run.dataset, &last.test, dir.id(), run.device)
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
        saturated_log_vars: epochs.saturated_log_vars(),
        diagnostics,
        warnings: epochs.warnings().to_vec(),
        kernels: run.kernels.map(str::to_string),
        seconds: Some(seconds),
        diagnostics_seconds: Some(started.elapsed().as_secs_f64()),
    };
    write_weights(&dir.weights(), &named_parameters(&state.vae))?;
    dir.write_outputs(&outputs)?;
    dir.write_losses(&losses)?;
    // Last: where it stands, all the rest does too.
    dir.write_result(&result)?;
    Ok(result)
}
