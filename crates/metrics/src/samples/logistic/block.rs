//! Scores, losses and gradients of some samples.

use kernels::{Matrix, Vectorized, exp_f64, multiply, vectorized};
use ndarray::{Array1, Array2, ArrayView2};

use super::descent::Point;

/// Samples side by side in vectors.
const LANES: usize = 16;

/// Some samples.
pub(super) struct Block<'a> {
    /// `[samples, dimensions]`.
    samples: Matrix<'a>,
    /// The place of each sample's class.
    places: &'a [usize],
}

impl<'a> Block<'a> {
    /// Of samples that are stored row by row, and the place of each one's class; of scores alone, these may be left out.
    pub(super) fn new(samples: &'a ArrayView2<'a, f32>, places: &'a [usize]) -> Self {
        Self { samples: matrix(samples.as_slice(), samples.dim()), places }
    }

    /// `b_c + w_c · x`, `[classes, width]`: of each class the samples side by side, up to a whole number of vectors.
    pub(super) fn scores(&self, weights: &Array2<f32>, intercepts: &Array1<f32>) -> Vec<f32> {
        let (count, width) = (self.samples.rows(), self.width());
        let mut products = vec![0.0; intercepts.len() * count];
        multiply(matrix(weights.as_slice(), weights.dim()), self.samples.transposed(), &mut products);
        let mut scores = vec![0.0; intercepts.len() * width];
        for ((scores, products), intercept) in
            scores.chunks_exact_mut(width).zip(products.chunks_exact(count)).zip(intercepts)
        {
            scores.iter_mut().zip(products).for_each(|(score, product)| *score = intercept + product);
        }
        scores
    }

    /// Samples, up to a whole number of vectors.
    pub(super) fn width(&self) -> usize {
        self.samples.rows().next_multiple_of(LANES)
    }

    /// The sums over the samples, and their gradient with respect to the weights for these samples.
    pub(super) fn loss(&self, weights: &Array2<f32>, intercepts: &Array1<f32>) -> Point {
        let (width, (classes, dimensions)) = (self.width(), weights.dim());
        let mut errors = self.scores(weights, intercepts);
        let value = vectorized(Softmax { places: self.places, width, scores: &mut errors });
        let mut sums = vec![0.0; classes * dimensions];
        let of_samples = Matrix::new(&errors, classes, width).columns_between(0, self.samples.rows());
        multiply(of_samples, self.samples, &mut sums);
        let mut gradient = Array2::zeros((classes, dimensions + 1));
        for (mut row, (sums, errors)) in
            gradient.rows_mut().into_iter().zip(sums.chunks_exact(dimensions).zip(errors.chunks_exact(width)))
        {
            row.iter_mut().zip(sums).for_each(|(to, sum)| *to = f64::from(*sum));
            row[dimensions] = total(errors);
        }
        Point { value, gradient }
    }
}

fn matrix(numbers: Option<&[f32]>, (rows, columns): (usize, usize)) -> Matrix<'_> {
    Matrix::new(numbers.expect("they are stored row by row"), rows, columns)
}

/// The sum of whole vectors.
fn total(numbers: &[f32]) -> f64 {
    let mut of_lanes = [0.0; LANES];
    for numbers in numbers.chunks_exact(LANES) {
        of_lanes.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += number);
    }
    of_lanes.into_iter().map(f64::from).sum()
}

/// The sum of `-ln p(class | x)` over the samples, of scores, which become `p(c | x)`, less 1 for the class that it is.
struct Softmax<'a> {
    places: &'a [usize],
    width: usize,
    /// `[classes, width]`.
    scores: &'a mut [f32],
}

impl Vectorized for Softmax<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { places, width, scores } = self;
        let mut exponentials = vec![[0.0; LANES]; scores.len() / width];
        let mut value = 0.0;
        for start in (0..width).step_by(LANES) {
            let mut greatest = [f64::NEG_INFINITY; LANES];
            for scores in scores.chunks_exact(width) {
                let scores = &scores[start..start + LANES];
                for lane in 0..LANES {
                    let score = f64::from(scores[lane]);
                    greatest[lane] = if score > greatest[lane] { score } else { greatest[lane] };
                }
            }
            let mut sums = [0.0; LANES];
            for (exponentials, scores) in exponentials.iter_mut().zip(scores.chunks_exact(width)) {
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
            for (exponentials, scores) in exponentials.iter().zip(scores.chunks_exact_mut(width)) {
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
