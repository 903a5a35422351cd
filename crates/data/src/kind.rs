//! What there is at a path.

use std::path::{Path, PathBuf};

use crate::cifar;
use crate::error::{DataError, Result};
use crate::idx_folder;
use crate::parts::Part;

/// The kinds of data that can be read.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder of IDX files named as MNIST's.
    IdxFolder,
    /// A folder of CIFAR-10's binary files.
    Cifar,
    /// A folder with a file for each part.
    PartFiles(PartPaths),
    /// A folder of images, with or without sub-folders.
    ImageFolder,
    /// An array of NumPy.
    Npy,
    /// Several arrays of NumPy.
    Npz,
    /// Numbers separated by commas, semicolons or tabs, packed by gzip or not.
    Table,
    /// A Parquet file.
    Parquet,
}

/// A file for each part.
#[derive(Debug, PartialEq, Eq)]
pub struct PartPaths {
    pub train: PathBuf,
    pub validation: Option<PathBuf>,
    pub test: PathBuf,
}

/// What there is at a path, by its name and, of a folder, the names in it.
pub fn kind_of(path: &Path) -> Result<Kind> {
    let metadata = path.metadata().map_err(DataError::io(path))?;
    if metadata.is_dir() {
        return kind_of_folder(path);
    }
    kind_of_file(path).ok_or_else(|| {
        let reason = "is of no kind that can be read: give a folder of images, or a file that ends in .npy, .npz, .csv, .tsv, \
                      .csv.gz or .parquet";
        DataError::content(path, reason)
    })
}

fn kind_of_file(path: &Path) -> Option<Kind> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".npy"]) {
        Some(Kind::Npy)
    } else if ends(&[".npz"]) {
        Some(Kind::Npz)
    } else if ends(&[".csv", ".tsv", ".csv.gz", ".tsv.gz"]) {
        Some(Kind::Table)
    } else if ends(&[".parquet"]) {
        Some(Kind::Parquet)
    } else {
        None
    }
}

fn kind_of_folder(dir: &Path) -> Result<Kind> {
    if idx_folder::is_idx_folder(dir) {
        return Ok(Kind::IdxFolder);
    }
    if cifar::is_cifar(dir) {
        return Ok(Kind::Cifar);
    }
    let mut of_parts: Vec<(Part, PathBuf)> = Vec::new();
    for entry in dir.read_dir().map_err(DataError::io(dir))? {
        let path = entry.map_err(DataError::io(dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let part = name.split('.').next().and_then(Part::named);
        if let (Some(part), Some(_), true) = (part, kind_of_file(&path), path.is_file()) {
            if let Some((_, other)) = of_parts.iter().find(|(known, _)| *known == part) {
                let reason = format!("holds {} and {name}: one file a part", other.display());
                return Err(DataError::content(dir, reason));
            }
            of_parts.push((part, path));
        }
    }
    if of_parts.is_empty() {
        return Ok(Kind::ImageFolder);
    }
    let mut path_of = |part: Part| {
        let place = of_parts.iter().position(|(known, _)| *known == part)?;
        Some(of_parts.swap_remove(place).1)
    };
    let [train, validation, test] = [Part::Train, Part::Validation, Part::Test].map(&mut path_of);
    match (train, test) {
        (Some(train), Some(test)) => Ok(Kind::PartFiles(PartPaths { train, validation, test })),
        (train, _) => {
            let missing = if train.is_some() { "test" } else { "train" };
            let reason = format!("holds files of some parts, but none that is called {missing}");
            Err(DataError::content(dir, reason))
        }
    }
}
