//! Losses from decoded images, where no losses were left.

use std::f64::consts::TAU;

use anyhow::{Result, ensure};
use data::{DataError, NamedArray, Split};
use ndarray::Array1;
use record::{Likelihood, Variance};

use super::AuditOptions;
use super::posteriors::check_finite;
use crate::diagnostics::Normaliser;

/// The logarithm of a probability at least, as PyTorch's cross-entropy has it.
const LEAST_LOG: f64 = -100.0;
/// The least and the greatest 32-bit probabilities that have a logit.
const PROBABILITIES: [f64; 2] = [f32::MIN_POSITIVE as f64, 1.0 - 0.25 * f32::EPSILON as f64];

/// Decoded images, and what they mean.
#[derive(Clone, Copy)]
pub struct Decoded<'a> {
    /// One of each image, in order.
    pub array: &'a NamedArray,
    /// What it was decoded from.
    pub images: &'a Split,
    pub likelihood: Likelihood,
    pub variance: Option<Variance>,
    pub logits: bool,
}

impl<'a> Decoded<'a> {
    /// Those of a part, where it has both; `None` where the losses do not follow from them.
    pub fn new(array: &'a NamedArray, images: &'a Split, options: &AuditOptions) -> Option<Self> {
        let likelihood =
            options.likelihood.filter(|likelihood| *likelihood != Likelihood::DiscretisedLogistic)?;
        Some(Self { array, images, likelihood, variance: options.variance, logits: options.logits })
    }

    /// Calls `each` for every image with its place, what the decoder made of it, channels last, and its own numbers.
    pub fn for_each(&self, mut each: impl FnMut(usize, &[f64], &[f32])) -> Result<()> {
        let numbers = self.images.numbers();
        ensure!(
            self.array.row_numbers() == numbers && self.array.rows() == self.images.count(),
            self.array.refused(format!(
                "has the shape {:?}, and there are {} images of {}",
                self.array.shape(),
                self.images.count(),
                self.images.shape()
            ))
        );
        let probabilities = !self.logits && self.likelihood != Likelihood::Gaussian;
        let layout = self.array.layout()?;
        self.array.read_rows(|rows| {
            let mut row = 0;
            while let Some(decoded) = rows.next()? {
                check_finite(self.array, row, decoded)?;
                if probabilities {
                    decoded
                        .iter()
                        .try_for_each(|p| check_probability(*p))
                        .map_err(|reason| self.array.refused(format!("holds {reason} (in row {row})")))?;
                }
                let image = self.images.gather(&[row as u32])?;
                each(row, &layout.channels_last(decoded), &image);
                row += 1;
            }
            Ok::<_, DataError>(())
        })?;
        Ok(())
    }

    /// The variance of Gaussian pixels: the given one, or the mean squared error of all images.
    fn variance(&self) -> Result<f64> {
        match self.variance {
            None => Ok(1.0),
            Some(Variance::Fixed(variance)) => Ok(variance),
            Some(Variance::Optimal) => {
                let (mut sum, mut count) = (0.0, 0);
                self.for_each(|_, decoded, image| {
                    sum += decoded.iter().zip(image).map(|(m, x)| (f64::from(*x) - m).powi(2)).sum::<f64>();
                    count += decoded.len();
                })?;
                Ok(sum / count.max(1) as f64)
            }
            Some(_) => anyhow::bail!(
                "--variance is a number or \"optimal\": a learnt variance is known to whoever trained it"
            ),
        }
    }

    /// `-log p(x|z)` of each image, in nats.
    ///
    /// # Errors
    ///
    /// Fails when the arrays do not fit each other, or hold what the likelihood does not know.
    pub fn losses(&self) -> Result<Array1<f32>> {
        let variance = if self.likelihood == Likelihood::Gaussian { self.variance()? } else { 1.0 };
        let mut losses = Vec::with_capacity(self.images.count());
        self.for_each(|_, decoded, image| {
            let of_pixel = |(&output, &x): (&f64, &f32)| self.loss(output, f64::from(x), variance);
            losses.push(decoded.iter().zip(image).map(of_pixel).sum::<f64>() as f32);
        })?;
        Ok(Array1::from(losses))
    }

    /// Of one pixel.
    fn loss(&self, output: f64, x: f64, variance: f64) -> f64 {
        match (self.likelihood, self.logits) {
            (Likelihood::Gaussian, _) => {
                (x - output).powi(2) / (2.0 * variance) + 0.5 * (TAU * variance).ln()
            }
            (Likelihood::ContinuousBernoulli, _) => {
                let logit = self.logit(output);
                Normaliser::of(logit).log - x * logit
            }
            (_, true) => output.max(0.0) + (-output.abs()).exp().ln_1p() - x * output,
            (_, false) => -x * output.ln().max(LEAST_LOG) - (1.0 - x) * (-output).ln_1p().max(LEAST_LOG),
        }
    }

    /// The mean of a pixel.
    pub fn mean(&self, output: f64) -> f64 {
        match self.likelihood {
            Likelihood::Gaussian => output,
            Likelihood::ContinuousBernoulli => Normaliser::of(self.logit(output)).mean,
            _ if self.logits => 1.0 / (1.0 + (-output).exp()),
            _ => output,
        }
    }

    /// What klsweep's own decoders give out.
    pub fn logit(&self, output: f64) -> f64 {
        match (self.likelihood, self.logits) {
            (Likelihood::Gaussian, _) | (_, true) => output,
            (_, false) => logit(output),
        }
    }
}

/// Refuses what is no probability, with what is wrong.
pub fn check_probability(probability: f64) -> Result<(), String> {
    match (0.0..=1.0).contains(&probability) {
        true => Ok(()),
        false => Err(format!(
            "{probability}, and probabilities go from 0 to 1: say with --logits that they are logits"
        )),
    }
}

/// The logit of a probability; of 0 and 1 that of the least and greatest one that has a logit.
pub fn logit(probability: f64) -> f64 {
    let probability = probability.clamp(PROBABILITIES[0], PROBABILITIES[1]);
    probability.ln() - (-probability).ln_1p()
}
