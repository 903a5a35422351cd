//! Multinomial logistic regression: how well classes can be told apart by linear functions of samples.

use std::collections::VecDeque;

use kernels::{Vectorized, exp_f64, vectorized};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, s};
use rayon::prelude::*;

use super::error::SampleError;

/// Samples taken together. It decides the order of sums, hence their last bits.
const BLOCK: usize = 1024;
/// Samples side by side in vectors.
const LANES: usize = 16;
/// Classes whose sums over samples are computed side by side.
const CLASSES: usize = 4;
/// Steps of the descent at most: well before, the classes no longer change.
const MOST_STEPS: usize = 200;
/// The greatest component of the gradient at which the descent ends, in nats a standard deviation.
const FLAT: f64 = 1e-4;
/// Steps that the descent remembers.
const MEMORY: usize = 10;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticRegression {
    /// The classes, rising.
    classes: Vec<u8>,
    /// `[dimensions, classes]`.
    weights: Array2<f32>,
    /// One for each class.
    intercepts: Array1<f32>,
}

impl LogisticRegression {
    /// Fits a regression for each ridge,
    ///
    /// ```text
    /// minimise  -1/N sum_i ln p(class_i | x_i) + ridge / 2 |W|^2,    p(c | x) ∝ exp(b_c + w_c · x)
    /// ```
    ///
    /// with every dimension of `x` standardised and no penalty on the intercepts `b`. A class that no sample has is never
    /// found. By L-BFGS, each from where the one before ended; the greatest ridge first is quickest. Products are computed with
    /// 32-bit numbers: pixels make many of them.
    ///
    /// # Shapes
    ///
    /// - samples: `[samples, dimensions]`, with a label each
    ///
    /// # Errors
    ///
    /// [`SampleError`] if there are no samples, no dimensions, a coordinate that is not finite, not one label for each sample,
    /// or one class only.
    ///
    /// # Source
    ///
    /// Nocedal and Wright, *Numerical Optimization* (2006), algorithms 3.1 and 7.5.
    ///
    /// ```
    /// use metrics::samples::logistic::LogisticRegression;
    /// use ndarray::array;
    ///
    /// let samples = array![[0.0], [1.0], [5.0], [6.0]];
    /// let fitted = LogisticRegression::path(samples.view(), &[3, 3, 7, 7], &[1e-3])?;
    /// assert_eq!(fitted[0].classify(array![[-1.0], [9.0]].view()), [3, 7]);
    /// # Ok::<(), metrics::samples::SampleError>(())
    /// ```
    pub fn path(
        samples: ArrayView2<'_, f32>,
        labels: &[u8],
        ridges: &[f64],
    ) -> Result<Vec<Self>, SampleError> {
        let (count, dimensions) = samples.dim();
        if count != labels.len() {
            return Err(SampleError::Labels { samples: count, labels: labels.len() });
        }
        if dimensions == 0 {
            return Err(SampleError::NoDimensions);
        }
        if let Some(((sample, dimension), value)) =
            samples.indexed_iter().find(|(_, value)| !value.is_finite())
        {
            return Err(SampleError::NotFinite { sample, dimension, value: f64::from(*value) });
        }
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        match classes[..] {
            [] => return Err(SampleError::TooFew { needed: 1, found: 0 }),
            [class] => return Err(SampleError::OneClass { class }),
            _ => {}
        }
        let place = |label: &u8| classes.binary_search(label).expect("it was listed");
        let places: Vec<usize> = labels.iter().map(place).collect();
        let problem = Problem::of(samples, &places);
        let mut at = Array2::zeros((dimensions + 1, classes.len()));
        let fit = |&ridge: &f64| {
            at = minimise(at.clone(), |at| problem.loss(at, ridge));
            let (weights, intercepts) = problem.scale.unscaled(&at);
            Self { classes: classes.clone(), weights, intercepts }
        };
        Ok(ridges.iter().map(fit).collect())
    }

