//! A network for PyTorch: a safetensors file with PyTorch's names and layout, and a module that it is loaded into.

use anyhow::Result;
use model::Activation;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::network::{Dense, Means, Network, Normalisation, Step};

/// The parameters by PyTorch's names.
pub fn safetensors(network: &Network) -> Result<Vec<u8>> {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let bytes = |numbers: &[f32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let mut push = |name: &str, of: &str, shape: &[usize], numbers: &[f32]| {
        tensors.push((format!("{name}.{of}"), shape.to_vec(), bytes(numbers)));
    };
    for (name, head) in [("mean", &network.mean), ("log_var", &network.log_var)] {
        push(name, "weight", &[head.outputs, head.inputs], &head.transposed());
        push(name, "bias", &[head.outputs], &head.bias);
    }
    for (part, steps) in [("encoder", &network.encoder), ("decoder", &network.decoder)] {
        for (place, step) in steps.iter().enumerate() {
            let name = format!("{part}.{place}");
            match step {
                Step::Dense(layer) => {
                    push(&name, "weight", &[layer.outputs, layer.inputs], &layer.transposed());
                    push(&name, "bias", &[layer.outputs], &layer.bias);
                }
                Step::Norm(Normalisation { gain, shift, running }) => {
                    push(&name, "weight", &[gain.len()], gain);
                    push(&name, "bias", &[gain.len()], shift);
                    for (kept, numbers) in
                        ["running_mean", "running_var"].iter().zip(running.iter().flatten())
                    {
                        push(&name, kept, &[gain.len()], numbers);
                    }
                }
                Step::Activation(_) => {}
            }
        }
    }
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
            Step::Norm(Normalisation { gain, running: None, .. }) => format!("nn.LayerNorm({})", gain.len()),
            Step::Norm(Normalisation { gain, .. }) => format!("nn.BatchNorm1d({})", gain.len()),
            Step::Activation(Activation::Identity) => "nn.Identity()".to_string(),
            Step::Activation(Activation::Relu) => "nn.ReLU()".to_string(),
            Step::Activation(Activation::Tanh) => "nn.Tanh()".to_string(),
            Step::Activation(Activation::Elu) => "nn.ELU()".to_string(),
            Step::Activation(Activation::Gelu) => "nn.GELU()".to_string(),
            Step::Activation(Activation::Silu) => "nn.SiLU()".to_string(),
            Step::Activation(Activation::Clamp { min, max }) => format!("nn.Hardtanh({min}, {max})"),
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
    # A batch norm's count of batches is of training alone.
    missing, unknown = vae.load_state_dict(load_file(Path(__file__).with_name("model.safetensors")), strict=False)
    assert not unknown and all(name.endswith("num_batches_tracked") for name in missing), (missing, unknown)
    return vae.eval()
"#,
        encoder = sequential(&network.encoder),
        mean = linear(&network.mean),
        log_var = linear(&network.log_var),
        decoder = sequential(&network.decoder),
        numbers = network.numbers,
        latent = network.latent,
    )
}

fn linear(layer: &Dense) -> String {
    format!("nn.Linear({}, {})", layer.inputs, layer.outputs)
}
