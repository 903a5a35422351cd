//! What the decoder makes of the prior.

use burn::tensor::Device;
use metrics::figure::Chart;
use model::Vae;

use super::tiles::{Tiles, picture};
use crate::random::{Purpose, noise};

/// Samples along each side of the picture.
pub const SIDE: usize = 8;

/// Decoded samples of the prior, of the same noise for every member.
pub fn samples(vae: &Vae, size: [usize; 2], device: &Device) -> Chart {
    let codes = noise(0, Purpose::FigureSamples, 0, 0, SIDE * SIDE * vae.latent());
    let image = Tiles::decode(vae, &codes, size, device).mosaic(SIDE, 1);
    picture(String::new(), String::new(), image, 560.0)
}
