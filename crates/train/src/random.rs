//! The random streams: counter-based, keyed by (seed, purpose, epoch, step), drawn on the host.
//!
//! Two members of a sweep with the same seed draw the same numbers whatever else runs beside them, in whatever order, and
//! however often they were stopped and resumed: no stream has a state that outlives a step. Burn's `Tensor::random` is
//! never used in training, since its generator is one for the whole process.

use data::BlockPlan;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// What a stream is drawn for. The numbers are part of the key: never reuse or change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Weights before training.
    InitialWeights = 0,
    /// The order of the training images in an epoch.
    ImageOrder = 1,
    /// The noise of the reparameterisation in a training step.
    TrainingNoise = 2,
    /// The noise of the reparameterisation in the evaluation after an epoch.
    EvaluationNoise = 3,
    /// The codes of the test images in the diagnostics after training.
    DiagnosticNoise = 4,
    /// The codes of one test image, the step, in the importance-weighted bound.
    ImportanceNoise = 5,
    /// Codes from the prior.
    PriorSamples = 6,
    /// The codes from the prior that a figure shows decoded; of no seed.
    FigureSamples = 7,
    /// The points of the prior's own picture; of no seed.
    FigurePrior = 8,
    /// The codes of the training examples that a run records.
    TrainingExampleNoise = 9,
    /// The directions from which principal components are sought; of no seed.
    ComponentStart = 10,
    /// The outputs of hidden layers that a training step leaves out.
    Dropout = 11,
    /// The images and codes of the self-test, the seed telling them apart.
    SelfTestData = 32,
}

