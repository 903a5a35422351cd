//! Multinomial logistic regression: how well classes can be told apart by linear functions of samples.

mod block;
mod descent;

use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::error::SampleError;
use block::Block;
use descent::{Point, minimise};

/// Samples taken together: of pixels, some megabytes. It decides the order of sums, hence their last bits.
const BLOCK: usize = 512;

/// A fitted regression.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticRegression {
    /// The classes, rising.
    classes: Vec<u8>,
    /// `[classes, dimensions]`.
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
        let samples = samples.as_standard_layout();
        let problem = Problem { samples: samples.view(), places, scale: Standard::of(samples.view()) };
        let mut at = Array2::zeros((classes.len(), dimensions + 1));
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
            let block = Block::new(&samples, &[]);
            let scores = block.scores(&self.weights, &self.intercepts);
            let of_sample = |sample: usize| {
                let (mut best, mut greatest) = (0, f32::NEG_INFINITY);
                for (place, &score) in scores.iter().skip(sample).step_by(block.width()).enumerate() {
                    if score > greatest {
                        (best, greatest) = (place, score);
                    }
                }
                self.classes[best]
            };
            (0..samples.nrows()).map(of_sample).collect()
        };
        let samples = samples.as_standard_layout();
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
        let (count, dimensions) = samples.dim();
        let rows = || samples.rows().into_iter().map(|row| row.to_slice().expect("it is stored row by row"));
        let mut mean = vec![0.0; dimensions];
        for row in rows() {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        mean.iter_mut().for_each(|sum| *sum /= count as f64);
        let mut deviation = vec![0.0; dimensions];
        for row in rows() {
            let sums = deviation.iter_mut().zip(row).zip(&mean);
            sums.for_each(|((sum, x), mean)| *sum += (f64::from(*x) - mean).powi(2));
        }
        for sum in &mut deviation {
            // A dimension that never changes says nothing, whatever it is divided by.
            *sum = if *sum > 0.0 { (*sum / count as f64).sqrt() } else { 1.0 };
        }
        Self { mean: mean.into(), deviation: deviation.into() }
    }

    /// Weights and intercepts for the samples as they are, of those for standardised ones, `[classes, dimensions + 1]`, the
    /// last column being the intercepts.
    fn unscaled(&self, at: &Array2<f64>) -> (Array2<f32>, Array1<f32>) {
        let last = at.ncols() - 1;
        let weights = &at.slice(s![.., ..last]) / &self.deviation;
        let intercepts = &at.column(last) - &weights.dot(&self.mean);
        (weights.mapv(|value| value as f32), intercepts.mapv(|value| value as f32))
    }

    /// The gradient with respect to standardised weights, of that with respect to those for the samples as they are.
    fn scaled_gradient(&self, mut gradient: Array2<f64>) -> Array2<f64> {
        let last = gradient.ncols() - 1;
        for mut row in gradient.rows_mut() {
            let of_intercept = row[last];
            let mut weights = row.slice_mut(s![..last]);
            weights.scaled_add(-of_intercept, &self.mean);
            weights /= &self.deviation;
        }
        gradient
    }
}

struct Problem<'a> {
    /// Stored row by row.
    samples: ArrayView2<'a, f32>,
    /// The place of each sample's class among the classes.
    places: Vec<usize>,
    scale: Standard,
}

impl Problem<'_> {
    fn loss(&self, at: &Array2<f64>, ridge: f64) -> Point {
        let (weights, intercepts) = self.scale.unscaled(at);
        let samples = self.samples.axis_chunks_iter(Axis(0), BLOCK).into_par_iter();
        let of_block = |(samples, places)| Block::new(&samples, places).loss(&weights, &intercepts);
        let blocks: Vec<Point> = samples.zip(self.places.par_chunks(BLOCK)).map(of_block).collect();
        let count = self.places.len() as f64;
        let mut value = 0.0;
        let mut gradient = Array2::zeros(at.dim());
        for block in blocks {
            value += block.value / count;
            gradient.scaled_add(1.0 / count, &block.gradient);
        }
        let mut gradient = self.scale.scaled_gradient(gradient);
        let mut penalised = at.clone();
        penalised.column_mut(at.ncols() - 1).fill(0.0);
        value += 0.5 * ridge * penalised.iter().map(|w| w * w).sum::<f64>();
        gradient.scaled_add(ridge, &penalised);
        Point { value, gradient }
    }
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
        let odds = |d: usize| fitted.weights[[1, d]] - fitted.weights[[0, d]];
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
        let problem = Problem { samples: samples.view(), places, scale: Standard::of(samples.view()) };
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
    fn it_does_not_matter_how_samples_are_stored() {
        let mut draws = Draws::seeded(5);
        let samples = draws.normals((BLOCK + 7, 3), 0.0, 1.0).mapv(|x| x as f32);
        let labels: Vec<u8> = samples.column(0).iter().map(|x| u8::from(*x > 0.1)).collect();
        let fit = |samples: ArrayView2<'_, f32>| {
            let fitted = LogisticRegression::path(samples, &labels, &[1e-2]).unwrap();
            (fitted[0].classify(samples), fitted)
        };
        let by_columns = samples.t().as_standard_layout().into_owned();
        assert_eq!(fit(by_columns.t()), fit(samples.view()));
    }

    #[test]
    fn what_cannot_be_told_apart_is_refused() {
        let samples = array![[0.0f32], [1.0]];
        let refused = |labels: &[u8]| LogisticRegression::path(samples.view(), labels, &[1.0]);
        assert_eq!(refused(&[4, 4]), Err(SampleError::OneClass { class: 4 }));
        assert_eq!(refused(&[4]), Err(SampleError::Labels { samples: 2, labels: 1 }));
    }
}
