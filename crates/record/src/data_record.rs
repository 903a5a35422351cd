//! What a run was trained on, for readers that do not have it.

use serde::{Deserialize, Serialize};

use crate::shape::Shape;
use crate::units::Pixels;

/// The data set of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataRecord {
    /// Where it was read from; empty if that was not recorded.
    #[serde(default)]
    pub source: String,
    /// What is there, in words such as `a folder of images`.
    #[serde(default)]
    pub kind: String,
    /// The SHA-256 of everything that was read; empty if that was not recorded.
    #[serde(default)]
    pub sha256: String,
    /// Examples that are trained on.
    pub train: usize,
    /// Examples by which coefficients are chosen; 0 where the data has no such part.
    #[serde(default)]
    pub validation: usize,
    /// Examples that are measured on.
    pub test: usize,
    /// Rows of pixels of an image; 1 of a table.
    pub height: usize,
    /// Pixels of a row; the columns of a table.
    pub width: usize,
    /// 1 for grey images and tables, 3 for red, green and blue.
    #[serde(default = "one")]
    pub channels: usize,
    /// The names of a table's columns; empty for images.
    #[serde(default)]
    pub columns: Vec<String>,
    /// How the numbers that were read became those that a network sees.
    #[serde(default)]
    pub scaling: Scaling,
    /// What black and white were among the numbers that were read; `None` of a table, and where it was not recorded.
    #[serde(default)]
    pub pixels: Option<Pixels>,
    /// The names of the classes, by their numbers; empty where the numbers are the names, or there are no classes.
    #[serde(default)]
    pub classes: Vec<String>,
    /// What a reader of the results has to know of the data, in sentences.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// How the numbers that were read became those that a network sees: `(number - shift) / scale`.
///
/// For images one shift and one scale, for tables one of each column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// What is subtracted.
    pub shift: Vec<f64>,
    /// What it is then divided by.
    pub scale: Vec<f64>,
    /// What stands for a missing number of each column; empty where none may be missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fill: Vec<f64>,
}

/// Examples of which no verdict is given if there are fewer.
pub const LEAST_FOR_VERDICT: usize = 200;

fn one() -> usize {
    1
}

impl DataRecord {
    /// Of no example yet.
    pub fn of_shape(shape: &Shape) -> Self {
        let [height, width, channels] = shape.image().unwrap_or([1, shape.numbers(), 1]);
        Self {
            source: String::new(),
            kind: String::new(),
            sha256: String::new(),
            train: 0,
            validation: 0,
            test: 0,
            height,
            width,
            channels,
            columns: shape.columns().to_vec(),
            scaling: Scaling::default(),
            pixels: None,
            classes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// How many examples there are in all parts.
    pub fn count(&self) -> usize {
        self.train + self.validation + self.test
    }

    /// Why no verdict is given, if there are too few examples for one.
    pub fn too_few(&self) -> Option<String> {
        let count = self.count();
        (count < LEAST_FOR_VERDICT).then(|| {
            format!(
                "There are {count} examples, and a verdict needs {LEAST_FOR_VERDICT}: the numbers are shown without one."
            )
        })
    }

    /// Whether two records are of the same data, as far as both say what they are of.
    pub fn is_same_data(&self, other: &Self) -> bool {
        self.sha256 == other.sha256 || self.sha256.is_empty() || other.sha256.is_empty()
    }

    /// The shape of an example.
    pub fn shape(&self) -> Shape {
        let Self { height, width, channels, .. } = *self;
        match self.columns.is_empty() {
            true => Shape::Image { height, width, channels },
            false => Shape::Table { columns: self.columns.clone() },
        }
    }
}

impl Scaling {
    /// What a network sees of a number in some column; a missing one is NaN.
    pub fn apply(&self, column: usize, number: f64) -> f64 {
        let [shift, scale] = self.of_column(column);
        let number = match &self.fill[..] {
            [] => number,
            fill if number.is_nan() => fill[column.min(fill.len() - 1)],
            _ => number,
        };
        (number - shift) / scale
    }

    /// The number that a network sees as this one.
    pub fn undo(&self, column: usize, seen: f64) -> f64 {
        let [shift, scale] = self.of_column(column);
        seen * scale + shift
    }

    /// Shift and scale of a column.
    pub fn of_column(&self, column: usize) -> [f64; 2] {
        let of = |values: &[f64], none: f64| match values {
            [] => none,
            [one] => *one,
            values => values[column],
        };
        [of(&self.shift, 0.0), of(&self.scale, 1.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_versions_recorded_is_a_grey_image() {
        let record: DataRecord =
            serde_json::from_str(r#"{"train": 60000, "test": 10000, "height": 28, "width": 28}"#).unwrap();
        assert_eq!(record.shape(), Shape::grey(28, 28));
        assert_eq!(
            record,
            DataRecord { train: 60_000, test: 10_000, ..DataRecord::of_shape(&record.shape()) }
        );
    }

    #[test]
    fn the_shape_of_a_table_comes_back() {
        let shape = Shape::Table { columns: vec!["alcohol".to_string(), "ash".to_string()] };
        assert_eq!(DataRecord::of_shape(&shape).shape(), shape);
    }

    #[test]
    fn scaling_is_undone_column_by_column_and_none_changes_nothing() {
        let table = Scaling { shift: vec![1.0, -2.0], scale: vec![4.0, 0.5], fill: Vec::new() };
        assert_eq!([table.apply(0, 3.0), table.apply(1, -1.0)], [0.5, 2.0]);
        assert_eq!([table.undo(0, 0.5), table.undo(1, 2.0)], [3.0, -1.0]);
        let images = Scaling { shift: vec![0.0], scale: vec![255.0], fill: Vec::new() };
        assert_eq!(images.apply(700, 51.0), 0.2);
        assert_eq!(Scaling::default().apply(3, 7.0), 7.0);
    }
}
