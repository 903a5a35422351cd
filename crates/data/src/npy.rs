//! Arrays of NumPy.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use record::{DataConfig, Shape};

use crate::blocks::FlatFile;
use crate::error::{DataError, Result};
use crate::found::{Found, Rows, image_shape};
use crate::label_file;
use crate::labels::{Labels, Words};
use crate::split::planar_place;
use npy_format::{Element, Header};

/// Columns of a table at most: each has a name, whatever bytes there are for it.
const MOST_COLUMNS: usize = 1 << 20;

/// How the axes of an array are examples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What an example is.
    pub shape: Shape,
    /// Whether its channels are stored one after another, and not beside each other.
    pub planar: bool,
}

impl Layout {
    /// The numbers of an example, the channels of a pixel beside each other.
    pub fn channels_last<'a>(&self, example: &'a [f64]) -> Cow<'a, [f64]> {
        match self.shape.image() {
            Some([.., channels]) if self.planar => {
                let numbers = example.len();
                let place = |place| example[planar_place(place, numbers, channels)];
                Cow::Owned((0..numbers).map(place).collect())
            }
            _ => Cow::Borrowed(example),
        }
    }
}

/// The header of an array whose examples lie one after another.
///
/// # Errors
///
/// Fails with what is wrong with it, as the end of a sentence that begins with the name of the file.
pub fn read_header(reader: &mut impl Read) -> Result<Header, String> {
    let header = Header::read(reader)?;
    if header.by_columns && header.shape.len() > 1 {
        return Err("is stored column by column: save numpy.ascontiguousarray(…) of it".to_string());
    }
    Ok(header)
}

/// How the axes of an array are examples: `[examples, columns]`, `[examples, height, width]`, or with channels last or second.
pub fn layout(header: &Header, path: &Path, config: &DataConfig) -> Result<Layout> {
    let interleaved = |shape| Ok(Layout { shape, planar: false });
    if header.count().is_none_or(|count| count == 0) {
        let has_examples = header.count().is_some() && header.shape.first().is_some_and(|&count| count > 0);
        let lacking = if has_examples { "its examples hold no number" } else { "it holds no example" };
        return Err(DataError::content(path, format!("has the shape {:?}: {lacking}", header.shape)));
    }
    let numbers = header.shape.iter().skip(1).product();
    if let Some(shape) = image_shape(path, numbers, config)? {
        return interleaved(shape);
    }
    match header.shape[..] {
        [_, columns] if columns > MOST_COLUMNS => Err(DataError::content(
            path,
            format!("has the shape {:?}: a table has at most {MOST_COLUMNS} columns", header.shape),
        )),
        [_, columns] => interleaved(Shape::Table {
            columns: (0..columns).map(|column| format!("column {column}")).collect(),
        }),
        [_, height, width] => interleaved(Shape::grey(height, width)),
        [_, height, width, channels @ (1 | 3)] => interleaved(Shape::Image { height, width, channels }),
        [_, channels @ (1 | 3), height, width] => {
            Ok(Layout { shape: Shape::Image { height, width, channels }, planar: channels > 1 })
        }
        _ => Err(DataError::content(
            path,
            format!(
                "has the shape {:?}: examples are [examples, columns], [examples, height, width], or images with 1 or 3 \
                 channels as their last axis or their second",
                header.shape
            ),
        )),
    }
}

