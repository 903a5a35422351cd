//! Held-out images beside what comes out of the network.

use figure::{Axis, Chart, Lines, Size, Tick};
use ndarray::Array3;

use super::tiles::{Tiles, magnification, series};

/// Images side by side.
const COLUMNS: usize = 10;
/// Space between a pair of rows and the next, in heights of an image.
const SPACE: f64 = 0.25;

/// Held-out images above the decoder's means for the means of their posteriors.
pub fn reconstructions(originals: &Array3<u8>, decoded: &Array3<u8>, channels: usize) -> Chart {
    let [originals, decoded] = [originals, decoded].map(|images| Tiles::of(images, channels));
    let Tiles { size, .. } = originals;
    let (count, pixels) = (originals.count(), size[0] * size[1] * channels);
    let columns = COLUMNS.min(count);
    let bands = count.div_ceil(columns);
    let height = bands as f64 * (2.0 + SPACE) - SPACE;
    let (mut rows, mut ticks) = (Vec::new(), Vec::new());
    for band in 0..bands {
        for (row, (tiles, name)) in
            [(&originals, "held-out images"), (&decoded, "reconstructions")].into_iter().enumerate()
        {
            let top = height - band as f64 * (2.0 + SPACE) - row as f64;
            let count = columns.min(count - band * columns);
            let levels = tiles.levels[band * columns * pixels..(band * columns + count) * pixels].to_vec();
            rows.push(series(
                Tiles { size, channels, levels }.mosaic(count, 0),
                [0.0, count as f64],
                [top - 1.0, top],
            ));
            ticks.push(Tick { value: top - 0.5, label: name.to_string() });
        }
    }
    let scale = magnification(columns * size[1], 560.0);
    let [tile_height, tile_width] = size.map(|pixels| pixels as f32 * scale);
    Chart {
        size: Size::Plot { width: columns as f32 * tile_width, height: height as f32 * tile_height },
        x: Axis { range: Some([0.0, columns as f64]), ticks: Some(Vec::new()), ..Axis::default() },
        y: Axis { range: Some([0.0, height]), ticks: Some(ticks), ..Axis::default() },
        lines: Lines::None,
        series: rows,
        ..Chart::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::{SIZE, assert_sound};
    use figure::Mark;

    fn images(count: usize, grey: u8) -> Array3<u8> {
        Array3::from_shape_fn((count, SIZE[0], SIZE[1]), |(image, ..)| grey + image as u8)
    }

    #[test]
    fn each_image_is_shown_above_its_reconstruction() {
        let chart = reconstructions(&images(20, 0), &images(20, 100), 1);
        let row = |position: usize| match &chart.series[position].mark {
            Mark::Image { image, y, .. } => (image.clone(), y[0]),
            _ => panic!(),
        };
        let ((original, above), (decoded, below)) = (row(0), row(1));
        assert!(above > below);
        assert_eq!([original.levels()[SIZE[1]], decoded.levels()[SIZE[1]]], [1, 101], "the second of each");
        assert_eq!(chart.series.len(), 4);
        assert_sound("reconstructions", &chart.scene());
    }

    #[test]
    fn few_images_are_one_row() {
        let chart = reconstructions(&images(3, 0), &images(3, 9), 1);
        assert_eq!(chart.series.len(), 2);
        assert_sound("reconstructions", &chart.scene());
    }
}