    /// The most probable class of each sample, `[samples, dimensions]`.
    ///
    /// # Panics
    ///
    /// Panics if the samples have other dimensions than those that the regression was fitted to.
    pub fn classify(&self, samples: ArrayView2<'_, f32>) -> Vec<u8> {
        let of_block = |samples: ArrayView2<'_, f32>| -> Vec<u8> {
            let block = Block::of(samples, &[]);
            let scores = block.scores(&self.weights, &self.intercepts);
            let of_sample = |sample: usize| {
                let (mut best, mut greatest) = (0, f32::NEG_INFINITY);
                for (place, &score) in scores.iter().skip(sample).step_by(block.width).enumerate() {
                    if score > greatest {
                        (best, greatest) = (place, score);
                    }
                }
                self.classes[best]
            };
            (0..samples.nrows()).map(of_sample).collect()
        };
        samples.axis_chunks_iter(Axis(0), BLOCK).into_par_iter().flat_map_iter(of_block).collect()
    }
}

/// What standardises the samples.
struct Standard {
    mean: Array1<f64>,
    deviation: Array1<f64>,
}

impl Standard {
    fn of(samples: ArrayView2<'_, f32>) -> Self {
        let of_column = |column: ndarray::ArrayView1<'_, f32>| {
            let count = column.len() as f64;
            let mean = column.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
            let variance = column.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count;
            // A dimension that never changes says nothing, whatever it is divided by.
            (mean, if variance > 0.0 { variance.sqrt() } else { 1.0 })
        };
        let (mean, deviation): (Vec<f64>, Vec<f64>) = samples.axis_iter(Axis(1)).map(of_column).unzip();
        Self { mean: mean.into(), deviation: deviation.into() }
    }

    /// Weights and intercepts for the samples as they are, of those for standardised ones, `[dimensions + 1, classes]`, the
    /// last row being the intercepts.
    fn unscaled(&self, at: &Array2<f64>) -> (Array2<f32>, Array1<f32>) {
        let last = at.nrows() - 1;
        let weights = &at.slice(s![..last, ..]) / &self.deviation.view().insert_axis(Axis(1));
        let intercepts = &at.row(last) - &self.mean.dot(&weights);
        (weights.mapv(|value| value as f32), intercepts.mapv(|value| value as f32))
    }

    /// The gradient with respect to standardised weights, of that with respect to those for the samples as they are.
    fn scaled_gradient(&self, mut gradient: Array2<f64>) -> Array2<f64> {
        let last = gradient.nrows() - 1;
        let intercepts = gradient.row(last).to_owned();
        for (d, mut row) in gradient.rows_mut().into_iter().take(last).enumerate() {
            row.scaled_add(-self.mean[d], &intercepts);
            row /= self.deviation[d];
        }
        gradient
    }
}

struct Problem {
    blocks: Vec<Block>,
    count: usize,
    scale: Standard,
}

/// A function's value and its gradient.
struct Point {
    value: f64,
    gradient: Array2<f64>,
}

impl Problem {
    /// Of samples `[samples, dimensions]` and the place of each one's class among the classes.
    fn of(samples: ArrayView2<'_, f32>, places: &[usize]) -> Self {
        let blocks = samples.axis_chunks_iter(Axis(0), BLOCK).zip(places.chunks(BLOCK));
        Self {
            blocks: blocks.map(|(samples, places)| Block::of(samples, places)).collect(),
            count: places.len(),
            scale: Standard::of(samples),
        }
    }

    fn loss(&self, at: &Array2<f64>, ridge: f64) -> Point {
        let (weights, intercepts) = self.scale.unscaled(at);
        let blocks: Vec<Point> =
            self.blocks.par_iter().map(|block| block.loss(&weights, &intercepts)).collect();
        let count = self.count as f64;
        let mut value = 0.0;
        let mut gradient = Array2::zeros(at.dim());
        for block in blocks {
            value += block.value / count;
            gradient.scaled_add(1.0 / count, &block.gradient);
        }
        let mut gradient = self.scale.scaled_gradient(gradient);
        let mut penalised = at.clone();
        penalised.row_mut(at.nrows() - 1).fill(0.0);
        value += 0.5 * ridge * penalised.iter().map(|w| w * w).sum::<f64>();
        gradient.scaled_add(ridge, &penalised);
        Point { value, gradient }
    }
}

