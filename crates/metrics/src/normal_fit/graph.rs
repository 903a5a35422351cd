//! The objective as a differentiable graph.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor, TensorData, activation::log_softmax};

use super::settings::{MeanVariance, Objective, Parameterization};
use super::target::Target;

/// The parameters of Q.
#[derive(Module, Debug)]
pub(super) struct NormalParameters {
    /// Shape [1].
    mean: Param<Tensor<1>>,
    /// Variance or its logarithm, shape [1].
    spread: Param<Tensor<1>>,
}

/// The objective, its gradient, and where they were taken.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The objective in nats.
    pub objective: f64,
    /// KL(P ‖ Q) in nats, whatever the objective is.
    pub kl: f64,
    /// Derivative of the objective by the mean.
    pub gradient_mean: f64,
    /// Derivative of the objective by the variance, or by its logarithm where that is the parameter.
    pub gradient_spread: f64,
}

impl Evaluation {
    pub(super) fn is_finite(&self) -> bool {
        [self.objective, self.gradient_mean, self.gradient_spread].iter().all(|v| v.is_finite())
    }

    /// The larger of the two derivatives in magnitude.
    pub(super) fn gradient_size(&self) -> f64 {
        self.gradient_mean.abs().max(self.gradient_spread.abs())
    }
}

/// Stands in for the logarithm of a probability of 0 and for no other. Its exponential is 0 in every float type, and 0
/// times it is 0 where 0 times -∞ would be NaN.
const LN_OF_ZERO: f64 = -1e4;

/// Target, points and objective on a device.
pub(super) struct Graph {
    device: Device,
    dtype: DType,
    points: Tensor<1>,
    p: Tensor<1>,
    ln_p: Tensor<1>,
    objective: Objective,
    parameterization: Parameterization,
}

impl Graph {
    pub(super) fn new(
        target: &Target,
        objective: Objective,
        parameterization: Parameterization,
        device: &Device,
    ) -> Self {
        let device = device.clone().autodiff();
        let dtype = if device.supports_dtype(DType::F64) { DType::F64 } else { DType::F32 };
        let tensor = |values: Vec<f64>| {
            let shape = [values.len()];
            Tensor::from_data(TensorData::new(values, shape), (&device, dtype))
        };
        // A finite logarithm is taken as it is, up to the range of the device's floats.
        let lowest = if dtype == DType::F32 { f64::from(f32::MIN) } else { f64::MIN };
        let of_zero = |l: f64| if l == f64::NEG_INFINITY { LN_OF_ZERO } else { l.max(lowest) };
        let ln_p = target.ln_probabilities.iter().map(|&l| of_zero(l)).collect();
        Self {
            points: tensor(target.points.clone()),
            p: tensor(target.probabilities.clone()),
            ln_p: tensor(ln_p),
            dtype,
            objective,
            parameterization,
            device,
        }
    }

    pub(super) fn parameters(&self, at: MeanVariance) -> NormalParameters {
        let spread = match self.parameterization {
            Parameterization::Variance => at.variance,
            Parameterization::LogVariance => at.variance.ln(),
        };
        NormalParameters {
            mean: Param::from_tensor(self.leaf(at.mean)),
            spread: Param::from_tensor(self.leaf(spread)),
        }
    }

    fn leaf(&self, value: f64) -> Tensor<1> {
        Tensor::from_data(TensorData::new(vec![value], [1]), (&self.device, self.dtype))
    }

    pub(super) fn read(&self, parameters: &NormalParameters) -> MeanVariance {
        let spread = scalar(parameters.spread.val());
        let variance = match self.parameterization {
            Parameterization::Variance => spread,
            Parameterization::LogVariance => spread.exp(),
        };
        MeanVariance { mean: scalar(parameters.mean.val()), variance }
    }

    /// Parameters that take only part of the way from one pair to another, in the space of the parameters.
    pub(super) fn between(
        &self,
        from: &NormalParameters,
        to: &NormalParameters,
        part: f64,
    ) -> NormalParameters {
        let mix = |from: &Param<Tensor<1>>, to: &Param<Tensor<1>>| {
            let (start, end) = (scalar(from.val()), scalar(to.val()));
            // The id of the parameter is what the optimiser keeps its moments by.
            Param::initialized(to.id, self.leaf(start + part * (end - start)).require_grad())
        };
        NormalParameters { mean: mix(&from.mean, &to.mean), spread: mix(&from.spread, &to.spread) }
    }

    /// The objective at these parameters, with its backward pass.
    pub(super) fn evaluate(
        &self,
        parameters: &NormalParameters,
    ) -> (Evaluation, burn::optim::GradientsParams) {
        let ln_q = self.ln_q(parameters);
        let forward = (self.p.clone() * (self.ln_p.clone() - ln_q.clone())).sum();
        let objective = match self.objective {
            Objective::ForwardKl => forward.clone(),
            Objective::ReverseKl => (ln_q.clone().exp() * (ln_q - self.ln_p.clone())).sum(),
            Objective::JensenShannon => {
                let ln_m = ln_add_exp(self.ln_p.clone(), ln_q.clone()) - std::f64::consts::LN_2;
                let to_p = self.p.clone() * (self.ln_p.clone() - ln_m.clone());
                let to_q = ln_q.clone().exp() * (ln_q - ln_m);
                (to_p + to_q).sum() * 0.5
            }
        };
        let gradients = objective.backward();
        let gradient = |parameter: &Param<Tensor<1>>| parameter.val().grad(&gradients).map_or(0.0, scalar);
        let evaluation = Evaluation {
            objective: scalar(objective),
            kl: scalar(forward),
            gradient_mean: gradient(&parameters.mean),
            gradient_spread: gradient(&parameters.spread),
        };
        (evaluation, burn::optim::GradientsParams::from_grads(gradients, parameters))
    }

    /// `ln Q_i`, normalised on the grid.
    ///
    /// # Shapes
    ///
    /// - output: [points]
    fn ln_q(&self, parameters: &NormalParameters) -> Tensor<1> {
        let variance = match self.parameterization {
            Parameterization::Variance => parameters.spread.val(),
            Parameterization::LogVariance => parameters.spread.val().exp(),
        };
        let distance = self.points.clone() - parameters.mean.val();
        log_softmax(-(distance.clone() * distance) / (variance * 2.0), 0)
    }
}

/// `ln(exp(a) + exp(b))`, each of shape [points].
fn ln_add_exp(a: Tensor<1>, b: Tensor<1>) -> Tensor<1> {
    // Only a shift: its derivative cancels, so it is left out of the graph.
    let largest = a.clone().max_pair(b.clone()).detach();
    ((a - largest.clone()).exp() + (b - largest.clone()).exp()).log() + largest
}

fn scalar(tensor: Tensor<1>) -> f64 {
    tensor.into_scalar::<f64>()
}
