//! Where a member stands: saved so that it goes on bit for bit.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use burn::tensor::{Device, Tensor, TensorData};
use model::{Adam, Moments, NamedTensor, Vae, load_parameters, named_parameters};
use record::{
    Checkpoint, MemberDir, NotFinite, OptimizerConfig, TrainingPosition, create_dir, write_keeping_previous,
};

use crate::finiteness::not_finite;
use crate::network::adam_config;
use crate::state::{EpochSums, TrainState};
use crate::tensor_file::{tensor_data, to_safetensors};

/// The state of a member in training, apart from the training itself, so that it can be written while that goes on.
pub struct Snapshot {
    tensors: Vec<NamedTensor>,
    position: TrainingPosition,
}

impl Snapshot {
    /// A copy of the state as it is now, on a machine whose kernels use this instruction set.
    pub fn of(state: &TrainState, kernels: Option<&str>) -> Self {
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
        let updates = state.adam.updates();
        let position = TrainingPosition::new(kernels, state.epoch, state.step, updates, state.seconds());
        Self { tensors, position }
    }

    /// What of it is NaN or infinite; `None` if every number is finite.
    pub fn not_finite(&self) -> Option<NotFinite> {
        let TrainingPosition { epoch, step, .. } = self.position;
        let [epoch, step] = if step == 0 { [epoch, 0] } else { [epoch + 1, step] };
        let tensor = not_finite(&self.tensors)?;
        Some(NotFinite { tensor, epoch, step: (step > 0).then_some(step) })
    }

    /// Saves it in the member's directory. The one before is kept, for the case that this one is damaged later.
    ///
    /// # Errors
    ///
    /// [`NotFinite`] when it holds NaN or infinity, from which no training can go on, or why the file cannot be written. The
    /// one before is then still there.
    pub fn write(self, dir: &MemberDir) -> Result<()> {
        if let Some(not_finite) = self.not_finite() {
            return Err(not_finite.into());
        }
        let Self { tensors, position } = self;
        let bytes = tensors.iter().map(|NamedTensor { name, data }| (name.as_str(), data.as_bytes()));
        let position = position.header(bytes).context("cannot write the position as TOML")?;
        let file = to_safetensors(&tensors, HashMap::from([position]))?;
        let path = dir.checkpoint();
        create_dir(path.parent().expect("the path has a directory"))?;
        Ok(write_keeping_previous(&path, &dir.previous_checkpoint(), &file)?)
    }
}

/// A state that was read back.
pub struct Saved {
    /// The state.
    pub state: TrainState,
    /// The instruction set of the kernels that computed it, where that is known.
    pub kernels: Option<String>,
    /// What is wrong with the last checkpoint, where this is the one before it.
    pub damage: Option<anyhow::Error>,
}

/// Where a member's checkpoint stands, without its tensors being read; `None` if there is none, or it cannot be read.
pub fn position(dir: &MemberDir) -> Option<TrainingPosition> {
    TrainingPosition::of_file(&dir.checkpoint())
}

/// The state of a member as it was last saved; `None` if it never was. Where the last checkpoint is damaged, it is the one
/// before.
///
/// `vae` is a network of the sizes of the saved one, `device` the one that it is on.
///
/// # Errors
///
/// Fails when all that is there is damaged, was written by a newer version, or holds another network.
pub fn load(
    dir: &MemberDir,
    vae: Vae,
    optimizer: &OptimizerConfig,
    device: &Device,
) -> Result<Option<Saved>> {
    let mut damage = None;
    for path in [dir.checkpoint(), dir.previous_checkpoint()].into_iter().filter(|path| path.exists()) {
        match read(&path, vae.clone(), optimizer, device) {
            Ok(saved) => return Ok(Some(Saved { damage, ..saved })),
            Err(error) => damage = damage.or(Some(error)),
        }
    }
    damage.map_or(Ok(None), |error| {
        Err(error.context(format!(
            "no checkpoint of {} can be used; to train it from its first step, delete {}",
            dir.id(),
            dir.checkpoint().parent().unwrap_or(dir.path()).display()
        )))
    })
}

