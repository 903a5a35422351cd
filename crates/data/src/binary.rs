//! Grey levels drawn to be 0 or 1.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use record::Binarise;

/// What the streams are keyed by beside the seed: other numbers than those of any other stream.
const ONCE: u64 = 2 << 32;
const ANEW: u64 = 3 << 32;

/// Makes the examples of a part binary.
#[derive(Clone, Copy, Debug)]
pub struct Binary {
    /// How.
    pub how: Binarise,
    /// The number of the part among those of its data set, so that no two draw alike.
    pub part: u64,
}

/// When a training example is seen.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    /// The seed of the member, so that all coefficients of a seed see the same.
    pub seed: u64,
    /// The epoch, from 0 on.
    pub epoch: usize,
}

impl Binary {
    /// Makes one example binary in place: as it is measured, or as it is seen in an epoch of training.
    ///
    /// The streams are counter-based, keyed by what the drawing is for and the position of the example: it is drawn alike
    /// whatever other examples there are, in whatever order they come.
    pub fn apply(&self, example: &mut [f32], position: usize, seen: Option<Epoch>) {
        let key = match (self.how, seen) {
            (Binarise::None, _) => return,
            (Binarise::Fixed(threshold), _) => {
                let threshold = threshold as f32;
                return example.iter_mut().for_each(|grey| *grey = f32::from(u8::from(*grey >= threshold)));
            }
            (Binarise::Dynamic, Some(Epoch { seed, epoch })) => [seed, ANEW, epoch as u64, position as u64],
            (Binarise::Static | Binarise::Dynamic, _) => [self.part, ONCE, 0, position as u64],
        };
        let mut bytes = [0; 32];
        for (bytes, number) in bytes.chunks_exact_mut(8).zip(key) {
            bytes.copy_from_slice(&number.to_le_bytes());
        }
        let mut rng = ChaCha8Rng::from_seed(bytes);
        // `random` is below 1, so that white stays white, and not below 0, so that black stays black.
        example.iter_mut().for_each(|grey| *grey = f32::from(u8::from(rng.random::<f32>() < *grey)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(how: Binarise, position: usize, seen: Option<(u64, usize)>) -> Vec<f32> {
        let mut example = vec![0.3; 10_000];
        let seen = seen.map(|(seed, epoch)| Epoch { seed, epoch });
        Binary { how, part: 1 }.apply(&mut example, position, seen);
        example
    }

    #[test]
    fn a_pixel_is_1_as_often_as_its_grey_level_says() {
        for seen in [None, Some((0, 3))] {
            let drawn = drawn(Binarise::Dynamic, 7, seen);
            assert!(drawn.iter().all(|&pixel| pixel == 0.0 || pixel == 1.0));
            // Five standard errors of a share of 10,000.
            let share = drawn.iter().sum::<f32>() / 10_000.0;
            assert!((share - 0.3).abs() < 5.0 * (0.21f32 / 10_000.0).sqrt(), "{share}");
        }
        let mut ends = [0.0, 1.0].repeat(500);
        Binary { how: Binarise::Static, part: 0 }.apply(&mut ends, 0, None);
        assert_eq!(ends, [0.0, 1.0].repeat(500));
    }

    #[test]
    fn what_is_drawn_once_is_the_same_in_every_epoch_and_what_is_drawn_anew_is_not() {
        let once = drawn(Binarise::Static, 7, None);
        assert_eq!(once, drawn(Binarise::Static, 7, Some((4, 9))));
        assert_eq!(once, drawn(Binarise::Dynamic, 7, None));
        assert_ne!(once, drawn(Binarise::Static, 8, None));
        let anew = drawn(Binarise::Dynamic, 7, Some((0, 3)));
        assert_eq!(anew, drawn(Binarise::Dynamic, 7, Some((0, 3))));
        for other in [Some((1, 3)), Some((0, 4)), None] {
            assert_ne!(anew, drawn(Binarise::Dynamic, 7, other));
        }
    }

    #[test]
    fn a_threshold_divides_the_grey_levels() {
        let mut example = [0.0, 0.49, 0.5, 1.0];
        Binary { how: Binarise::Fixed(0.5), part: 0 }.apply(&mut example, 0, None);
        assert_eq!(example, [0.0, 0.0, 1.0, 1.0]);
    }
}
