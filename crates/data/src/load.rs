//! The data set that a configuration names.

use std::path::Path;

use record::{Binarise, DataConfig};

use crate::binary::Binary;
use crate::cifar;
use crate::dataset::Dataset;
use crate::error::{DataError, Result};
use crate::found::{Source, assemble};
use crate::idx_folder::{self, Content};
use crate::kind::{Kind, kind_of};
use crate::mnist;
use crate::progress::Progress;
use crate::{image_folder, npy, npz, part_files, table};

/// The data set that a configuration names.
///
/// # Errors
///
/// Fails when files are missing, damaged, of no known kind, or do not fit each other or the configuration.
pub fn load(config: &DataConfig, progress: &dyn Progress) -> Result<Dataset> {
    load_or(config, progress, without_mnist)
}

/// The same without a network: MNIST only from its folder.
///
/// # Errors
///
/// Fails as [`load`] does.
pub fn load_at_hand(config: &DataConfig) -> Result<Dataset> {
    load_or(config, &(), || Err(DataError::NoMnist("MNIST is not in data/mnist".to_string())))
}

#[cfg(feature = "download")]
use crate::download::download_mnist as without_mnist;

#[cfg(not(feature = "download"))]
fn without_mnist() -> Result<Source> {
    Err(DataError::NoMnist(
        "MNIST is not in data/mnist, and this program was built without the feature `download`: put its four IDX files into \
         a folder and name it with --set 'data.path=\"FOLDER\"', or build with `--features download`"
            .to_string(),
    ))
}

fn load_or(
    config: &DataConfig,
    progress: &dyn Progress,
    without_mnist: impl FnOnce() -> Result<Source>,
) -> Result<Dataset> {
    let source = if config.path.as_os_str().is_empty() {
        match mnist::dir() {
            Some(dir) => idx_folder::read_dir(&dir, Content::Mnist)?,
            None => without_mnist()?,
        }
    } else {
        read(&config.path, config, progress)?
    };
    let dataset = assemble(source, config, progress)?;
    if config.binarise == Binarise::None {
        return Ok(dataset);
    }
    let binary = |part| Binary { how: config.binarise, part };
    Ok(Dataset {
        train: dataset.train.binary(binary(0)),
        validation: dataset.validation.map(|validation| validation.binary(binary(1))),
        test: dataset.test.binary(binary(2)),
        ..dataset
    })
}

/// What there is at a path.
pub(crate) fn read(path: &Path, config: &DataConfig, progress: &dyn Progress) -> Result<Source> {
    match kind_of(path)? {
        Kind::IdxFolder => idx_folder::read_dir(path, Content::Any),
        Kind::Cifar => cifar::read(path),
        Kind::PartFiles(files) => part_files::read(&files, config, progress),
        Kind::ImageFolder => image_folder::read(path, config, progress).map(Source::whole),
        Kind::Npy => npy::read(path, config).map(Source::whole),
        Kind::Npz => npz::read(path, config),
        Kind::Table => table::read(path, config, progress).map(Source::whole),
        #[cfg(feature = "parquet")]
        Kind::Parquet => crate::parquet::read(path, config).map(Source::whole),
        #[cfg(not(feature = "parquet"))]
        Kind::Parquet => Err(DataError::content(
            path,
            "is a Parquet file, and this program was built without the feature `parquet`: build it with `--features parquet`, \
             or convert the file to CSV or .npy",
        )),
    }
}