fn read(path: &Path, vae: Vae, optimizer: &OptimizerConfig, device: &Device) -> Result<Saved> {
    let Checkpoint { position, mut tensors } = Checkpoint::read(path)?;
    let mut take = |name: String| {
        let saved = tensors.remove(&name).with_context(|| format!("{} lacks {name}", path.display()))?;
        Ok::<TensorData, anyhow::Error>(tensor_data(&saved))
    };

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
    Ok(Saved { state, kernels: position.kernels, damage: None })
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
    use record::{RunConfig, RunDir, SCHEMA, Shape, TensorFile, VERSION};
    use tempfile::TempDir;

    fn saved(kernels: Option<&str>) -> (TempDir, MemberDir, Vae) {
        let root = TempDir::new().unwrap();
        let config = RunConfig { kl_coefficients: vec![1.0], ..RunConfig::default() };
        let dir = RunDir::create(root.path(), &config).unwrap().member(config.members()[0]);
        let device = Device::flex();
        let vae = initial_vae(&config, &Shape::grey(2, 2), 0, &device).unwrap();
        let mut state = TrainState::start(vae.clone(), &config, &device);
        (state.epoch, state.step, state.seconds_before) = (3, 7, 0.1 + 0.2);
        state.sums.kl = Tensor::from_data([233.416_16f32], &device);
        Snapshot::of(&state, kernels).write(&dir).unwrap();
        (root, dir, vae)
    }

    fn loaded(dir: &MemberDir, vae: Vae) -> Result<Option<Saved>> {
        load(dir, vae, &OptimizerConfig::default(), &Device::flex())
    }

    #[test]
    fn a_state_comes_back_bit_for_bit() {
        let (_root, dir, vae) = saved(Some("avx2"));
        let Saved { state, kernels, .. } = loaded(&dir, vae.clone()).unwrap().expect("it was saved");
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
        let TensorFile { tensors, metadata } = TensorFile::read(&dir.checkpoint()).unwrap();
        let tensors: Vec<NamedTensor> = tensors
            .iter()
            .map(|(name, saved)| NamedTensor { name: name.clone(), data: tensor_data(saved) })
            .collect();
        let newer = |(key, position): (String, String)| {
            let schema =
                position.replace(&format!("schema = {SCHEMA}\n"), &format!("schema = {}\n", SCHEMA + 1));
            (key, schema.replace(&format!("version = {VERSION:?}"), "version = \"9.1.0\""))
        };
        let metadata = metadata.into_iter().map(newer).collect();
        std::fs::write(dir.checkpoint(), to_safetensors(&tensors, metadata).unwrap()).unwrap();
        let error = format!("{:#}", loaded(&dir, vae).err().expect("it is refused"));
        assert!(error.contains(&format!("was written by klsweep 9.1.0 in format {}", SCHEMA + 1)), "{error}");
        assert!(!error.contains("damaged"), "{error}");
    }

    #[test]
    fn a_bit_that_changed_anywhere_leads_back_to_the_checkpoint_before() {
        let (_root, dir, vae) = saved(None);
        let mut state = loaded(&dir, vae.clone()).unwrap().expect("it was saved").state;
        state.step = 8;
        Snapshot::of(&state, None).write(&dir).unwrap();
        let whole = std::fs::read(dir.checkpoint()).unwrap();
        let step = || loaded(&dir, vae.clone()).map(|saved| saved.expect("it was saved"));
        let found = step().unwrap();
        assert!(found.state.step == 8 && found.damage.is_none());
        for at in (0..whole.len()).step_by(whole.len() / 997) {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(dir.checkpoint(), changed).unwrap();
            let found = step().unwrap();
            assert!(found.state.step == 7 && found.damage.is_some(), "byte {at}");
        }
        std::fs::write(dir.checkpoint(), &whole[..100]).unwrap();
        std::fs::write(dir.previous_checkpoint(), "").unwrap();
        let error = format!("{:#}", step().err().expect("both are damaged"));
        assert!(
            error.starts_with("no checkpoint of c=1 seed=0 can be used; to train it from its"),
            "{error}"
        );
        assert!(error.contains("state.safetensors is damaged: it is no whole safetensors file"), "{error}");
    }

    #[test]
    fn a_state_with_nan_is_not_saved() {
        let (_root, dir, vae) = saved(None);
        let mut state = loaded(&dir, vae.clone()).unwrap().expect("it was saved").state;
        state.step = 8;
        state.sums.kl = Tensor::from_data([f32::NAN], &Device::flex());
        let error = Snapshot::of(&state, None).write(&dir).unwrap_err();
        let expected = NotFinite { tensor: "the loss kl".to_string(), epoch: 4, step: Some(8) };
        assert_eq!(error.downcast::<NotFinite>().unwrap(), expected);
        assert_eq!(loaded(&dir, vae).unwrap().expect("it was saved").state.step, 7);
    }
}
