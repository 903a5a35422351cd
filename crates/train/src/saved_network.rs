//! Networks from files of weights and from checkpoints.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::tensor::Device;
use model::{NamedTensor, Vae, load_parameters};
use record::RunConfig;

use crate::network::vae_config;
use crate::random::{Purpose, stream};
use crate::tensor_file::{SafetensorsFile, read_safetensors};

/// The network of a file of weights, or of a checkpoint.
///
/// # Errors
///
/// Fails when the file is damaged, holds another network, or weights that are not finite.
pub fn read_network(path: &Path, config: &RunConfig, device: &Device) -> Result<Vae> {
    let SafetensorsFile { tensors, .. } = read_safetensors(path)?;
    let weights: Vec<NamedTensor> = tensors
        .into_iter()
        .filter(|(name, _)| name.starts_with("encoder.") || name.starts_with("decoder."))
        .map(|(name, data)| NamedTensor { name, data })
        .collect();
    for NamedTensor { name, data } in &weights {
        let broken = data.iter::<f32>().filter(|value| !value.is_finite()).count();
        ensure!(
            broken == 0,
            "{broken} of the {} values of {name} are no finite numbers",
            data.num_elements()
        );
    }
    let logits = weights.iter().find(|weight| weight.name == "decoder.logits.bias");
    let pixels = logits.context("decoder.logits.bias is missing")?.data.num_elements();
    let vae = vae_config(&config.model).init(pixels, &mut stream(0, Purpose::InitialWeights, 0, 0), device);
    Ok(load_parameters(vae, weights)?.no_grad())
}