/// The examples of an array, in memory or, where they are more than the configuration grants, left in their file.
pub fn read_examples(path: &Path, config: &DataConfig) -> Result<Found> {
    let refused = |reason: String| DataError::content(path, reason);
    let mut file = File::open(path).map_err(DataError::io(path))?;
    let header = read_header(&mut file).map_err(refused)?;
    let layout = layout(&header, path, config)?;
    let flat = FlatFile {
        path: path.to_path_buf(),
        offset: header.length as u64,
        element: header.element,
        numbers: layout.shape.numbers(),
        rows: header.shape[0],
    };
    let length = file.metadata().map_err(DataError::io(path))?.len();
    let bytes = flat.rows as u128 * flat.row_bytes() as u128;
    let expected = bytes + u128::from(flat.offset);
    if u128::from(length) != expected {
        return Err(refused(format!(
            "should be {expected} bytes long for its shape {:?}, but is {length}: it is damaged or cut short",
            header.shape
        )));
    }
    let rows = if bytes > (config.memory_mib as u128) << 20 {
        Rows::File(flat)
    } else {
        let mut bytes = Vec::with_capacity(bytes as usize);
        file.read_to_end(&mut bytes).map_err(DataError::io(path))?;
        rows_in_memory(header.element, bytes, &layout)
    };
    Ok(found(path, layout, rows))
}

fn found(path: &Path, layout: Layout, rows: Rows) -> Found {
    let Layout { shape, planar } = layout;
    Found {
        path: path.to_path_buf(),
        within: None,
        kind: "an array of NumPy",
        shape,
        rows,
        planar,
        labels: None,
        parts: None,
        notes: Vec::new(),
    }
}

/// The numbers of an array; bytes stay bytes.
pub fn rows_in_memory(element: Element, bytes: Vec<u8>, layout: &Layout) -> Rows {
    if element == Element::BYTE && !layout.planar {
        Rows::Bytes(bytes)
    } else {
        Rows::Numbers(element.numbers(&bytes).collect())
    }
}

/// An array, with the labels that stand beside it: in the file that the configuration names, or in `NAME_labels.npy`.
pub fn read(path: &Path, config: &DataConfig) -> Result<Found> {
    let mut found = read_examples(path, config)?;
    let beside =
        path.with_file_name(format!("{}_labels.npy", path.file_stem().unwrap_or_default().to_string_lossy()));
    let labels = match config.labels.as_str() {
        "none" => None,
        "" => Some(beside).filter(|path| path.is_file()),
        named => Some(label_file::beside(path, named)),
    };
    if let Some(labels) = labels {
        found.labels = Some(label_file::read(&labels, path, found.count())?);
    }
    Ok(found)
}

/// The labels of an array of one axis.
pub fn read_labels(path: &Path) -> Result<Labels> {
    let refused = |reason: String| DataError::content(path, reason);
    let mut file = File::open(path).map_err(DataError::io(path))?;
    let header = read_header(&mut file).map_err(refused)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(DataError::io(path))?;
    labels(&header, &bytes).map_err(refused)
}

/// The labels in the bytes of an array.
pub fn labels(header: &Header, bytes: &[u8]) -> Result<Labels, String> {
    let labelled = matches!(header.shape[..], [_] | [_, 1]);
    if !labelled {
        return Err(format!("has the shape {:?}: labels are one number for each example", header.shape));
    }
    if header.count().and_then(|count| count.checked_mul(header.element.size())) != Some(bytes.len()) {
        return Err(format!("holds {} bytes for labels of the shape {:?}", bytes.len(), header.shape));
    }
    let words: Vec<String> = header.element.numbers(bytes).map(|number| number.to_string()).collect();
    Ok(Labels::Words(words.iter().map(String::as_str).collect::<Words>()))
}

