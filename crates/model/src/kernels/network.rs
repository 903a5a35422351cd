//! The objective of a batch, and a training step on it, each in one operation on memory.

use rayon::join;

use super::adam::{AdamStep, Parameter};
use super::bernoulli::{reconstruction, reconstruction_and_gradient};
use super::per_layer::PerLayer;
use super::product::{Matrix, block_of_rows, multiply};
use crate::encoder::{LOG_VAR_MAX, LOG_VAR_MIN};

/// A fully connected layer.
#[derive(Clone, Copy)]
pub(crate) struct Layer<'a> {
    /// `[inputs, outputs]`, row after row.
    pub weight: &'a [f32],
    /// `[outputs]`.
    pub bias: &'a [f32],
}

/// A fully connected layer in training.
pub(crate) struct LayerState<'a> {
    pub weight: Parameter<'a>,
    pub bias: Parameter<'a>,
}

/// What goes in: images `[rows, pixels]` and noise `[rows, latent]`, row after row.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub images: &'a [f32],
    pub noise: &'a [f32],
    pub rows: usize,
}

/// The terms of the objective, in nats, summed over the images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TermSums {
    pub reconstruction: f64,
    pub kl: f64,
    /// Log-variances that were cut to their bounds.
    pub saturated: u64,
}

/// Memory of a step, kept for the next one.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    outputs: PerLayer<Vec<f32>>,
    codes: Vec<f32>,
    deltas: PerLayer<Vec<f32>>,
    /// Some rows of the gradient of a weight, on each of two threads.
    gradients: [Vec<f32>; 2],
}

/// The part of [`Buffers`] that belongs to some rows of a batch.
struct Rows<'a> {
    /// What each layer gives out, rectified where it is; in the place of the logits, later, their gradient.
    outputs: PerLayer<&'a mut [f32]>,
    codes: &'a mut [f32],
    /// The objective's gradient in what each layer gave out before it was rectified or cut.
    deltas: PerLayer<&'a mut [f32]>,
}

impl<'a> Layer<'a> {
    fn outputs(&self) -> usize {
        self.bias.len()
    }

    fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }

    fn matrix(&self) -> Matrix<'a> {
        Matrix::new(self.weight, self.inputs(), self.outputs())
    }

    fn add_bias(&self, outputs: &mut [f32]) {
        for row in outputs.chunks_exact_mut(self.bias.len()) {
            for (output, bias) in row.iter_mut().zip(self.bias) {
                *output += bias;
            }
        }
    }

    fn add_bias_and_rectify(&self, outputs: &mut [f32]) {
        for row in outputs.chunks_exact_mut(self.bias.len()) {
            for (output, bias) in row.iter_mut().zip(self.bias) {
                let sum = *output + bias;
                // `max` would turn NaN into 0 and hide that training diverged.
                *output = if sum < 0.0 { 0.0 } else { sum };
            }
        }
    }
}

impl LayerState<'_> {
    fn layer(&self) -> Layer<'_> {
        Layer { weight: self.weight.values, bias: self.bias.values }
    }
}

impl<'a> Batch<'a> {
    /// The first `middle` images and the others.
    fn split_at(self, middle: usize) -> (Self, Self) {
        let (pixels, latent) = (self.images.len() / self.rows, self.noise.len() / self.rows);
        let (images_a, images_b) = self.images.split_at(middle * pixels);
        let (noise_a, noise_b) = self.noise.split_at(middle * latent);
        (
            Self { images: images_a, noise: noise_a, rows: middle },
            Self { images: images_b, noise: noise_b, rows: self.rows - middle },
        )
    }
}

impl std::ops::Add for TermSums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            reconstruction: self.reconstruction + other.reconstruction,
            kl: self.kl + other.kl,
            saturated: self.saturated + other.saturated,
        }
    }
}

impl Buffers {
    /// Room for `rows` images; what it holds is of no meaning.
    fn resize(&mut self, network: &PerLayer<Layer<'_>>, rows: usize) {
        let resize = |slots: &mut PerLayer<Vec<f32>>| {
            slots.encoder.resize_with(network.encoder.len(), Vec::new);
            slots.decoder.resize_with(network.decoder.len(), Vec::new);
            for (slot, layer) in slots.encoder.iter_mut().zip(&network.encoder) {
                slot.resize(rows * layer.outputs(), 0.0);
            }
            for (slot, layer) in slots.decoder.iter_mut().zip(&network.decoder) {
                slot.resize(rows * layer.outputs(), 0.0);
            }
            slots.mean.resize(rows * network.mean.outputs(), 0.0);
            slots.log_var.resize(rows * network.log_var.outputs(), 0.0);
        };
        resize(&mut self.outputs);
        resize(&mut self.deltas);
        self.outputs.logits.resize(rows * network.logits.outputs(), 0.0);
        self.codes.resize(rows * network.mean.outputs(), 0.0);
    }

