//! Images of a data set side by side.

use figure::{Chart, Lines, Mark, Pixels, Series, Size, palette};
use ndarray::{Array, Dimension};

/// Images of one size, one after another, each row by row, from 0 (black) to 255 (white).
pub struct Tiles {
    /// Height and width of each.
    pub size: [usize; 2],
    /// 1 in grey, 3 in colours.
    pub channels: usize,
    pub levels: Vec<u8>,
}

impl Tiles {
    /// The images of an array whose last two axes are height and width, with the channels of a pixel beside each other.
    pub fn of<D: Dimension>(images: &Array<u8, D>, channels: usize) -> Self {
        let shape = images.shape();
        let size = [shape[shape.len() - 2], shape[shape.len() - 1] / channels];
        Self { size, channels, levels: images.iter().copied().collect() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.levels.len() / (self.size[0] * self.size[1] * self.channels)
    }

    /// All in rows of so many, with so many white pixels between neighbours.
    ///
    /// # Panics
    ///
    /// Panics if there is no image or no column.
    pub fn mosaic(&self, columns: usize, gap: usize) -> Pixels {
        let Self { size: [height, width], channels, .. } = *self;
        let (across, down) =
            (columns * (width + gap) - gap, self.count().div_ceil(columns) * (height + gap) - gap);
        let (stride, wide) = (across * channels, width * channels);
        let mut levels = vec![255; stride * down];
        for (position, tile) in self.levels.chunks_exact(height * wide).enumerate() {
            let (top, left) = (position / columns * (height + gap), position % columns * (width + gap));
            for (row, pixels) in tile.chunks_exact(wide).enumerate() {
                let start = (top + row) * stride + left * channels;
                levels[start..start + wide].copy_from_slice(pixels);
            }
        }
        Pixels::new(across as u32, down as u32, channels as u8, levels)
    }
}

/// Pixels of the drawing to a pixel of an image so many pixels wide or high: a whole number of halves, so that in the PNG
/// all are of one size.
pub fn magnification(pixels: usize, wanted: f32) -> f32 {
    ((2.0 * wanted / pixels as f32).floor() / 2.0).max(0.5)
}

/// A chart of nothing but an image.
pub fn picture(image: Pixels, wanted: f32) -> Chart {
    let (width, height) = (image.width() as f32, image.height() as f32);
    let scale = magnification(image.width().max(image.height()) as usize, wanted);
    let mut chart = Chart {
        size: Size::Plot { width: width * scale, height: height * scale },
        lines: Lines::None,
        series: vec![series(image, [0.0, 1.0], [0.0, 1.0])],
        ..Chart::default()
    };
    for axis in [&mut chart.x, &mut chart.y] {
        (axis.range, axis.ticks) = (Some([0.0, 1.0]), Some(Vec::new()));
    }
    chart
}

/// An image in a chart, from left to right and from bottom to top.
pub fn series(image: Pixels, x: [f64; 2], y: [f64; 2]) -> Series {
    Series::new("", palette::INK, Mark::Image { image, x, y })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mosaic_has_every_image_in_its_place() {
        let tiles = Tiles { size: [1, 2], channels: 1, levels: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(tiles.mosaic(2, 0), Pixels::new(4, 2, 1, vec![1, 2, 3, 4, 5, 6, 255, 255]));
        let apart = [1, 2, 255, 3, 4, 255, 255, 255, 255, 255, 5, 6, 255, 255, 255];
        assert_eq!(tiles.mosaic(2, 1), Pixels::new(5, 3, 1, apart.to_vec()));
        let colours = Tiles { size: [1, 1], channels: 3, levels: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(colours.mosaic(2, 1), Pixels::new(3, 1, 3, vec![1, 2, 3, 255, 255, 255, 4, 5, 6]));
    }

    #[test]
    fn pixels_of_an_image_are_all_of_one_size_in_the_png() {
        assert_eq!([magnification(224, 560.0), magnification(225, 560.0)], [2.5, 2.0]);
        assert_eq!(magnification(5000, 560.0), 0.5);
    }
}
