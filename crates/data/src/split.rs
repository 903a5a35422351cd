//! A part of a data set: examples of one shape.

use std::ops::Range;

use burn_dataset::{Dataset, DatasetError};
use kernels::{Vectorized, vectorized};
use record::{Shades, Shape};
use sha2::{Digest, Sha256};

use crate::binary::{Binary, Epoch};
use crate::blocks::{BlockPlan, Blocks};
use crate::error::Result;
use crate::survey::Conversion;

/// Examples of one shape, such as those that are trained on.
#[derive(Debug)]
pub struct Split {
    shape: Shape,
    examples: Stored,
    binary: Option<Binary>,
    /// What black and white are as a network sees them.
    shades: Shades,
    /// The class of each example, where the data has classes.
    pub labels: Option<Vec<u8>>,
}

/// Where the numbers of examples are.
#[derive(Debug)]
enum Stored {
    /// In memory, from 0 to 255 for what a network sees as 0 to 1.
    Bytes(Vec<u8>),
    /// In memory, as a network sees them.
    Numbers(Vec<f32>),
    /// In a file.
    InFile(Box<InFile>),
}

/// Examples in a file.
#[derive(Debug)]
struct InFile {
    blocks: Blocks,
    /// Those that are kept: of the last block perhaps not all.
    count: usize,
    conversion: Conversion,
    /// Whether images are stored channel by channel.
    planar: bool,
}

/// An example, as an item of a data set of Burn.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Its numbers as a network sees them: of an image row by row, the channels of a pixel beside each other.
    pub numbers: Vec<f32>,
    /// Its class, where the data has classes.
    pub label: Option<u8>,
}

impl Split {
    /// Examples of bytes, one after another: of a pixel, 0 is black and 255 white.
    ///
    /// # Panics
    ///
    /// Panics if there are bytes of a part of an example.
    pub fn of_bytes(shape: Shape, bytes: Vec<u8>, labels: Option<Vec<u8>>) -> Self {
        assert_eq!(bytes.len() % shape.numbers(), 0, "the last example is whole");
        Self { shape, examples: Stored::Bytes(bytes), binary: None, shades: Shades::UNIT, labels }
    }

    /// Examples of numbers as a network sees them, one after another.
    ///
    /// # Panics
    ///
    /// Panics if there are numbers of a part of an example.
    pub fn of_numbers(shape: Shape, numbers: Vec<f32>, labels: Option<Vec<u8>>) -> Self {
        assert_eq!(numbers.len() % shape.numbers(), 0, "the last example is whole");
        Self { shape, examples: Stored::Numbers(numbers), binary: None, shades: Shades::UNIT, labels }
    }

    /// Examples in a file, which a network sees after a conversion; `planar` if each is stored channel by channel.
    pub(crate) fn of_blocks(
        shape: Shape,
        blocks: Blocks,
        conversion: Conversion,
        planar: bool,
        labels: Option<Vec<u8>>,
    ) -> Self {
        let count = blocks.count();
        Self {
            shape,
            examples: Stored::InFile(Box::new(InFile { blocks, count, conversion, planar })),
            binary: None,
            shades: Shades::UNIT,
            labels,
        }
    }

    /// What an example is.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Numbers of an example.
    pub fn numbers(&self) -> usize {
        self.shape.numbers()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match &self.examples {
            Stored::Bytes(bytes) => bytes.len() / self.numbers(),
            Stored::Numbers(numbers) => numbers.len() / self.numbers(),
            Stored::InFile(file) => file.count,
        }
    }

    /// In which blocks the examples are read; `None` if they are in memory.
    pub fn block_plan(&self) -> Option<BlockPlan> {
        match &self.examples {
            Stored::InFile(file) => Some(file.blocks.plan()),
            _ => None,
        }
    }

    /// The same examples, of which a network sees black and white so.
    pub(crate) fn shaded(self, shades: Shades) -> Self {
        Self { shades, ..self }
    }

    /// The same examples, made binary wherever they are read.
    pub(crate) fn binary(self, binary: Binary) -> Self {
        Self { binary: Some(binary), ..self }
    }

    /// The examples at the given positions, one after another, `[positions, numbers]`.
    ///
    /// # Errors
    ///
    /// Fails when a file has changed since it was first read.
    ///
    /// # Panics
    ///
    /// Panics if a position is not below the count.
    pub fn gather(&self, positions: &[u32]) -> Result<Vec<f32>> {
        self.at(positions.iter().map(|&position| position as usize), None)
    }