    /// The means and the bounded log-variances of the batch that was computed last, each `[rows, latent]`.
    pub(crate) fn posteriors(&self) -> (&[f32], &[f32]) {
        (&self.outputs.mean, &self.outputs.log_var)
    }

    /// The first `middle` of `rows` images and the others.
    fn split_at(&mut self, middle: usize, rows: usize) -> (Rows<'_>, Rows<'_>) {
        let (outputs_a, outputs_b) = self.outputs.each_mut().map(|slot| halve(slot, middle, rows)).unzip();
        let (deltas_a, deltas_b) = self.deltas.each_mut().map(|slot| halve(slot, middle, rows)).unzip();
        let (codes_a, codes_b) = halve(&mut self.codes, middle, rows);
        (
            Rows { outputs: outputs_a, codes: codes_a, deltas: deltas_a },
            Rows { outputs: outputs_b, codes: codes_b, deltas: deltas_b },
        )
    }
}

/// The values of the first `middle` of `rows` images and those of the others.
fn halve(slot: &mut [f32], middle: usize, rows: usize) -> (&mut [f32], &mut [f32]) {
    let width = slot.len() / rows;
    slot.split_at_mut(middle * width)
}

/// The terms of a batch.
///
/// # Panics
///
/// Panics if sizes do not fit each other.
pub(crate) fn terms(network: &PerLayer<Layer<'_>>, batch: Batch<'_>, buffers: &mut Buffers) -> TermSums {
    in_halves(network, batch, buffers, |batch, mut rows| {
        let sums = forward(network, batch, &mut rows);
        let reconstruction = reconstruction(rows.outputs.logits, batch.images, network.logits.outputs());
        TermSums { reconstruction, ..sums }
    })
}

/// Computes something of the two halves of a batch, where the rayon pool has them on two threads, and adds up the terms.
///
/// Always two halves, on however many threads: it decides the order of summation, hence the bits.
fn in_halves(
    network: &PerLayer<Layer<'_>>,
    batch: Batch<'_>,
    buffers: &mut Buffers,
    compute: impl Fn(Batch<'_>, Rows<'_>) -> TermSums + Sync,
) -> TermSums {
    buffers.resize(network, batch.rows);
    let middle = batch.rows / 2;
    let (first, second) = batch.split_at(middle);
    let (first_rows, second_rows) = buffers.split_at(middle, batch.rows);
    let (first, second) = join(|| compute(first, first_rows), || compute(second, second_rows));
    first + second
}

/// The terms of a batch, after which every parameter is updated by Adam with the gradient of
/// `(reconstruction + kl_coefficient * kl) / rows`.
///
/// The images are halved, and later the parameters, for two threads. Every number is computed in the same order however
/// many there are.
///
/// # Panics
///
/// Panics if sizes do not fit each other.
pub(crate) fn train_step(
    network: PerLayer<LayerState<'_>>,
    batch: Batch<'_>,
    kl_coefficient: f64,
    adam: AdamStep,
    buffers: &mut Buffers,
) -> TermSums {
    let sums = terms_and_deltas(&network.each().map(LayerState::layer), batch, kl_coefficient, buffers);
    update(network, batch, adam, buffers);
    sums
}

/// The terms, and in `buffers` what every layer gave out and the objective's gradient in it.
fn terms_and_deltas(
    network: &PerLayer<Layer<'_>>,
    batch: Batch<'_>,
    kl_coefficient: f64,
    buffers: &mut Buffers,
) -> TermSums {
    let per_image = 1.0 / batch.rows as f32;
    let kl_per_image = (kl_coefficient / batch.rows as f64) as f32;
    let pixels = network.logits.outputs();
    in_halves(network, batch, buffers, |batch, mut rows| {
        let sums = forward(network, batch, &mut rows);
        let reconstruction =
            reconstruction_and_gradient(rows.outputs.logits, batch.images, pixels, per_image);
        backward(network, batch, kl_per_image, &mut rows);
        TermSums { reconstruction, ..sums }
    })
}

