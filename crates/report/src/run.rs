//! What a run's directory holds, read for its report: as much as is there.

use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use record::{
    Baselines, DataRecord, Encoded, EpochRow, Examples, Failure, Losses, MemberDir, MemberId, MemberResult,
    Outputs, RunConfig, RunDir, RunRecord, Shape,
};

use crate::error::Result;
use crate::packed::bytes_of_decoder;

/// A run, finished or not.
pub struct Run {
    /// Its directory.
    pub dir: PathBuf,
    /// What it trains.
    pub config: RunConfig,
    /// Where and when it ran; `None` if that was not recorded or is damaged.
    pub record: Option<RunRecord>,
    /// The examples by which its members are shown.
    pub examples: Option<Examples>,
    /// The coefficients at which a linear decoder would lose its dimensions, the greatest first.
    pub collapse: Vec<f64>,
    /// What the data allows without a network, where that is recorded.
    pub baselines: Option<Baselines>,
    /// In the order of the configuration.
    pub members: Vec<Member>,
    /// What is left out, and why.
    pub notes: Vec<String>,
}

/// A member of a run, as far as it got.
pub struct Member {
    /// Its coefficient and seed.
    pub id: MemberId,
    dir: MemberDir,
    /// Where it stands.
    pub state: MemberState,
    /// Its finished epochs.
    pub history: Vec<EpochRow>,
    /// What was measured of it at its end.
    pub result: Option<MemberResult>,
    /// What its network makes of each image.
    pub losses: Option<Losses>,
    /// The posteriors of the test examples.
    pub encoded: Option<Encoded>,
    /// What is recorded of its network; `None` if nothing is.
    pub recorded: Option<RecordedOutputs>,
    /// Of the files that it was read from: see [`MemberDir::stamp`].
    stamp: u64,
}

/// What the file of a network's outputs holds. The outputs themselves are read where they are shown: those of all members of a
/// large run together would fill the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedOutputs {
    /// How many bytes the decoder takes on the page; `None` if it is not recorded.
    pub decoder_bytes: Option<usize>,
    /// Whether there are pictures of a plane of codes.
    pub has_grid: bool,
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
    /// Reads a run's directory.
    ///
    /// What is damaged of a member makes it a failed one; what is missing beside it is left out, with a note.
    ///
    /// Members of `before`, the run as it was read before, are taken from there as far as their files are as they were.
    ///
    /// # Errors
    ///
    /// Fails when the directory is no run's, or its configuration cannot be read.
    pub fn read(path: &Path, before: Option<Self>) -> Result<Self> {
        let dir = RunDir::open(path)?;
        let config = dir.config()?;
        let mut notes = Vec::new();
        let mut noted = |error: record::RecordError| notes.push(format!("{error}."));
        let record = dir.record().unwrap_or_else(|error| {
            noted(error);
            None
        });
        let examples = dir.examples().unwrap_or_else(|error| {
            noted(error);
            None
        });
        let collapse = dir.collapse().unwrap_or_else(|error| {
            noted(error);
            None
        });
        let baselines = dir.baselines().unwrap_or_else(|error| {
            noted(error);
            None
        });
        let latent = config.model.latent;
        let same_examples = before.as_ref().is_some_and(|before| before.examples == examples);
        let mut known: Vec<Member> =
            before.filter(|_| same_examples).map(|before| before.members).unwrap_or_default();
        let look = |id| {
            let dir = dir.member(id);
            // Stamped before it is read: what is written meanwhile is read the next time.
            let stamp = dir.stamp();
            let place = known.iter().position(|member| (member.id, member.stamp) == (id, stamp));
            (dir, stamp, place.map(|place| known.swap_remove(place)))
        };
        let looked: Vec<_> = config.members().into_iter().map(look).collect();
        let members: Vec<Member> = looked
            .into_par_iter()
            .map(|(dir, stamp, known)| {
                known.unwrap_or_else(|| Member::read(&dir, stamp, examples.as_ref(), latent))
            })
            .collect();
        let started = members.iter().any(|member| !member.history.is_empty());
        if started && members.iter().all(|member| member.recorded.is_none() && !member.failed()) {
            notes.push(
                "It is not recorded what the networks make of examples: the latent explorer, encoder outputs and decoded \
                 images are left out."
                    .to_string(),
            );
        }
        let without_losses = |member: &&Member| member.result.is_some() && member.losses.is_none();
        let lacking: Vec<String> =
            members.iter().filter(without_losses).map(|member| member.id.to_string()).collect();
        if !lacking.is_empty() {
            notes.push(format!(
                "The losses of single images are not recorded of {}: nothing can be decided by them.",
                lacking.join(", ")
            ));
        }
        notes.extend(record.iter().flat_map(|record| notes_on(&record.data)));
        let collapse = collapse.unwrap_or_default();
        Ok(Self { dir: path.to_path_buf(), config, record, examples, collapse, baselines, members, notes })
    }

    /// The distortion that no decoder falls below, in nats per test image, where it is recorded.
    pub fn distortion_floor(&self) -> Option<f64> {
        self.record.as_ref()?.distortion_floor
    }

    /// What an example is, where the record says it.
    pub fn shape(&self) -> Option<Shape> {
        let of_examples = self.examples.as_ref().map(|examples| examples.shape.clone());
        of_examples.or_else(|| self.record.as_ref().map(|record| record.data.shape()))
    }
}

