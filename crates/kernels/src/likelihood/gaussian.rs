//! Gaussian pixels around the decoder's output.

use super::{Pixel, Term};
use crate::vectors::Arithmetic;

pub(super) struct Gaussian;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GaussianScale {
    /// `1 / v`.
    precision: f32,
    /// `log(2πv) / 2`.
    constant: f32,
}

impl GaussianScale {
    pub(super) fn new(log_variance: f32) -> Self {
        let log_variance = f64::from(log_variance);
        Self {
            precision: (-log_variance).exp() as f32,
            constant: (0.5 * (log_variance + std::f64::consts::TAU.ln())) as f32,
        }
    }
}

impl Pixel for Gaussian {
    type Scale = GaussianScale;

    /// With `r = m - x`: `r² / 2v + log(2πv) / 2`, `r / v` and `(1 - r² / v) / 2`.
    #[inline(always)]
    fn term<A: Arithmetic>(mean: f32, value: f32, scale: GaussianScale) -> Term {
        let difference = mean - value;
        let of_output = difference * scale.precision;
        let square = difference * of_output;
        Term {
            nll: A::multiply_add(0.5, square, scale.constant),
            of_output,
            of_log_scale: 0.5 * (1.0 - square),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    pub fn defined(m: f64, x: f64, log_variance: f64) -> f64 {
        let density = (-(x - m).powi(2) / (2.0 * log_variance.exp())).exp();
        -(density / (std::f64::consts::TAU * log_variance.exp()).sqrt()).ln()
    }
}