/// Some samples. Dimensions are few and so are classes: what vectors hold is one number of many samples.
struct Block {
    /// `[dimensions, width]`: the samples side by side, then zeros.
    samples: Vec<f32>,
    /// Samples, up to a whole number of vectors.
    width: usize,
    /// The place of each sample's class.
    places: Vec<usize>,
}

impl Block {
    fn of(samples: ArrayView2<'_, f32>, places: &[usize]) -> Self {
        let width = samples.nrows().next_multiple_of(LANES);
        let mut beside = vec![0.0; samples.ncols() * width];
        for (to, from) in beside.chunks_exact_mut(width).zip(samples.axis_iter(Axis(1))) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
        Self { samples: beside, width, places: places.to_vec() }
    }

    /// `[classes, width]`.
    fn scores(&self, weights: &Array2<f32>, intercepts: &Array1<f32>) -> Vec<f32> {
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
    fn loss(&self, weights: &Array2<f32>, intercepts: &Array1<f32>) -> Point {
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
                for (score, x) in scores.iter_mut().zip(samples) {
                    *score += weight * x;
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
                for (greatest, score) in greatest.iter_mut().zip(&scores[start..start + LANES]) {
                    let score = f64::from(*score);
                    *greatest = if score > *greatest { score } else { *greatest };
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
            for (inverse, sum) in inverses.iter_mut().zip(sums) {
                *inverse = 1.0 / sum;
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
                    for (of_lanes, errors) in of_lanes.iter_mut().zip(errors.chunks_exact(width)) {
                        let errors = &errors[start..start + LANES];
                        for lane in 0..LANES {
                            of_lanes[lane] += samples[lane] * errors[lane];
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

/// Where a convex function is least, by L-BFGS from a start.
fn minimise(mut at: Array2<f64>, function: impl Fn(&Array2<f64>) -> Point) -> Array2<f64> {
    /// A step, and how the gradient changed along it.
    struct Step {
        step: Array2<f64>,
        change: Array2<f64>,
        /// Their product.
        curvature: f64,
    }

    let product = |a: &Array2<f64>, b: &Array2<f64>| Zip::from(a).and(b).fold(0.0, |sum, a, b| sum + a * b);
    let mut here = function(&at);
    let mut steps: VecDeque<Step> = VecDeque::with_capacity(MEMORY + 1);
    for _ in 0..MOST_STEPS {
        if here.gradient.iter().all(|slope| slope.abs() <= FLAT) {
            break;
        }
        let mut direction = here.gradient.mapv(|slope| -slope);
        let mut along = Vec::with_capacity(steps.len());
        for Step { step, change, curvature } in steps.iter().rev() {
            let share = product(step, &direction) / curvature;
            direction.scaled_add(-share, change);
            along.push(share);
        }
        if let Some(Step { change, curvature, .. }) = steps.back() {
            direction *= curvature / product(change, change);
        }
        for (Step { step, change, curvature }, share) in steps.iter().zip(along.into_iter().rev()) {
            let other = product(change, &direction) / curvature;
            direction.scaled_add(share - other, step);
        }
        let slope = product(&direction, &here.gradient);
        let mut length = 1.0;
        let there = loop {
            let place = &at + &(length * &direction);
            let there = function(&place);
            if there.value <= here.value + 1e-4 * length * slope {
                break Some((place, there));
            }
            length *= 0.5;
            // So short a step is rounding: this is as low as it goes.
            if length < 1e-10 {
                break None;
            }
        };
        let Some((place, there)) = there else { break };
        let (step, change) = (&place - &at, &there.gradient - &here.gradient);
        let curvature = product(&step, &change);
        if curvature > 0.0 {
            steps.push_back(Step { step, change, curvature });
            if steps.len() > MEMORY {
                steps.pop_front();
            }
        }
        (at, here) = (place, there);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::draws::Draws;
    use ndarray::array;

    /// Two Normals of equal variance: the log-odds are linear, `w = 2 m` and `b = 0` for means ±m and unit variance.
    #[test]
    fn the_log_odds_of_two_normals_are_found() {
        let mut draws = Draws::seeded(1);
        let mut samples = draws.normals((40_000, 2), 0.0, 1.0);
        let labels: Vec<u8> = (0..40_000).map(|i| (i % 2) as u8 * 5).collect();
        for (mut sample, label) in samples.rows_mut().into_iter().zip(&labels) {
            sample[0] += if *label == 5 { 0.6 } else { -0.6 };
        }
        let samples = samples.mapv(|x| x as f32);
        let fitted = &LogisticRegression::path(samples.view(), &labels, &[0.0]).unwrap()[0];
        let odds = |d: usize| fitted.weights[[d, 1]] - fitted.weights[[d, 0]];
        // The information of a sample about a weight is about 0.2: five standard errors of 40,000 are 0.06.
        assert!((odds(0) - 1.2).abs() < 0.06 && odds(1).abs() < 0.06, "{} {}", odds(0), odds(1));
        let right = fitted.classify(samples.view()).iter().zip(&labels).filter(|(a, b)| a == b).count();
        // The mass of N(0.6, 1) above 0, and five standard errors.
        let share = right as f64 / 40_000.0;
        assert!((share - 0.725_75).abs() < 5.0 * (0.2f64 / 40_000.0).sqrt(), "{share}");
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let mut draws = Draws::seeded(2);
        let samples = draws.normals((BLOCK + 30, 3), 0.0, 1.0);
        let samples = samples.mapv(|x| 2.0 + 3.0 * x as f32);
        let places: Vec<usize> = (0..BLOCK + 30).map(|i| i % 4).collect();
        let problem = Problem::of(samples.view(), &places);
        let weights = draws.normals((4, 4), 0.0, 1.0);
        let gradient = problem.loss(&weights, 0.3).gradient;
        const STEP: f64 = 1e-2;
        for (place, slope) in gradient.indexed_iter() {
            let value = |by: f64| {
                let mut moved = weights.clone();
                moved[place] += by;
                problem.loss(&moved, 0.3).value
            };
            let found = (value(STEP) - value(-STEP)) / (2.0 * STEP);
            // The third order of the difference, and the rounding of 32-bit scores over the step.
            assert!((found - slope).abs() < 1e-4, "{place:?}: {slope}, not {found}");
        }
    }

    #[test]
    fn the_end_of_the_descent_is_flat_for_any_scale_and_separable_classes() {
        let samples = array![[1e3f32, 0.0], [1001.0, 0.0], [1002.0, 0.0], [1003.0, 0.0]];
        for fitted in LogisticRegression::path(samples.view(), &[0, 0, 1, 1], &[1.0, 1e-6]).unwrap() {
            assert_eq!(fitted.classify(samples.view()), [0, 0, 1, 1]);
            assert!(fitted.weights.iter().all(|weight| weight.is_finite()));
        }
    }

    #[test]
    fn a_greater_ridge_has_smaller_weights() {
        let mut draws = Draws::seeded(4);
        let samples = draws.normals((300, 2), 0.0, 1.0).mapv(|x| x as f32);
        let labels: Vec<u8> = samples.column(0).iter().map(|x| u8::from(*x > 0.1)).collect();
        let fitted = LogisticRegression::path(samples.view(), &labels, &[10.0, 0.1, 1e-3]).unwrap();
        let size = |fitted: &LogisticRegression| fitted.weights.iter().map(|w| w * w).sum::<f32>();
        assert!(fitted.windows(2).all(|pair| size(&pair[0]) < size(&pair[1])));
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let samples = array![[0.0f32], [1.0]];
        let refused = |labels: &[u8]| LogisticRegression::path(samples.view(), labels, &[1.0]);
        assert_eq!(refused(&[4, 4]), Err(SampleError::OneClass { class: 4 }));
        assert_eq!(refused(&[4]), Err(SampleError::Labels { samples: 2, labels: 1 }));
    }
}
