//! A folder of IDX files that are named as MNIST's.

use std::path::{Path, PathBuf};

use record::Shape;

use crate::error::{DataError, Result};
use crate::found::{Found, Rows, Source};
use crate::idx::{Idx, parse, unpacked};
use crate::labels::Labels;
use crate::mnist::{FileName, SplitFiles, TEST, TRAIN};

/// Whether a folder is to hold MNIST itself or images of the user's own.
#[derive(Clone, Copy, PartialEq)]
pub enum Content {
    /// MNIST, by its checksums.
    Mnist,
    /// Any images.
    Any,
}

/// MNIST's own four files, or four of the same names with other images.
pub fn read_dir(dir: &Path, content: Content) -> Result<Source> {
    Ok(Source::parts(read_part(dir, &TRAIN, content)?, read_part(dir, &TEST, content)?))
}

/// Whether a folder holds such files.
pub fn is_idx_folder(dir: &Path) -> bool {
    [TRAIN, TEST].iter().any(|files| find(dir, files.images.name).is_some())
}

fn read_part(dir: &Path, files: &SplitFiles, content: Content) -> Result<Found> {
    let name = files.images.name;
    let path = find(dir, name).ok_or(DataError::Missing { dir: dir.to_path_buf(), name })?;
    let Idx { dimensions, values: bytes } = read(&path, 3, &files.images, content)?;
    let (count, height, width) = (dimensions[0], dimensions[1], dimensions[2]);
    if count * height * width == 0 {
        return Err(DataError::content(&path, "holds no image"));
    }
    let labels = find(dir, files.labels.name)
        .map(|labels_path| -> Result<Labels> {
            let classes = read(&labels_path, 1, &files.labels, content)?.values;
            if classes.len() != count {
                let (labels, images) = (classes.len(), path.display());
                let reason =
                    format!("holds {labels} labels, {images} {count} images: every image has one label");
                return Err(DataError::content(&labels_path, reason));
            }
            Ok(Labels::Classes { classes, names: Vec::new() })
        })
        .transpose()?;
    Ok(Found {
        path: dir.to_path_buf(),
        within: Some(name.to_string()),
        kind: "IDX files",
        shape: Shape::grey(height, width),
        rows: Rows::Bytes(bytes),
        planar: false,
        labels,
        parts: None,
        notes: Vec::new(),
    })
}

fn read(path: &Path, rank: usize, file: &FileName, content: Content) -> Result<Idx> {
    let bytes = unpacked(path)?;
    if content == Content::Mnist {
        file.verify(path, &bytes)?;
    }
    parse(path, bytes, rank)
}

