//! CIFAR-10 in the binary files in which it is published.
//!
//! Source: <https://www.cs.toronto.edu/~kriz/cifar.html>: a record is a byte for the class and 3,072 for the image, its red,
//! green and blue channels one after another, each row by row.

use std::fs;
use std::path::Path;

use record::Shape;

use crate::error::{DataError, Result};
use crate::found::{Found, Rows, Source};
use crate::labels::Labels;
use crate::split::planar_place;

const SIDE: usize = 32;
const CHANNELS: usize = 3;
const PIXELS: usize = SIDE * SIDE * CHANNELS;
const TRAIN: [&str; 5] =
    ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"];
const TEST: &str = "test_batch.bin";
const CLASSES: u8 = 10;
/// Records of a published file; a shorter one is read too, a longer one is none of these.
const MOST_RECORDS: u64 = 10_000;

/// Whether a folder holds such files.
pub fn is_cifar(dir: &Path) -> bool {
    dir.join(TEST).is_file() && dir.join(TRAIN[0]).is_file()
}

/// The images of all batches that are there.
pub fn read(dir: &Path) -> Result<Source> {
    let names = dir.join("batches.meta.txt");
    let names: Vec<String> = match fs::read_to_string(&names) {
        Ok(text) => text.split_whitespace().map(str::to_string).collect(),
        Err(_) => Vec::new(),
    };
    // Without names for all of them, the numbers are the names.
    let names = if names.len() == usize::from(CLASSES) { names } else { Vec::new() };
    let part = |files: &[&str]| -> Result<Found> {
        let (mut bytes, mut classes) = (Vec::new(), Vec::new());
        for path in files.iter().map(|file| dir.join(file)).filter(|path| path.is_file()) {
            read_batch(&path, &mut bytes, &mut classes)?;
        }
        Ok(Found {
            path: dir.to_path_buf(),
            within: None,
            kind: "CIFAR-10's binary files",
            shape: Shape::Image { height: SIDE, width: SIDE, channels: CHANNELS },
            rows: Rows::Bytes(bytes),
            planar: false,
            labels: Some(Labels::Classes { classes, names: names.clone() }),
            parts: None,
            notes: Vec::new(),
        })
    };
    Ok(Source::parts(part(&TRAIN)?, part(&[TEST])?))
}

fn read_batch(path: &Path, bytes: &mut Vec<u8>, classes: &mut Vec<u8>) -> Result<()> {
    let refused = |reason: String| Err(DataError::content(path, reason));
    let length = fs::metadata(path).map_err(DataError::io(path))?.len();
    if length == 0 || length % (PIXELS as u64 + 1) != 0 || length > MOST_RECORDS * (PIXELS as u64 + 1) {
        return refused(format!(
            "is {length} bytes long: a batch of CIFAR-10 has 3,073 for each of up to {MOST_RECORDS} images"
        ));
    }
    let records = fs::read(path).map_err(DataError::io(path))?;
    for (image, record) in records.chunks_exact(PIXELS + 1).enumerate() {
        if record[0] >= CLASSES {
            return refused(format!("gives image {image} the class {}: there are {CLASSES}", record[0]));
        }
        classes.push(record[0]);
        bytes.extend((0..PIXELS).map(|place| record[1 + planar_place(place, PIXELS, CHANNELS)]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::load::load;
    use record::DataConfig;
    use tempfile::TempDir;

    /// An image whose channels are 1, 2 and 3 plus the row.
    fn record(class: u8) -> Vec<u8> {
        let pixels =
            (1..=3u8).flat_map(|channel| (0..SIDE * SIDE).map(move |pixel| channel + (pixel / SIDE) as u8));
        std::iter::once(class).chain(pixels).collect()
    }

    fn load_from(dir: &TempDir) -> Result<Dataset> {
        load(&DataConfig { path: dir.path().to_path_buf(), ..DataConfig::default() }, &())
    }

    #[test]
    fn the_channels_of_a_pixel_come_together_and_classes_have_their_names() {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(TRAIN[0]), [record(3), record(9)].concat()).unwrap();
        fs::write(dir.path().join(TRAIN[2]), record(0)).unwrap();
        fs::write(dir.path().join(TEST), record(5)).unwrap();
        let names = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";
        fs::write(dir.path().join("batches.meta.txt"), names).unwrap();
        let dataset = load_from(&dir).unwrap();
        assert_eq!(dataset.train.labels, Some(vec![3, 9, 0]));
        assert_eq!(dataset.record.classes[9], "truck");
        let pixels = dataset.test.pixels(&[0]).unwrap();
        assert_eq!((&pixels[..6], &pixels[PIXELS - 3..]), (&[1, 2, 3, 1, 2, 3][..], &[32, 33, 34][..]));
    }

    #[test]
    fn a_batch_of_another_length_or_class_is_refused_by_name() {
        for (bytes, expected) in [
            (vec![0; PIXELS], "is 3072 bytes long"),
            (Vec::new(), "is 0 bytes long"),
            (record(10), "gives image 0 the class 10"),
        ] {
            let dir = TempDir::new().unwrap();
            fs::write(dir.path().join(TRAIN[0]), bytes).unwrap();
            fs::write(dir.path().join(TEST), record(5)).unwrap();
            let text = load_from(&dir).unwrap_err().to_string();
            assert!(text.contains("data_batch_1.bin") && text.contains(expected), "{text}");
        }
    }
}
