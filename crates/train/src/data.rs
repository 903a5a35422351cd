//! Images from disk, and batches of them on a device.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use flate2::read::GzDecoder;
use record::DataConfig;
use sha2::{Digest, Sha256};

/// The training and the test images.
#[derive(Debug)]
pub struct Dataset {
    /// What the networks learn from.
    pub train: Images,
    /// What they are measured on.
    pub test: Images,
}

/// Grey images of one size, kept as bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Images {
    /// Rows of pixels of an image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// The images one after another, each row by row, from 0 (black) to 255 (white).
    pub bytes: Vec<u8>,
    /// The class of each image, where the data has classes.
    pub labels: Option<Vec<u8>>,
}

impl Images {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.bytes.len() / self.pixels()
    }

    /// Pixels of an image.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// The images at the given positions with grey levels from 0 to 1, `[positions, pixels]`.
    pub fn batch(&self, positions: &[u32], device: &Device) -> Tensor<2> {
        let pixels = self.pixels();
        let mut grey = Vec::with_capacity(positions.len() * pixels);
        for &position in positions {
            let start = position as usize * pixels;
            grey.extend(self.bytes[start..start + pixels].iter().map(|&byte| f32::from(byte) / 255.0));
        }
        Tensor::from_data(TensorData::new(grey, [positions.len(), pixels]), device)
    }

    /// The grey levels of one image, from 0 to 1, row by row.
    pub fn grey(&self, position: usize) -> Vec<f32> {
        let pixels = self.pixels();
        let bytes = &self.bytes[position * pixels..(position + 1) * pixels];
        bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect()
    }

    /// A range of the images with grey levels from 0 to 1, `[range, pixels]`.
    pub fn range(&self, range: Range<usize>, device: &Device) -> Tensor<2> {
        let pixels = self.pixels();
        let bytes = &self.bytes[range.start * pixels..range.end * pixels];
        let grey: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        Tensor::from_data(TensorData::new(grey, [range.len(), pixels]), device)
    }

    fn truncate(&mut self, count: usize) {
        if count > 0 {
            self.bytes.truncate(count * self.pixels());
            if let Some(labels) = &mut self.labels {
                labels.truncate(count);
            }
        }
    }
}

/// The images that a configuration names.
///
/// # Errors
///
/// Fails when files are missing, damaged, not of the IDX format, or do not fit each other.
pub fn load(config: &DataConfig) -> Result<Dataset> {
    load_or(config, download_mnist)
}

/// The same without a network: MNIST only from its folder.
///
/// # Errors
///
/// Fails as [`load`] does.
pub fn load_at_hand(config: &DataConfig) -> Result<Dataset> {
    load_or(config, || bail!("MNIST is not in data/mnist"))
}

fn load_or(config: &DataConfig, without_mnist: impl FnOnce() -> Result<Dataset>) -> Result<Dataset> {
    let mut dataset = if config.dir.as_os_str().is_empty() {
        match mnist_dir() {
            Some(dir) => read_dir(&dir, Content::Mnist)?,
            None => without_mnist()?,
        }
    } else {
        read_dir(&config.dir, Content::Any)?
    };
    for (key, limit, images) in [
        ("train_images", config.train_images, &mut dataset.train),
        ("test_images", config.test_images, &mut dataset.test),
    ] {
        let count = images.count();
        ensure!(limit <= count, "data.{key} = {limit}, but there are only {count}: use at most that many");
        images.truncate(limit);
    }
    Ok(dataset)
}

/// The two files of a split.
struct SplitFiles {
    images: IdxFile,
    labels: IdxFile,
}

/// A file by its name, and what it holds where it is MNIST's.
struct IdxFile {
    name: &'static str,
    /// The SHA-256 of MNIST's file, unpacked.
    mnist_sha256: &'static str,
}

