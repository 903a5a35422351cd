//! Fully connected layers with weights drawn on the host.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, RngExt};

use crate::{Activation, linear};

/// A layer whose weights, of shape `[inputs, outputs]`, are uniform on ±√(6 / (inputs + outputs)), its biases 0.
///
/// Source: Glorot and Bengio, *Understanding the difficulty of training deep feedforward neural networks* (2010), eq. 16.
pub(crate) fn glorot_linear<R: Rng>(inputs: usize, outputs: usize, rng: &mut R, device: &Device) -> Linear {
    let limit = (6.0 / (inputs + outputs) as f32).sqrt();
    // `random` is uniform on [0, 1) in steps of 2^-24, exact in f32, hence the same on every machine.
    let weight: Vec<f32> = (0..inputs * outputs).map(|_| limit * (2.0 * rng.random::<f32>() - 1.0)).collect();
    Linear {
        weight: Param::from_data(TensorData::new(weight, [inputs, outputs]), device),
        bias: Some(Param::from_data(TensorData::zeros::<f32, _>([outputs]), device)),
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

/// The layers applied in turn, each followed by a ReLU.
pub(crate) fn relu_stack(layers: &[Linear], input: Tensor<2>) -> Tensor<2> {
    layers.iter().fold(input, |features, layer| linear(layer, features, Activation::Relu))
}