/// What a reader has to know of the data.
fn notes_on(data: &DataRecord) -> Vec<String> {
    let DataRecord { validation, test, notes, .. } = data;
    let parts = (*validation > 0).then(|| {
        format!(
            "The held-out images are the {validation} examples of the validation part; the {test} of the test part report on what \
             was chosen."
        )
    });
    notes.iter().cloned().chain(parts).collect()
}

impl Member {
    fn read(dir: &MemberDir, stamp: u64, examples: Option<&Examples>, latent: usize) -> Self {
        let mut member = Self {
            id: dir.id(),
            dir: dir.clone(),
            state: MemberState::Waiting,
            history: Vec::new(),
            result: None,
            losses: None,
            encoded: None,
            recorded: None,
            stamp,
        };
        if let Err(reason) = member.fill(dir, examples, latent) {
            member.state = MemberState::Failed(reason);
            (member.result, member.losses) = (None, None);
        }
        member
    }

    /// Fails with what is wrong with the member.
    fn fill(&mut self, dir: &MemberDir, examples: Option<&Examples>, latent: usize) -> Result<(), String> {
        self.history = dir.history().map_err(|error| error.to_string())?;
        let failure = dir.failure().map_err(|error| error.to_string())?;
        if let Some(Failure { message, .. }) = failure.filter(|_| !dir.is_finished()) {
            return Err(message);
        }
        if let Some(last) = self.history.last() {
            self.state = MemberState::Training;
            if !last.objective_is_finite(self.id.kl_coefficient) {
                return Err(format!("its objective is no longer a finite number after epoch {}", last.epoch));
            }
        }
        self.result = dir.result().map_err(|error| error.to_string())?;
        if self.result.is_some() {
            self.state = MemberState::Finished;
            self.losses = dir.losses().map_err(|error| error.to_string())?;
        }
        if let Some(examples) = examples {
            let outputs = dir.outputs(examples, latent).map_err(|error| error.to_string())?;
            self.recorded = outputs.as_ref().map(|outputs| RecordedOutputs {
                decoder_bytes: outputs.decoder.as_ref().map(bytes_of_decoder),
                has_grid: outputs.plane.is_some() || outputs.manifold.is_some(),
            });
            self.encoded = outputs.and_then(|outputs| outputs.test);
        }
        Ok(())
    }

    /// Where its figures belong.
    pub fn figures(&self) -> PathBuf {
        self.dir.figures()
    }

    /// What its network makes of the examples; `None` if it is not recorded, or no longer as it was.
    pub fn outputs(&self, run: &Run) -> Option<Outputs> {
        self.recorded?;
        self.dir.outputs(run.examples.as_ref()?, run.config.model.latent).ok().flatten()
    }

    fn failed(&self) -> bool {
        matches!(self.state, MemberState::Failed(_))
    }

    /// The KL of each latent dimension, in nats, as last measured; zeros before the first epoch.
    pub fn kl_per_dim(&self, latent: usize) -> Vec<f64> {
        match (&self.result, self.history.last()) {
            (Some(result), _) if !result.diagnostics.kl_per_dim.is_empty() => {
                result.diagnostics.kl_per_dim.clone()
            }
            (_, Some(row)) => row.test_latent.kl_per_dim.clone(),
            _ => vec![0.0; latent],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::Recorded;
    use std::fs::{self, File};
    use std::time::Duration;

    #[test]
    fn a_member_is_read_again_when_its_files_have_changed_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let config = RunConfig { kl_coefficients: vec![0.0, 1.0], ..RunConfig::default() };
        let path = folder.path().join("again");
        let dir = RunDir::create(&path, &config).unwrap();
        let Recorded { examples, outputs, .. } = Recorded::new(2);
        dir.write_examples(&examples).unwrap();
        let members = config.members();
        for &id in &members {
            dir.member(id).create().unwrap();
            dir.member(id).write_outputs(&outputs).unwrap();
        }
        let run = Run::read(&path, None).unwrap();
        assert!(run.members.iter().all(|member| member.outputs(&run).as_ref() == Some(&outputs)));

        // Damaged, though of the same size and time: whoever reads it notices.
        let file = dir.member(members[1]).path().join("outputs.safetensors");
        let (content, time) = (fs::read(&file).unwrap(), file.metadata().unwrap().modified().unwrap());
        fs::write(&file, vec![b'?'; content.len()]).unwrap();
        let set_time = |time| File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        set_time(time);
        let run = Run::read(&path, Some(run)).unwrap();
        assert_eq!(run.members[1].encoded, outputs.test);
        assert_eq!(run.members[1].outputs(&run), None, "read again, it is damaged");
        set_time(time + Duration::from_secs(1));
        let run = Run::read(&path, Some(run)).unwrap();
        assert!(matches!(run.members[1].state, MemberState::Failed(_)));
        assert_eq!(run.members[0].outputs(&run).as_ref(), Some(&outputs));
    }
}
