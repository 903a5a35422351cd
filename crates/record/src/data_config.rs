//! The table `[data]` of a configuration: where examples come from, and what becomes of them before a network sees them.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::binarise::Binarise;
use crate::config::ensure;
use crate::error::{RecordError, Result};

/// Where the examples come from and how they are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// A folder of images, of IDX files named as MNIST's, of CIFAR-10's binary files, or of `train`, `validation` and `test`
    /// files; or a file: `.npy`, `.npz`, `.csv`, `.tsv`, gzipped or not, `.parquet`. Empty for MNIST itself.
    #[serde(alias = "dir")]
    pub path: PathBuf,
    /// Where the labels are: a column of a table, an array of an `.npz` file, or a file beside the data (`.csv` with columns
    /// for file and label, or `.npy`). `none` for none; empty to look for them.
    pub labels: String,
    /// The array of an `.npz` file that holds the examples; empty if its name or shape tells.
    pub array: String,
    /// Columns of a table that are left out.
    pub ignore: Vec<String>,
    /// The column of a table that says `train`, `validation` or `test`; empty to draw the parts.
    pub split: String,
    /// The shares of training, validation and test where the data has no parts of its own.
    pub shares: [f64; 3],
    /// The seed by which parts are drawn, the same for all members.
    pub split_seed: u64,
    /// Height, width and, unless 1, channels of the images that the rows of a table or an array are; empty for what the file
    /// says.
    pub image_shape: Vec<usize>,
    /// Images of a folder are made so many pixels wide and high: the shorter side is resized by averaging over areas, the
    /// longer one cropped at both ends. 0 keeps them, and they have to be of one size.
    pub image_size: usize,
    /// 1 makes the images of a folder grey, 3 coloured; 0 leaves them grey if all are.
    pub channels: usize,
    /// Leaves out images that cannot be read, and counts them, instead of stopping at the first.
    pub skip_corrupt: bool,
    /// What becomes of missing numbers of a table.
    pub missing: Missing,
    /// What becomes of all numbers.
    pub scale: Scale,
    /// How grey levels become binary, for the Bernoulli likelihood.
    pub binarise: Binarise,
    /// Use only so many of the training examples, from the first on; 0 for all.
    pub train_images: usize,
    /// Use only so many of the test examples, from the first on; 0 for all.
    pub test_images: usize,
    /// Data of more MiB than this is read from its file block by block, and shuffled within as many blocks as fit into a
    /// part of it.
    pub memory_mib: usize,
}

/// What becomes of missing numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The first one is an error.
    #[default]
    Refuse,
    /// They become the mean of their column over the training examples.
    Mean,
}

/// What becomes of all numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// From 0 to 1: bytes by 255, and otherwise by the least and the greatest number, of each column in a table.
    #[default]
    Unit,
    /// Less the mean, divided by the standard deviation, of each column in a table.
    Standardise,
    /// As they are.
    None,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            labels: String::new(),
            array: String::new(),
            ignore: Vec::new(),
            split: String::new(),
            shares: [0.8, 0.1, 0.1],
            split_seed: 0,
            image_shape: Vec::new(),
            image_size: 0,
            channels: 0,
            skip_corrupt: false,
            missing: Missing::default(),
            scale: Scale::default(),
            binarise: Binarise::default(),
            train_images: 0,
            test_images: 0,
            memory_mib: 4096,
        }
    }
}

impl DataConfig {
    pub(crate) fn check(&self) -> Result<()> {
        let Self { shares, image_shape, channels, .. } = self;
        let sum: f64 = shares.iter().sum();
        ensure!(
            shares.iter().all(|&share| share > 0.0) && (sum - 1.0).abs() < 1e-9,
            "data.shares = {shares:?}: the shares of training, validation and test are above 0 and add up to 1"
        );
        ensure!(
            matches!(channels, 0 | 1 | 3),
            "data.channels = {channels}: images have 1 channel or 3; 0 leaves them as they are"
        );
        ensure!(
            !image_shape.contains(&0) && matches!(image_shape[..], [] | [_, _] | [_, _, 1 | 3]),
            "data.image_shape = {image_shape:?}: give height and width, and 3 after them for colours"
        );
        if let Binarise::Fixed(threshold) = self.binarise {
            ensure!(
                threshold > 0.0 && threshold <= 1.0,
                "data.binarise = {threshold}: a threshold lies above 0 and is at most 1"
            );
        }
        ensure!(self.memory_mib > 0, "data.memory_mib = 0: some blocks of the data have to be in memory");
        ensure!(
            self.split_seed <= i64::MAX as u64,
            "data.split_seed = {}: TOML can write no number above {}",
            self.split_seed,
            i64::MAX
        );
        Ok(())
    }
}
