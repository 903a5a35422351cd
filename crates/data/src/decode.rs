//! PNG, JPEG and WebP images, decoded within a bound on memory: a few bytes may ask for more than there is.

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::picture::Picture;

/// Bytes of a file, and of an image unpacked.
pub const MOST_BYTES: usize = 256 << 20;
/// Pixels along a side.
const MOST_PIXELS: usize = 32_768;
/// The shares of red, green and blue in the brightness of a pixel (ITU-R BT.709), in ten-thousandths.
const BRIGHTNESS: [u32; 3] = [2126, 7152, 722];

/// What the header of an image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Rows of pixels, as the image is meant to be shown.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Whether it has colours.
    pub coloured: bool,
}

/// The formats, by how their files begin.
enum Format {
    Png,
    Jpeg,
    WebP,
}

impl Format {
    fn of(bytes: &[u8]) -> Result<Self, String> {
        match bytes {
            [0x89, b'P', b'N', b'G', ..] => Ok(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::WebP),
            _ => Err("it begins neither as PNG nor as JPEG nor as WebP".to_string()),
        }
    }
}

/// The header of an image.
///
/// # Errors
///
/// What is wrong with it, or that it is larger than an image may be.
pub fn header(bytes: &[u8]) -> Result<Header, String> {
    let (height, width, coloured, turn) = match Format::of(bytes)? {
        Format::Png => {
            let reader = png(bytes)?;
            let info = reader.info();
            let coloured = matches!(
                info.color_type,
                png::ColorType::Rgb | png::ColorType::Rgba | png::ColorType::Indexed
            );
            (info.height as usize, info.width as usize, coloured, Turn::of(info.exif_metadata.as_deref()))
        }
        Format::Jpeg => {
            let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), jpeg_options());
            decoder.decode_headers().map_err(|error| error.to_string())?;
            let info = decoder.info().ok_or("it has no header")?;
            let turn = Turn::of(decoder.exif().map(Vec::as_slice));
            (usize::from(info.height), usize::from(info.width), info.components > 1, turn)
        }
        Format::WebP => {
            let mut decoder = webp(bytes)?;
            let (width, height) = decoder.dimensions();
            let exif = decoder.exif_metadata().map_err(|error| error.to_string())?;
            (height as usize, width as usize, true, Turn::of(exif.as_deref()))
        }
    };
    if height == 0 || width == 0 || height.max(width) > MOST_PIXELS || height * width > MOST_BYTES / 4 {
        return Err(format!("it is {height} x {width} pixels"));
    }
    let (height, width) = if turn.swaps() { (width, height) } else { (height, width) };
    Ok(Header { height, width, coloured })
}

/// The pixels of an image, in grey with one channel or in colours with three. What is transparent shows black.
///
/// # Errors
///
/// What is wrong with it, or that it is larger than an image may be.
pub fn decode(bytes: &[u8], channels: usize) -> Result<Picture, String> {
    // The bounds are checked there.
    header(bytes)?;
    let (decoded, turn) = match Format::of(bytes)? {
        Format::Png => {
            let mut reader = png(bytes)?;
            let turn = Turn::of(reader.info().exif_metadata.as_deref());
            let length = reader
                .output_buffer_size()
                .filter(|&length| length <= MOST_BYTES)
                .ok_or("it is too large")?;
            let mut pixels = vec![0; length];
            let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
            pixels.truncate(frame.buffer_size());
            let channels = frame.color_type.samples();
            (
                Picture {
                    height: frame.height as usize,
                    width: frame.width as usize,
                    channels,
                    bytes: pixels,
                },
                turn,
            )
        }
        Format::Jpeg => {
            let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), jpeg_options());
            decoder.decode_headers().map_err(|error| error.to_string())?;
            let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
            let wanted = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
            decoder.set_options(jpeg_options().jpeg_set_out_colorspace(wanted));
            let pixels = decoder.decode().map_err(|error| error.to_string())?;
            let (width, height) = decoder.dimensions().ok_or("it has no size")?;
            let turn = Turn::of(decoder.exif().map(Vec::as_slice));
            (Picture { height, width, channels: wanted.num_components(), bytes: pixels }, turn)
        }
        Format::WebP => {
            let mut decoder = webp(bytes)?;
            let (width, height) = decoder.dimensions();
            let channels = if decoder.has_alpha() { 4 } else { 3 };
            let length = decoder
                .output_buffer_size()
                .filter(|&length| length <= MOST_BYTES)
                .ok_or("it is too large")?;
            let mut pixels = vec![0; length];
            decoder.read_image(&mut pixels).map_err(|error| error.to_string())?;
            let exif = decoder.exif_metadata().map_err(|error| error.to_string())?;
            let picture = Picture { height: height as usize, width: width as usize, channels, bytes: pixels };
            (picture, Turn::of(exif.as_deref()))
        }
    };
    if decoded.bytes.len() != decoded.height * decoded.width * decoded.channels {
        return Err("it holds fewer pixels than its header says".to_string());
    }
    Ok(turn.apply(with_channels(decoded, channels)))
}

