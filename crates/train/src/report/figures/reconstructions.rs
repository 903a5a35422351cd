//! Test images beside what comes out of the network.

use burn::tensor::Device;
use figure::{Axis, Chart, Lines, Size, Tick};
use model::Vae;

use super::tiles::{Tiles, magnification, series};
use crate::diagnostics::EncodedImages;
use data::Images;

/// Images shown, and how many of them side by side.
const COUNT: usize = 20;
const COLUMNS: usize = 10;
/// Space between a pair of rows and the next, in heights of an image.
const SPACE: f64 = 0.25;

/// Test images above the decoder's means for the means of their posteriors.
pub fn reconstructions(vae: &Vae, test: &Images, encoded: &EncodedImages, device: &Device) -> Chart {
    let size = [test.height, test.width];
    let shown = chosen(test);
    let codes: Vec<f32> =
        shown.iter().flat_map(|&image| encoded.means.row(image).to_vec()).map(|mean| mean as f32).collect();
    let decoded = Tiles::decode(vae, &codes, size, device);
    let pixels = test.pixels();
    let originals: Vec<u8> =
        shown.iter().flat_map(|&image| &test.bytes[image * pixels..(image + 1) * pixels]).copied().collect();

    let columns = COLUMNS.min(shown.len());
    let bands = shown.len().div_ceil(columns);
    let height = bands as f64 * (2.0 + SPACE) - SPACE;
    let (mut rows, mut ticks) = (Vec::new(), Vec::new());
    for band in 0..bands {
        for (row, (grey, name)) in
            [(&originals, "test images"), (&decoded.grey, "reconstructions")].into_iter().enumerate()
        {
            let top = height - band as f64 * (2.0 + SPACE) - row as f64;
            let count = columns.min(shown.len() - band * columns);
            let grey = grey[band * columns * pixels..(band * columns + count) * pixels].to_vec();
            rows.push(series(Tiles { size, grey }.mosaic(count, 0), [0.0, count as f64], [top - 1.0, top]));
            ticks.push(Tick { value: top - 0.5, label: name.to_string() });
        }
    }
    let scale = magnification(columns * test.width, 560.0);
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

/// The first images of each class in turn, or the first of all where there are no classes.
fn chosen(test: &Images) -> Vec<usize> {
    let Some(labels) = &test.labels else { return (0..test.count().min(COUNT)).collect() };
    let mut classes = labels.clone();
    classes.sort_unstable();
    classes.dedup();
    let mut of_classes: Vec<_> =
        classes.iter().map(|class| (0..labels.len()).filter(move |&image| labels[image] == *class)).collect();
    let mut chosen = Vec::new();
    while chosen.len() < COUNT.min(labels.len()) {
        chosen.extend(of_classes.iter_mut().filter_map(Iterator::next).take(COUNT - chosen.len()));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::testing::{SIZE, Tiny, assert_sound};
    use figure::Mark;

    #[test]
    fn each_class_is_shown_as_often_and_above_its_reconstruction() {
        let tiny = Tiny::new(2);
        assert_eq!(chosen(&tiny.test), (0..20).collect::<Vec<_>>(), "two images of each of ten classes");
        let chart = reconstructions(&tiny.vae, &tiny.test, &tiny.encoded, &tiny.device);
        let row = |position: usize| match &chart.series[position].mark {
            Mark::Image { image, y, .. } => (image.clone(), y[0]),
            _ => panic!(),
        };
        let ((original, above), (decoded, below)) = (row(0), row(1));
        assert!(above > below);
        assert_eq!(original.grey()[..SIZE[1]], tiny.test.bytes[..SIZE[1]]);
        let code: Vec<f32> = tiny.encoded.means.row(0).iter().map(|&mean| mean as f32).collect();
        let expected = Tiles::decode(&tiny.vae, &code, SIZE, &tiny.device).grey;
        assert_eq!(decoded.grey()[..SIZE[1]], expected[..SIZE[1]]);
        assert_sound("reconstructions", &chart.scene());
    }

    #[test]
    fn few_images_without_classes_are_all_shown() {
        let mut tiny = Tiny::new(2);
        tiny.test.labels = None;
        tiny.test.bytes.truncate(3 * 12);
        assert_eq!(chosen(&tiny.test), [0, 1, 2]);
        let chart = reconstructions(&tiny.vae, &tiny.test, &tiny.encoded, &tiny.device);
        assert_eq!(chart.series.len(), 2);
        assert_sound("reconstructions", &chart.scene());
    }

    #[test]
    fn rare_classes_leave_their_places_to_others() {
        let mut tiny = Tiny::new(2);
        tiny.test.labels = Some((0..60).map(|image| u8::from(image == 30)).collect());
        let chosen = chosen(&tiny.test);
        assert_eq!(chosen.len(), 20);
        assert!(chosen.contains(&30));
    }
}
