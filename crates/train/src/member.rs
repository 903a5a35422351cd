//! One member of a sweep: one coefficient, one seed, from its first step to its last.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use model::{Adam, ElboTerms, NamedTensor, TrainStep, Vae, named_parameters};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{self, Snapshot};
use crate::config::{MemberId, RunConfig};
use crate::data::Dataset;
use crate::diagnostics::{Diagnostics, diagnose};
use crate::evaluate::{Evaluation, LatentUse, Terms, evaluate};
use crate::files::{write_atomically, write_safetensors};
use crate::progress::MemberProgress;
use crate::random::{Purpose, image_order, noise, stream};
use crate::signals;
use crate::tensorboard::EventFile;
use crate::warnings::{Warning, warnings};
use crate::writer::Writer;

/// What all members of a run have in common.
pub struct Common<'a> {
    /// What is trained.
    pub config: &'a RunConfig,
    /// The images.
    pub dataset: &'a Dataset,
    /// Where the tensors live.
    pub device: &'a Device,
    /// The run's directory.
    pub run_dir: &'a Path,
    /// Whether to write TensorBoard event files.
    pub tensorboard: bool,
}

/// A member's state between two steps.
pub struct Training {
    /// The network as trained so far.
    pub vae: Vae,
    /// The optimiser with its moments.
    pub adam: Adam,
    /// Epochs finished.
    pub epoch: usize,
    /// Steps finished in the current epoch.
    pub step: usize,
    /// What the current epoch's steps added up to.
    pub sums: EpochSums,
    /// A row for each finished epoch.
    pub history: Vec<EpochRow>,
    /// Seconds of training before this process took over.
    pub seconds_before: f64,
    /// When this process took over.
    pub started: Instant,
}

/// Sums over the images of an epoch, kept on the device so that no step waits for a read-back.
pub struct EpochSums {
    /// Of the reconstruction, `[1]`.
    pub reconstruction: Tensor<1>,
    /// Of the KL, `[1]`.
    pub kl: Tensor<1>,
    /// Of the log-variances that were cut, `[1]`.
    pub saturated: Tensor<1>,
}

/// An epoch's line in `history.csv`: terms in nats per image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// Counted from 1.
    pub epoch: usize,
    /// Over the training images, as the weights were when each was seen.
    pub train: Terms,
    /// Over the test images, after the epoch.
    pub test: Terms,
    /// The use of the latent dimensions for the test images.
    pub test_latent: LatentUse,
    /// Log-variances cut to their bounds during the epoch.
    pub saturated_log_vars: u64,
}

/// What is known of a finished member, as `result.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberResult {
    /// The coefficient of the KL term.
    pub c: f64,
    /// The seed of its random streams.
    pub seed: u64,
    /// Epochs trained.
    pub epochs: usize,
    /// Terms over the test images, in nats per image.
    #[serde(flatten)]
    pub test: Terms,
    /// `reconstruction + c * kl`.
    pub objective: f64,
    /// `reconstruction + kl`.
    pub elbo_loss: f64,
    /// Log-variances cut to their bounds over the whole training.
    pub saturated_log_vars: u64,
    /// What was measured of the trained network.
    #[serde(flatten)]
    pub diagnostics: Diagnostics,
    /// What deserved a word while it trained.
    pub warnings: Vec<Warning>,
    /// Seconds that training took, all processes together.
    pub seconds: f64,
    /// Seconds that the diagnostics took after it.
    pub diagnostics_seconds: f64,
}

/// How a call of [`train`] ended.
pub enum Outcome {
    /// The member was trained to its end, now or before.
    Finished(Box<MemberResult>),
    /// A signal stopped it; its checkpoint holds everything.
    Interrupted,
    /// Another process trains it.
    Locked,
}

impl Training {
    /// Seconds of training up to now, all processes together.
    pub fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    /// The state before the first step.
    pub fn start(vae: Vae, config: &RunConfig, device: &Device) -> Self {
        Self {
            adam: Adam::new(config.optimizer.clone(), &vae),
            vae,
            epoch: 0,
            step: 0,
            sums: EpochSums::zero(device),
            history: Vec::new(),
            seconds_before: 0.0,
            started: Instant::now(),
        }
    }
}

impl EpochSums {
    fn zero(device: &Device) -> Self {
        let zero = Tensor::zeros([1], device);
        Self { reconstruction: zero.clone(), kl: zero.clone(), saturated: zero }
    }
}

/// The initial network of a seed.
///
/// Every coefficient starts from it: nothing of the coefficient goes into it.
pub fn initial_vae(config: &RunConfig, pixels: usize, seed: u64, device: &Device) -> Vae {
    config.model.init(pixels, &mut stream(seed, Purpose::InitialWeights, 0, 0), &device.clone().autodiff())
}

