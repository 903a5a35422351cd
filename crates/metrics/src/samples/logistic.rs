//! Multinomial logistic regression: how well classes can be told apart by linear functions of samples.

use std::collections::VecDeque;

use kernels::{EXP_F64_LEAST, Vectorized, exp_f64, vectorized};
use ndarray::{Array1, Array2, ArrayView2, Axis, Zip, s};
use rayon::prelude::*;

use super::classification::Labelled;
use super::error::SampleError;
use super::points::Points;

/// Samples taken together. It decides the order of sums, hence their last bits.
const BLOCK: usize = 1024;
/// Steps of the descent at most: well before, the classes no longer change.
const MOST_STEPS: usize = 200;
/// The greatest component of the gradient at which the descent ends, in nats a standard deviation.
const FLAT: f64 = 1e-5;
/// Steps that the descent remembers.
const MEMORY: usize = 10;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticRegression {
    /// The classes, rising.
    classes: Vec<u8>,
    /// What standardises the samples.
    mean: Array1<f64>,
    scale: Array1<f64>,
    /// `[dimensions + 1, classes]`, the last row being the intercepts.
    weights: Array2<f64>,
}

impl LogisticRegression {
    /// Fits a regression for each ridge,
    ///
    /// ```text
    /// minimise  -1/N sum_i ln p(class_i | x_i) + ridge / 2 |W|^2,    p(c | x) ∝ exp(b_c + w_c · x)
    /// ```
    ///
    /// with every dimension of `x` standardised and no penalty on the intercepts `b`. A class that no sample has is never
    /// found. By L-BFGS, each from where the one before ended; the greatest ridge first is quickest.
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
    /// use metrics::samples::classification::Labelled;
    /// use metrics::samples::logistic::LogisticRegression;
    /// use ndarray::array;
    ///
    /// let samples = array![[0.0], [1.0], [5.0], [6.0]];
    /// let labelled = Labelled { samples: samples.view(), labels: &[3, 3, 7, 7] };
    /// let fitted = LogisticRegression::path(labelled, &[1e-3])?;
    /// assert_eq!(fitted[0].classify(array![[-1.0], [9.0]].view()), [3, 7]);
    /// # Ok::<(), metrics::samples::SampleError>(())
    /// ```
    pub fn path(train: Labelled<'_>, ridges: &[f64]) -> Result<Vec<Self>, SampleError> {
        train.check()?;
        Points::check(train.samples, 1)?;
        let mut classes = train.labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        if let [class] = classes[..] {
            return Err(SampleError::OneClass { class });
        }
        let mean = train.samples.mean_axis(Axis(0)).expect("there are samples");
        // A dimension that never changes says nothing, whatever it is divided by.
        let scale = train.samples.std_axis(Axis(0), 0.0).mapv(|std| if std > 0.0 { std } else { 1.0 });
        let place = |label: &u8| classes.binary_search(label).expect("it was listed");
        let problem = Problem {
            samples: standardised(train.samples, &mean, &scale),
            places: train.labels.iter().map(place).collect(),
            classes: classes.len(),
        };
        let mut weights = Array2::zeros((train.samples.ncols() + 1, classes.len()));
        let fit = |&ridge: &f64| {
            weights = minimise(weights.clone(), |weights| problem.loss(weights, ridge));
            Self {
                classes: classes.clone(),
                mean: mean.clone(),
                scale: scale.clone(),
                weights: weights.clone(),
            }
        };
        Ok(ridges.iter().map(fit).collect())
    }

    /// The most probable class of each sample.
    ///
    /// # Panics
    ///
    /// Panics if the samples have other dimensions than those that the regression was fitted to.
    pub fn classify(&self, samples: ArrayView2<'_, f64>) -> Vec<u8> {
        let scores = standardised(samples, &self.mean, &self.scale).dot(&self.weights);
        let class = |scores: ndarray::ArrayView1<'_, f64>| {
            let mut best = 0;
            for (place, score) in scores.iter().enumerate() {
                if *score > scores[best] {
                    best = place;
                }
            }
            self.classes[best]
        };
        scores.axis_iter(Axis(0)).map(class).collect()
    }
}

/// The samples in units of their spread, with a last dimension of ones.
fn standardised(samples: ArrayView2<'_, f64>, mean: &Array1<f64>, scale: &Array1<f64>) -> Array2<f64> {
    let (count, dimensions) = samples.dim();
    let mut standardised = Array2::ones((count, dimensions + 1));
    standardised.slice_mut(s![.., ..dimensions]).assign(&((&samples - mean) / scale));
    standardised
}

struct Problem {
    samples: Array2<f64>,
    /// The place of each sample's class among the classes.
    places: Vec<usize>,
    classes: usize,
}

/// A function's value and its gradient.
struct Point {
    value: f64,
    gradient: Array2<f64>,
}

