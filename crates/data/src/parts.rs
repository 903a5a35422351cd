//! Training, validation and test.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What networks learn from.
    Train,
    /// By which coefficients are chosen.
    Validation,
    /// What networks are measured on.
    Test,
}

impl Part {
    /// The part that a folder, a file or a cell of a table names so.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "validation" | "valid" | "val" | "dev" => Some(Self::Validation),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }
}

/// The positions of the examples of each part, rising.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawn {
    pub train: Vec<u32>,
    pub validation: Vec<u32>,
    pub test: Vec<u32>,
}

/// What the streams of this crate are keyed by beside the seed: other numbers than those of the streams of training.
const SPLIT: u64 = 1 << 32;

/// Draws the parts of so many examples: all seeds of a sweep have the same.
///
/// Each example is equally likely to be in each place. The stream is counter-based and keyed by the seed alone, so that the
/// parts are the same on every machine.
pub fn drawn(count: u32, shares: [f64; 3], seed: u64) -> Drawn {
    let mut order: Vec<u32> = (0..count).collect();
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&SPLIT.to_le_bytes());
    order.shuffle(&mut ChaCha8Rng::from_seed(key));
    let of_share = |share: f64| ((share * f64::from(count)).round() as usize).max(1);
    let test = order.split_off(order.len().saturating_sub(of_share(shares[2])));
    let validation = order.split_off(order.len().saturating_sub(of_share(shares[1])));
    let mut parts = Drawn { train: order, validation, test };
    for positions in [&mut parts.train, &mut parts.validation, &mut parts.test] {
        positions.sort_unstable();
    }
    parts
}

/// The examples of each part, by the part of each example.
pub fn given(parts: &[Part]) -> Drawn {
    let mut drawn = Drawn::default();
    for (position, part) in parts.iter().enumerate() {
        let positions = match part {
            Part::Train => &mut drawn.train,
            Part::Validation => &mut drawn.validation,
            Part::Test => &mut drawn.test,
        };
        positions.push(position as u32);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_in_one_part_and_the_parts_have_their_shares() {
        let parts = drawn(1797, [0.8, 0.1, 0.1], 0);
        assert_eq!([parts.train.len(), parts.validation.len(), parts.test.len()], [1437, 180, 180]);
        let mut all = [parts.train.clone(), parts.validation.clone(), parts.test.clone()].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1797));
        assert_eq!(parts, drawn(1797, [0.8, 0.1, 0.1], 0));
        assert_ne!(parts, drawn(1797, [0.8, 0.1, 0.1], 1));
        // The stream is a promise: the same parts on every machine and in every later version.
        assert_eq!(parts.test[..5], [1, 7, 25, 43, 45]);
    }

    #[test]
    fn of_three_examples_each_part_has_one() {
        let Drawn { train, validation, test } = drawn(3, [0.98, 0.01, 0.01], 0);
        assert_eq!([train.len(), validation.len(), test.len()], [1, 1, 1]);
    }

    #[test]
    fn parts_are_known_by_their_names() {
        assert_eq!(
            ["Train", " val", "test", "x"].map(Part::named),
            [Some(Part::Train), Some(Part::Validation), Some(Part::Test), None]
        );
        let parts = given(&[Part::Test, Part::Train, Part::Test]);
        assert_eq!(parts, Drawn { train: vec![1], validation: vec![], test: vec![0, 2] });
    }
}