/// The file of that name, plain or gzipped.
pub fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    [dir.join(name), dir.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use record::DataConfig;
    use std::io::Write;
    use tempfile::TempDir;

    use crate::dataset::Dataset;
    use crate::load::load;

    fn idx(magic: [u8; 4], dimensions: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = magic.to_vec();
        bytes.extend(dimensions.iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    fn images(count: u32, values: &[u8]) -> Vec<u8> {
        idx([0, 0, 8, 3], &[count, 1, 2], values)
    }

    /// A folder with two images of 1 x 2 pixels for training, one for testing, and labels for the former.
    fn folder() -> TempDir {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join(TRAIN.images.name), images(2, &[0, 51, 102, 255])).unwrap();
        std::fs::write(dir.path().join(TRAIN.labels.name), idx([0, 0, 8, 1], &[2], &[7, 3])).unwrap();
        std::fs::write(dir.path().join(TEST.images.name), images(1, &[1, 2])).unwrap();
        dir
    }

    fn load_from(dir: &TempDir) -> Result<Dataset> {
        load(&DataConfig { path: dir.path().to_path_buf(), ..DataConfig::default() }, &())
    }

    fn message(dir: &TempDir) -> String {
        format!("{:#}", load_from(dir).unwrap_err())
    }

    #[test]
    fn labels_may_be_missing_and_files_gzipped() {
        let dir = folder();
        let plain = load_from(&dir).unwrap();
        assert_eq!(plain.train.labels, Some(vec![7, 3]));
        assert_eq!((plain.test.count(), &plain.test.labels), (1, &None));

        let path = dir.path().join(TRAIN.images.name);
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&std::fs::read(&path).unwrap()).unwrap();
        std::fs::write(path.with_extension("gz"), packer.finish().unwrap()).unwrap();
        std::fs::remove_file(path).unwrap();
        let unpacked = load_from(&dir).unwrap();
        assert_eq!(unpacked.record, plain.record);
        assert_eq!(unpacked.train.pixels(&[0, 1]).unwrap(), [0, 51, 102, 255]);
    }

    #[test]
    fn files_that_are_wrong_are_refused_with_the_reason() {
        for (name, bytes, expected) in [
            (TRAIN.images.name, images(2, &[0, 51, 102]), "cut short"),
            (
                TRAIN.images.name,
                images(2, &[0, 51, 102, 255, 9]),
                "should be 20 bytes long unpacked, but is 21",
            ),
            (TRAIN.images.name, vec![0, 0, 8], "no IDX file of unsigned bytes in 3 dimensions"),
            (TRAIN.images.name, vec![0, 0, 8, 3, 0], "cut short within its header"),
            (TRAIN.images.name, idx([0, 0, 13, 3], &[1, 1, 1], &[0]), "no IDX file"),
            (TRAIN.images.name, idx([0, 0, 8, 3], &[u32::MAX; 3], &[0]), "more than 2^64"),
            (TRAIN.images.name, images(0, &[]), "holds no image"),
            (TRAIN.labels.name, idx([0, 0, 8, 1], &[1], &[7]), "holds 1 labels"),
            (TRAIN.labels.name, images(1, &[0, 0]), "no IDX file of unsigned bytes in 1 dimensions"),
            (TEST.images.name, idx([0, 0, 8, 3], &[1, 2, 2], &[0; 4]), "all parts have to be of one shape"),
        ] {
            let dir = folder();
            std::fs::write(dir.path().join(name), bytes).unwrap();
            let text = message(&dir);
            assert!(
                text.contains(expected) && text.contains(dir.path().to_str().unwrap()),
                "{expected:?} in {text:?}"
            );
        }
        let dir = folder();
        std::fs::remove_file(dir.path().join(TEST.images.name)).unwrap();
        assert!(
            message(&dir).contains("there is no t10k-images-idx3-ubyte and no t10k-images-idx3-ubyte.gz")
        );
    }

    #[test]
    fn a_limit_takes_the_first_images_and_cannot_exceed_what_is_there() {
        let dir = folder();
        let config = |train_images| DataConfig {
            path: dir.path().to_path_buf(),
            train_images,
            ..DataConfig::default()
        };
        let train = load(&config(1), &()).unwrap().train;
        assert_eq!((train.count(), train.labels), (1, Some(vec![7])));
        let error = load(&config(3), &()).unwrap_err().to_string();
        assert!(error.contains("data.train_images = 3, but there are only 2"), "{error}");
    }

    #[test]
    fn the_committed_mnist_is_the_real_one() {
        let dataset = load(&DataConfig::default(), &()).unwrap();
        assert_eq!((dataset.train.count(), dataset.test.count()), (60_000, 10_000));
        assert_eq!(*dataset.train.shape(), Shape::grey(28, 28));
        assert_eq!(dataset.record.notes, Vec::<String>::new());
        assert_eq!(dataset.train.labels.unwrap()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    }

    #[test]
    fn a_changed_mnist_file_is_noticed() {
        let dir = folder();
        let error = format!("{:#}", read_dir(dir.path(), Content::Mnist).unwrap_err());
        assert!(error.contains("is not MNIST's train-images-idx3-ubyte"), "{error}");
    }
}
