//! The batches of an epoch, each made while the one before is learnt from.

use burn::tensor::{Device, Tensor, TensorData};
use data::{Epoch, Result};
use model::Batch;

use crate::image_tensors::ImageTensors;
use crate::random::{Purpose, dropout_masks, image_order, noise};
use crate::run_context::RunContext;

/// The batches of one epoch of a seed, the same for every coefficient.
pub struct Batches<'a> {
    run: &'a RunContext<'a>,
    seed: u64,
    epoch: usize,
    order: Vec<u32>,
    /// The step whose batch is made next.
    step: usize,
    next: Option<Batch>,
}

impl<'a> Batches<'a> {
    /// Those of an epoch, from a step on.
    ///
    /// # Errors
    ///
    /// Fails when a file that the examples are read from has changed.
    pub fn of_epoch(run: &'a RunContext<'a>, seed: u64, epoch: usize, step: usize) -> Result<Self> {
        let train = &run.dataset.train;
        let order = image_order(seed, epoch, train.count(), train.block_plan());
        let mut batches = Self { run, seed, epoch, order, step, next: None };
        batches.next = batches.make()?;
        batches.step += 1;
        Ok(batches)
    }

    /// The next batch, unless the epoch is over.
    pub fn take(&mut self) -> Option<Batch> {
        self.next.take()
    }

    /// Does some work while the batch after it is made, on a thread that has nothing else to do if there is one.
    ///
    /// # Errors
    ///
    /// Fails when a file that the examples are read from has changed.
    pub fn beside<T: Send>(&mut self, work: impl FnOnce() -> T + Send) -> Result<T> {
        let (done, next) = kernels::assisted(work, || self.make());
        self.next = next?;
        self.step += 1;
        Ok(done)
    }

    /// Whether the epoch goes on after the work of [`beside`](Self::beside).
    pub fn more(&self) -> bool {
        self.next.is_some()
    }

    fn make(&self) -> Result<Option<Batch>> {
        let RunContext { config, dataset, device, .. } = self.run;
        let Some(positions) = self.order.chunks(config.batch_size).nth(self.step) else { return Ok(None) };
        let noise = self.noise(positions.len(), device);
        let epoch = Epoch { seed: self.seed, epoch: self.epoch };
        let masks = self.masks(positions.len(), device);
        Ok(Some(Batch { images: dataset.train.batch_in(epoch, positions, device)?, noise, masks }))
    }

    fn masks(&self, count: usize, device: &Device) -> Vec<Tensor<2>> {
        let model = &self.run.config.model;
        let widths = model.encoder_hidden.iter().chain(&model.decoder_hidden);
        let mut masks = dropout_masks(self.seed, self.epoch, self.step, model.dropout);
        let mut mask = |&width: &usize| {
            let numbers = masks.by_ref().take(count * width).collect();
            Tensor::from_data(TensorData::new::<f32, _>(numbers, [count, width]), device)
        };
        if model.dropout > 0.0 { widths.map(&mut mask).collect() } else { Vec::new() }
    }

    fn noise(&self, count: usize, device: &Device) -> Tensor<2> {
        let latent = self.run.config.model.latent;
        let noise = noise(self.seed, Purpose::TrainingNoise, self.epoch, self.step, count * latent);
        Tensor::from_data(TensorData::new(noise, [count, latent]), device)
    }
}