/// From the images to the logits; leaves the reconstruction to the caller.
fn forward(network: &PerLayer<Layer<'_>>, batch: Batch<'_>, rows: &mut Rows<'_>) -> TermSums {
    let Rows { outputs, codes, .. } = rows;
    let images = Matrix::new(batch.images, batch.rows, network.logits.outputs());
    let mut features = images;
    for (layer, output) in network.encoder.iter().zip(&mut outputs.encoder) {
        multiply(features, layer.matrix(), output);
        layer.add_bias_and_rectify(output);
        features = Matrix::new(output, batch.rows, layer.outputs());
    }
    for (layer, output) in [(network.mean, &mut outputs.mean), (network.log_var, &mut outputs.log_var)] {
        multiply(features, layer.matrix(), output);
        layer.add_bias(output);
    }

    let (mut kl, mut saturated) = (0.0, 0);
    let posterior = outputs.mean.iter().zip(outputs.log_var.iter_mut());
    for ((code, (mean, log_var)), noise) in codes.iter_mut().zip(posterior).zip(batch.noise) {
        let bounded = log_var.clamp(LOG_VAR_MIN, LOG_VAR_MAX);
        saturated += u64::from(bounded != *log_var);
        *log_var = bounded;
        kl += f64::from(0.5 * (mean * mean + bounded.exp() - bounded - 1.0));
        *code = mean + (0.5 * bounded).exp() * noise;
    }

    let mut features = Matrix::new(codes, batch.rows, network.mean.outputs());
    for (layer, output) in network.decoder.iter().zip(&mut outputs.decoder) {
        multiply(features, layer.matrix(), output);
        layer.add_bias_and_rectify(output);
        features = Matrix::new(output, batch.rows, layer.outputs());
    }
    multiply(features, network.logits.matrix(), outputs.logits);
    network.logits.add_bias(outputs.logits);
    TermSums { reconstruction: 0.0, kl, saturated }
}

/// From the reconstruction's gradient, which stands in the place of the logits, to every layer's delta.
fn backward(network: &PerLayer<Layer<'_>>, batch: Batch<'_>, kl_per_image: f32, rows: &mut Rows<'_>) {
    let Rows { outputs, codes, deltas } = rows;

    let mut above = (network.logits, &*outputs.logits);
    for ((layer, output), delta) in
        network.decoder.iter().zip(&outputs.decoder).zip(&mut deltas.decoder).rev()
    {
        through_layer(above, batch.rows, delta);
        keep_where_positive(delta, output);
        above = (*layer, delta);
    }

    // The codes' gradient, in the place of the mean's, of which it is a part.
    through_layer(above, batch.rows, deltas.mean);
    let posterior = outputs.mean.iter().zip(outputs.log_var.iter()).zip(codes.iter());
    for ((mean_delta, log_var_delta), ((mean, log_var), code)) in
        deltas.mean.iter_mut().zip(deltas.log_var.iter_mut()).zip(posterior)
    {
        // code - mean = exp(log_var / 2) * noise, whose derivative with respect to log_var is half of it.
        let through_code = 0.5 * *mean_delta * (code - mean);
        let through_kl = 0.5 * kl_per_image * (log_var.exp() - 1.0);
        let cut = *log_var <= LOG_VAR_MIN || *log_var >= LOG_VAR_MAX;
        *log_var_delta = if cut { 0.0 } else { through_code + through_kl };
        *mean_delta += kl_per_image * mean;
    }

    let mut hidden = network.encoder.iter().zip(&outputs.encoder).zip(&mut deltas.encoder).rev();
    let Some(((last, output), delta)) = hidden.next() else { return };
    let mut through_log_var = vec![0.0; delta.len()];
    through_layer((network.mean, deltas.mean), batch.rows, delta);
    through_layer((network.log_var, deltas.log_var), batch.rows, &mut through_log_var);
    for (delta, through_log_var) in delta.iter_mut().zip(through_log_var) {
        *delta += through_log_var;
    }
    keep_where_positive(delta, output);
    let mut above = (*last, &**delta);
    for ((layer, output), delta) in hidden {
        through_layer(above, batch.rows, delta);
        keep_where_positive(delta, output);
        above = (*layer, delta);
    }
}

