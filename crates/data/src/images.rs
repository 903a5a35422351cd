//! Images in memory.

use std::ops::Range;

use burn_dataset::{Dataset, DatasetError};

/// Grey images of one size, kept as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// One image, as an item of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Grey levels from 0 to 1, row by row.
    pub grey: Vec<f32>,
    /// Its class, where the data has classes.
    pub label: Option<u8>,
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

    /// The bytes of one image, row by row.
    pub fn bytes_of(&self, position: usize) -> &[u8] {
        let pixels = self.pixels();
        &self.bytes[position * pixels..(position + 1) * pixels]
    }

    /// The grey levels of one image, from 0 to 1, row by row.
    pub fn grey(&self, position: usize) -> Vec<f32> {
        self.grey_of(position..position + 1)
    }

    /// The grey levels of the images at the given positions, one image after another, `[positions, pixels]`.
    pub fn gather(&self, positions: &[u32]) -> Vec<f32> {
        let mut grey = Vec::with_capacity(positions.len() * self.pixels());
        for &position in positions {
            grey.extend(self.bytes_of(position as usize).iter().map(grey_level));
        }
        grey
    }

    /// The grey levels of a range of the images, `[range, pixels]`.
    pub fn grey_of(&self, range: Range<usize>) -> Vec<f32> {
        let pixels = self.pixels();
        self.bytes[range.start * pixels..range.end * pixels].iter().map(grey_level).collect()
    }

    /// The entropy of the grey levels, each the probability of a white pixel, in nats per image: what the cross-entropy of
    /// no decoder falls below.
    pub fn grey_entropy(&self) -> f64 {
        let mut counts = [0usize; 256];
        self.bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
        let entropy = |byte: u8| -> f64 {
            let white = f64::from(byte) / 255.0;
            let part = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
            part(white) + part(1.0 - white)
        };
        let sum: f64 = (0..=255).zip(counts).map(|(byte, count)| count as f64 * entropy(byte)).sum();
        sum / self.count() as f64
    }

    /// Keeps the first images, so many of them; 0 keeps all.
    pub(crate) fn truncate(&mut self, count: usize) {
        if count > 0 {
            self.bytes.truncate(count * self.pixels());
            if let Some(labels) = &mut self.labels {
                labels.truncate(count);
            }
        }
    }
}

#[inline]
fn grey_level(byte: &u8) -> f32 {
    f32::from(*byte) / 255.0
}

impl Dataset<Image> for Images {
    fn get(&self, position: usize) -> Result<Image, DatasetError> {
        let label = self.labels.as_ref().map(|labels| labels[position]);
        Ok(Image { grey: self.grey(position), label })
    }

    fn len(&self) -> usize {
        self.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Images {
        Images { height: 1, width: 2, bytes: vec![0, 51, 102, 255, 9, 9], labels: Some(vec![7, 3, 0]) }
    }

    #[test]
    fn grey_levels_go_from_black_to_white() {
        assert_eq!(three().gather(&[1, 0]), [102.0 / 255.0, 1.0, 0.0, 0.2]);
        assert_eq!(three().grey_of(1..2), [102.0 / 255.0, 1.0]);
        assert_eq!(three().grey(1), [102.0 / 255.0, 1.0]);
    }

    #[test]
    fn black_and_white_have_no_entropy_and_middle_grey_has_a_bit() {
        let images = |bytes: Vec<u8>| Images { height: 1, width: 2, bytes, labels: None };
        assert_eq!(images(vec![0, 255]).grey_entropy(), 0.0);
        // Two pixels an image, a fifth and four fifths white.
        let fifth = -(0.2 * 0.2f64.ln() + 0.8 * 0.8f64.ln());
        assert!((images(vec![51, 204, 0, 255]).grey_entropy() - fifth).abs() < 1e-12);
    }

    #[test]
    fn the_entropy_of_mnists_test_images_is_45_nats_and_a_half() {
        let found = crate::load(&record::DataConfig::default()).unwrap().test.grey_entropy();
        assert!((found - 45.53).abs() < 0.005, "{found}");
    }

    #[test]
    fn images_are_a_data_set_of_burn() {
        let images = three();
        assert_eq!(Dataset::len(&images), 3);
        let items: Vec<Image> = Dataset::iter(&images).collect::<Result<_, _>>().unwrap();
        assert_eq!(items[1], Image { grey: vec![0.4, 1.0], label: Some(3) });
        let unlabelled = Images { labels: None, ..images };
        assert_eq!(unlabelled.get(0).unwrap().label, None);
    }
}
