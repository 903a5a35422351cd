//! A member's state between two steps.

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use model::{Adam, Batch, ElboTerms, TrainStep, Vae};
use record::{EpochRow, RunConfig, Terms};

use crate::evaluate::Evaluation;
use crate::network::adam_config;

/// A network in training.
pub struct TrainState {
    /// The network as trained so far.
    pub vae: Vae,
    /// The optimiser with its moments.
    pub adam: Adam,
    /// Epochs finished.
    pub epoch: usize,
    /// Steps finished in the current epoch.
    pub step: usize,
    /// What the current epoch's steps added up to.
    pub sums: EpochSums,
    /// Seconds of training before this process took over.
    pub seconds_before: f64,
    /// When this process took over.
    pub started: Instant,
}

/// Sums over the images of an epoch, kept on the device so that no step waits for a read-back; each `[1]`.
pub struct EpochSums {
    pub reconstruction: Tensor<1>,
    pub kl: Tensor<1>,
    /// Log-variances that were clamped.
    pub clamped: Tensor<1>,
}

/// What a step leads to.
pub struct Stepped {
    /// The state after it.
    pub state: TrainState,
    /// The terms of the batch, still on the device.
    pub terms: ElboTerms,
}

impl EpochSums {
    fn zero(device: &Device) -> Self {
        let zero = Tensor::zeros([1], device);
        Self { reconstruction: zero.clone(), kl: zero.clone(), clamped: zero }
    }

    /// Whether every loss up to now was a finite number. On a graphics card, the answer is waited for.
    pub fn are_finite(&self) -> bool {
        [&self.reconstruction, &self.kl].iter().all(|sum| (*sum).clone().into_scalar::<f32>().is_finite())
    }
}

impl TrainState {
    /// The state before the first step.
    pub fn start(vae: Vae, config: &RunConfig, device: &Device) -> Self {
        Self {
            adam: Adam::new(adam_config(&config.optimizer), &vae),
            vae,
            epoch: 0,
            step: 0,
            sums: EpochSums::zero(device),
            seconds_before: 0.0,
            started: Instant::now(),
        }
    }

    /// Seconds of training up to now, all processes together.
    pub fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    /// Learns from a batch.
    pub fn step(mut self, batch: Batch, kl_coefficient: f64) -> Stepped {
        let [count, _] = batch.images.dims();
        let TrainStep { vae, terms, clamped } = self.vae.train_step(batch, kl_coefficient, &mut self.adam);
        let add = |sum: &mut Tensor<1>, term: Tensor<1>| *sum = sum.clone() + term;
        add(&mut self.sums.reconstruction, terms.reconstruction.clone().mul_scalar(count as f64));
        add(&mut self.sums.kl, terms.kl.clone().mul_scalar(count as f64));
        add(&mut self.sums.clamped, clamped);
        Stepped { state: Self { vae, step: self.step + 1, ..self }, terms }
    }

    /// Goes over to the next epoch, and gives back the sums of the one before.
    pub fn next_epoch(&mut self, device: &Device) -> EpochSums {
        self.epoch += 1;
        self.step = 0;
        std::mem::replace(&mut self.sums, EpochSums::zero(device))
    }

    /// Closes an epoch over so many images, after which the network was evaluated.
    pub fn finish_epoch(&mut self, images: usize, evaluation: Evaluation, device: &Device) -> EpochRow {
        let sums = self.next_epoch(device);
        let mean = |sum: Tensor<1>| f64::from(sum.into_scalar::<f32>()) / images as f64;
        EpochRow {
            epoch: self.epoch,
            train: Terms { reconstruction: mean(sums.reconstruction), kl: mean(sums.kl) },
            test: evaluation.terms,
            test_latent: evaluation.latent,
            clamped_log_vars: sums.clamped.into_scalar::<f32>() as u64,
        }
    }
}
