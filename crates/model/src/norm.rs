use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use kernels::NormAxis;

use crate::ops::{BatchNormalized, NORM_EPSILON, batch_norm, layer_norm};
use crate::training::Training;

/// The share of a batch's mean and variance in their running averages, as in PyTorch.
const MOMENTUM: f64 = 0.1;

/// A norm with its gains and shifts: of each row where it has no running averages, else of each column.
#[derive(Module, Debug)]
pub struct Norm {
    /// `[features]`, 1 before training.
    pub gain: Param<Tensor<1>>,
    /// `[features]`, 0 before training.
    pub shift: Param<Tensor<1>>,
    /// What a batch norm takes for the means of columns when it is not trained, `[features]`. It gets a gradient of 0.
    pub mean: Option<Param<Tensor<1>>>,
    /// What it takes for their variances, `[features]`. It gets a gradient of 0.
    pub variance: Option<Param<Tensor<1>>>,
}

/// Means and variances of the columns of a batch, without autodiff.
#[derive(Clone, Debug)]
pub(crate) struct BatchMoments {
    /// `[features]`.
    mean: Tensor<1>,
    /// `[features]`, as an estimate of that of all data: of rows less one.
    variance: Tensor<1>,
}

impl Norm {
    pub(crate) fn init(axis: NormAxis, features: usize, device: &Device) -> Self {
        let all = |value: f32| Param::from_tensor(Tensor::full([features], value, device));
        let of_columns = |value: f32| (axis == NormAxis::Columns).then(|| all(value));
        Self { gain: all(1.0), shift: all(0.0), mean: of_columns(0.0), variance: of_columns(1.0) }
    }

    /// Rows of features, normalised.
    pub(crate) fn forward(&self, input: Tensor<2>, training: Option<&mut Training>) -> Tensor<2> {
        let (gain, shift) = (self.gain.val(), self.shift.val());
        let (Some(mean), Some(variance)) = (&self.mean, &self.variance) else {
            return layer_norm(input, gain, shift);
        };
        let Some(training) = training else {
            let factor = gain * variance.val().add_scalar(NORM_EPSILON).sqrt().recip();
            let offset = shift - mean.val() * factor.clone();
            return input * factor.unsqueeze() + offset.unsqueeze();
        };
        let rows = input.dims()[0] as f64;
        let BatchNormalized { output, mean, variance } = batch_norm(input, gain, shift);
        training
            .moments
            .push(BatchMoments { mean, variance: variance.mul_scalar(rows / (rows - 1.0).max(1.0)) });
        output
    }

    /// Takes the moments of a batch into the running averages of a batch norm.
    pub(crate) fn keep(&mut self, batch: BatchMoments) {
        let averaged = |kept: Param<Tensor<1>>, batch: Tensor<1>| {
            kept.map(|kept| {
                let average = kept.inner().mul_scalar(1.0 - MOMENTUM) + batch.mul_scalar(MOMENTUM);
                Tensor::from_inner(average).require_grad()
            })
        };
        self.mean = self.mean.take().map(|kept| averaged(kept, batch.mean));
        self.variance = self.variance.take().map(|kept| averaged(kept, batch.variance));
    }

    /// Its parameters that no gradient trains.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Param<Tensor<1>>> {
        self.mean.iter().chain(&self.variance)
    }

    /// Whether a training step gives it moments to keep.
    pub(crate) fn keeps(&self) -> bool {
        self.mean.is_some()
    }
}
