//! Where a member stands: saved so that it goes on bit for bit.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use burn::tensor::{Device, Tensor, TensorData};
use model::{Adam, AdamConfig, Moments, NamedTensor, Vae, load_parameters, named_parameters};
use serde::{Deserialize, Serialize};

use crate::files::{SafetensorsFile, create_dir, read_safetensors, write_safetensors};
use crate::member::{EpochRow, EpochSums, Training};

/// The key of the safetensors header under which everything that is no tensor stands, as TOML: what reads it gives every
/// number back bit for bit, which `serde_json` does not without a feature that all of Burn would have to be built with.
const POSITION_KEY: &str = "klsweep";

/// What a checkpoint holds beside tensors.
#[derive(Serialize, Deserialize)]
struct Position {
    epoch: usize,
    step: usize,
    updates: u64,
    seconds: f64,
    history: Vec<EpochRow>,
}

/// The checkpoint's file in a member's directory.
///
/// It is one file, since only a single rename replaces the old state by the new one at once.
pub fn path(member_dir: &Path) -> PathBuf {
    member_dir.join("checkpoint/state.safetensors")
}

/// The state of a member in training, apart from the training itself, so that it can be written while that goes on.
pub struct Snapshot {
    tensors: Vec<NamedTensor>,
    position: String,
}

impl Snapshot {
    /// A copy of the state as it is now.
    ///
    /// # Errors
    ///
    /// Fails when the position cannot be written as TOML.
    pub fn of(training: &Training) -> Result<Self> {
        let mut tensors = named_parameters(&training.vae);
        let moments: Vec<NamedTensor> = tensors
            .iter()
            .zip(training.adam.moments())
            .flat_map(|(parameter, moments)| {
                [("first", &moments.first), ("second", &moments.second)].map(|(moment, tensor)| NamedTensor {
                    name: format!("adam.{moment}.{}", parameter.name),
                    data: tensor.to_data(),
                })
            })
            .collect();
        tensors.extend(moments);
        let EpochSums { reconstruction, kl, saturated } = &training.sums;
        for (name, sum) in [("reconstruction", reconstruction), ("kl", kl), ("saturated", saturated)] {
            tensors.push(NamedTensor { name: format!("sums.{name}"), data: sum.to_data() });
        }
        let position = Position {
            epoch: training.epoch,
            step: training.step,
            updates: training.adam.updates(),
            seconds: training.seconds(),
            history: training.history.clone(),
        };
        let position = toml::to_string(&position).context("cannot write the position as TOML")?;
        Ok(Self { tensors, position })
    }

    /// Saves it in the member's directory, in the place of the one before.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written; the one before is then still there.
    pub fn write(self, member_dir: &Path) -> Result<()> {
        let path = path(member_dir);
        create_dir(path.parent().expect("the path has a directory"))?;
        write_safetensors(&path, &self.tensors, HashMap::from([(POSITION_KEY.to_string(), self.position)]))
    }
}

/// The state of a member as it was last saved; nothing if it never was.
///
/// `vae` is a network of the sizes of the saved one, `device` the one that it is on.
///
/// # Errors
///
/// Fails when the file is damaged, or holds another network.
pub fn load(member_dir: &Path, vae: Vae, adam: &AdamConfig, device: &Device) -> Result<Option<Training>> {
    let path = path(member_dir);
    if !path.exists() {
        return Ok(None);
    }
    read(&path, vae, adam, device).map(Some).with_context(|| {
        format!(
            "the checkpoint {} cannot be used: delete it to train this member from its first step",
            path.display()
        )
    })
}

fn read(path: &Path, vae: Vae, adam: &AdamConfig, device: &Device) -> Result<Training> {
    let SafetensorsFile { mut tensors, metadata } = read_safetensors(path)?;
    let position = metadata.get(POSITION_KEY).with_context(|| format!("it has no entry {POSITION_KEY:?}"))?;
    let position: Position = toml::from_str(position).context("its position is damaged")?;
    let mut take = |name: String| tensors.remove(&name).ok_or_else(|| anyhow!("it lacks {name}"));

    let mut parameters = Vec::new();
    let mut moments = Vec::new();
    for NamedTensor { name, data } in named_parameters(&vae) {
        let elements = data.num_elements();
        let mut moment = |moment: &str| -> Result<Tensor<1>> {
            let name = format!("adam.{moment}.{name}");
            let data = take(name.clone())?;
            vector(data, elements, &name, device)
        };
        moments.push(Moments { first: moment("first")?, second: moment("second")? });
        parameters.push(NamedTensor { data: take(name.clone())?, name });
    }
    let mut sum = |name: &str| vector(take(format!("sums.{name}"))?, 1, name, device);
    let sums =
        EpochSums { reconstruction: sum("reconstruction")?, kl: sum("kl")?, saturated: sum("saturated")? };
    Ok(Training {
        vae: load_parameters(vae, parameters)?,
        adam: Adam::resume(adam.clone(), position.updates, moments),
        epoch: position.epoch,
        step: position.step,
        sums,
        history: position.history,
        seconds_before: position.seconds,
        started: std::time::Instant::now(),
    })
}

fn vector(data: TensorData, elements: usize, name: &str, device: &Device) -> Result<Tensor<1>> {
    if data.shape().as_slice() != [elements] {
        return Err(anyhow!("{name} has the shape {:?} instead of [{elements}]", data.shape()));
    }
    Ok(Tensor::from_data(data, device))
}

/// Removes what training needed and the finished member does not.
pub fn remove(member_dir: &Path) -> Result<()> {
    let path = path(member_dir);
    let dir = path.parent().expect("the path has a directory");
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::evaluate::{LatentUse, Terms};
    use crate::member::initial_vae;

    #[test]
    fn a_history_comes_back_bit_for_bit() {
        let dir = tempfile::TempDir::new().unwrap();
        let (config, device) = (RunConfig::default(), Device::flex());
        let vae = initial_vae(&config, 4, 0, &device);
        let mut training = Training::start(vae.clone(), &config, &device);
        // Numbers of a real history that a careless reader misses by the last bit.
        for (epoch, value) in
            [233.41616821289062, 10.579077353212583, 218.34457397460938].into_iter().enumerate()
        {
            let terms = Terms { reconstruction: value, kl: value / 3.0 };
            let test_latent = LatentUse { kl_per_dim: vec![value.sqrt(), 0.0], active_units: 1 };
            training.history.push(EpochRow {
                epoch: epoch + 1,
                train: terms,
                test: terms,
                test_latent,
                saturated_log_vars: 0,
            });
        }
        Snapshot::of(&training).unwrap().write(dir.path()).unwrap();
        let loaded = load(dir.path(), vae, &config.optimizer, &device).unwrap().expect("it was saved");
        assert_eq!(loaded.history, training.history);
    }
}