    /// The same as they are seen in an epoch of training: other than in [`gather`](Self::gather) where they are drawn anew.
    ///
    /// # Errors
    ///
    /// Fails when a file has changed since it was first read.
    ///
    /// # Panics
    ///
    /// Panics if a position is not below the count.
    pub fn gather_in(&self, epoch: Epoch, positions: &[u32]) -> Result<Vec<f32>> {
        self.at(positions.iter().map(|&position| position as usize), Some(epoch))
    }

    /// A range of the examples, `[range, numbers]`.
    ///
    /// # Errors
    ///
    /// Fails when a file has changed since it was first read.
    ///
    /// # Panics
    ///
    /// Panics if the range ends above the count.
    pub fn rows(&self, range: Range<usize>) -> Result<Vec<f32>> {
        self.at(range, None)
    }

    /// The entropy of the numbers of each of some examples, each number from 0 to 1 and taken as the probability of a white
    /// pixel, in nats: what no decoder's cross-entropy falls below.
    ///
    /// # Errors
    ///
    /// Fails when a file has changed since it was first read.
    pub fn grey_entropies(&self, positions: &[u32]) -> Result<Vec<f64>> {
        /// Examples that are read at a time.
        const BLOCK: usize = 256;

        let part = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
        let entropy = |white: &f32| part(f64::from(*white)) + part(1.0 - f64::from(*white));
        let mut found = Vec::with_capacity(positions.len());
        for block in positions.chunks(BLOCK) {
            let numbers = self.gather(block)?;
            found.extend(
                numbers.chunks(self.numbers()).map(|example| example.iter().map(entropy).sum::<f64>()),
            );
        }
        Ok(found)
    }

    /// Its mean over all examples.
    ///
    /// # Errors
    ///
    /// As of [`grey_entropies`](Self::grey_entropies).
    pub fn grey_entropy(&self) -> Result<f64> {
        let positions: Vec<u32> = (0..self.count() as u32).collect();
        Ok(self.grey_entropies(&positions)?.iter().sum::<f64>() / self.count() as f64)
    }

    fn at(
        &self,
        positions: impl ExactSizeIterator<Item = usize> + Clone,
        seen: Option<Epoch>,
    ) -> Result<Vec<f32>> {
        let mut found = self.stored(positions.clone())?;
        if let Some(binary) = &self.binary {
            let examples = found.chunks_exact_mut(self.numbers()).zip(positions);
            examples.for_each(|(example, position)| binary.apply(example, position, seen));
        }
        Ok(found)
    }

    fn stored(&self, positions: impl ExactSizeIterator<Item = usize>) -> Result<Vec<f32>> {
        let numbers = self.numbers();
        let of = |position: usize| position * numbers..(position + 1) * numbers;
        let mut found = Vec::with_capacity(positions.len() * numbers);
        match &self.examples {
            Stored::Bytes(bytes) => {
                for position in positions {
                    let start = found.len();
                    found.resize(start + numbers, 0.0);
                    vectorized(Units { levels: &bytes[of(position)], numbers: &mut found[start..] });
                }
            }
            Stored::Numbers(stored) => {
                positions.for_each(|position| found.extend(&stored[of(position)]));
            }
            Stored::InFile(file) => {
                let InFile { blocks, conversion, planar, .. } = &**file;
                let seen = |number: f64, place: usize| conversion.seen(place, number);
                let [_, _, channels] = self.shape.image().unwrap_or([1, 1, 1]);
                blocks.for_each(positions, |row| {
                    let row = blocks.element().numbers(row);
                    if *planar {
                        let row: Vec<f64> = row.collect();
                        found.extend(
                            (0..numbers)
                                .map(|place| seen(row[planar_place(place, numbers, channels)], place)),
                        );
                    } else {
                        found.extend(row.enumerate().map(|(place, number)| seen(number, place)));
                    }
                })?;
            }
        }
        Ok(found)
    }

    /// The examples at the given positions as pixels from 0 (black) to 255 (white).
    ///
    /// # Errors
    ///
    /// Fails when a file has changed since it was first read.
    pub fn pixels(&self, positions: &[u32]) -> Result<Vec<u8>> {
        Ok(self.gather(positions)?.into_iter().map(|number| self.pixel(number)).collect())
    }

    /// The pixel, from 0 (black) to 255 (white), of which a network sees this; what is beyond becomes one of them, NaN black.
    pub fn pixel(&self, seen: f32) -> u8 {
        self.shades.byte(seen)
    }

    /// Whether a network sees black as 0 and white as 1.
    pub fn is_from_black_to_white(&self) -> bool {
        self.shades == Shades::UNIT
    }

