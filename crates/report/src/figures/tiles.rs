//! Images of a data set side by side.

use figure::{Chart, GreyImage, Lines, Mark, Series, Size, palette};
use ndarray::{Array, Dimension};

/// Images of one size, one after another, each row by row, from 0 (black) to 255 (white).
pub struct Tiles {
    /// Height and width of each.
    pub size: [usize; 2],
    pub grey: Vec<u8>,
}

impl Tiles {
    /// The images of an array whose last two axes are height and width.
    pub fn of<D: Dimension>(images: &Array<u8, D>) -> Self {
        let shape = images.shape();
        let size = [shape[shape.len() - 2], shape[shape.len() - 1]];
        Self { size, grey: images.iter().copied().collect() }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.grey.len() / (self.size[0] * self.size[1])
    }

    /// All in rows of so many, with so many white pixels between neighbours.
    ///
    /// # Panics
    ///
    /// Panics if there is no image or no column.
    pub fn mosaic(&self, columns: usize, gap: usize) -> GreyImage {
        let [height, width] = self.size;
        let rows = self.count().div_ceil(columns);
        let stride = columns * (width + gap) - gap;
        let mut grey = vec![255; stride * (rows * (height + gap) - gap)];
        for (position, tile) in self.grey.chunks_exact(height * width).enumerate() {
            let (top, left) = (position / columns * (height + gap), position % columns * (width + gap));
            for (row, pixels) in tile.chunks_exact(width).enumerate() {
                let start = (top + row) * stride + left;
                grey[start..start + width].copy_from_slice(pixels);
            }
        }
        GreyImage::new(stride as u32, (grey.len() / stride) as u32, grey)
    }
}

/// Pixels of the drawing to a pixel of an image so many pixels wide or high: a whole number of halves, so that in the PNG
/// all are of one size.
pub fn magnification(pixels: usize, wanted: f32) -> f32 {
    ((2.0 * wanted / pixels as f32).floor() / 2.0).max(0.5)
}

/// A chart of nothing but an image.
pub fn picture(image: GreyImage, wanted: f32) -> Chart {
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
pub fn series(image: GreyImage, x: [f64; 2], y: [f64; 2]) -> Series {
    Series::new("", palette::INK, Mark::Image { image, x, y })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mosaic_has_every_image_in_its_place() {
        let tiles = Tiles { size: [1, 2], grey: vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(tiles.mosaic(2, 0), GreyImage::new(4, 2, vec![1, 2, 3, 4, 5, 6, 255, 255]));
        let apart = [1, 2, 255, 3, 4, 255, 255, 255, 255, 255, 5, 6, 255, 255, 255];
        assert_eq!(tiles.mosaic(2, 1), GreyImage::new(5, 3, apart.to_vec()));
    }

    #[test]
    fn pixels_of_an_image_are_all_of_one_size_in_the_png() {
        assert_eq!([magnification(224, 560.0), magnification(225, 560.0)], [2.5, 2.0]);
        assert_eq!(magnification(5000, 560.0), 0.5);
    }
}
