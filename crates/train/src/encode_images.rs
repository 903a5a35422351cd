//! What a network makes of single images with one code each.

use burn::tensor::{Device, Tensor, TensorData};
use data::{Result, Split};
use model::{Posterior, Vae};
use ndarray::{Array1, Array2};
use record::Encoded;

use crate::image_tensors::ImageTensors;
use crate::random::{Purpose, noise};
use crate::together::together;

/// Images encoded at a time. It changes no result: what becomes of an image depends on no other.
const BATCH: usize = 200;

/// Posteriors, codes and losses of the images at some positions.
///
/// The noise is that of all images, so that an image has its code whatever others are looked at.
///
/// # Errors
///
/// Fails when a file that the images are read from has changed.
pub fn encode_images(
    vae: &Vae,
    images: &Split,
    positions: &[u32],
    seed: u64,
    purpose: Purpose,
    device: &Device,
) -> Result<Encoded> {
    let (count, latent) = (positions.len(), vae.latent());
    let noise = noise(seed, purpose, 0, 0, images.count() * latent);
    let (mut means, mut log_vars, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    let mut losses = Vec::with_capacity(count);
    for batch in positions.chunks(together(BATCH, images.numbers())) {
        let images = images.batch(batch, device)?;
        let Posterior { mean, log_var } = vae.encoder.forward(images.clone());
        let [mean, log_var] = [mean, log_var].map(values);
        let noise = batch.iter().flat_map(|&position| &noise[position as usize * latent..][..latent]);
        let code = mean.iter().zip(&log_var).zip(noise);
        let code: Vec<f32> =
            code.map(|((mean, log_var), noise)| mean + (0.5 * log_var).exp() * noise).collect();
        let shape = [batch.len(), latent];
        let outputs = vae.decoder.forward(Tensor::from_data(TensorData::new(code.clone(), shape), device));
        losses.extend(values(vae.decoder.distribution(outputs).nll(images)));
        means.extend(mean);
        log_vars.extend(log_var);
        codes.extend(code);
    }
    let kl = means.chunks(latent).zip(log_vars.chunks(latent)).map(|(mean, log_var)| kl(mean, log_var));
    let of_dimensions =
        |values| Array2::from_shape_vec((count, latent), values).expect("every image has as many dimensions");
    Ok(Encoded {
        kl: Some(kl.collect()),
        reconstruction: Some(Array1::from(losses)),
        mean: of_dimensions(means),
        log_var: of_dimensions(log_vars),
        code: Some(of_dimensions(codes)),
    })
}

/// A tensor's numbers on the host.
pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    // Number by number, the data's iterator takes longer than a decoder for its outputs.
    tensor.into_data().convert::<f32>().try_into_vec().expect("they are of this type")
}

/// `KL(N(mean, exp(log_var)) ‖ N(0, I))` of one posterior, in nats.
fn kl(mean: &[f32], log_var: &[f32]) -> f32 {
    let of_dimension = |(&mean, &log_var): (&f32, &f32)| {
        let (mean, log_var) = (f64::from(mean), f64::from(log_var));
        0.5 * (mean * mean + log_var.exp() - 1.0 - log_var)
    };
    mean.iter().zip(log_var).map(of_dimension).sum::<f64>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::VaeConfig;
    use rand::{SeedableRng, rngs::StdRng};
    use record::Shape;

    const PIXELS: usize = 12;

    fn images() -> Split {
        let bytes = (0..30 * PIXELS).map(|i| (i * i * 31 % 256) as u8).collect();
        Split::of_bytes(Shape::grey(4, 3), bytes, None)
    }

    fn vae() -> Vae {
        let config =
            VaeConfig { encoder_hidden: vec![8], latent: 2, decoder_hidden: vec![8], ..VaeConfig::default() };
        config.init(PIXELS, &mut StdRng::seed_from_u64(1), &Device::flex())
    }

    fn encode(positions: &[u32]) -> Encoded {
        encode_images(&vae(), &images(), positions, 5, Purpose::DiagnosticNoise, &Device::flex()).unwrap()
    }

    #[test]
    fn an_image_has_its_code_and_its_losses_whatever_others_there_are() {
        let (all, some) = (encode(&(0..30).collect::<Vec<_>>()), encode(&[3, 17]));
        for (row, image) in [3, 17].into_iter().enumerate() {
            assert_eq!(some.code.as_ref().unwrap().row(row), all.code.as_ref().unwrap().row(image));
            assert_eq!(
                some.reconstruction.as_ref().unwrap()[row],
                all.reconstruction.as_ref().unwrap()[image]
            );
        }
    }

    #[test]
    fn the_losses_are_those_of_the_network_and_their_codes() {
        let vae = vae();
        let Encoded { mean, log_var, code, reconstruction, kl } = encode(&(0..30).collect::<Vec<_>>());
        let device = Device::flex();
        let images = images().range(0..30, &device).unwrap();
        let tensor = |array: &Array2<f32>| {
            Tensor::<2>::from_data(
                TensorData::new(array.iter().copied().collect::<Vec<f32>>(), [30, 2]),
                &device,
            )
        };
        let posterior = vae.encoder.forward(images.clone());
        posterior.mean.into_data().assert_eq(&tensor(&mean).into_data(), true);
        // Each loss as it is defined, in 64-bit numbers.
        let logits = values(vae.decoder.forward(tensor(&code.unwrap())));
        let grey = values(images);
        for (example, found) in reconstruction.unwrap().iter().enumerate() {
            let range = example * PIXELS..(example + 1) * PIXELS;
            let of_pixel = |(&l, &x): (&f32, &f32)| {
                let (l, x) = (f64::from(l), f64::from(x));
                l.max(0.0) + (-l.abs()).exp().ln_1p() - x * l
            };
            let expected: f64 = logits[range.clone()].iter().zip(&grey[range]).map(of_pixel).sum();
            assert!((f64::from(*found) - expected).abs() < 1e-5 * expected, "{found}, not {expected}");
        }
        let expected = values(model::gaussian_kl(tensor(&mean), tensor(&log_var)));
        for (found, expected) in kl.unwrap().iter().zip(expected.chunks(2)) {
            let expected: f32 = expected.iter().sum();
            assert!((found - expected).abs() < 1e-5 * expected, "{found}, not {expected}");
        }
    }
}
