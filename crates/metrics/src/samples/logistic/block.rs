//! Scores, losses and gradients of some samples, in vectors.

use kernels::{Vectorized, exp_f64, vectorized};
use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::descent::Point;

/// Samples side by side in vectors.
const LANES: usize = 16;
/// Classes whose sums over samples are computed side by side.
const CLASSES: usize = 4;

/// Some samples. Dimensions are few and so are classes: what vectors hold is one number of many samples.
pub(super) struct Block {
    /// `[dimensions, width]`: the samples side by side, then zeros.
    samples: Vec<f32>,
    /// Samples, up to a whole number of vectors.
    pub(super) width: usize,
    /// The place of each sample's class.
    places: Vec<usize>,
}

impl Block {
    pub(super) fn of(samples: ArrayView2<'_, f32>, places: &[usize]) -> Self {
        let width = samples.nrows().next_multiple_of(LANES);
        let mut beside = vec![0.0; samples.ncols() * width];
        for (to, from) in beside.chunks_exact_mut(width).zip(samples.axis_iter(Axis(1))) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        Self { samples: beside, width, places: places.to_vec() }
    }

    /// `[classes, width]`.
    pub(super) fn scores(&self, weights: &Array2<f32>, intercepts: &Array1<f32>) -> Vec<f32> {
        let mut scores = vec![0.0; weights.ncols() * self.width];
        vectorized(Scores {
            block: self,
            weights: weights.as_slice().expect("they are by rows"),
            intercepts: intercepts.as_slice().expect("they are side by side"),
            scores: &mut scores,
        });
        scores
    }

    /// The sums over the samples, and their gradient with respect to the weights for these samples.
    pub(super) fn loss(&self, weights: &Array2<f32>, intercepts: &Array1<f32>) -> Point {
        let classes = weights.ncols();
        let mut errors = self.scores(weights, intercepts);
        let value = vectorized(Softmax { block: self, scores: &mut errors });
        let padded = classes.next_multiple_of(CLASSES);
        errors.resize(padded * self.width, 0.0);
        let mut sums = vec![0.0; (weights.nrows() + 1) * padded];
        vectorized(Sums { block: self, errors: &errors, sums: &mut sums });
        let gradient =
            Array2::from_shape_fn((weights.nrows() + 1, classes), |(row, class)| sums[row * padded + class]);
        Point { value, gradient }
    }
}

/// `b_c + w_c · x` of every class and sample.
struct Scores<'a> {
    block: &'a Block,
    weights: &'a [f32],
    intercepts: &'a [f32],
    scores: &'a mut [f32],
}

impl Vectorized for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (width, classes) = (self.block.width, self.intercepts.len());
        for (scores, intercept) in self.scores.chunks_exact_mut(width).zip(self.intercepts) {
            scores.fill(*intercept);
        }
        for (samples, weights) in
            self.block.samples.chunks_exact(width).zip(self.weights.chunks_exact(classes))
        {
            for (scores, weight) in self.scores.chunks_exact_mut(width).zip(weights) {
                // By index, here and below: an adapter of iterators that is not inlined costs more than the vector brings.
                for place in 0..width {
                    scores[place] += weight * samples[place];
                }
            }
        }
    }
}

/// The sum of `-ln p(class | x)` over the samples, of scores, which become `p(c | x)`, less 1 for the class that it is.
struct Softmax<'a> {
    block: &'a Block,
    /// `[classes, width]`.
    scores: &'a mut [f32],
}

impl Vectorized for Softmax<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { block: Block { width, places, .. }, scores } = self;
        let mut exponentials = vec![[0.0; LANES]; scores.len() / width];
        let mut value = 0.0;
        for start in (0..*width).step_by(LANES) {
            let mut greatest = [f64::NEG_INFINITY; LANES];
            for scores in scores.chunks_exact(*width) {
                let scores = &scores[start..start + LANES];
                for lane in 0..LANES {
                    let score = f64::from(scores[lane]);
                    greatest[lane] = if score > greatest[lane] { score } else { greatest[lane] };
                }
            }
            let mut sums = [0.0; LANES];
            for (exponentials, scores) in exponentials.iter_mut().zip(scores.chunks_exact(*width)) {
                let scores = &scores[start..start + LANES];
                for lane in 0..LANES {
                    exponentials[lane] = exp_f64(f64::from(scores[lane]) - greatest[lane]);
                    sums[lane] += exponentials[lane];
                }
            }
            let mut inverses = [0.0; LANES];
            for lane in 0..LANES {
                inverses[lane] = 1.0 / sums[lane];
            }
            let places = &places[start..places.len().min(start + LANES)];
            // One logarithm for all of them: sums are between 1 and the number of classes.
            let mut product = 1.0;
            for (lane, place) in places.iter().enumerate() {
                product *= sums[lane];
                value += greatest[lane] - f64::from(scores[place * width + start + lane]);
            }
            value += f64::ln(product);
            for (exponentials, scores) in exponentials.iter().zip(scores.chunks_exact_mut(*width)) {
                let scores = &mut scores[start..start + LANES];
                for lane in 0..LANES {
                    scores[lane] = (exponentials[lane] * inverses[lane]) as f32;
                }
                scores[places.len()..].fill(0.0);
            }
            for (lane, &place) in places.iter().enumerate() {
                let error = exponentials[place][lane] * inverses[lane] - 1.0;
                scores[place * width + start + lane] = error as f32;
            }
        }
        value
    }
}

/// The sums over the samples of their errors times each of their numbers, and of the errors alone in the last row.
struct Sums<'a> {
    block: &'a Block,
    /// `[classes, width]`, the classes up to a whole number of [`CLASSES`], as in `sums`.
    errors: &'a [f32],
    sums: &'a mut [f64],
}

impl Vectorized for Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let width = self.block.width;
        let ones = vec![1.0; width];
        let samples = self.block.samples.chunks_exact(width).chain([&ones[..]]);
        for (samples, sums) in samples.zip(self.sums.chunks_exact_mut(self.errors.len() / width)) {
            for (sums, errors) in
                sums.chunks_exact_mut(CLASSES).zip(self.errors.chunks_exact(CLASSES * width))
            {
                let mut of_lanes = [[0.0; LANES]; CLASSES];
                for start in (0..width).step_by(LANES) {
                    let samples = &samples[start..start + LANES];
                    for class in 0..CLASSES {
                        let errors = &errors[class * width + start..class * width + start + LANES];
                        for lane in 0..LANES {
                            of_lanes[class][lane] += samples[lane] * errors[lane];
                        }
                    }
                }
                for (sum, of_lanes) in sums.iter_mut().zip(of_lanes) {
                    *sum = of_lanes.iter().map(|of_lane| f64::from(*of_lane)).sum();
                }
            }
        }
    }
}
