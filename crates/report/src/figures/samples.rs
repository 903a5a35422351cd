//! What the decoder makes of the prior.

use figure::Chart;
use ndarray::Array3;

use super::tiles::{Tiles, picture};

/// Decoded samples of the prior, in a square.
pub fn samples(images: &Array3<u8>, channels: usize) -> Chart {
    let tiles = Tiles::of(images, channels);
    let side = tiles.count().isqrt().max(1);
    picture(tiles.mosaic(side, 1), 560.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use figure::Mark;

    #[test]
    fn the_samples_make_a_square() {
        let chart = samples(&Array3::from_shape_fn((64, 4, 3), |(image, ..)| image as u8), 1);
        let Mark::Image { image, .. } = &chart.series[0].mark else { panic!() };
        assert_eq!([image.width(), image.height()], [8 * 4 - 1, 8 * 5 - 1]);
        assert_eq!(image.levels()[..5], [0, 0, 0, 255, 1], "one beside the other with a gap");
    }
}
