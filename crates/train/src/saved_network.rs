//! Networks from files of weights and from checkpoints.

use std::path::Path;

use anyhow::{Result, ensure};
use burn::module::Module;
use burn::tensor::Device;
use model::{NamedTensor, Vae, load_parameters};
use record::{RunConfig, Shape, TensorFile};

use crate::network::vae_config;
use crate::random::{Purpose, stream};
use crate::tensor_file::tensor_data;

/// The network of a file of weights, or of a checkpoint, for examples of a shape.
///
/// # Errors
///
/// Fails when the file is damaged, holds another network, or weights that are not finite.
pub fn read_network(path: &Path, config: &RunConfig, shape: &Shape, device: &Device) -> Result<Vae> {
    let TensorFile { tensors, .. } = TensorFile::read(path)?;
    let weights: Vec<NamedTensor> = tensors
        .into_iter()
        .filter(|(name, _)| name.starts_with("encoder.") || name.starts_with("decoder."))
        .map(|(name, saved)| NamedTensor { name, data: tensor_data(&saved) })
        .collect();
    for NamedTensor { name, data } in &weights {
        let broken = data.iter::<f32>().filter(|value| !value.is_finite()).count();
        ensure!(
            broken == 0,
            "{broken} of the {} values of {name} are no finite numbers",
            data.num_elements()
        );
    }
    let mut weights_to_replace = stream(0, Purpose::InitialWeights, 0, 0);
    let vae = vae_config(&config.model, shape)?.init(shape.numbers(), &mut weights_to_replace, device);
    Ok(load_parameters(vae, weights)?.no_grad())
}
