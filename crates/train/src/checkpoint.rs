//! Where a member stands: saved so that it goes on bit for bit.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use burn::tensor::{Device, Tensor, TensorData};
use model::{Adam, Moments, NamedTensor, Vae, load_parameters, named_parameters};
use record::{MemberDir, OptimizerConfig, SCHEMA, VERSION, check_schema, create_dir};
use serde::{Deserialize, Serialize};

use crate::network::adam_config;
use crate::state::{EpochSums, TrainState};
use crate::tensor_file::{SafetensorsFile, read_safetensors, write_safetensors};

/// The key of the safetensors header under which everything that is no tensor stands, as TOML: what reads it gives every
/// number back bit for bit, which `serde_json` does not without a feature that all of Burn would have to be built with.
const POSITION_KEY: &str = "klsweep";

/// What a checkpoint holds beside tensors.
#[derive(Serialize, Deserialize)]
struct Position {
    #[serde(default)]
    schema: u32,
    #[serde(default)]
    version: String,
    /// The instruction set of the kernels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kernels: Option<String>,
    epoch: usize,
    step: usize,
    updates: u64,
    seconds: f64,
}

/// The state of a member in training, apart from the training itself, so that it can be written while that goes on.
pub struct Snapshot {
    tensors: Vec<NamedTensor>,
    position: String,
}

impl Snapshot {
    /// A copy of the state as it is now, on a machine whose kernels use this instruction set.
    ///
    /// # Errors
    ///
    /// Fails when the position cannot be written as TOML.
    pub fn of(state: &TrainState, kernels: Option<&str>) -> Result<Self> {
        let mut tensors = named_parameters(&state.vae);
        let moments: Vec<NamedTensor> = tensors
            .iter()
            .zip(state.adam.moments())
            .flat_map(|(parameter, moments)| {
                [("first", &moments.first), ("second", &moments.second)].map(|(moment, tensor)| NamedTensor {
                    name: format!("adam.{moment}.{}", parameter.name),
                    data: tensor.to_data(),
                })
            })
            .collect();
        tensors.extend(moments);
        let EpochSums { reconstruction, kl, clamped } = &state.sums;
        for (name, sum) in [("reconstruction", reconstruction), ("kl", kl), ("saturated", clamped)] {
            tensors.push(NamedTensor { name: format!("sums.{name}"), data: sum.to_data() });
        }
        let position = Position {
            schema: SCHEMA,
            version: VERSION.to_string(),
            kernels: kernels.map(str::to_string),
            epoch: state.epoch,
            step: state.step,
            updates: state.adam.updates(),
            seconds: state.seconds(),
        };
        let position = toml::to_string(&position).context("cannot write the position as TOML")?;
        Ok(Self { tensors, position })
    }

    /// Saves it in the member's directory, in the place of the one before.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be written; the one before is then still there.
    pub fn write(self, dir: &MemberDir) -> Result<()> {
        let path = dir.checkpoint();
        create_dir(path.parent().expect("the path has a directory"))?;
        write_safetensors(&path, &self.tensors, HashMap::from([(POSITION_KEY.to_string(), self.position)]))
    }
}

/// A state that was read back.
pub struct Saved {
    /// The state.
    pub state: TrainState,
    /// The instruction set of the kernels that computed it, where that is known.
    pub kernels: Option<String>,
}

/// The epochs that a member's checkpoint has finished; `None` if there is none, or it cannot be read.
pub fn finished_epochs(dir: &MemberDir) -> Option<usize> {
    let SafetensorsFile { metadata, .. } = read_safetensors(&dir.checkpoint()).ok()?;
    let position: Position = toml::from_str(metadata.get(POSITION_KEY)?).ok()?;
    Some(position.epoch)
}

/// The state of a member as it was last saved; `None` if it never was.
///
/// `vae` is a network of the sizes of the saved one, `device` the one that it is on.
///
/// # Errors
///
/// Fails when the file is damaged, was written by a newer version, or holds another network.
pub fn load(
    dir: &MemberDir,
    vae: Vae,
    optimizer: &OptimizerConfig,
    device: &Device,
) -> Result<Option<Saved>> {
    let path = dir.checkpoint();
    if !path.exists() {
        return Ok(None);
    }
    read(&path, vae, optimizer, device).map(Some).with_context(|| {
        format!(
            "the checkpoint {} cannot be used: delete it to train this member from its first step",
            path.display()
        )
    })
}

