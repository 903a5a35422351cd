//! A network for PyTorch: a safetensors file with PyTorch's names and layout, and a module that it is loaded into.

use std::borrow::Cow;

use anyhow::Result;
use model::Activation;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::network::{Convolution, Dense, Means, NEAR, Network, Normalisation, SERIES, Step};

/// A parameter: its name, shape and numbers.
type Parameter<'a> = (String, Vec<usize>, Cow<'a, [f32]>);

/// The parameters by PyTorch's names.
pub fn safetensors(network: &Network) -> Result<Vec<u8>> {
    let mut parameters = Vec::new();
    collect("encoder", &network.encoder, &mut parameters);
    collect("decoder", &network.decoder, &mut parameters);
    for (name, head) in [("mean", &network.mean), ("log_var", &network.log_var)] {
        dense(name, head, &mut parameters);
    }
    if let Some(log_scales) = &network.log_scales {
        parameters.push(("log_scales".to_string(), vec![log_scales.len()], log_scales.into()));
    }
    let bytes: Vec<Vec<u8>> = parameters
        .iter()
        .map(|(.., numbers)| numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
        .collect();
    let views = parameters
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| {
            Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    Ok(safetensors::serialize(views, Some([("format".to_string(), "pt".to_string())].into()))?)
}

fn dense<'a>(name: &str, layer: &'a Dense, parameters: &mut Vec<Parameter<'a>>) {
    let shape = vec![layer.outputs, layer.inputs];
    parameters.push((format!("{name}.weight"), shape, layer.transposed().into()));
    parameters.push((format!("{name}.bias"), vec![layer.outputs], layer.bias.as_slice().into()));
}

/// The parameters of steps, each named by its place among them.
fn collect<'a>(part: &str, steps: &'a [Step], parameters: &mut Vec<Parameter<'a>>) {
    for (place, step) in steps.iter().enumerate() {
        let name = format!("{part}.{place}");
        match step {
            Step::Dense(layer) => dense(&name, layer, parameters),
            Step::Convolution(layer) => {
                let weight = layer.weight.as_slice().into();
                parameters.push((format!("{name}.inner.weight"), layer.shape().to_vec(), weight));
                parameters.push((
                    format!("{name}.inner.bias"),
                    vec![layer.outputs],
                    layer.bias.as_slice().into(),
                ));
            }
            Step::Norm(Normalisation { gain, shift, running, of_images }) => {
                let inner = if *of_images && running.is_some() { ".inner" } else { "" };
                let kept = ["running_mean", "running_var"].into_iter().zip(running.iter().flatten());
                for (of, numbers) in [("weight", gain), ("bias", shift)].into_iter().chain(kept) {
                    parameters.push((
                        format!("{name}{inner}.{of}"),
                        vec![gain.len()],
                        numbers.as_slice().into(),
                    ));
                }
            }
            Step::Residual(steps) => collect(&format!("{name}.steps"), steps, parameters),
            Step::Activation(_) | Step::ToImages(_) | Step::Flatten | Step::Resize(_) => {}
        }
    }
}

/// A Python file that builds the network and loads the parameters from beside it.
pub fn module(network: &Network) -> String {
    let [low, high] = network.log_var_bounds;
    let means = match network.means {
        Means::Logistic => "torch.sigmoid(outputs)",
        Means::Identity => "outputs",
        Means::ContinuousBernoulli => {
            let [seventh, fifth, third, first] = SERIES;
            &format!(
                "torch.where(outputs.abs() < {NEAR}, 0.5 + outputs * ((({seventh:e} * outputs**2 + {fifth:e}) * outputs**2 + {third:e}) * outputs**2 + \
                 {first:e}), 1 / (1 - torch.exp(-outputs)) - 1 / outputs)"
            )
        }
        Means::DiscretisedLogistic(_) => {
            "torch.exp(self.log_scales) * (nn.functional.softplus(outputs / torch.exp(self.log_scales)) - \
             nn.functional.softplus((outputs - 1) / torch.exp(self.log_scales)))"
        }
    };
    let log_scales = network.log_scales.as_ref().map_or(String::new(), |scales| {
        format!("\n        self.register_buffer(\"log_scales\", torch.zeros({}))", scales.len())
    });
    let helpers =
        if network.encoder.iter().any(|step| matches!(step, Step::ToImages(_))) { HELPERS } else { "" };
    format!(
        r#""""The network in PyTorch. It needs torch and safetensors, and model.safetensors beside it."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

{helpers}
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

/// What networks with convolutions need: here as in klsweep images are `[batch, rows, columns, channels]`.
const HELPERS: &str = r#"
class Channels(nn.Module):
    """A layer of images whose channels come second."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, images):
        return self.inner(images.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class Flatten(nn.Module):
    def forward(self, images):
        return images.reshape(len(images), -1)


class Residual(nn.Module):
    def __init__(self, *steps):
        super().__init__()
        self.steps = nn.Sequential(*steps)

    def forward(self, images):
        return images + self.steps(images)

"#;

fn sequential(steps: &[Step]) -> String {
    format!("nn.Sequential({})", listed(steps))
}

fn listed(steps: &[Step]) -> String {
    steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

fn step(step: &Step) -> String {
    let pair = |[rows, columns]: [usize; 2]| format!("({rows}, {columns})");
    match step {
        Step::Dense(layer) => linear(layer),
        Step::Norm(Normalisation { gain, running: None, .. }) => format!("nn.LayerNorm({})", gain.len()),
        Step::Norm(Normalisation { gain, of_images: true, .. }) => {
            format!("Channels(nn.BatchNorm2d({}))", gain.len())
        }
        Step::Norm(Normalisation { gain, .. }) => format!("nn.BatchNorm1d({})", gain.len()),
        Step::Activation(activation) => match activation {
            Activation::Identity => "nn.Identity()".to_string(),
            Activation::Relu => "nn.ReLU()".to_string(),
            Activation::Tanh => "nn.Tanh()".to_string(),
            Activation::Elu => "nn.ELU()".to_string(),
            Activation::Gelu => "nn.GELU()".to_string(),
            Activation::Silu => "nn.SiLU()".to_string(),
            Activation::Clamp { min, max } => format!("nn.Hardtanh({min}, {max})"),
        },
        Step::ToImages([rows, columns, channels]) => {
            format!("nn.Unflatten(1, ({rows}, {columns}, {channels}))")
        }
        Step::Flatten => "Flatten()".to_string(),
        Step::Resize(size) => format!("Channels(nn.Upsample({}))", pair(*size)),
        Step::Residual(steps) => format!("Residual({})", listed(steps)),
        Step::Convolution(layer) => {
            let Convolution { kernel, inputs, outputs, stride, padding, transposed, .. } = layer;
            let sizes = [*kernel, *stride, *padding].map(pair).join(", ");
            match transposed {
                None => format!("Channels(nn.Conv2d({inputs}, {outputs}, {sizes}))"),
                Some(rest) => {
                    format!("Channels(nn.ConvTranspose2d({inputs}, {outputs}, {sizes}, {}))", pair(*rest))
                }
            }
        }
    }
}
