//! What a network needs, before any memory is taken for it.

use anyhow::{Result, ensure};
use data::{Dataset, in_gigabytes, memory_at_hand};
use model::Layer;
use record::{Norm, RunConfig};

use crate::network::vae_config;

/// Bytes of a number.
const NUMBER: f64 = 4.0;
/// Numbers kept for each parameter in training: itself, its gradient, and two moments.
const OF_PARAMETER: f64 = 4.0;
/// Numbers kept for each output of a layer and image in training: itself and its gradient.
const OF_OUTPUT: f64 = 2.0;

/// Refuses a network that the data or the memory at hand cannot train.
///
/// # Errors
///
/// Fails when the layers do not fit the images, members side by side need more memory than there is, or a batch norm
/// would be given a batch of one image.
pub fn check_network(config: &RunConfig, dataset: &Dataset, workers: usize) -> Result<()> {
    let shape = dataset.train.shape();
    let network = vae_config(&config.model, shape)?;
    let (images, size) = (dataset.train.count(), config.batch_size);
    ensure!(
        config.model.norm != Norm::Batch || images % size != 1,
        "model.norm = \"batch\" needs at least two images in a batch, and the last of {images} training images in batches of \
         {size} would be alone in its batch: choose another batch_size"
    );
    let needed = bytes_in_training(&network.layers(shape.numbers()), size) * workers as f64;
    if let Some(there) = memory_at_hand().filter(|there| needed > *there) {
        anyhow::bail!(
            "{workers} members at a time need {} to train, and this process may use {}: make the layers of [model] smaller, which \
             `klsweep model` lists{}",
            in_gigabytes(needed),
            in_gigabytes(there),
            if workers > 1 { ", or train fewer at a time with --workers" } else { "" }
        );
    }
    Ok(())
}

/// Bytes that a member in training takes at least.
pub fn bytes_in_training(layers: &[Layer], batch_size: usize) -> f64 {
    let sum = |of: fn(&Layer) -> f64| layers.iter().map(of).sum::<f64>();
    let parameters = OF_PARAMETER * sum(|layer| layer.parameters);
    NUMBER * (parameters + OF_OUTPUT * batch_size as f64 * sum(Layer::outputs))
}
