//! Some images of a split on one sheet.

use std::io::Cursor;

use crate::error::Result;
use crate::split::Split;

/// White pixels between two images.
const GAP: usize = 2;
/// Pixels along the sheet at least: small images are magnified.
const LEAST_WIDTH: usize = 640;

/// At most so many evenly spaced images in so many columns, as a PNG; `None` of a table.
///
/// # Errors
///
/// Fails when a file that the images are read from has changed.
pub fn contact_sheet(split: &Split, most: usize, columns: usize) -> Result<Option<Vec<u8>>> {
    let Some([height, width, channels]) = split.shape().image() else { return Ok(None) };
    let count = split.count().min(most);
    let positions: Vec<u32> = (0..count).map(|i| (i * split.count() / count) as u32).collect();
    let pixels = split.pixels(&positions)?;
    let scale = (LEAST_WIDTH / (columns * (width + GAP))).max(1);
    let (tile_height, tile_width) = (height * scale + GAP, width * scale + GAP);
    let columns = columns.min(count);
    let (sheet_height, sheet_width) =
        (count.div_ceil(columns) * tile_height - GAP, columns * tile_width - GAP);
    let mut sheet = vec![255; sheet_height * sheet_width * channels];
    for (position, image) in pixels.chunks_exact(height * width * channels).enumerate() {
        let (top, left) = (position / columns * tile_height, position % columns * tile_width);
        for y in 0..height * scale {
            for x in 0..width * scale {
                let from = (y / scale * width + x / scale) * channels;
                let to = ((top + y) * sheet_width + left + x) * channels;
                sheet[to..to + channels].copy_from_slice(&image[from..from + channels]);
            }
        }
    }
    Ok(Some(png([sheet_height, sheet_width, channels], &sheet)))
}

/// A picture of this height, width and number of channels, 1 or 3, as a PNG.
///
/// # Panics
///
/// Panics unless there is a byte for each channel of each pixel.
pub fn png([height, width, channels]: [usize; 3], bytes: &[u8]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(if channels == 3 { png::ColorType::Rgb } else { png::ColorType::Grayscale });
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(bytes)?;
        writer.finish()
    });
    written.expect("a picture can be written into memory");
    file.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Shape;

    #[test]
    fn images_stand_in_rows_with_gaps_between() {
        let split = Split::of_bytes(
            Shape::grey(1, 318),
            [vec![10; 318], vec![20; 318], vec![30; 318]].concat(),
            None,
        );
        let sheet = contact_sheet(&split, 4, 2).unwrap().unwrap();
        let mut reader = png::Decoder::new(Cursor::new(sheet)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height), (638, 4));
        assert_eq!([pixels[0], pixels[317], pixels[318], pixels[320], pixels[637]], [10, 10, 255, 20, 20]);
        assert_eq!([pixels[3 * 638], pixels[3 * 638 + 320]], [30, 255], "there is no fourth");
    }

    #[test]
    fn a_table_has_no_pictures() {
        let split = Split::of_numbers(Shape::Table { columns: vec!["a".into()] }, vec![0.0], None);
        assert_eq!(contact_sheet(&split, 4, 2).unwrap(), None);
    }
}
