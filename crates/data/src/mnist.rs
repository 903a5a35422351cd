//! MNIST by its files and their checksums.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{DataError, Result};
use crate::idx_folder::find;

/// The two files of a split.
pub struct SplitFiles {
    pub images: FileName,
    pub labels: FileName,
}

/// A file of MNIST.
pub struct FileName {
    pub name: &'static str,
    /// The SHA-256 of its unpacked bytes.
    sha256: &'static str,
}

pub const TRAIN: SplitFiles = SplitFiles {
    images: FileName {
        name: "train-images-idx3-ubyte",
        sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    },
    labels: FileName {
        name: "train-labels-idx1-ubyte",
        sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    },
};

pub const TEST: SplitFiles = SplitFiles {
    images: FileName {
        name: "t10k-images-idx3-ubyte",
        sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    },
    labels: FileName {
        name: "t10k-labels-idx1-ubyte",
        sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
};

/// MNIST's folder: `data/mnist` below the current directory, or in the repository that the program was built in.
pub fn dir() -> Option<PathBuf> {
    // Without `..`, so that the images are found also where they are all that is left of the repository, as in a container.
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    [Some(Path::new("")), repository]
        .into_iter()
        .flatten()
        .map(|root| root.join("data/mnist"))
        .find(|dir| find(dir, TRAIN.images.name).is_some())
}

impl FileName {
    /// Refuses unpacked bytes that are not this file's.
    pub fn verify(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let found: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        if found == self.sha256 {
            return Ok(());
        }
        let reason = format!(
            "is not MNIST's {}: the SHA-256 of its unpacked bytes is {found}, it should be {}; restore the file, or name a \
             folder of other images with data.path",
            self.name, self.sha256
        );
        Err(DataError::Content { path: path.to_path_buf(), reason })
    }
}
