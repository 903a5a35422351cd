//! A data set in its parts.

use record::DataRecord;

use crate::split::Split;

/// A data set in its parts.
#[derive(Debug)]
pub struct Dataset {
    /// What the networks learn from.
    pub train: Split,
    /// By which coefficients are chosen; `None` where the data has no such part, as MNIST.
    pub validation: Option<Split>,
    /// What the networks are measured on.
    pub test: Split,
    /// The least and the greatest number of each column of the training examples, as the files have them; empty of images that
    /// are bytes. The former is the greater one where a column has no number.
    pub ranges: Vec<[f64; 2]>,
    /// What a run records of it.
    pub record: DataRecord,
}

impl Dataset {
    /// A data set of these parts, of which nothing more is known.
    pub fn new(train: Split, validation: Option<Split>, test: Split) -> Self {
        let record = DataRecord {
            train: train.count(),
            validation: validation.as_ref().map_or(0, Split::count),
            test: test.count(),
            ..DataRecord::of_shape(train.shape())
        };
        Self { train, validation, test, ranges: Vec::new(), record }
    }

    /// What networks are measured on while coefficients are compared: the validation part, so that nobody looks at the test
    /// part before the choice is made; where there is none, as of MNIST, the test part.
    pub fn evaluated(&self) -> &Split {
        self.validation.as_ref().unwrap_or(&self.test)
    }
}
