//! Grey images inside a drawing.

use png::{BitDepth, ColorType, Compression, Encoder};

/// A picture of grey levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GreyImage {
    width: u32,
    height: u32,
    grey: Vec<u8>,
}

impl GreyImage {
    /// A picture from its grey levels, row by row, from 0 (black) to 255 (white).
    ///
    /// # Panics
    ///
    /// Unless there is a grey level for each pixel, and at least one pixel.
    pub fn new(width: u32, height: u32, grey: Vec<u8>) -> Self {
        let pixels = u64::from(width) * u64::from(height);
        assert!(pixels > 0 && pixels == grey.len() as u64, "{} grey levels, {width} x {height}", grey.len());
        Self { width, height, grey }
    }

    /// Pixels of a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows of pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The grey levels, row by row.
    pub fn grey(&self) -> &[u8] {
        &self.grey
    }

    /// The picture as a PNG file of its own size.
    pub fn to_png(&self) -> Vec<u8> {
        encode_png(self.width, self.height, ColorType::Grayscale, Compression::Balanced, &self.grey)
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