/// The path of an array, for tests.
#[cfg(test)]
pub fn write_npy(path: &Path, descr: &str, shape: &str, bytes: &[u8]) -> std::path::PathBuf {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let mut file = b"\x93NUMPY".to_vec();
    file.extend([1, 0]);
    file.extend((text.len() as u16).to_le_bytes());
    file.extend(text.as_bytes());
    file.extend(bytes);
    std::fs::write(path, file).unwrap();
    path.to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;
    use tempfile::TempDir;

    fn config(path: &Path) -> DataConfig {
        DataConfig { path: path.to_path_buf(), ..DataConfig::default() }
    }

    #[test]
    fn every_layout_of_images_gives_the_same_numbers_channels_last() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a.npy");
        // Three images of 1 x 2 pixels, channels last and then second.
        let last: Vec<u8> = (0..18).collect();
        let second: Vec<u8> = (0..3).flat_map(|i| [0, 3, 1, 4, 2, 5].map(|place| 6 * i + place)).collect();
        for (shape, bytes) in [("(3, 1, 2, 3)", &last), ("(3, 3, 1, 2)", &second)] {
            write_npy(&path, "|u1", shape, bytes);
            let dataset = load(&config(&path), &()).unwrap();
            assert_eq!(*dataset.train.shape(), Shape::Image { height: 1, width: 2, channels: 3 });
            let all: Vec<u8> = [&dataset.train, dataset.validation.as_ref().unwrap(), &dataset.test]
                .iter()
                .flat_map(|split| split.pixels(&[0]).unwrap())
                .collect();
            let mut sorted = all.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, last, "{shape}");
            assert!(all.chunks(6).all(|image| image.is_sorted()), "{all:?}");
        }
    }

    #[test]
    fn an_array_beyond_the_memory_granted_is_left_in_its_file_with_the_same_numbers() {
        let dir = TempDir::new().unwrap();
        let numbers: Vec<u8> =
            (0..400 * 1000).flat_map(|i| ((i % 977) as f32 / 976.0 - 0.3).to_be_bytes()).collect();
        let path = write_npy(&dir.path().join("a.npy"), ">f4", "(400, 1, 20, 50)", &numbers);
        let in_memory = load(&config(&path), &()).unwrap();
        let streamed = load(&DataConfig { memory_mib: 1, ..config(&path) }, &()).unwrap();
        assert_eq!((in_memory.train.block_plan(), in_memory.train.count()), (None, 320));
        let plan = streamed.train.block_plan().unwrap();
        assert_eq!((plan.examples, plan.group), (16, 4));
        assert_eq!(streamed.record.scaling, in_memory.record.scaling);
        for (a, b) in [
            (&streamed.train, &in_memory.train),
            (streamed.validation.as_ref().unwrap(), in_memory.validation.as_ref().unwrap()),
            (&streamed.test, &in_memory.test),
        ] {
            assert_eq!(a.rows(0..a.count()).unwrap(), b.rows(0..b.count()).unwrap());
            assert_eq!(a.gather(&[7, 0, 39]).unwrap(), b.gather(&[7, 0, 39]).unwrap());
        }
    }

    #[test]
    fn bytes_left_in_their_file_are_seen_as_in_memory_however_dark_they_are() {
        let dir = TempDir::new().unwrap();
        let bytes: Vec<u8> = (0..400 * 4000).map(|i| u8::from(i % 7 == 0)).collect();
        let path = write_npy(&dir.path().join("a.npy"), "|u1", "(400, 80, 50)", &bytes);
        for scale in [record::Scale::Unit, record::Scale::Standardise, record::Scale::None] {
            let [in_memory, streamed] = [4096, 1]
                .map(|memory_mib| load(&DataConfig { memory_mib, scale, ..config(&path) }, &()).unwrap());
            assert!(in_memory.train.block_plan().is_none() && streamed.train.block_plan().is_some());
            assert_eq!(streamed.record.pixels, in_memory.record.pixels);
            assert_eq!(streamed.record.scaling, in_memory.record.scaling);
            assert_eq!(streamed.train.rows(0..9).unwrap(), in_memory.train.rows(0..9).unwrap());
            assert_eq!(streamed.test.rows(0..9).unwrap(), in_memory.test.rows(0..9).unwrap());
        }
    }

    #[test]
    fn labels_beside_an_array_are_found_by_name() {
        let dir = TempDir::new().unwrap();
        let path = write_npy(&dir.path().join("x.npy"), "|u1", "(5, 2)", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(load(&config(&path), &()).unwrap().train.labels, None);
        write_npy(&dir.path().join("x_labels.npy"), "<i2", "(5,)", &[10, 0, 2, 0, 10, 0, 2, 0, 2, 0]);
        let dataset = load(&config(&path), &()).unwrap();
        assert_eq!(dataset.record.classes, ["2", "10"]);
        let named = DataConfig { labels: "y.npy".to_string(), ..config(&path) };
        write_npy(&dir.path().join("y.npy"), "|u1", "(4,)", &[1, 2, 3, 4]);
        let text = load(&named, &()).unwrap_err().to_string();
        assert!(text.contains("y.npy holds 4 labels") && text.contains("5 examples"), "{text}");
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name_with_the_reason() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a.npy");
        for (descr, shape, bytes, expected) in [
            ("<f4", "(4, 2)", &[0; 31][..], "should be"),
            // Before a name is made for each column that the file does not have.
            ("<f2", "(1, 1099511627776)", &[0; 16], "a table has at most 1048576 columns"),
            ("<c8", "(1, 2)", &[0; 16], "values of the type \"<c8\""),
            ("|u1", "(8,)", &[0; 8], "has the shape [8]"),
            ("|u1", "(0, 8)", &[], "holds no example"),
            ("<f8", "(400, 0)", &[], "has the shape [400, 0]: its examples hold no number"),
            ("|u1", "(2, 2, 2, 2, 2)", &[0; 32], "has the shape [2, 2, 2, 2, 2]"),
            ("|u1", "(18446744073709551615, 2, 2)", &[], "holds no example"),
            ("|u1", "(2, 4)", &[0; 8], "holds 2 examples: training, validation and test need one each"),
        ] {
            write_npy(&path, descr, shape, bytes);
            let text = load(&config(&path), &()).unwrap_err().to_string();
            assert!(text.contains("a.npy") && text.contains(expected), "{expected}: {text}");
        }
        for (bytes, expected) in [
            (&b"\x93NUMPY\x01\x00"[..], "cut short within its header"),
            (b"no array at all", "is no array of NumPy"),
            (b"\x93NUMPY\x09\x00\x00\x00", "version 9"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "a header of 4294967295 bytes"),
            (b"\x93NUMPY\x01\x00\x02\x00{}", "damaged header"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let text = load(&config(&path), &()).unwrap_err().to_string();
            assert!(text.contains(expected), "{expected}: {text}");
        }
    }

    #[test]
    fn a_number_that_is_not_finite_in_32_bits_is_named_by_its_place() {
        let dir = TempDir::new().unwrap();
        let mut numbers = [0.5f32; 2 * 40];
        numbers[2 * 17 + 1] = f32::NAN;
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let path = write_npy(&dir.path().join("a.npy"), "<f4", "(40, 1, 2)", &bytes);
        let text = load(&config(&path), &()).unwrap_err().to_string();
        assert!(text.contains("holds NaN in image 17"), "{text}");
        let mut numbers = [0.5f64; 2 * 40];
        numbers[2 * 17 + 1] = -1e200;
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let path = write_npy(&dir.path().join("b.npy"), "<f8", "(40, 2)", &bytes);
        let text = load(&config(&path), &()).unwrap_err().to_string();
        assert!(text.contains("b.npy holds -1e200 in row 17, column \"column 1\""), "{text}");
    }

    #[test]
    fn rows_are_images_where_the_configuration_says_so() {
        let dir = TempDir::new().unwrap();
        let path = write_npy(&dir.path().join("a.npy"), "|u1", "(4, 6)", &[9; 24]);
        let shaped =
            |shape: &[usize]| load(&DataConfig { image_shape: shape.to_vec(), ..config(&path) }, &());
        assert_eq!(*shaped(&[2, 3]).unwrap().train.shape(), Shape::grey(2, 3));
        let text = shaped(&[2, 2]).unwrap_err().to_string();
        assert!(text.contains("data.image_shape = [2, 2] asks for 4 numbers an image"), "{text}");
    }
}
