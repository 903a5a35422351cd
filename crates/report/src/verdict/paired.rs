//! Losses of the same images under networks of several coefficients and seeds, and how surely their means differ.

use record::Group;

use super::student::t_quantile;

/// The losses by which coefficients are compared, each of one image under one network; lower is better.
///
/// Every coefficient has the same seeds and the same images in the same order. Members of a seed start from the same weights
/// and see the same batches with the same noise, so much of what a seed or an image does to one coefficient it does to the
/// other, and drops out of their difference.
///
/// Of the losses are kept what means and errors of all differences are made of, so that those cost nothing, however many
/// images there are.
#[derive(Clone, Debug)]
pub struct PairedLosses {
    coefficients: Vec<f64>,
    images: usize,
    /// The mean over the images, by coefficient and seed.
    seed_means: Vec<Vec<f64>>,
    /// The covariance, over the images, of the means over the seeds, by two coefficients.
    image_covariance: Vec<Vec<f64>>,
}

impl PairedLosses {
    /// `losses`: for each coefficient, those of every seed, each image by image.
    ///
    /// `None` where nothing can be compared: without a coefficient or a seed, with fewer than two images, and where members
    /// were measured on different numbers of images or seeds.
    pub fn new(losses: &[Group<Vec<f32>>]) -> Option<Self> {
        if !are_paired(losses) {
            return None;
        }
        let images = losses[0].values[0].len();
        let seed_means: Vec<Vec<f64>> = losses.iter().map(seed_means).collect();
        let deviations: Vec<Vec<f64>> = losses
            .iter()
            .zip(&seed_means)
            .map(|(group, means)| deviations(&group.values, average(means)))
            .collect();
        let covariance =
            |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (images as f64 - 1.0);
        let mut image_covariance = vec![vec![0.0; losses.len()]; losses.len()];
        for (a, of_a) in deviations.iter().enumerate() {
            for (b, of_b) in deviations[..=a].iter().enumerate() {
                image_covariance[a][b] = covariance(of_a, of_b);
                image_covariance[b][a] = image_covariance[a][b];
            }
        }
        let coefficients = losses.iter().map(|group| group.c).collect();
        Some(Self { coefficients, images, seed_means, image_covariance })
    }

    /// The coefficients, as they were given.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// How many seeds each coefficient has.
    pub fn seeds(&self) -> usize {
        self.seed_means[0].len()
    }

    /// How many images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The mean loss of a coefficient, by its position.
    pub fn mean(&self, of: usize) -> TwoWayMean {
        self.combined(&[(of, 1.0)])
    }

    /// How much more the one coefficient loses than the other one, by their positions.
    pub fn difference(&self, of: usize, from: usize) -> TwoWayMean {
        self.combined(&[(of, 1.0), (from, -1.0)])
    }

    /// The mean of a weighted sum of the losses of some coefficients, each by its position.
    pub fn combined(&self, weights: &[(usize, f64)]) -> TwoWayMean {
        let sum = |seed: usize| weights.iter().map(|&(at, weight)| weight * self.seed_means[at][seed]).sum();
        let by_seed: Vec<f64> = (0..self.seeds()).map(sum).collect();
        let mean = average(&by_seed);
        let seeds = by_seed.len() as f64;
        let squares: f64 = by_seed.iter().map(|value| (value - mean).powi(2)).sum();
        let terms = weights.iter().flat_map(|&(a, of_a)| {
            weights.iter().map(move |&(b, of_b)| of_a * of_b * self.image_covariance[a][b])
        });
        TwoWayMean {
            mean,
            seeds: by_seed.len(),
            images: self.images,
            seed_variance: squares / (seeds - 1.0),
            // Rounding may leave a difference of equal terms a little below 0.
            image_variance: terms.sum::<f64>().max(0.0),
        }
    }
}

/// Whether losses can be compared: of as many seeds, at least one, and as many images, at least two.
pub(super) fn are_paired<'a>(losses: impl IntoIterator<Item = &'a Group<Vec<f32>>>) -> bool {
    let mut sizes = losses.into_iter().map(|group| {
        let mut images = group.values.iter().map(Vec::len);
        let first = images.next()?;
        (first > 1 && images.all(|count| count == first)).then_some((group.values.len(), first))
    });
    let Some(Some(first)) = sizes.next() else { return false };
    sizes.all(|size| size == Some(first))
}

/// The mean over the images, by seed.
pub(super) fn seed_means(losses: &Group<Vec<f32>>) -> Vec<f64> {
    let mean =
        |losses: &Vec<f32>| losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64;
    losses.values.iter().map(mean).collect()
}

pub(super) fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How far the loss of each image, averaged over the seeds, lies from the mean.
fn deviations(of_seeds: &[Vec<f32>], mean: f64) -> Vec<f64> {
    let mut deviations = vec![0.0; of_seeds[0].len()];
    for losses in of_seeds {
        for (sum, &loss) in deviations.iter_mut().zip(losses) {
            *sum += f64::from(loss) - mean;
        }
    }
    deviations.iter_mut().for_each(|sum| *sum /= of_seeds.len() as f64);
    deviations
}

/// A mean over seeds and images, both of which are samples: of all trainings, and of all images that there could be.
///
/// Its variance is at most `a^2 / S + b^2 / n`, with `a^2` the variance over `S` seeds of the means over the images and `b^2`
/// the variance over `n` images of the means over the seeds. What an image does in one training alone is in both terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoWayMean {
    /// The mean.
    pub mean: f64,
    /// Over so many seeds.
    pub seeds: usize,
    /// Over so many images.
    pub images: usize,
    /// `a^2`; NaN for one seed, of which nobody can know it.
    pub seed_variance: f64,
    /// `b^2`.
    pub image_variance: f64,
}

