//! The images of a configuration: a folder of IDX files.

use std::path::{Path, PathBuf};

use record::DataConfig;

use crate::error::{DataError, Result};
use crate::idx::{Idx, parse, unpacked};
use crate::images::Images;
use crate::mnist::{self, FileName, SplitFiles, TEST, TRAIN};

/// The training and the test images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// What the networks learn from.
    pub train: Images,
    /// What they are measured on.
    pub test: Images,
}

/// The images that a configuration names.
///
/// # Errors
///
/// Fails when files are missing, damaged, not of the IDX format, or do not fit each other.
pub fn load(config: &DataConfig) -> Result<Dataset> {
    load_or(config, without_mnist)
}

/// The same without a network: MNIST only from its folder.
///
/// # Errors
///
/// Fails as [`load`] does.
pub fn load_at_hand(config: &DataConfig) -> Result<Dataset> {
    load_or(config, || Err(DataError::NoMnist("MNIST is not in data/mnist".to_string())))
}

#[cfg(feature = "download")]
use crate::download::download_mnist as without_mnist;

#[cfg(not(feature = "download"))]
fn without_mnist() -> Result<Dataset> {
    Err(DataError::NoMnist(
        "MNIST is not in data/mnist, and this program was built without the feature `download`: put its four IDX files into \
         a folder and name it with --set 'data.dir=\"FOLDER\"', or build with `--features download`"
            .to_string(),
    ))
}

fn load_or(config: &DataConfig, without_mnist: impl FnOnce() -> Result<Dataset>) -> Result<Dataset> {
    let mut dataset = if config.dir.as_os_str().is_empty() {
        match mnist::dir() {
            Some(dir) => read_dir(&dir, Content::Mnist)?,
            None => without_mnist()?,
        }
    } else {
        read_dir(&config.dir, Content::Any)?
    };
    for (key, wanted, images) in [
        ("train_images", config.train_images, &mut dataset.train),
        ("test_images", config.test_images, &mut dataset.test),
    ] {
        let count = images.count();
        if wanted > count {
            return Err(DataError::TooFew { key, wanted, count });
        }
        images.truncate(wanted);
    }
    Ok(dataset)
}

/// Whether a folder is to hold MNIST itself or images of the user's own.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Mnist,
    Any,
}

fn read_dir(dir: &Path, content: Content) -> Result<Dataset> {
    let dataset =
        Dataset { train: read_split(dir, &TRAIN, content)?, test: read_split(dir, &TEST, content)? };
    let (train, test) = (&dataset.train, &dataset.test);
    if (train.height, train.width) != (test.height, test.width) {
        let reason = format!(
            "holds training images of {} x {} pixels and test images of {} x {}: both must be of one size",
            train.height, train.width, test.height, test.width
        );
        return Err(DataError::Content { path: dir.to_path_buf(), reason });
    }
    Ok(dataset)
}

fn read_split(dir: &Path, files: &SplitFiles, content: Content) -> Result<Images> {
    let name = files.images.name;
    let path = find(dir, name).ok_or(DataError::Missing { dir: dir.to_path_buf(), name })?;
    let Idx { dimensions, values: bytes } = read(&path, 3, &files.images, content)?;
    let (count, height, width) = (dimensions[0], dimensions[1], dimensions[2]);
    if count * height * width == 0 {
        return Err(DataError::Content { path, reason: "holds no image".to_string() });
    }
    let labels = find(dir, files.labels.name)
        .map(|labels_path| -> Result<Vec<u8>> {
            let labels = read(&labels_path, 1, &files.labels, content)?.values;
            if labels.len() != count {
                let (labels, images) = (labels.len(), path.display());
                let reason =
                    format!("holds {labels} labels, {images} {count} images: every image has one label");
                return Err(DataError::Content { path: labels_path, reason });
            }
            Ok(labels)
        })
        .transpose()?;
    Ok(Images { height, width, bytes, labels })
}

fn read(path: &Path, rank: usize, file: &FileName, content: Content) -> Result<Idx> {
    let bytes = unpacked(path)?;
    if content == Content::Mnist {
        file.verify(path, &bytes)?;
    }
    parse(path, bytes, rank)
}

/// The file of that name, plain or gzipped.
pub(crate) fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    [dir.join(name), dir.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;
    use tempfile::TempDir;

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
        load(&DataConfig { dir: dir.path().to_path_buf(), ..DataConfig::default() })
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
        assert_eq!(load_from(&dir).unwrap(), plain);
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
            (TEST.images.name, idx([0, 0, 8, 3], &[1, 2, 2], &[0; 4]), "both must be of one size"),
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
        let config =
            |train_images| DataConfig { dir: dir.path().to_path_buf(), train_images, test_images: 0 };
        let train = load(&config(1)).unwrap().train;
        assert_eq!((train.count(), train.labels), (1, Some(vec![7])));
        let error = load(&config(3)).unwrap_err().to_string();
        assert!(error.contains("data.train_images = 3, but there are only 2"), "{error}");
    }

    #[test]
    fn the_committed_mnist_is_the_real_one() {
        let dataset = load(&DataConfig::default()).unwrap();
        assert_eq!((dataset.train.count(), dataset.test.count()), (60_000, 10_000));
        assert_eq!((dataset.train.height, dataset.train.width), (28, 28));
        assert_eq!(dataset.train.labels.unwrap()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    }

    #[test]
    fn a_changed_mnist_file_is_noticed() {
        let dir = folder();
        let error = format!("{:#}", read_dir(dir.path(), Content::Mnist).unwrap_err());
        assert!(error.contains("is not MNIST's train-images-idx3-ubyte"), "{error}");
    }
}
