//! Whether what the decoder makes of the prior looks like the data.

use burn::tensor::{Device, Tensor, TensorData};
use data::{Result, Split};
use model::Vae;
use ndarray::Array2;

use crate::image_tensors::ImageTensors;
use crate::random::{Purpose, noise};

/// Codes drawn from the prior, and at most as many reconstructions: a share of them has a standard error of at most 0.016.
const SAMPLES: usize = 1000;
/// The share of reconstructions that count as near the data.
const REFERENCE_SHARE: f64 = 0.95;
/// Images compared at a time.
const BATCH: usize = 1000;

/// The share of decoded prior samples that lie as near to some test image as 95 % of the reconstructions do.
///
/// What is compared are the means of the pixels, by their Euclidean distance to the nearest test image. The limit is
/// the network's own: the 95 % quantile of that distance over the reconstructions of up to 1,000 evenly spaced test images
/// from their `codes`, so that a decoder that blurs everything is held against its own blur. A decoder that finds nothing
/// but known territory under the prior comes to about 0.95, one for which the prior's codes lie between or beside those
/// of the images to less.
pub fn prior_near_data(
    vae: &Vae,
    images: &Split,
    codes: &Array2<f64>,
    seed: u64,
    device: &Device,
) -> Result<f64> {
    let latent = vae.latent();
    let prior = noise(seed, Purpose::PriorSamples, 0, 0, SAMPLES * latent);
    let every = images.count().div_ceil(SAMPLES);
    let of_images: Vec<f32> =
        codes.rows().into_iter().step_by(every).flatten().map(|&value| value as f32).collect();
    let distances = |codes: Vec<f32>| {
        let codes = Tensor::from_data(TensorData::new(codes.clone(), [codes.len() / latent, latent]), device);
        let pixels = vae.decoder.distribution(vae.decoder.forward(codes));
        nearest_distances(pixels.mean(), images, device)
    };
    let mut reconstructions = distances(of_images)?;
    reconstructions.sort_by(f32::total_cmp);
    let last = reconstructions.len() - 1;
    let limit = reconstructions[(REFERENCE_SHARE * last as f64).round() as usize];
    let near = distances(prior)?.into_iter().filter(|&distance| distance <= limit).count();
    Ok(near as f64 / SAMPLES as f64)
}

/// The squared Euclidean distance of each grey image, `[count, pixels]`, to the nearest of the images.
fn nearest_distances(grey: Tensor<2>, images: &Split, device: &Device) -> Result<Vec<f32>> {
    let squared = |images: Tensor<2>| images.powi_scalar(2).sum_dim(1);
    let of_grey = squared(grey.clone());
    let nearest = (0..images.count())
        .step_by(BATCH)
        .map(|start| {
            let batch = images.range(start..(start + BATCH).min(images.count()), device)?;
            let products = grey.clone().matmul(batch.clone().transpose()).mul_scalar(-2.0);
            Ok((products + squared(batch).transpose()).min_dim(1))
        })
        .reduce(|nearest, other| Ok(Tensor::min_pair(nearest?, other?)))
        .expect("a data set has an image")?;
    Ok((nearest + of_grey).into_data().iter::<f32>().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::VaeConfig;
    use rand::{SeedableRng, rngs::StdRng};
    use record::Shape;

    /// Images of one pixel and a decoder of one latent dimension without hidden layer: `grey = sigmoid(weight * z)`.
    fn vae(weight: f32, device: &Device) -> Vae {
        let config =
            VaeConfig { encoder_hidden: vec![], latent: 1, decoder_hidden: vec![], ..VaeConfig::default() };
        let mut vae = config.init(1, &mut StdRng::seed_from_u64(0), device);
        let weight = Tensor::<2>::from_data([[weight]], device);
        vae.decoder.logits.weight = vae.decoder.logits.weight.map(|_| weight);
        vae
    }

    #[test]
    fn distances_are_those_to_the_nearest_image() {
        let device = Device::flex();
        let images = Split::of_bytes(Shape::grey(1, 2), vec![0, 0, 255, 255, 255, 0], None);
        let grey = Tensor::from_data([[0.25f32, 0.0], [1.0, 0.5]], &device);
        let found = nearest_distances(grey, &images, &device).unwrap();
        // The second lies between (1, 1) and (1, 0).
        for (found, expected) in found.iter().zip([0.0625, 0.25]) {
            assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
        }
    }

    #[test]
    fn the_share_is_that_of_samples_within_the_reach_of_reconstructions() {
        let device = Device::flex();
        // Two images, 0 and 0.5; all codes are at 0 and give 0.5: the limit is 0.
        let images = Split::of_bytes(Shape::grey(1, 1), vec![0, 128], None);
        let codes = Array2::zeros((2, 1));
        let flat = prior_near_data(&vae(0.0, &device), &images, &codes, 0, &device).unwrap();
        assert_eq!(flat, 1.0, "whatever the code, the image is the same");
        let steep = prior_near_data(&vae(100.0, &device), &images, &codes, 0, &device).unwrap();
        // Codes below about -0.06 give an image within 0.002 of 0, and that is the limit: 128 / 255 - 0.5.
        assert!((0.4..0.6).contains(&steep), "{steep}");
    }
}