/// The gradient in what a layer was given, from the gradient in what it gave out.
fn through_layer((layer, outputs): (Layer<'_>, &[f32]), rows: usize, inputs: &mut [f32]) {
    let outputs = Matrix::new(outputs, rows, layer.outputs());
    multiply(outputs, layer.matrix().transposed(), inputs);
}

/// The gradient of a rectifier's input from the gradient of its output.
fn keep_where_positive(delta: &mut [f32], output: &[f32]) {
    for (delta, &output) in delta.iter_mut().zip(output) {
        *delta = if output > 0.0 { *delta } else { 0.0 };
    }
}

/// A part of a layer in training: some of its inputs, and perhaps its bias.
struct LayerPart<'a> {
    /// What the layer was given, `[rows, inputs]`.
    features: &'a [f32],
    inputs: usize,
    /// The first of this part's inputs.
    start: usize,
    /// `[rows, outputs]`.
    delta: &'a [f32],
    outputs: usize,
    /// The rows of the weight that belong to this part's inputs.
    weight: Parameter<'a>,
    bias: Option<Parameter<'a>>,
}

impl LayerPart<'_> {
    /// Updates the weight, whose gradient is the features times the deltas, and the bias, whose gradient is their sum.
    fn update(mut self, rows: usize, adam: AdamStep, gradient: &mut Vec<f32>) {
        let Self { outputs, start, .. } = self;
        let features = Matrix::new(self.features, rows, self.inputs).transposed();
        let delta = Matrix::new(self.delta, rows, outputs);
        let count = self.weight.values.len() / outputs;
        let block = block_of_rows(outputs).min(count);
        // A few rows at a time, which are still in the first-level cache when they update the weight.
        gradient.resize(block * outputs, 0.0);
        for first in (0..count).step_by(block.max(1)) {
            let last = (first + block).min(count);
            let gradient = &mut gradient[..(last - first) * outputs];
            multiply(features.rows(start + first, start + last), delta, gradient);
            self.weight.update(adam, first * outputs, gradient);
        }
        if let Some(mut bias) = self.bias {
            gradient.clear();
            gradient.resize(outputs, 0.0);
            for row in self.delta.chunks_exact(outputs) {
                for (gradient, delta) in gradient.iter_mut().zip(row) {
                    *gradient += delta;
                }
            }
            bias.update(adam, 0, gradient);
        }
    }
}

/// Updates every layer with what the batch left in the buffers.
fn update(network: PerLayer<LayerState<'_>>, batch: Batch<'_>, adam: AdamStep, buffers: &mut Buffers) {
    let Buffers { outputs, codes, deltas, gradients: [gradient_a, gradient_b] } = buffers;
    let with_features = features_of_layers(batch, outputs, codes);
    let deltas = deltas
        .encoder
        .iter()
        .chain([&deltas.mean, &deltas.log_var])
        .chain(&deltas.decoder)
        .chain([&outputs.logits]);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for ((layer, features), delta) in network.into_order().into_iter().zip(with_features).zip(deltas) {
        let (inputs, outputs) = (features.len() / batch.rows, delta.len() / batch.rows);
        let middle = inputs / 2;
        let (weight_a, weight_b) = layer.weight.split_at(middle * outputs);
        let part = |start, weight, bias| LayerPart { features, inputs, start, delta, outputs, weight, bias };
        first.push(part(0, weight_a, None));
        second.push(part(middle, weight_b, Some(layer.bias)));
    }
    let update = |parts: Vec<LayerPart<'_>>, gradient: &mut Vec<f32>| {
        parts.into_iter().for_each(|part| part.update(batch.rows, adam, gradient));
    };
    join(|| update(first, gradient_a), || update(second, gradient_b));
}

/// What each layer was given, in order.
fn features_of_layers<'a>(
    batch: Batch<'a>,
    outputs: &'a PerLayer<Vec<f32>>,
    codes: &'a [f32],
) -> Vec<&'a [f32]> {
    let chain = |input: &'a [f32], hidden: &'a [Vec<f32>]| -> Vec<&'a [f32]> {
        std::iter::once(input).chain(hidden.iter().map(Vec::as_slice)).collect()
    };
    let mut features = chain(batch.images, &outputs.encoder);
    // Both heads have the same.
    features.extend(features.last().copied());
    features.extend(chain(codes, &outputs.decoder));
    features
}
