//! Images inside a drawing.

use png::{BitDepth, ColorType, Compression, Encoder};

/// A picture in grey or in colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    width: u32,
    height: u32,
    channels: u8,
    levels: Vec<u8>,
}

impl Pixels {
    /// A picture from its levels, row by row, from 0 (black) to 255 (white): one a pixel in grey, or red, green and blue.
    ///
    /// # Panics
    ///
    /// Unless there are one or three levels for each pixel, and at least one pixel.
    pub fn new(width: u32, height: u32, channels: u8, levels: Vec<u8>) -> Self {
        assert!(matches!(channels, 1 | 3), "{channels} channels");
        let expected = u64::from(width) * u64::from(height) * u64::from(channels);
        let found = levels.len() as u64;
        assert!(expected > 0 && expected == found, "{found} levels, {width} x {height} x {channels}");
        Self { width, height, channels, levels }
    }

    /// Pixels of a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows of pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The levels, row by row.
    pub fn levels(&self) -> &[u8] {
        &self.levels
    }

    /// Red, green and blue of each pixel.
    pub(super) fn colors(&self) -> impl Iterator<Item = [u8; 3]> + '_ {
        self.levels.chunks_exact(usize::from(self.channels)).map(|levels| match *levels {
            [red, green, blue] => [red, green, blue],
            _ => [levels[0]; 3],
        })
    }

    /// The picture as a PNG file of its own size.
    pub fn to_png(&self) -> Vec<u8> {
        let color = if self.channels == 3 { ColorType::Rgb } else { ColorType::Grayscale };
        encode_png(self.width, self.height, color, Compression::Balanced, &self.levels)
    }
}

/// A PNG file of 8 bits a channel.
pub(super) fn encode_png(
    width: u32,
    height: u32,
    color: ColorType,
    compression: Compression,
    data: &[u8],
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(compression);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(data));
    written.expect("pixels of the size that the header names encode into memory");
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_holds_the_levels_of_every_channel() {
        for (channels, levels) in [(1, vec![0, 100]), (3, vec![1, 2, 3, 40, 50, 60])] {
            let picture = Pixels::new(2, 1, channels, levels.clone());
            let png = picture.to_png();
            let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
            let mut found = vec![0; levels.len()];
            reader.next_frame(&mut found).unwrap();
            assert_eq!(found, levels);
        }
        let colors: Vec<[u8; 3]> = Pixels::new(2, 1, 1, vec![0, 100]).colors().collect();
        assert_eq!(colors, [[0; 3], [100; 3]]);
    }
}
