//! A number with its uncertainty.

use crate::base::Base;

/// An estimate from samples, with the standard deviation that it would have over repetitions of the drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error, in the same unit.
    pub standard_error: f64,
}

impl Estimate {
    /// An estimate in nats expressed in `base`.
    pub fn from_nats(self, base: Base) -> Self {
        Self { value: base.from_nats(self.value), standard_error: base.from_nats(self.standard_error) }
    }

    /// The mean of independent values; its error is NaN if there are fewer than two.
    pub(crate) fn of_mean(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        let standard_error = (variance(&values) / values.len() as f64).sqrt();
        Self { value: mean(&values), standard_error }
    }

    /// The estimate of an infinite divergence: nothing is uncertain about it, and nothing can be added to it.
    pub(crate) const INFINITE: Self = Self { value: f64::INFINITY, standard_error: 0.0 };
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The variance of a distribution that the values are drawn from: with `n - 1` in the denominator.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}