impl TwoWayMean {
    /// `sqrt(a^2 / S + b^2 / n)`; with one seed, that of the images alone.
    pub fn standard_error(&self) -> f64 {
        self.scaled([1.0, 1.0])
    }

    /// Half the width of an interval about the mean that misses the truth with a probability of at most `outside`; with one
    /// seed, the truth about that one training.
    ///
    /// Its square is `t_S^2 a^2 / S + t_n^2 b^2 / n`, with Student's quantiles for `S - 1` and `n - 1` degrees of freedom. It
    /// holds whatever the shares of the two variances are, where an approximation to the degrees of freedom of their sum is
    /// too narrow with few seeds. Source: Banerjee, *Approximate confidence interval for linear functions
    /// of means of k populations when the population variances are not equal* (1960).
    pub fn half_width(&self, outside: f64) -> f64 {
        self.scaled(quantiles(self.seeds, self.images, outside))
    }

    /// The interval of 95 %.
    pub fn interval(&self) -> [f64; 2] {
        let half = self.half_width(0.05);
        [self.mean - half, self.mean + half]
    }

    /// The root of the two terms of the variance, each multiplied by such a factor squared.
    pub(super) fn scaled(&self, [by_seeds, by_images]: [f64; 2]) -> f64 {
        let of_seeds = by_seeds.powi(2) * self.seed_variance / self.seeds as f64;
        let of_images = by_images.powi(2) * self.image_variance / self.images as f64;
        (if self.seeds > 1 { of_seeds } else { 0.0 } + of_images).sqrt()
    }
}

/// `t_S` and `t_n` of a [`half_width`](TwoWayMean::half_width). To find them takes longer than all else of it: what looks at many means
/// finds them once.
pub(super) fn quantiles(seeds: usize, images: usize, outside: f64) -> [f64; 2] {
    [seeds, images].map(|count| if count > 1 { t_quantile((count - 1) as f64, outside) } else { f64::NAN })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::simulated::{Noise, Simulated};

    fn group(c: f64, values: &[&[f32]]) -> Group<Vec<f32>> {
        Group { c, values: values.iter().map(|losses| losses.to_vec()).collect() }
    }

    #[test]
    fn the_error_of_a_difference_is_that_by_hand() {
        let losses = [
            group(1.0, &[&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]]),
            group(2.0, &[&[2.0, 2.0, 5.0], &[4.0, 7.0, 7.0]]),
        ];
        let paired = PairedLosses::new(&losses).unwrap();
        // Differences: (1, 0, 2) and (2, 3, 1). Means over images: 1 and 2, variance 1/2. Means over seeds: all 3/2.
        let difference = paired.difference(1, 0);
        assert_eq!(difference.mean, 1.5);
        assert_eq!((difference.seed_variance, difference.image_variance), (0.5, 0.0));
        assert_eq!(difference.standard_error(), 0.5);
        // Of the first coefficient: means over images 2 and 4; over seeds 3/2, 3, 9/2, variance 9/4.
        let mean = paired.mean(0);
        assert_eq!((mean.mean, mean.seed_variance, mean.image_variance), (3.0, 2.0, 2.25));
        assert!((mean.standard_error() - (1.0f64 + 0.75).sqrt()).abs() < 1e-15);
        // t of one degree of freedom is 12.706, of two 4.303.
        let expected = (12.7062f64.powi(2) + 4.30265f64.powi(2) * 0.75).sqrt();
        assert!((mean.half_width(0.05) - expected).abs() < 1e-3, "{}", mean.half_width(0.05));
    }

    #[test]
    fn one_seed_leaves_the_error_over_the_images() {
        let losses = [group(1.0, &[&[1.0, 2.0, 3.0]])];
        let mean = PairedLosses::new(&losses).unwrap().mean(0);
        assert!(mean.seed_variance.is_nan());
        assert!((mean.standard_error() - (1.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert!((mean.half_width(0.05) - 4.30265 * mean.standard_error()).abs() < 1e-4);
    }

    #[test]
    fn what_cannot_be_compared_is_none() {
        assert!(PairedLosses::new(&[]).is_none());
        assert!(PairedLosses::new(&[group(1.0, &[])]).is_none());
        assert!(PairedLosses::new(&[group(1.0, &[&[1.0]])]).is_none(), "one image");
        let uneven = [group(1.0, &[&[1.0, 2.0]]), group(2.0, &[&[1.0, 2.0], &[1.0, 2.0]])];
        assert!(PairedLosses::new(&uneven).is_none());
        let uneven = [group(1.0, &[&[1.0, 2.0]]), group(2.0, &[&[1.0, 2.0, 3.0]])];
        assert!(PairedLosses::new(&uneven).is_none());
    }

    /// A difference of known truth, 0: how often its interval of 95 % holds it, by whether seeds or images decide.
    #[test]
    fn the_interval_holds_the_truth_whether_seeds_or_images_make_the_noise() {
        const SWEEPS: u32 = 2000;
        for (seed, image) in [(1.0, 0.1), (0.3, 6.0), (0.02, 6.0)] {
            let noise = Noise { seed, image, residual: 1.0 };
            for seeds in [2, 3, 5] {
                let mut simulated = Simulated::new(7);
                let missed = (0..SWEEPS)
                    .filter(|_| {
                        let losses = simulated.sweep(&[0.0, 0.0], seeds, 100, noise);
                        let difference = PairedLosses::new(&losses).unwrap().difference(1, 0);
                        difference.mean.abs() > difference.half_width(0.05)
                    })
                    .count();
                let share = missed as f64 / f64::from(SWEEPS);
                // 5 % and three standard errors of the share.
                assert!(share <= 0.065, "{seeds} seeds, {noise:?}: {share}");
            }
        }
    }
}
