//! The directory of a member of a run: which file is where, and what is in it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::claim::{Claims, Taken};
use crate::error::{RecordError, Result};
use crate::examples::Examples;
use crate::failure::Failure;
use crate::files::{create_dir, remove_temporary_files};
use crate::history::{EpochRow, HistoryFile, read_history};
use crate::losses::Losses;
use crate::member_id::MemberId;
use crate::outputs::Outputs;
use crate::result::MemberResult;
use crate::schema::{read_json, write_json};
use crate::stamp::stamp;

/// The directory of a member of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberDir {
    path: PathBuf,
    id: MemberId,
}

impl MemberDir {
    pub(crate) fn new(path: PathBuf, id: MemberId) -> Self {
        Self { path, id }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose it is.
    pub fn id(&self) -> MemberId {
        self.id
    }

    /// A number that changes with what is recorded of the member: with the names, sizes and times of its files.
    pub fn stamp(&self) -> u64 {
        stamp(&self.path)
    }

    /// Makes the directory.
    pub fn create(&self) -> Result<()> {
        create_dir(&self.path)
    }

    /// Tries to claim the member, whose directory is made if need be.
    pub fn claim(&self, claims: &Claims) -> Result<Taken> {
        self.create()?;
        let taken = claims.take(&self.path)?;
        if matches!(taken, Taken::Ours(_)) {
            remove_temporary_files(&self.path)?;
            remove_temporary_files(&self.path.join("checkpoint"))?;
        }
        Ok(taken)
    }

    /// The state of a member in training: one file, since only a single rename replaces an old state by a new one at once.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint/state.safetensors")
    }

    /// The one before, which is gone on from where the last one is damaged.
    pub fn previous_checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint/previous.safetensors")
    }

    /// Removes the checkpoints, which a finished member does not need.
    pub fn remove_checkpoint(&self) -> Result<()> {
        let dir = self.path.join("checkpoint");
        match fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(RecordError::io("remove", &dir)(error)),
            _ => Ok(()),
        }
    }

    /// The trained weights.
    pub fn weights(&self) -> PathBuf {
        self.path.join("weights.safetensors")
    }

    /// What the network makes of the examples; `None` if that is not recorded.
    ///
    /// # Errors
    ///
    /// Fails when the file is damaged, or does not fit the examples or the number of latent dimensions.
    pub fn outputs(&self, examples: &Examples, latent: usize) -> Result<Option<Outputs>> {
        Outputs::read(&self.outputs_path(), examples, latent)
    }

    /// The epochs after which the recorded outputs were made, without reading them.
    pub fn outputs_epoch(&self) -> Option<usize> {
        Outputs::epoch_of(&self.outputs_path())
    }

    /// Writes what the network makes of the examples.
    pub fn write_outputs(&self, outputs: &Outputs) -> Result<()> {
        outputs.write(&self.outputs_path())
    }

    fn outputs_path(&self) -> PathBuf {
        self.path.join("outputs.safetensors")
    }

    /// The losses of single images; `None` if they are not recorded.
    ///
    /// # Errors
    ///
    /// Fails when the file is damaged.
    pub fn losses(&self) -> Result<Option<Losses>> {
        Losses::read(&self.losses_path())
    }

    /// Writes the losses of single images.
    pub fn write_losses(&self, losses: &Losses) -> Result<()> {
        losses.write(&self.losses_path())
    }

    fn losses_path(&self) -> PathBuf {
        self.path.join("losses.safetensors")
    }

    /// Where the member's figures are.
    pub fn figures(&self) -> PathBuf {
        self.path.join("figures")
    }

    /// `history.csv`, to be appended to.
    pub fn history_file(&self) -> HistoryFile {
        HistoryFile::new(self.path.join("history.csv"), self.id)
    }

    /// The finished epochs.
    pub fn history(&self) -> Result<Vec<EpochRow>> {
        read_history(&self.path.join("history.csv"))
    }

    /// The result; `None` if the member was not trained to its end.
    pub fn result(&self) -> Result<Option<MemberResult>> {
        read_json(&self.result_path())
            .map_err(RecordError::with_remedy("delete it to train this member again"))
    }

    /// Whether the member was trained to its end.
    pub fn is_finished(&self) -> bool {
        self.result_path().exists()
    }

    fn result_path(&self) -> PathBuf {
        self.path.join("result.json")
    }

    /// Why the member could not be trained to its end when that was last tried; `None` if it was not tried, or is going on.
    pub fn failure(&self) -> Result<Option<Failure>> {
        read_json(&self.failure_path())
    }

    /// Writes why.
    pub fn write_failure(&self, failure: &Failure) -> Result<()> {
        write_json(&self.failure_path(), failure)
    }

    /// Forgets a failure, since the member is tried again.
    pub fn remove_failure(&self) -> Result<()> {
        match fs::remove_file(self.failure_path()) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(RecordError::io("remove", &self.failure_path())(error))
            }
            _ => Ok(()),
        }
    }

    fn failure_path(&self) -> PathBuf {
        self.path.join("failure.json")
    }

    /// Writes `result.json`. Where it stands, a member is finished: everything else is written before.
    pub fn write_result(&self, result: &MemberResult) -> Result<()> {
        write_json(&self.result_path(), result)
    }
}
