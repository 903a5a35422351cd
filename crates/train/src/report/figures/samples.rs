//! What the decoder makes of the prior.

use burn::tensor::Device;
use figure::Chart;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::testing::{SIZE, Tiny};
    use figure::Mark;

    #[test]
    fn a_network_is_shown_with_the_same_codes_every_time_and_they_differ_from_each_other() {
        let tiny = Tiny::new(2);
        let image = || match samples(&tiny.vae, SIZE, &tiny.device).series.remove(0).mark {
            Mark::Image { image, .. } => image,
            _ => panic!(),
        };
        assert_eq!(image(), image());
        assert_eq!(image().width() as usize, SIDE * (SIZE[1] + 1) - 1);
        let stride = image().width() as usize;
        let first_rows: std::collections::HashSet<Vec<u8>> =
            (0..SIDE).map(|tile| image().grey()[tile * (SIZE[1] + 1)..][..SIZE[1]].to_vec()).collect();
        assert!(first_rows.len() > 1 && stride > SIZE[1], "all samples are alike");
    }
}