fn read(path: &Path, vae: Vae, optimizer: &OptimizerConfig, device: &Device) -> Result<Saved> {
    let SafetensorsFile { mut tensors, metadata } = read_safetensors(path)?;
    let position = metadata.get(POSITION_KEY).with_context(|| format!("it has no entry {POSITION_KEY:?}"))?;
    let position: Position = toml::from_str(position).context("its position is damaged")?;
    check_schema(path, position.schema, &position.version)?;
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
        EpochSums { reconstruction: sum("reconstruction")?, kl: sum("kl")?, clamped: sum("saturated")? };
    let state = TrainState {
        vae: load_parameters(vae, parameters)?,
        adam: Adam::resume(adam_config(optimizer), position.updates, moments),
        epoch: position.epoch,
        step: position.step,
        sums,
        seconds_before: position.seconds,
        started: std::time::Instant::now(),
    };
    Ok(Saved { state, kernels: position.kernels })
}

fn vector(data: TensorData, elements: usize, name: &str, device: &Device) -> Result<Tensor<1>> {
    if data.shape().as_slice() != [elements] {
        return Err(anyhow!("{name} has the shape {:?} instead of [{elements}]", data.shape()));
    }
    Ok(Tensor::from_data(data, device))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::initial_vae;
    use record::{RunConfig, RunDir};
    use tempfile::TempDir;

    fn saved(kernels: Option<&str>) -> (TempDir, MemberDir, Vae) {
        let root = TempDir::new().unwrap();
        let config = RunConfig { kl_coefficients: vec![1.0], ..RunConfig::default() };
        let dir = RunDir::create(root.path(), &config).unwrap().member(config.members()[0]);
        let device = Device::flex();
        let vae = initial_vae(&config, 4, 0, &device);
        let mut state = TrainState::start(vae.clone(), &config, &device);
        (state.epoch, state.step, state.seconds_before) = (3, 7, 0.1 + 0.2);
        state.sums.kl = Tensor::from_data([233.416_16f32], &device);
        Snapshot::of(&state, kernels).unwrap().write(&dir).unwrap();
        (root, dir, vae)
    }

    fn loaded(dir: &MemberDir, vae: Vae) -> Result<Option<Saved>> {
        load(dir, vae, &OptimizerConfig::default(), &Device::flex())
    }

    #[test]
    fn a_state_comes_back_bit_for_bit() {
        let (_root, dir, vae) = saved(Some("avx2"));
        let Saved { state, kernels } = loaded(&dir, vae.clone()).unwrap().expect("it was saved");
        assert_eq!((state.epoch, state.step, kernels.as_deref()), (3, 7, Some("avx2")));
        assert!(state.seconds_before >= 0.1 + 0.2);
        assert_eq!(state.sums.kl.into_scalar::<f32>(), 233.416_16);
        for (found, expected) in named_parameters(&state.vae).iter().zip(named_parameters(&vae)) {
            assert_eq!(found.data.as_bytes(), expected.data.as_bytes(), "{}", expected.name);
        }
    }

    #[test]
    fn a_checkpoint_of_a_newer_version_is_named_as_one() {
        let (_root, dir, vae) = saved(None);
        let SafetensorsFile { tensors, metadata } = read_safetensors(&dir.checkpoint()).unwrap();
        let tensors: Vec<NamedTensor> =
            tensors.into_iter().map(|(name, data)| NamedTensor { name, data }).collect();
        let newer = |(key, position): (String, String)| {
            let schema = position.replace("schema = 1\n", "schema = 2\n");
            (key, schema.replace(&format!("version = {VERSION:?}"), "version = \"9.1.0\""))
        };
        let metadata = metadata.into_iter().map(newer).collect();
        write_safetensors(&dir.checkpoint(), &tensors, metadata).unwrap();
        let error = format!("{:#}", loaded(&dir, vae).err().expect("it is refused"));
        assert!(error.contains("was written by klsweep 9.1.0 in format 2"), "{error}");
        assert!(!error.contains("damaged"), "{error}");
    }
}
