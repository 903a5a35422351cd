//! What a run's directory holds, read for its report: as much as is there.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use data::Dataset;
use model::Vae;
use record::{EpochRow, MemberDir, MemberId, MemberResult, RunConfig, RunDir, RunRecord};

use crate::saved_network::read_network;

/// A run, finished or not.
pub struct Run {
    /// Its directory.
    pub dir: RunDir,
    /// What it trains.
    pub config: RunConfig,
    /// Where and when it ran; nothing if that was not written or is damaged.
    pub record: Option<RunRecord>,
    /// Its images, where they are at hand.
    pub dataset: Option<Dataset>,
    /// In the order of the configuration.
    pub members: Vec<Member>,
    /// What is not there, and why.
    pub notes: Vec<String>,
}

/// A member of a run, as far as it got.
pub struct Member {
    /// Its coefficient and seed.
    pub id: MemberId,
    /// Where it stands.
    pub state: MemberState,
    /// Its finished epochs.
    pub history: Vec<EpochRow>,
    /// What was measured of it at its end.
    pub result: Option<MemberResult>,
    /// Its network: the trained one, or that of the last checkpoint.
    pub vae: Option<Vae>,
}

/// Where a member stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// It has no finished epoch.
    Waiting,
    /// It has some.
    Training,
    /// It is trained to its end.
    Finished,
    /// It is of no use, and why.
    Failed(String),
}

impl Run {
    /// Reads a run's directory. The networks are put on the device.
    ///
    /// What is damaged of a member makes it a failed one; what is missing beside it is left out, with a note.
    ///
    /// # Errors
    ///
    /// Fails when the directory is no run's, or its configuration cannot be read.
    pub fn read(path: &Path, device: &Device) -> Result<Self> {
        let dir = RunDir::open(path)?;
        let config = dir.config()?;
        let mut notes = Vec::new();
        let record = dir.record().unwrap_or_else(|error| {
            notes.push(format!("{error}."));
            None
        });
        let dataset = data::load_at_hand(&config.data)
            .map_err(|error| {
                notes.push(format!("Without its images, what needs them is left out: {error:#}."))
            })
            .ok();
        let members =
            config.members().into_iter().map(|id| Member::read(&dir.member(id), &config, device)).collect();
        Ok(Self { dir, config, record, dataset, members, notes })
    }

    /// Pixels of an image, where images, record or a network say it.
    pub fn pixels(&self) -> Option<usize> {
        let of_record = self.record.as_ref().map(|record| record.images.height * record.images.width);
        let of_network = || {
            self.members.iter().find_map(|member| Some(member.vae.as_ref()?.decoder.logits.weight.dims()[1]))
        };
        of_record.or_else(of_network)
    }

    /// Height and width of an image of so many pixels: a square, or else a row, where neither images nor record say it.
    pub fn image_size(&self, pixels: usize) -> [usize; 2] {
        let of_dataset = self.dataset.as_ref().map(|dataset| [dataset.test.height, dataset.test.width]);
        let of_record = self.record.as_ref().map(|record| [record.images.height, record.images.width]);
        let side = pixels.isqrt();
        let guess = if side * side == pixels { [side, side] } else { [1, pixels] };
        of_dataset.or(of_record).filter(|[height, width]| height * width == pixels).unwrap_or(guess)
    }
}

impl Member {
    fn read(dir: &MemberDir, config: &RunConfig, device: &Device) -> Self {
        let mut member =
            Self { id: dir.id(), state: MemberState::Waiting, history: Vec::new(), result: None, vae: None };
        if let Err(error) = member.fill(dir, config, device) {
            member.state = MemberState::Failed(format!("{error:#}"));
            (member.result, member.vae) = (None, None);
        }
        member
    }

    fn fill(&mut self, dir: &MemberDir, config: &RunConfig, device: &Device) -> Result<()> {
        self.history = dir.history()?;
        if let Some(last) = self.history.last() {
            self.state = MemberState::Training;
            ensure!(
                last.objective_is_finite(self.id.kl_coefficient),
                "its objective is no longer a finite number after epoch {}",
                last.epoch
            );
        }
        self.result = dir.result()?;
        let path = match &self.result {
            Some(_) => dir.weights(),
            None => dir.checkpoint(),
        };
        if self.result.is_some() {
            self.state = MemberState::Finished;
        } else if !path.exists() {
            return Ok(());
        }
        let vae = read_network(&path, config, device);
        self.vae = Some(vae.with_context(|| format!("its weights {} cannot be used", path.display()))?);
        Ok(())
    }
}
