//! What one example of a data set is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The shape of an example: an image, or a row of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// `height x width` pixels, row by row, the channels of a pixel beside each other.
    Image {
        /// Rows of pixels.
        height: usize,
        /// Pixels of a row.
        width: usize,
        /// 1 for grey images, 3 for red, green and blue.
        channels: usize,
    },
    /// A number for each of these columns.
    Table {
        /// Their names.
        columns: Vec<String>,
    },
}

impl Shape {
    /// That of grey images.
    pub fn grey(height: usize, width: usize) -> Self {
        Self::Image { height, width, channels: 1 }
    }

    /// Numbers of an example.
    pub fn numbers(&self) -> usize {
        match self {
            Self::Image { height, width, channels } => height * width * channels,
            Self::Table { columns } => columns.len(),
        }
    }

    /// The names of the columns; none of an image.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Image { .. } => &[],
            Self::Table { columns } => columns,
        }
    }

    /// Height, width and channels; `None` of a table.
    pub fn image(&self) -> Option<[usize; 3]> {
        match *self {
            Self::Image { height, width, channels } => Some([height, width, channels]),
            Self::Table { .. } => None,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { height, width, channels: 1 } => write!(formatter, "{height} x {width} grey pixels"),
            Self::Image { height, width, channels: 3 } => {
                write!(formatter, "{height} x {width} pixels of three colours")
            }
            Self::Image { height, width, channels } => {
                write!(formatter, "{height} x {width} pixels of {channels} channels")
            }
            Self::Table { columns } if columns.len() == 1 => write!(formatter, "1 column"),
            Self::Table { columns } => write!(formatter, "{} columns", columns.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_a_number_for_each_channel_of_each_pixel_and_a_row_one_for_each_column() {
        let colour = Shape::Image { height: 4, width: 5, channels: 3 };
        assert_eq!((colour.numbers(), colour.image()), (60, Some([4, 5, 3])));
        let table = Shape::Table { columns: vec!["a".to_string(), "b".to_string()] };
        assert_eq!((table.numbers(), table.image(), table.columns().len()), (2, None, 2));
        assert_eq!(Shape::grey(2, 3).to_string(), "2 x 3 grey pixels");
        assert_eq!(table.to_string(), "2 columns");
    }
}