    /// The SHA-256 of what is there: of examples in a file as they are stored, of others as a network sees them.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        match &self.examples {
            Stored::Bytes(bytes) => digest.update(bytes),
            Stored::Numbers(numbers) => numbers.iter().for_each(|number| digest.update(number.to_le_bytes())),
            Stored::InFile(file) => file.blocks.digests().iter().for_each(|block| digest.update(block)),
        }
        digest.update(self.labels.as_deref().unwrap_or_default());
        digest.finalize().into()
    }

    /// Keeps the first examples, so many of them; 0 keeps all.
    pub(crate) fn truncate(&mut self, most: usize) {
        if most > 0 {
            let numbers = self.numbers();
            match &mut self.examples {
                Stored::Bytes(bytes) => bytes.truncate(most * numbers),
                Stored::Numbers(stored) => stored.truncate(most * numbers),
                Stored::InFile(file) => {
                    file.blocks.truncate(most);
                    file.count = most.min(file.count);
                }
            }
            if let Some(labels) = &mut self.labels {
                labels.truncate(most);
            }
        }
    }
}

/// Where, in an image that is stored channel by channel, the number is that stands at this place when the channels of a pixel
/// are beside each other.
pub(crate) fn planar_place(place: usize, numbers: usize, channels: usize) -> usize {
    place % channels * (numbers / channels) + place / channels
}

/// Levels as numbers from 0 to 1.
struct Units<'a> {
    levels: &'a [u8],
    numbers: &'a mut [f32],
}

impl Vectorized for Units<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.numbers.iter_mut().zip(self.levels).for_each(|(number, level)| *number = unit(*level));
    }
}

/// `level / 255` to the last bit. A division takes several times as long.
#[inline(always)]
fn unit(level: u8) -> f32 {
    (f64::from(level) * (1.0 / 255.0)) as f32
}

impl Dataset<Example> for Split {
    fn get(&self, position: usize) -> std::result::Result<Example, DatasetError> {
        let numbers = self.rows(position..position + 1).map_err(DatasetError::new)?;
        Ok(Example { numbers, label: self.labels.as_ref().map(|labels| labels[position]) })
    }

    fn len(&self) -> usize {
        self.count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_divided_by_255_to_the_last_bit() {
        for level in 0..=u8::MAX {
            assert_eq!(unit(level).to_bits(), (f32::from(level) / 255.0).to_bits(), "{level}");
        }
    }

    fn three(labels: Option<Vec<u8>>) -> Split {
        Split::of_bytes(Shape::grey(1, 2), vec![0, 51, 102, 255, 9, 9], labels)
    }

    #[test]
    fn black_and_white_have_no_entropy_and_a_grey_pixel_has_that_of_a_coin() {
        let entropy = |bytes| Split::of_bytes(Shape::grey(1, 2), bytes, None).grey_entropy().unwrap();
        assert_eq!(entropy(vec![0, 255]), 0.0);
        // Two pixels an image, a fifth and four fifths white. Numbers have 24 bits.
        let fifth = -(0.2 * 0.2f64.ln() + 0.8 * 0.8f64.ln());
        assert!((entropy(vec![51, 204, 0, 255]) - fifth).abs() < 1e-6);
        let split = Split::of_bytes(Shape::grey(1, 2), vec![51, 204, 0, 255, 51, 0], None);
        for (found, expected) in split.grey_entropies(&[2, 1]).unwrap().iter().zip([fifth, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
        }
    }

    #[test]
    fn grey_levels_go_from_black_to_white() {
        let split = three(None);
        assert_eq!(split.gather(&[1, 0]).unwrap(), [102.0 / 255.0, 1.0, 0.0, 0.2]);
        assert_eq!(split.rows(1..2).unwrap(), [102.0 / 255.0, 1.0]);
        assert_eq!(split.pixels(&[2, 1]).unwrap(), [9, 9, 102, 255]);
    }

    #[test]
    fn a_split_is_a_data_set_of_burn() {
        let split = three(Some(vec![7, 3, 0]));
        assert_eq!(Dataset::len(&split), 3);
        let items: Vec<Example> = Dataset::iter(&split).collect::<std::result::Result<_, _>>().unwrap();
        assert_eq!(items[1], Example { numbers: vec![0.4, 1.0], label: Some(3) });
        assert_eq!(three(None).get(0).unwrap().label, None);
    }

    #[test]
    fn the_first_examples_are_kept() {
        let mut split = three(Some(vec![7, 3, 0]));
        split.truncate(0);
        assert_eq!(split.count(), 3);
        split.truncate(2);
        assert_eq!((split.count(), split.labels), (2, Some(vec![7, 3])));
    }
}