/// Trains a member from where its directory says that it stands.
pub fn train(common: &Common<'_>, member: MemberId, progress: &MemberProgress) -> Result<Outcome> {
    let Common { config, dataset, device, .. } = *common;
    let MemberId { kl_coefficient, seed } = member;
    let dir = common.run_dir.join(member.dir());

    let lock_path = dir.join("lock");
    let lock =
        fs::File::create(&lock_path).with_context(|| format!("cannot write {}", lock_path.display()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(Outcome::Locked),
        Err(fs::TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", lock_path.display()));
        }
    }
    if let Some(result) = read_result(&dir)? {
        return Ok(Outcome::Finished(Box::new(result)));
    }

    let images = dataset.train.count();
    let steps = images.div_ceil(config.batch_size);
    let vae = initial_vae(config, dataset.train.pixels(), seed, device);
    let mut training = match checkpoint::load(&dir, vae.clone(), &config.optimizer, device)? {
        Some(training) => training,
        None => Training::start(vae, config, device),
    };
    let mut events = match common.tensorboard {
        true => Some(EventFile::create(common.run_dir, member, training.epoch)?),
        false => None,
    };
    let mut writer = Writer::default();
    progress.start(training.epoch * images + training.step * config.batch_size);

    while training.epoch < config.epochs {
        let epoch = training.epoch;
        let order = image_order(seed, epoch, images);
        let batch = |step: usize| {
            let positions = order.chunks(config.batch_size).nth(step)?;
            let shape = [positions.len(), config.model.latent];
            let noise = noise(seed, Purpose::TrainingNoise, epoch, step, shape[0] * shape[1]);
            let noise = Tensor::from_data(TensorData::new(noise, shape), device);
            Some((dataset.train.batch(positions, device), noise))
        };
        let mut next = batch(training.step);
        while let Some((images, noise)) = next {
            let [size, _] = images.dims();
            training.step += 1;
            // The next batch on a thread that has nothing else to do.
            let (trained, following) = kernels::assisted(
                || training.vae.train_step(images, noise, kl_coefficient, &mut training.adam),
                || batch(training.step),
            );
            next = following;
            let TrainStep { vae, terms: ElboTerms { reconstruction, kl }, clamped } = trained;
            training.vae = vae;
            progress.step(size, epoch, kl_coefficient, &reconstruction, &kl);
            let images = size as f64;
            training.sums.reconstruction = training.sums.reconstruction + reconstruction.mul_scalar(images);
            training.sums.kl = training.sums.kl + kl.mul_scalar(images);
            training.sums.saturated = training.sums.saturated + clamped;

            let within_epoch = training.step < steps;
            let due = config.checkpoint_every_steps > 0 && training.step % config.checkpoint_every_steps == 0;
            let interrupted = signals::interrupted();
            if within_epoch && (due || interrupted) {
                let (snapshot, dir) = (Snapshot::of(&training)?, dir.clone());
                writer.begin(move || snapshot.write(&dir))?;
            }
            if within_epoch && interrupted {
                writer.finish()?;
                return Ok(Outcome::Interrupted);
            }
        }

        let sums = std::mem::replace(&mut training.sums, EpochSums::zero(device));
        let mean = |sum: Tensor<1>| f64::from(sum.into_scalar::<f32>()) / images as f64;
        let Evaluation { terms: test, latent: test_latent } =
            evaluate(&training.vae.valid(), &dataset.test, seed, epoch, device);
        let row = EpochRow {
            epoch: epoch + 1,
            train: Terms { reconstruction: mean(sums.reconstruction), kl: mean(sums.kl) },
            test,
            test_latent,
            saturated_log_vars: sums.saturated.into_scalar::<f32>() as u64,
        };
        progress.epoch(&row, kl_coefficient);
        if let Some(events) = &mut events {
            events.epoch(&row)?;
        }
        let objectives = [row.train.objective(kl_coefficient), row.test.objective(kl_coefficient)];
        training.history.push(row);
        for warning in warnings(&training.history, kl_coefficient) {
            if warning.epoch == epoch + 1 {
                progress.warn(&warning.message);
            }
        }
        let history = history_csv(&training.history, member)?;
        let history_path = dir.join("history.csv");
        if objectives.iter().any(|objective| !objective.is_finite()) {
            writer.finish()?;
            write_atomically(&history_path, &history)?;
            bail!(
                "the objective of {member} is no longer a finite number after epoch {}: a smaller \
                 optimizer.learning_rate may help; {} has the epochs before it",
                epoch + 1,
                history_path.display()
            );
        }
        training.epoch += 1;
        training.step = 0;
        let (snapshot, dir) = (Snapshot::of(&training)?, dir.clone());
        writer.begin(move || {
            write_atomically(&history_path, &history)?;
            snapshot.write(&dir)
        })?;
        if signals::interrupted() && training.epoch < config.epochs {
            writer.finish()?;
            return Ok(Outcome::Interrupted);
        }
    }

    writer.finish()?;
    let result = finish(&training, common, member, &dir)?;
    if let Some(events) = &mut events {
        events.diagnostics(training.epoch, &result.diagnostics)?;
    }
    checkpoint::remove(&dir)?;
    Ok(Outcome::Finished(Box::new(result)))
}

/// The result of a member that was trained to its end; nothing if it was not.
pub fn read_result(dir: &Path) -> Result<Option<MemberResult>> {
    let path = dir.join("result.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    serde_json::from_str(&text)
        .map(Some)
        .with_context(|| format!("{} is damaged: delete it to train this member again", path.display()))
}

/// A member's `history.csv`; nothing if no epoch is finished.
pub fn read_history(dir: &Path) -> Result<Option<Vec<EpochRow>>> {
    let path = dir.join("history.csv");
    if !path.exists() {
        return Ok(None);
    }
    let damaged = || format!("{} is damaged", path.display());
    let mut table = csv::Reader::from_path(&path).with_context(damaged)?;
    let columns = table.headers().with_context(damaged)?.clone();
    let rows = table.records().map(|row| {
        let row = row?;
        let cell = |name: &str| {
            let at = columns.iter().position(|column| column == name);
            at.and_then(|at| row.get(at)).with_context(|| format!("it has no column {name}"))
        };
        let number = |name: &str| -> Result<f64> { Ok(cell(name)?.parse()?) };
        let terms = |split: &str| -> Result<Terms> {
            let number = |term: &str| number(&format!("{split}_{term}"));
            Ok(Terms { reconstruction: number("reconstruction")?, kl: number("kl")? })
        };
        let kl_per_dim = columns.iter().filter(|column| column.starts_with("test_kl_dim_")).map(number);
        Ok(EpochRow {
            epoch: cell("epoch")?.parse()?,
            train: terms("train")?,
            test: terms("test")?,
            test_latent: LatentUse {
                kl_per_dim: kl_per_dim.collect::<Result<_>>()?,
                active_units: cell("test_active_units")?.parse()?,
            },
            saturated_log_vars: cell("saturated_log_vars")?.parse()?,
        })
    });
    rows.collect::<Result<_>>().map(Some).with_context(damaged)
}

/// Writes a network's parameters.
pub fn write_weights(path: &Path, parameters: &[NamedTensor]) -> Result<()> {
    write_safetensors(
        path,
        parameters,
        [("format".to_string(), "klsweep weights, [inputs, outputs]".to_string())].into(),
    )
}

fn finish(training: &Training, common: &Common<'_>, member: MemberId, dir: &Path) -> Result<MemberResult> {
    let last = training.history.last().context("a finished member has at least one epoch")?;
    let seconds = training.seconds();
    let started = Instant::now();
    let diagnostics = diagnose(&training.vae.valid(), common.dataset, &last.test, member.seed, common.device)
        .with_context(|| format!("cannot measure {member}"))?;
    let result = MemberResult {
        c: member.kl_coefficient,
        seed: member.seed,
        epochs: training.epoch,
        test: last.test,
        objective: last.test.objective(member.kl_coefficient),
        elbo_loss: last.test.elbo_loss(),
        saturated_log_vars: training.history.iter().map(|row| row.saturated_log_vars).sum(),
        diagnostics,
        warnings: warnings(&training.history, member.kl_coefficient),
        seconds,
        diagnostics_seconds: started.elapsed().as_secs_f64(),
    };
    write_weights(&dir.join("weights.safetensors"), &named_parameters(&training.vae))?;
    // Last: where it stands, all the rest does too.
    let json = serde_json::to_string_pretty(&result).context("cannot write the result as JSON")?;
    write_atomically(&dir.join("result.json"), (json + "\n").as_bytes())?;
    Ok(result)
}

fn history_csv(history: &[EpochRow], member: MemberId) -> Result<Vec<u8>> {
    let c = member.kl_coefficient;
    let mut table = csv::Writer::from_writer(Vec::new());
    let latent = history.first().map_or(0, |row| row.test_latent.kl_per_dim.len());
    let columns = [
        "c",
        "seed",
        "epoch",
        "train_reconstruction",
        "train_kl",
        "train_objective",
        "train_elbo_loss",
        "test_reconstruction",
        "test_kl",
        "test_objective",
        "test_elbo_loss",
        "saturated_log_vars",
        "test_active_units",
    ];
    let of_dimensions = (0..latent).map(|dimension| format!("test_kl_dim_{dimension}"));
    table.write_record(
        columns.into_iter().map(String::from).chain(of_dimensions).chain(["warnings".to_string()]),
    )?;
    let warnings = warnings(history, c);
    for EpochRow { epoch, train, test, test_latent, saturated_log_vars } in history {
        let terms = |terms: &Terms| [terms.reconstruction, terms.kl, terms.objective(c), terms.elbo_loss()];
        let warnings: Vec<String> = warnings
            .iter()
            .filter(|warning| warning.epoch == *epoch)
            .map(|warning| warning.kind.to_string())
            .collect();
        table.serialize((
            (c, member.seed, epoch, terms(train), terms(test), saturated_log_vars),
            (test_latent.active_units, &test_latent.kl_per_dim, warnings.join(" ")),
        ))?;
    }
    Ok(table.into_inner()?)
}