/// The generator of one purpose, epoch and step.
///
/// The four numbers are the 256-bit key of a ChaCha generator with eight rounds: streams of different keys are
/// independent.
pub fn stream(seed: u64, purpose: Purpose, epoch: usize, step: usize) -> impl Rng {
    let mut key = [0; 32];
    for (bytes, number) in key.chunks_exact_mut(8).zip([seed, purpose as u64, epoch as u64, step as u64]) {
        bytes.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// The order in which an epoch takes the `count` training images.
///
/// Of images that are read block by block, the blocks are shuffled, and then the images of each group of neighbours among
/// each other, so that no more blocks than those of a group are needed at a time.
pub fn image_order(seed: u64, epoch: usize, count: usize, plan: Option<BlockPlan>) -> Vec<u32> {
    let count = u32::try_from(count).expect("a data set has fewer than 2^32 images");
    let mut stream = stream(seed, Purpose::ImageOrder, epoch, 0);
    let mut order: Vec<u32> = (0..count).collect();
    let Some(BlockPlan { examples, group }) = plan else {
        order.shuffle(&mut stream);
        return order;
    };
    let mut blocks: Vec<&[u32]> = order.chunks(examples).collect();
    blocks.shuffle(&mut stream);
    let shuffled = blocks.chunks(group).flat_map(|blocks| {
        let mut images = blocks.concat();
        images.shuffle(&mut stream);
        images
    });
    shuffled.collect()
}

/// `count` standard normal numbers for one step.
pub fn noise(seed: u64, purpose: Purpose, epoch: usize, step: usize, count: usize) -> Vec<f32> {
    let normal: StandardNormal = StandardNormal;
    normal.sample_iter(stream(seed, purpose, epoch, step)).take(count).collect()
}

/// The numbers that [`noise`] gives to all examples of a part, one after another.
pub fn noise_of(seed: u64, purpose: Purpose) -> impl Iterator<Item = f32> {
    let normal: StandardNormal = StandardNormal;
    normal.sample_iter(stream(seed, purpose, 0, 0))
}

/// What the outputs of hidden layers are multiplied with in a step, one after another: 0 with the probability `dropout`, else
/// what keeps the mean as it is.
pub fn dropout_masks(seed: u64, epoch: usize, step: usize, dropout: f64) -> impl Iterator<Item = f32> {
    let mut stream = stream(seed, Purpose::Dropout, epoch, step);
    let kept = (1.0 / (1.0 - dropout)) as f32;
    std::iter::repeat_with(move || if stream.random::<f64>() < dropout { 0.0 } else { kept })
}

/// The numbers that [`noise`] gives the rows at some positions, which rise, where every row has `width` of them.
pub fn noise_at(seed: u64, purpose: Purpose, positions: &[u32], width: usize) -> Vec<f32> {
    let mut numbers = noise_of(seed, purpose);
    let (mut at, mut found) = (0, Vec::with_capacity(positions.len() * width));
    for &position in positions {
        let between = (position as usize - at) * width;
        found.extend(numbers.by_ref().skip(between).take(width));
        at = position as usize + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_its_noise_whatever_others_are_asked_for() {
        let all = noise(3, Purpose::DiagnosticNoise, 0, 0, 10 * 4);
        let expected = [0, 1, 5, 9].map(|row| &all[row * 4..][..4]).concat();
        assert_eq!(noise_at(3, Purpose::DiagnosticNoise, &[0, 1, 5, 9], 4), expected);
    }

    #[test]
    fn every_part_of_the_key_gives_another_stream() {
        let first = |seed, purpose, epoch, step| stream(seed, purpose, epoch, step).random::<u64>();
        let reference = first(1, Purpose::TrainingNoise, 2, 3);
        assert_eq!(reference, first(1, Purpose::TrainingNoise, 2, 3));
        for other in [
            first(2, Purpose::TrainingNoise, 2, 3),
            first(1, Purpose::EvaluationNoise, 2, 3),
            first(1, Purpose::TrainingNoise, 3, 3),
            first(1, Purpose::TrainingNoise, 2, 4),
            first(1, Purpose::TrainingNoise, 3, 2),
        ] {
            assert_ne!(reference, other);
        }
    }

    #[test]
    fn the_order_holds_every_image_once_and_differs_between_epochs() {
        for plan in [None, Some(BlockPlan { examples: 64, group: 3 })] {
            let order = image_order(0, 0, 1000, plan);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..1000));
            assert_ne!(order, image_order(0, 1, 1000, plan));
        }
    }

    #[test]
    fn images_in_blocks_need_no_more_blocks_at_a_time_than_a_group_has() {
        let order = image_order(0, 0, 1000, Some(BlockPlan { examples: 50, group: 4 }));
        let mut firsts = Vec::new();
        for images in order.chunks(200) {
            let mut blocks: Vec<u32> = images.iter().map(|image| image / 50).collect();
            firsts.push(blocks[0]);
            blocks.sort_unstable();
            blocks.dedup();
            assert_eq!(blocks.len(), 4);
        }
        assert!(!firsts.is_sorted(), "blocks come in the order of the file: {firsts:?}");
        assert!(!order[..200].is_sorted());
    }

    #[test]
    fn masks_leave_out_their_share_and_keep_the_mean() {
        const COUNT: usize = 100_000;
        let masks: Vec<f32> = dropout_masks(3, 1, 2, 0.2).take(COUNT).collect();
        assert!(masks.iter().all(|&mask| mask == 0.0 || mask == 1.25));
        // Five standard errors of a share of 0.2.
        let left_out = masks.iter().filter(|&&mask| mask == 0.0).count() as f64 / COUNT as f64;
        assert!((left_out - 0.2).abs() < 5.0 * (0.2 * 0.8 / COUNT as f64).sqrt(), "{left_out}");
    }

    #[test]
    fn noise_is_standard_normal() {
        const COUNT: usize = 100_000;
        // Five standard errors: of a mean 1/√n, of a variance √(2/n).
        let (mean_limit, variance_limit) = (5.0 / (COUNT as f64).sqrt(), 5.0 * (2.0 / COUNT as f64).sqrt());
        let noise = noise(7, Purpose::TrainingNoise, 0, 0, COUNT);
        let mean = noise.iter().map(|&x| f64::from(x)).sum::<f64>() / COUNT as f64;
        let variance = noise.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / COUNT as f64;
        assert!(mean.abs() < mean_limit, "mean {mean}, limit {mean_limit}");
        assert!((variance - 1.0).abs() < variance_limit, "variance {variance}, limit 1 ± {variance_limit}");
    }
}
