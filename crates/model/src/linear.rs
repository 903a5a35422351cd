//! Fully connected layers with weights drawn on the host.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};

use crate::config::Hidden;
use crate::norm::Norm;
use crate::ops::activate;
use crate::training::Training;
use crate::{Activation, linear};

/// Weights of the given shape, uniform on ±√(6 / (fan_in + fan_out)).
///
/// Source: Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks* (2010), eq. 16.
pub(crate) fn glorot<const D: usize, R: Rng>(
    shape: [usize; D],
    fans: usize,
    rng: &mut R,
    device: &Device,
) -> Param<Tensor<D>> {
    let limit = (6.0 / fans as f32).sqrt();
    // `random` is uniform on [0, 1) in steps of 2^-24, exact in f32, hence the same on every machine.
    let count = shape.iter().product::<usize>();
    let weight: Vec<f32> = (0..count).map(|_| limit * (2.0 * rng.random::<f32>() - 1.0)).collect();
    Param::from_data(TensorData::new(weight, shape), device)
}

pub(crate) fn zeros(count: usize, device: &Device) -> Param<Tensor<1>> {
    Param::from_data(TensorData::zeros::<f32, _>([count]), device)
}

/// A layer with [`glorot`] weights, of shape `[inputs, outputs]`, and biases 0.
pub(crate) fn glorot_linear<R: Rng>(inputs: usize, outputs: usize, rng: &mut R, device: &Device) -> Linear {
    Linear {
        weight: glorot([inputs, outputs], inputs + outputs, rng, device),
        bias: Some(zeros(outputs, device)),
    }
}

/// Layers of the given widths, one after another: the first takes `inputs` values.
pub(crate) fn glorot_stack<R: Rng>(
    inputs: usize,
    widths: &[usize],
    rng: &mut R,
    device: &Device,
) -> Vec<Linear> {
    let mut inputs = inputs;
    widths
        .iter()
        .map(|&outputs| {
            let layer = glorot_linear(inputs, outputs, rng, device);
            inputs = outputs;
            layer
        })
        .collect()
}

/// The norms of hidden layers of the given widths, none where there are none.
pub(crate) fn norms(hidden: Hidden, widths: &[usize], device: &Device) -> Vec<Norm> {
    hidden
        .norm
        .into_iter()
        .flat_map(|axis| widths.iter().map(move |&width| Norm::init(axis, width, device)))
        .collect()
}

/// The hidden layers applied in turn, each followed by its norm if there are any, the activation, and in training dropout.
pub(crate) fn hidden_stack(
    layers: &[Linear],
    norms: &[Norm],
    activation: Activation,
    input: Tensor<2>,
    mut training: Option<&mut Training>,
) -> Tensor<2> {
    let mut norms = norms.iter();
    layers.iter().fold(input, |features, layer| {
        let output = match norms.next() {
            Some(norm) => {
                let sums = linear(layer, features, Activation::Identity);
                activate(norm.forward(sums, training.as_deref_mut()), activation)
            }
            None => linear(layer, features, activation),
        };
        match training.as_deref_mut() {
            Some(training) => training.drop_out(output),
            None => output,
        }
    })
}
