//! A network for PyTorch: a safetensors file with PyTorch's names and layout, and a module that it is loaded into.

use anyhow::Result;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::network::{Dense, Means, Network, Step};

/// The parameters by PyTorch's names.
pub fn safetensors(network: &Network) -> Result<Vec<u8>> {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let bytes = |numbers: &[f32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let mut dense = |name: &str, dense: &Dense| {
        let shape = vec![dense.outputs, dense.inputs];
        tensors.push((format!("{name}.weight"), shape, bytes(&dense.transposed())));
        tensors.push((format!("{name}.bias"), vec![dense.outputs], bytes(&dense.bias)));
    };
    for (part, steps) in [("encoder", &network.encoder), ("decoder", &network.decoder)] {
        for (place, step) in steps.iter().enumerate() {
            if let Step::Dense(layer) = step {
                dense(&format!("{part}.{place}"), layer);
            }
        }
    }
    dense("mean", &network.mean);
    dense("log_var", &network.log_var);
    if let Some(log_scales) = &network.log_scales {
        tensors.push(("log_scales".to_string(), vec![log_scales.len()], bytes(log_scales)));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    Ok(safetensors::serialize(views, Some([("format".to_string(), "pt".to_string())].into()))?)
}

/// A Python file that builds the network and loads the parameters from beside it.
pub fn module(network: &Network) -> String {
    let sequential = |steps: &[Step]| {
        let steps = steps.iter().map(|step| match step {
            Step::Dense(layer) => linear(layer),
            Step::Relu => "nn.ReLU()".to_string(),
        });
        format!("nn.Sequential({})", steps.collect::<Vec<_>>().join(", "))
    };
    let [low, high] = network.log_var_bounds;
    let means = match network.means {
        Means::Logistic => "torch.sigmoid(outputs)",
        Means::Identity => "outputs",
        Means::ContinuousBernoulli => {
            "torch.where(outputs.abs() < 0.05, 0.5 + outputs / 12 - outputs**3 / 720, 1 / (1 - torch.exp(-outputs)) - 1 / outputs)"
        }
        Means::DiscretisedLogistic(_) => {
            "torch.exp(self.log_scales) * (nn.functional.softplus(outputs / torch.exp(self.log_scales)) - \
             nn.functional.softplus((outputs - 1) / torch.exp(self.log_scales)))"
        }
    };
    let log_scales = network.log_scales.as_ref().map_or(String::new(), |scales| {
        format!("\n        self.register_buffer(\"log_scales\", torch.zeros({}))", scales.len())
    });
    format!(
        r#""""The network in PyTorch. It needs torch and safetensors, and model.safetensors beside it."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = {encoder}
        self.mean = {mean}
        self.log_var = {log_var}
        self.decoder = {decoder}{log_scales}

    def encode(self, images):
        """Means and log-variances of the posteriors of images, [batch, {numbers}]."""
        features = self.encoder(images)
        return self.mean(features), self.log_var(features).clamp({low}, {high})

    def decode(self, codes):
        """Means of the pixels for codes, [batch, {latent}]."""
        outputs = self.decoder(codes)
        return {means}


def load():
    vae = Vae()
    vae.load_state_dict(load_file(Path(__file__).with_name("model.safetensors")))
    return vae.eval()
"#,
        encoder = sequential(&network.encoder),
        mean = linear(&network.mean),
        log_var = linear(&network.log_var),
        decoder = sequential(&network.decoder),
        numbers = network.numbers(),
        latent = network.latent(),
    )
}

fn linear(layer: &Dense) -> String {
    format!("nn.Linear({}, {})", layer.inputs, layer.outputs)
}