fn png(bytes: &[u8]) -> Result<png::Reader<Cursor<&[u8]>>, String> {
    let limits = png::Limits { bytes: MOST_BYTES };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    decoder.read_info().map_err(|error| error.to_string())
}

fn jpeg_options() -> DecoderOptions {
    // A file that is cut short is an error, not a picture that is grey from there on.
    DecoderOptions::default().set_max_width(MOST_PIXELS).set_max_height(MOST_PIXELS).set_strict_mode(true)
}

fn webp(bytes: &[u8]) -> Result<image_webp::WebPDecoder<Cursor<&[u8]>>, String> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    decoder.set_memory_limit(MOST_BYTES);
    Ok(decoder)
}

/// From 1 to 4 channels, the last of 2 and of 4 being opacity, to 1 or 3.
fn with_channels(picture: Picture, channels: usize) -> Picture {
    let Picture { height, width, channels: from, .. } = picture;
    if from == channels {
        return picture;
    }
    let mut bytes = Vec::with_capacity(height * width * channels);
    for pixel in picture.bytes.chunks_exact(from) {
        let opacity = if from % 2 == 0 { u32::from(pixel[from - 1]) } else { 255 };
        let shown = |level: u8| (u32::from(level) * opacity + 127) / 255;
        let levels =
            if from < 3 { [shown(pixel[0]); 3] } else { [0, 1, 2].map(|channel| shown(pixel[channel])) };
        if channels == 3 {
            bytes.extend(levels.map(|level| level as u8));
        } else {
            let brightness: u32 = levels.iter().zip(BRIGHTNESS).map(|(level, share)| level * share).sum();
            bytes.push(((brightness + 5000) / 10_000) as u8);
        }
    }
    Picture { height, width, channels, bytes }
}

/// How the pixels that a camera stored have to be turned to stand upright: the eight orientations of EXIF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    /// Rows and columns change places first.
    transposed: bool,
    /// Then the columns run from right to left.
    mirrored: bool,
    /// And the rows from bottom to top.
    flipped: bool,
}

impl Turn {
    /// The one that EXIF data names; none where there is none, or where it is damaged.
    ///
    /// Source: TIFF 6.0, section 8: a header, then a directory of entries of twelve bytes; tag 274 is the orientation.
    fn of(exif: Option<&[u8]>) -> Self {
        const ORIENTATION: u16 = 274;
        let orientation = || {
            let exif = exif?;
            let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
            let little = exif.starts_with(b"II");
            let short = |at: usize| {
                let bytes: [u8; 2] = exif.get(at..at + 2)?.try_into().ok()?;
                Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
            };
            let long = |at: usize| {
                let (first, second) = (u32::from(short(at)?), u32::from(short(at + 2)?));
                Some(if little { second << 16 | first } else { first << 16 | second })
            };
            let directory = long(4)? as usize;
            let mut entries = (0..usize::from(short(directory)?)).map(|entry| directory + 2 + 12 * entry);
            let entry = entries.find(|&entry| short(entry) == Some(ORIENTATION))?;
            short(entry + 8)
        };
        let [transposed, mirrored, flipped] = match orientation() {
            Some(2) => [false, true, false],
            Some(3) => [false, true, true],
            Some(4) => [false, false, true],
            Some(5) => [true, false, false],
            Some(6) => [true, true, false],
            Some(7) => [true, true, true],
            Some(8) => [true, false, true],
            _ => [false, false, false],
        };
        Self { transposed, mirrored, flipped }
    }