const TRAIN: SplitFiles = SplitFiles {
    images: IdxFile {
        name: "train-images-idx3-ubyte",
        mnist_sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    labels: IdxFile {
        name: "train-labels-idx1-ubyte",
        mnist_sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
};

const TEST: SplitFiles = SplitFiles {
    images: IdxFile {
        name: "t10k-images-idx3-ubyte",
        mnist_sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    labels: IdxFile {
        name: "t10k-labels-idx1-ubyte",
        mnist_sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
};

/// Whether a folder is to hold MNIST itself or images of the user's own.
#[derive(Clone, Copy, PartialEq)]
enum Content {
    Mnist,
    Any,
}

/// MNIST's folder: `data/mnist` below the current directory, or in the repository that the program was built in.
fn mnist_dir() -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    [PathBuf::new(), repository]
        .into_iter()
        .map(|root| root.join("data/mnist"))
        .find(|dir| find(dir, TRAIN.images.name).is_some())
}

fn read_dir(dir: &Path, content: Content) -> Result<Dataset> {
    let dataset =
        Dataset { train: read_split(dir, &TRAIN, content)?, test: read_split(dir, &TEST, content)? };
    let (train, test) = (&dataset.train, &dataset.test);
    ensure!(
        (train.height, train.width) == (test.height, test.width),
        "the training images in {} are {} x {} pixels, the test images {} x {}: both must be of one size",
        dir.display(),
        train.height,
        train.width,
        test.height,
        test.width
    );
    Ok(dataset)
}

fn read_split(dir: &Path, files: &SplitFiles, content: Content) -> Result<Images> {
    let name = files.images.name;
    let path = find(dir, name)
        .with_context(|| format!("there is no {name} and no {name}.gz in {}", dir.display()))?;
    let Idx { dimensions, bytes } = read_idx(&path, 3, &files.images, content)?;
    let (count, height, width) = (dimensions[0], dimensions[1], dimensions[2]);
    ensure!(count * height * width > 0, "{} holds no image", path.display());
    let labels = find(dir, files.labels.name)
        .map(|labels_path| -> Result<Vec<u8>> {
            let labels = read_idx(&labels_path, 1, &files.labels, content)?.bytes;
            ensure!(
                labels.len() == count,
                "{} holds {} labels, {} {count} images: every image has one label",
                labels_path.display(),
                labels.len(),
                path.display()
            );
            Ok(labels)
        })
        .transpose()?;
    Ok(Images { height, width, bytes, labels })
}

/// The file of that name, plain or gzipped.
fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    [dir.join(name), dir.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file())
}

/// The bytes of a file, unpacked if it is gzipped.
fn read(path: &Path) -> Result<Vec<u8>> {
    let unpack = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = File::open(path)?;
        if path.extension().is_some_and(|extension| extension == "gz") {
            GzDecoder::new(file).read_to_end(&mut bytes)?;
        } else {
            file.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    };
    unpack().with_context(|| format!("cannot read {}", path.display()))
}

/// The content of an IDX file of unsigned bytes.
struct Idx {
    dimensions: Vec<usize>,
    bytes: Vec<u8>,
}

/// Reads an IDX file of unsigned bytes with the given number of dimensions.
///
/// Source: the description at <http://yann.lecun.com/exdb/mnist/>: two zero bytes, the type (8 for unsigned bytes), the
/// number of dimensions, each dimension as a big-endian 32-bit number, and the values.
fn read_idx(path: &Path, rank: usize, file: &IdxFile, content: Content) -> Result<Idx> {
    const UNSIGNED_BYTE: u8 = 8;

    let mut bytes = read(path)?;
    let header = 4 + 4 * rank;
    let expected_magic = [0, 0, UNSIGNED_BYTE, rank as u8];
    let path = path.display();
    ensure!(
        bytes.get(..4) == Some(&expected_magic),
        "{path} is no IDX file of unsigned bytes in {rank} dimensions: it starts with {:02x?} instead of \
         {expected_magic:02x?}",
        &bytes[..bytes.len().min(4)]
    );
    ensure!(bytes.len() >= header, "{path} is cut short within its header of {header} bytes");
    let dimensions: Vec<usize> = bytes[4..header]
        .chunks_exact(4)
        .map(|size| u32::from_be_bytes([size[0], size[1], size[2], size[3]]) as usize)
        .collect();
    let expected = dimensions
        .iter()
        .try_fold(1usize, |values, &size| values.checked_mul(size))
        .and_then(|values| values.checked_add(header));
    ensure!(
        expected == Some(bytes.len()),
        "{path} names {dimensions:?} values and so should be {} bytes long unpacked, but is {}: it is damaged or cut short",
        expected.map_or("more than 2^64".to_string(), |length| length.to_string()),
        bytes.len()
    );
    if content == Content::Mnist {
        let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        ensure!(
            found == file.mnist_sha256,
            "{path} is not MNIST's {}: the SHA-256 of its unpacked bytes is {found}, it should be {}; restore the file, or \
             name a folder of other images with data.dir",
            file.name,
            file.mnist_sha256
        );
    }
    bytes.drain(..header);
    Ok(Idx { dimensions, bytes })
}

/// MNIST from Burn's cache, or else from the network into it.
#[cfg(feature = "download")]
fn download_mnist() -> Result<Dataset> {
    use burn_dataset::Dataset as _;
    use burn_dataset::vision::MnistDataset;

    let images = |dataset: MnistDataset| -> Result<Images> {
        let mut images = Images { height: 28, width: 28, bytes: Vec::new(), labels: Some(Vec::new()) };
        for position in 0..dataset.len() {
            let item = dataset
                .get(position)
                .map_err(|error| anyhow::anyhow!("cannot read MNIST's image {position}: {error}"))?;
            images.bytes.extend(item.image.as_flattened().iter().map(|&grey| grey as u8));
            images.labels.get_or_insert_default().push(item.label);
        }
        Ok(images)
    };
    eprintln!("no MNIST in data/mnist: taking it from Burn's cache, or from the network into it");
    let downloaded = crate::catch_panic::catch_panic(|| (MnistDataset::train(), MnistDataset::test()));
    match downloaded {
        Ok((train, test)) => Ok(Dataset { train: images(train)?, test: images(test)? }),
        Err(panic) => bail!(
            "MNIST is neither in data/mnist nor in Burn's cache, and could not be downloaded ({panic}): connect to the \
             network, or put its four IDX files into a folder and name it with --set 'data.dir=\"FOLDER\"'"
        ),
    }
}

#[cfg(not(feature = "download"))]
fn download_mnist() -> Result<Dataset> {
    bail!(
        "MNIST is not in data/mnist, and this program was built without the feature `download`: put its four IDX files \
         into a folder and name it with --set 'data.dir=\"FOLDER\"'"
    )
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
    fn plain_and_gzipped_files_read_the_same() {
        let dir = folder();
        let plain = load_from(&dir).unwrap();
        assert_eq!(plain.train.labels, Some(vec![7, 3]));
        assert_eq!((plain.test.count(), plain.test.labels), (1, None));

        let path = dir.path().join(TRAIN.images.name);
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&std::fs::read(&path).unwrap()).unwrap();
        std::fs::write(path.with_extension("gz"), packer.finish().unwrap()).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(load_from(&dir).unwrap().train, plain.train);
    }

    #[test]
    fn a_batch_holds_the_grey_levels_of_its_images() {
        let train = load_from(&folder()).unwrap().train;
        let expected = TensorData::from([[102.0f32 / 255.0, 1.0], [0.0, 0.2]]);
        train.batch(&[1, 0], &Device::flex()).into_data().assert_eq(&expected, true);
        let expected = TensorData::from([[102.0f32 / 255.0, 1.0]]);
        train.range(1..2, &Device::flex()).into_data().assert_eq(&expected, true);
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
    fn a_gzipped_file_that_is_cut_short_is_refused() {
        let dir = folder();
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(&images(2, &[0, 51, 102, 255])).unwrap();
        let mut packed = packer.finish().unwrap();
        packed.truncate(packed.len() - 6);
        std::fs::remove_file(dir.path().join(TRAIN.images.name)).unwrap();
        std::fs::write(dir.path().join("train-images-idx3-ubyte.gz"), packed).unwrap();
        assert!(message(&dir).contains("cannot read"), "{}", message(&dir));
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
    #[cfg(feature = "download")]
    fn without_data_cache_and_network_the_error_says_what_to_do() {
        const CHILD: &str = "KLSWEEP_TEST_WITHOUT_NETWORK";
        if std::env::var_os(CHILD).is_some() {
            println!("the error was: {:#}", download_mnist().unwrap_err());
            return;
        }
        // A process of its own, whose home holds no cache and whose network leads nowhere.
        let home = TempDir::new().unwrap();
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "data::tests::without_data_cache_and_network_the_error_says_what_to_do",
                "--nocapture",
            ])
            .env(CHILD, "")
            .env("HOME", home.path())
            .env("XDG_CACHE_HOME", home.path())
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{stdout}");
        assert!(
            stdout.contains("the error was: MNIST is neither in data/mnist nor in Burn's cache, and could not be downloaded"),
            "{stdout}"
        );
        assert!(stdout.contains("--set 'data.dir=\"FOLDER\"'"), "{stdout}");
    }

    #[test]
    fn a_changed_mnist_file_is_noticed() {
        let dir = folder();
        let error = format!("{:#}", read_dir(dir.path(), Content::Mnist).unwrap_err());
        assert!(error.contains("is not MNIST's train-images-idx3-ubyte"), "{error}");
    }
}
