//! An encoder and a decoder of one's own, trained on MNIST for one epoch at each of two coefficients:
//! `cargo run -p train --example own_network`.
//!
//! Any Burn module that is written with the operations of `model` trains at their speed, whatever its layers and objective.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Distribution, Tensor};
use model::{
    Activation, Adam, AdamConfig, bernoulli_nll, dense, gaussian_kl, gradients, linear, reparameterize,
};
use train::image_tensors::ImageTensors;
use train::random::image_order;

/// A decoder whose output is multiplied with a gate that the code opens.
#[derive(Module, Debug)]
struct GatedVae {
    encoder: Linear,
    mean: Linear,
    log_var: Linear,
    decoder: Linear,
    gate: Linear,
    logits: Linear,
}

impl GatedVae {
    fn new(device: &Device) -> Self {
        let layer = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        Self {
            encoder: layer(784, 256),
            mean: layer(256, 8),
            log_var: layer(256, 8),
            decoder: layer(8, 256),
            gate: layer(8, 256),
            logits: layer(256, 784),
        }
    }

    /// Reconstruction and KL, in nats per image.
    fn terms(&self, images: Tensor<2>, noise: Tensor<2>) -> [Tensor<1>; 2] {
        let hidden = linear(&self.encoder, images.clone(), Activation::Gelu);
        let mean = linear(&self.mean, hidden.clone(), Activation::Identity);
        let log_var = linear(&self.log_var, hidden, Activation::Clamp { min: -80.0, max: 40.0 });
        let codes = reparameterize(mean.clone(), log_var.clone(), noise);
        let open = burn::tensor::activation::sigmoid(linear(&self.gate, codes.clone(), Activation::Identity));
        let decoded = linear(&self.decoder, codes, Activation::Gelu) * open;
        let bias = self.logits.bias.as_ref().expect("it has one").val();
        let logits = dense(decoded, self.logits.weight.val(), bias, Activation::Identity);
        [bernoulli_nll(logits, images).mean(), gaussian_kl(mean, log_var).sum_dim(1).mean()]
    }
}

fn main() -> anyhow::Result<()> {
    let device = Device::flex();
    let dataset = data::load(&record::DataConfig::default(), &())?;
    let initial = GatedVae::new(&device.clone().autodiff());
    for c in [0.5, 2.0] {
        let (mut vae, mut adam) = (initial.clone(), Adam::new(AdamConfig::default(), &initial));
        let mut last = None;
        for positions in image_order(0, 0, dataset.train.count(), None).chunks(128) {
            let images = dataset.train.batch(positions, &device)?;
            let noise = Tensor::random([positions.len(), 8], Distribution::Normal(0.0, 1.0), &device);
            let [reconstruction, kl] = vae.terms(images, noise);
            let objective = reconstruction.clone() + kl.clone().mul_scalar(c);
            let of_objective = gradients(objective, &vae);
            vae = adam.step(vae, of_objective);
            last = Some([reconstruction, kl]);
        }
        let [reconstruction, kl] = last.expect("there are batches").map(|term| term.into_scalar::<f32>());
        println!("c = {c}: reconstruction {reconstruction:.1}, KL {kl:.1} nats per image of the last batch");
    }
    Ok(())
}
