//! What a report needs, brought up to date where training has not written it: of members that still train, of runs of older
//! versions, and for another size of grid.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anyhow::Result;
use burn::tensor::Device;
use data::{Dataset, Progress, load_at_hand};
use record::{Claims, Examples, MemberDir, Outputs, RunConfig, RunDir};
use report::{Report, ReportOptions, Written};

use crate::checkpoint;
use crate::device::any_device;
use crate::diagnostics::{SharedReference, baselines};
use crate::example_choice::choose_examples;
use crate::linear_collapse::collapse_coefficients;
use crate::recorder::{CLASSIC_GRID, Recorder};
use crate::saved_network::read_network;

/// A run whose record is kept up to date. Its data set is read once, and not before it is needed.
pub struct Recording {
    dir: RunDir,
    config: RunConfig,
    device: Device,
    dataset: OnceCell<Option<Dataset>>,
}

impl Recording {
    /// Of the run in a directory.
    ///
    /// # Errors
    ///
    /// Fails when the directory is no run's, or the machine has no device.
    pub fn open(path: &Path) -> Result<Self> {
        let dir = RunDir::open(path)?;
        let config = dir.config()?;
        Ok(Self { dir, config, device: any_device()?, dataset: OnceCell::new() })
    }

    /// A number that changes with what is recorded of the run.
    pub fn stamp(&self) -> u64 {
        self.dir.stamp(&self.config.members())
    }

    /// Records what the networks of the run make of its examples, where that is not recorded as it is now, or in grids of
    /// another size than is asked for.
    ///
    /// Members whose files are damaged are left as they are: to say so is the report's part. Where the data set is not at
    /// hand, nothing is recorded.
    ///
    /// # Errors
    ///
    /// Fails when the record cannot be written.
    pub fn update(&self, grid: Option<usize>) -> Result<()> {
        // Of networks that other programs trained there is what they left.
        if self.dir.record().ok().flatten().is_some_and(|record| record.audited.is_some()) {
            return Ok(());
        }
        let recorded = self.dir.examples().ok().flatten();
        let waiting: Vec<Stale> = self
            .config
            .members()
            .into_iter()
            .filter_map(|id| self.stale(self.dir.member(id), recorded.as_ref(), grid))
            .collect();
        if waiting.is_empty() && self.dir.collapse().is_ok_and(|collapse| collapse.is_some()) {
            return Ok(());
        }
        let Some(dataset) = self.dataset.get_or_init(|| self.load()) else { return Ok(()) };
        record_collapse(&self.dir, &self.config, dataset, &self.device)?;
        let examples = match recorded {
            Some(examples) => examples,
            None => record_examples(&self.dir, &self.config, dataset)?,
        };
        let grid = grid.unwrap_or(CLASSIC_GRID);
        let recorder = Recorder { dataset, examples: &examples, device: &self.device, grid };
        let mut written = Vec::new();
        for Stale { dir, epoch, network, kl_per_dim } in waiting {
            let Ok(vae) = read_network(&network, &self.config, dataset.train.shape(), &self.device) else {
                continue;
            };
            let outputs = recorder.outputs(&vae, epoch, &kl_per_dim, dir.id().seed)?;
            // Where training went on meanwhile, these are of no epoch, or it has written its own.
            if self.network(&dir).is_none_or(|(now, at, _)| (now, at) != (epoch, network)) {
                continue;
            }
            dir.write_outputs(&outputs)?;
            written.push(dir.id().dir().join("outputs.safetensors"));
        }
        if !written.is_empty() {
            let _claim = self.dir.claim(&Claims::new(false))?;
            self.dir.rehash(&written)?;
        }
        Ok(())
    }

    /// The data set, if it is at hand and still that on which the run was trained.
    fn load(&self) -> Option<Dataset> {
        let dataset = load_at_hand(&self.config.data).ok()?;
        let record = self.dir.record().ok().flatten();
        record.is_none_or(|record| record.data.is_same_data(&dataset.record)).then_some(dataset)
    }

    /// After how many epochs a member's network stands in which file, with its KL of each dimension.
    fn network(&self, dir: &MemberDir) -> Option<(usize, PathBuf, Vec<f64>)> {
        match dir.result().ok()? {
            Some(result) => Some((result.epochs, dir.weights(), result.diagnostics.kl_per_dim)),
            None => {
                let last = dir.history().ok()?.pop()?;
                Some((checkpoint::position(dir)?.epoch, dir.checkpoint(), last.test_latent.kl_per_dim))
            }
        }
    }

    /// The member, if it has a network of which nothing is recorded.
    fn stale(&self, dir: MemberDir, examples: Option<&Examples>, grid: Option<usize>) -> Option<Stale> {
        let (epoch, network, kl_per_dim) = self.network(&dir)?;
        let as_wanted = |outputs: &Outputs| match (grid, &outputs.manifold) {
            (Some(grid), Some(manifold)) => manifold.values.len() == grid,
            (wanted, _) => wanted.is_none(),
        };
        let outputs = || dir.outputs(examples?, self.config.model.latent).ok().flatten();
        let recorded = dir.outputs_epoch() == Some(epoch)
            && examples.is_some()
            && (grid.is_none() || outputs().is_some_and(|outputs| as_wanted(&outputs)));
        (!recorded).then_some(Stale { dir, epoch, network, kl_per_dim })
    }
}

/// A member of whose network nothing is recorded as it is now.
struct Stale {
    dir: MemberDir,
    epoch: usize,
    network: PathBuf,
    kl_per_dim: Vec<f64>,
}

/// Makes a report on the runs in some directories, after bringing what is recorded of them up to date.
///
/// # Errors
///
/// Fails when a directory is no run's, or the record or the report cannot be written.
pub fn make_report(dirs: &[PathBuf], options: &ReportOptions, grid: Option<usize>) -> Result<Written> {
    for dir in dirs {
        Recording::open(dir)?.update(grid)?;
    }
    Ok(Report::read(dirs)?.write(options)?)
}

/// Chooses the examples of a run and writes them.
pub fn record_examples(dir: &RunDir, config: &RunConfig, dataset: &Dataset) -> Result<Examples> {
    let examples = choose_examples(config, dataset)?;
    dir.write_examples(&examples)?;
    Ok(examples)
}

/// Writes where the latent dimensions of a linear decoder would collapse, unless that stands there.
pub fn record_collapse(dir: &RunDir, config: &RunConfig, dataset: &Dataset, device: &Device) -> Result<()> {
    if !dir.collapse().is_ok_and(|collapse| collapse.is_some()) {
        dir.write_collapse(&collapse_coefficients(&dataset.train, &config.model, device)?)?;
    }
    Ok(())
}

/// Writes what can be had of the data without a network, unless that stands there.
pub fn record_baselines(
    dir: &RunDir,
    dataset: &Dataset,
    reference: &SharedReference,
    progress: &dyn Progress,
) -> Result<()> {
    if !dir.baselines().is_ok_and(|baselines| baselines.is_some()) {
        dir.write_baselines(&baselines(dataset, &*reference.of(dataset)?, progress)?)?;
    }
    Ok(())
}