    fn swaps(self) -> bool {
        self.transposed
    }

    fn apply(self, picture: Picture) -> Picture {
        let Picture { height: rows, width: columns, channels, .. } = picture;
        let (height, width) = if self.transposed { (columns, rows) } else { (rows, columns) };
        if !(self.transposed || self.mirrored || self.flipped) {
            return picture;
        }
        let mut bytes = Vec::with_capacity(picture.bytes.len());
        for y in 0..height {
            for x in 0..width {
                let y = if self.flipped { height - 1 - y } else { y };
                let x = if self.mirrored { width - 1 - x } else { x };
                let (row, column) = if self.transposed { (x, y) } else { (y, x) };
                bytes.extend(&picture.bytes[(row * columns + column) * channels..][..channels]);
            }
        }
        Picture { height, width, channels, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_become_as_many_as_are_wanted() {
        let picture =
            |channels, bytes: &[u8]| Picture { height: 1, width: 1, channels, bytes: bytes.to_vec() };
        for (bytes, grey, colour) in [
            (&[200][..], 200, [200; 3]),
            (&[200, 51], 40, [40; 3]),
            (&[255, 0, 0], 54, [255, 0, 0]),
            (&[255, 255, 255, 0], 0, [0; 3]),
        ] {
            let from = picture(bytes.len(), bytes);
            assert_eq!(with_channels(from.clone(), 1).bytes, [grey], "{bytes:?}");
            assert_eq!(with_channels(from, 3).bytes, colour, "{bytes:?}");
        }
    }

    /// EXIF data with an orientation, in both orders of bytes.
    fn exif(orientation: u8) -> [Vec<u8>; 2] {
        let little =
            [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0]].concat();
        let big = [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"[..], &[0, orientation, 0, 0]].concat();
        [little, big]
    }

    #[test]
    fn pictures_of_a_turned_camera_stand_upright() {
        // The letters of the six pixels as a camera with this orientation stores the picture AB/CD/EF.
        for (orientation, height, stored) in [
            (1, 3, b"ABCDEF"),
            (2, 3, b"BADCFE"),
            (3, 3, b"FEDCBA"),
            (4, 3, b"EFCDAB"),
            (5, 2, b"ACEBDF"),
            (6, 2, b"BDFACE"),
            (7, 2, b"FDBECA"),
            (8, 2, b"ECAFDB"),
        ] {
            for exif in exif(orientation) {
                let stored = Picture { height, width: 6 / height, channels: 1, bytes: stored.to_vec() };
                let shown = Turn::of(Some(&exif)).apply(stored);
                assert_eq!(
                    (shown.height, shown.width, &shown.bytes[..]),
                    (3, 2, &b"ABCDEF"[..]),
                    "{orientation}"
                );
            }
        }
        for damaged in [&b""[..], b"II", b"II*\0\xff\xff\xff\xff", &exif(6)[0][..20]] {
            assert!(!Turn::of(Some(damaged)).swaps());
        }
    }

    #[test]
    fn a_few_bytes_that_ask_for_too_much_are_refused() {
        // A PNG of 30,000 x 30,000 pixels, none of which is there.
        let chunk = |name: &[u8], content: &[u8]| {
            let mut crc = flate2::Crc::new();
            crc.update(&[name, content].concat());
            [&(content.len() as u32).to_be_bytes()[..], name, content, &crc.sum().to_be_bytes()].concat()
        };
        let size = 30_000u32.to_be_bytes();
        let header = chunk(b"IHDR", &[&size[..], &size, &[8, 6, 0, 0, 0]].concat());
        let bytes = [&b"\x89PNG\r\n\x1a\n"[..], &header, &chunk(b"IDAT", b""), &chunk(b"IEND", b"")].concat();
        let error = decode(&bytes, 3).unwrap_err();
        assert!(error.contains("30000 x 30000 pixels"), "{error}");
        assert!(super::header(b"GIF89a").unwrap_err().contains("neither as PNG"));
    }
}
