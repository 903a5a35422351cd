//! The file of a checkpoint: tensors, and in its header where training stands.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::arrays::header_text;
use crate::error::{RecordError, Result};
use crate::schema::{SCHEMA, VERSION, check_schema};
use crate::tensor_file::{SavedTensor, TensorFile};

/// The key of the header under which everything that is no tensor stands, as TOML: what reads it gives every
/// number back bit for bit, which `serde_json` does not without a feature that all of Burn would have to be built with.
const KEY: &str = "klsweep";

/// What a checkpoint holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Where training stands.
    pub position: TrainingPosition,
    /// The tensors by name; what they mean is known to who trains.
    pub tensors: BTreeMap<String, SavedTensor>,
}

/// What a checkpoint holds beside tensors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingPosition {
    #[serde(default)]
    schema: u32,
    #[serde(default)]
    version: String,
    /// The instruction set of the kernels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernels: Option<String>,
    /// Epochs finished.
    pub epoch: usize,
    /// Steps finished in the epoch after these.
    pub step: usize,
    /// Updates of the weights up to here.
    pub updates: u64,
    /// Seconds of training up to here.
    pub seconds: f64,
    /// Of everything else in the file, so that a bit that changed on disk is noticed. Checkpoints of the first version have
    /// none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<u32>,
}

impl TrainingPosition {
    /// Of a checkpoint in the present format.
    pub fn new(kernels: Option<&str>, epoch: usize, step: usize, updates: u64, seconds: f64) -> Self {
        let kernels = kernels.map(str::to_string);
        let version = VERSION.to_string();
        Self { schema: SCHEMA, version, kernels, epoch, step, updates, seconds, checksum: None }
    }

    /// The entry of the header, key and text, of a file that holds these tensors, by their names and bytes.
    ///
    /// # Errors
    ///
    /// Fails when a number cannot be written as TOML.
    pub fn header<'a>(
        mut self,
        tensors: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<(String, String), toml::ser::Error> {
        self.checksum = Some(self.checksum(tensors)?);
        Ok((KEY.to_string(), toml::to_string(&self)?))
    }

    /// CRC-32C of the position and the bytes of the tensors in the order of their names.
    fn checksum<'a>(
        &self,
        tensors: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<u32, toml::ser::Error> {
        let in_order: BTreeMap<&str, &[u8]> = tensors.collect();
        let position = toml::to_string(&Self { checksum: None, ..self.clone() })?;
        let start = crc32c::crc32c(position.as_bytes());
        Ok(in_order.values().fold(start, |sum, bytes| crc32c::crc32c_append(sum, bytes)))
    }

    /// That of a checkpoint, without its tensors being read; `None` if there is none, or it cannot be read.
    pub fn of_file(path: &Path) -> Option<Self> {
        toml::from_str(&header_text(path, KEY)?).ok()
    }
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    ///
    /// Fails when the file is damaged anywhere, or was written by a newer version.
    pub fn read(path: &Path) -> Result<Self> {
        let TensorFile { tensors, metadata } = TensorFile::read(path)?;
        let damaged = |reason: String| RecordError::damaged(path)(reason);
        let text = metadata.get(KEY).ok_or_else(|| damaged(format!("its header has no entry {KEY:?}")))?;
        let position: TrainingPosition =
            toml::from_str(text).map_err(|error| damaged(format!("its position cannot be read: {error}")))?;
        check_schema(path, position.schema, &position.version)?;
        if let Some(expected) = position.checksum {
            let found = position
                .checksum(tensors.iter().map(|(name, tensor)| (name.as_str(), &tensor.bytes[..])))
                .map_err(RecordError::damaged(path))?;
            if found != expected {
                return Err(damaged(format!("its checksum is {found:08x} instead of {expected:08x}")));
            }
        }
        Ok(Self { position, tensors })
    }
}