impl Problem {
    fn loss(&self, weights: &Array2<f64>, ridge: f64) -> Point {
        let blocks: Vec<Point> = (0..self.places.len())
            .into_par_iter()
            .step_by(BLOCK)
            .map(|start| self.loss_of_block(weights, start..(start + BLOCK).min(self.places.len())))
            .collect();
        let count = self.places.len() as f64;
        let mut penalised = weights.clone();
        penalised.row_mut(weights.nrows() - 1).fill(0.0);
        let mut value = 0.5 * ridge * penalised.iter().map(|w| w * w).sum::<f64>();
        let mut gradient = ridge * penalised;
        for block in blocks {
            value += block.value / count;
            gradient.scaled_add(1.0 / count, &block.gradient);
        }
        Point { value, gradient }
    }

    /// The sums over a block of samples.
    fn loss_of_block(&self, weights: &Array2<f64>, range: std::ops::Range<usize>) -> Point {
        let samples = self.samples.slice(s![range.clone(), ..]);
        let mut scores = samples.dot(weights);
        let mut value = 0.0;
        for (mut row, &place) in scores.rows_mut().into_iter().zip(&self.places[range.clone()]) {
            let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.mapv_inplace(|score| score - greatest);
            value -= row[place];
        }
        vectorized(Exponentials(scores.as_slice_mut().expect("a product is contiguous")));
        let mut errors = scores;
        for (mut row, &place) in errors.rows_mut().into_iter().zip(&self.places[range]) {
            let sum = row.sum();
            value += sum.ln();
            row /= sum;
            row[place] -= 1.0;
        }
        debug_assert_eq!(errors.ncols(), self.classes);
        Point { value, gradient: samples.t().dot(&errors) }
    }
}

/// The exponential of every number, none of which is above 0.
struct Exponentials<'a>(&'a mut [f64]);

impl Vectorized for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for value in self.0 {
            *value = exp_f64(if *value < EXP_F64_LEAST { EXP_F64_LEAST } else { *value });
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
        let labelled = Labelled { samples: samples.view(), labels: &labels };
        let fitted = &LogisticRegression::path(labelled, &[0.0]).unwrap()[0];
        let odds = |d: usize| (fitted.weights[[d, 1]] - fitted.weights[[d, 0]]) / fitted.scale[d];
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
        let problem = Problem {
            samples: standardised(samples.view(), &Array1::zeros(3), &Array1::ones(3)),
            places: (0..BLOCK + 30).map(|i| i % 4).collect(),
            classes: 4,
        };
        let weights = draws.normals((4, 4), 0.0, 1.0);
        let gradient = problem.loss(&weights, 0.3).gradient;
        const STEP: f64 = 1e-5;
        for (place, slope) in gradient.indexed_iter() {
            let value = |by: f64| {
                let mut moved = weights.clone();
                moved[place] += by;
                problem.loss(&moved, 0.3).value
            };
            let found = (value(STEP) - value(-STEP)) / (2.0 * STEP);
            // The second order of the difference, and rounding over the step.
            assert!((found - slope).abs() < 1e-8, "{place:?}: {slope}, not {found}");
        }
    }

    #[test]
    fn the_end_of_the_descent_is_flat_for_any_scale_and_separable_classes() {
        let samples = array![[1e6, 0.0], [1e6 + 1.0, 0.0], [1e6 + 2.0, 0.0], [1e6 + 3.0, 0.0]];
        let labelled = Labelled { samples: samples.view(), labels: &[0, 0, 1, 1] };
        for fitted in LogisticRegression::path(labelled, &[1.0, 1e-6]).unwrap() {
            assert_eq!(fitted.classify(samples.view()), [0, 0, 1, 1]);
            assert!(fitted.weights.iter().all(|weight| weight.is_finite()));
        }
    }

    #[test]
    fn a_greater_ridge_has_smaller_weights() {
        let mut draws = Draws::seeded(4);
        let samples = draws.normals((300, 2), 0.0, 1.0);
        let labels: Vec<u8> = samples.column(0).iter().map(|x| u8::from(*x > 0.1)).collect();
        let labelled = Labelled { samples: samples.view(), labels: &labels };
        let fitted = LogisticRegression::path(labelled, &[10.0, 0.1, 1e-3]).unwrap();
        let size = |fitted: &LogisticRegression| fitted.weights.iter().map(|w| w * w).sum::<f64>();
        assert!(fitted.windows(2).all(|pair| size(&pair[0]) < size(&pair[1])));
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let samples = array![[0.0], [1.0]];
        let refused = |labels| LogisticRegression::path(Labelled { samples: samples.view(), labels }, &[1.0]);
        assert_eq!(refused(&[4, 4]), Err(SampleError::OneClass { class: 4 }));
        assert_eq!(refused(&[4]), Err(SampleError::Labels { samples: 2, labels: 1 }));
    }
}
