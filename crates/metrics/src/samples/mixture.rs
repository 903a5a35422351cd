//! Mixtures of Normals fitted to samples: a density to draw more of them from.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use super::draws::Draws;
use super::error::SampleError;
use super::importance::log_mean;
use super::points::Points;
use crate::families::cholesky;

/// Rounds of expectation and maximisation at most, and the gain in nats a sample below which they end.
const MOST_ROUNDS: usize = 200;
const LEAST_GAIN: f64 = 1e-5;
/// Added to the variance of every dimension of every component, as a share of that of all samples: a component that has shrunk to
/// a point would have an infinite density.
const RIDGE: f64 = 1e-4;
/// One in so many samples is kept back to choose the number of components.
const HELD_BACK: usize = 5;

/// `sum_k w_k N(m_k, S_k)`.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    /// Their sum is 1.
    weights: Vec<f64>,
    components: Vec<Component>,
}

/// A Normal by its mean and the factor `L` of its covariance `L L'`.
#[derive(Debug, Clone, PartialEq)]
struct Component {
    mean: Array1<f64>,
    /// Lower triangular, row by row.
    factor: Vec<f64>,
    /// The logarithm of the density at the mean.
    log_peak: f64,
}

impl GaussianMixture {
    /// The mixture of so many components with full covariances that expectation maximisation ends at, from centres that are drawn
    /// far from each other (k-means++).
    ///
    /// # Shapes
    ///
    /// - samples: `[samples, dimensions]`
    ///
    /// # Errors
    ///
    /// [`SampleError`] if there are no more samples than components, no dimensions, or a coordinate is not finite.
    ///
    /// # Panics
    ///
    /// Panics if there are no components.
    ///
    /// # Source
    ///
    /// Bishop, *Pattern Recognition and Machine Learning* (2006), section 9.2.2; Arthur and Vassilvitskii, *k-means++* (2007).
    pub fn fit(samples: ArrayView2<'_, f64>, components: usize, seed: u64) -> Result<Self, SampleError> {
        assert!(components > 0, "a mixture has components");
        let (count, dimensions) = samples.dim();
        if dimensions == 0 {
            return Err(SampleError::NoDimensions);
        }
        if count <= components {
            return Err(SampleError::TooFew { needed: components + 1, found: count });
        }
        if let Some(((sample, dimension), &value)) =
            samples.indexed_iter().find(|(_, value)| !value.is_finite())
        {
            return Err(SampleError::NotFinite { sample, dimension, value });
        }
        let whole = covariance(samples, &Array1::ones(count), &mean(samples, &Array1::ones(count)));
        // Dimensions that do not vary at all would leave no room for a density.
        let ridge: Vec<f64> =
            whole.diag().iter().map(|variance| (RIDGE * variance).max(f64::MIN_POSITIVE.sqrt())).collect();
        let mut draws = Draws::stream(seed, components as u64);
        let mut mixture = Self {
            weights: vec![1.0 / components as f64; components],
            components: centres(samples, components, &mut draws)
                .into_iter()
                .map(|mean| Component::new(mean, whole.clone(), &ridge))
                .collect(),
        };
        let mut before = f64::NEG_INFINITY;
        for _ in 0..MOST_ROUNDS {
            let (responsibilities, likelihood) = mixture.responsibilities(samples);
            if likelihood - before < LEAST_GAIN {
                break;
            }
            before = likelihood;
            mixture = Self::maximised(samples, &responsibilities, &ridge, mixture);
        }
        Ok(mixture)
    }

    /// The mixture of one of these numbers of components that makes samples likeliest which it was not fitted to; then fitted to all
    /// of them. Numbers that the samples do not allow are passed over.
    ///
    /// # Errors
    ///
    /// [`SampleError`] as of [`fit`](Self::fit), if no number is left.
    pub fn fit_best(
        samples: ArrayView2<'_, f64>,
        components: &[usize],
        seed: u64,
    ) -> Result<Self, SampleError> {
        let rows = |kept_back: bool| -> Vec<usize> {
            (0..samples.nrows()).filter(|row| (row % HELD_BACK == 0) == kept_back).collect()
        };
        let [fitted, kept_back] = [false, true].map(|kept_back| samples.select(Axis(0), &rows(kept_back)));
        let mut best: Option<(f64, usize)> = None;
        for &count in components {
            // As many numbers as a component has need as many samples.
            if count > 1 && count * (samples.ncols() + 1) > fitted.nrows() {
                continue;
            }
            let found = Self::fit(fitted.view(), count, seed)?.mean_log_density(kept_back.view())?;
            if best.is_none_or(|(likelihood, _)| found > likelihood) {
                best = Some((found, count));
            }
        }
        Self::fit(samples, best.map_or(1, |(_, count)| count), seed)
    }

    /// How many components it has.
    pub fn components(&self) -> usize {
        self.weights.len()
    }

    /// The mean of the logarithm of the density at samples, in nats.
    ///
    /// # Errors
    ///
    /// [`SampleError`] if there are no samples, other dimensions than the mixture has, or a coordinate that is not finite.
    pub fn mean_log_density(&self, samples: ArrayView2<'_, f64>) -> Result<f64, SampleError> {
        let (expected, found) = (self.components[0].mean.len(), samples.ncols());
        if expected != found {
            return Err(SampleError::Dimensions { expected, found });
        }
        Points::check(samples, 1)?;
        let densities: Vec<f64> = samples
            .axis_iter(Axis(0))
            .into_par_iter()
            .map(|sample| log_sum_exp(&self.log_joint(sample)))
            .collect();
        Ok(densities.iter().sum::<f64>() / densities.len() as f64)
    }

    /// So many samples of it, `[samples, dimensions]`.
    pub fn sample(&self, count: usize, seed: u64) -> Array2<f64> {
        let numbers: Vec<f64> = self.samples(seed).take(count).flatten().collect();
        let shape = (count, self.components[0].mean.len());
        Array2::from_shape_vec(shape, numbers).expect("a sample has a number for each dimension")
    }

    /// Samples of it without an end, the same as of [`sample`](Self::sample).
    pub fn samples(&self, seed: u64) -> impl Iterator<Item = Vec<f64>> {
        let dimensions = self.components[0].mean.len();
        let mut draws = Draws::stream(seed, 0);
        std::iter::repeat_with(move || {
            let mut left = draws.uniform();
            let chosen = self.weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            // The weights add up to 1 but for rounding.
            let Component { mean, factor, .. } = &self.components[chosen.unwrap_or(self.weights.len() - 1)];
            let noise: Vec<f64> = (0..dimensions).map(|_| draws.normal()).collect();
            let number = |row: usize| {
                let factor = &factor[row * dimensions..=row * dimensions + row];
                mean[row] + factor.iter().zip(&noise).map(|(l, noise)| l * noise).sum::<f64>()
            };
            (0..dimensions).map(number).collect()
        })
    }

    /// `ln w_k + ln N(x; m_k, S_k)`.
    fn log_joint(&self, sample: ArrayView1<'_, f64>) -> Vec<f64> {
        let of = |(weight, component): (&f64, &Component)| weight.ln() + component.log_density(sample);
        self.weights.iter().zip(&self.components).map(of).collect()
    }

    /// Of each sample the probability of each component, and the mean of the logarithm of the density.
    fn responsibilities(&self, samples: ArrayView2<'_, f64>) -> (Array2<f64>, f64) {
        let rows: Vec<(Vec<f64>, f64)> = samples
            .axis_iter(Axis(0))
            .into_par_iter()
            .map(|sample| {
                let joint = self.log_joint(sample);
                let density = log_sum_exp(&joint);
                (joint.iter().map(|joint| (joint - density).exp()).collect(), density)
            })
            .collect();
        let likelihood = rows.iter().map(|(_, density)| density).sum::<f64>() / rows.len() as f64;
        let of = |(row, component): (usize, usize)| rows[row].0[component];
        (Array2::from_shape_fn((rows.len(), self.components()), of), likelihood)
    }

    fn maximised(
        samples: ArrayView2<'_, f64>,
        responsibilities: &Array2<f64>,
        ridge: &[f64],
        before: Self,
    ) -> Self {
        let totals = responsibilities.sum_axis(Axis(0));
        let update = |(k, before): (usize, Component)| {
            let weights = responsibilities.column(k).to_owned();
            // A component that no sample is of stays where it is.
            if totals[k] < 1e-8 {
                return before;
            }
            let mean = mean(samples, &weights);
            let covariance = covariance(samples, &weights, &mean);
            Component::new(mean, covariance, ridge)
        };
        let components = before.components.into_par_iter().enumerate().map(update).collect();
        Self { weights: totals.iter().map(|total| total / samples.nrows() as f64).collect(), components }
    }
}

impl Component {
    fn new(mean: Array1<f64>, mut covariance: Array2<f64>, ridge: &[f64]) -> Self {
        let dimensions = mean.len();
        covariance.diag_mut().iter_mut().zip(ridge).for_each(|(variance, ridge)| *variance += ridge);
        let entries: Vec<f64> = covariance.iter().copied().collect();
        let factor = cholesky(&entries, dimensions).unwrap_or_else(|_| {
            // Dimensions that depend on each other to the last bit: without their correlation.
            let deviation =
                |place: usize| if place.is_multiple_of(dimensions + 1) { entries[place].sqrt() } else { 0.0 };
            (0..dimensions * dimensions).map(deviation).collect()
        });
        let log_determinant: f64 = (0..dimensions).map(|d| factor[d * (dimensions + 1)].ln()).sum();
        let log_peak = -log_determinant - 0.5 * dimensions as f64 * std::f64::consts::TAU.ln();
        Self { mean, factor, log_peak }
    }

    fn log_density(&self, sample: ArrayView1<'_, f64>) -> f64 {
        let dimensions = self.mean.len();
        // The solution of L y = x - m, row by row.
        let mut solved = Vec::with_capacity(dimensions);
        for row in 0..dimensions {
            let factor = &self.factor[row * dimensions..=row * dimensions + row];
            let known: f64 = factor.iter().zip(&solved).map(|(l, y)| l * y).sum();
            solved.push((sample[row] - self.mean[row] - known) / factor[row]);
        }
        self.log_peak - 0.5 * solved.iter().map(|y| y * y).sum::<f64>()
    }
}

/// `ln sum exp`.
fn log_sum_exp(values: &[f64]) -> f64 {
    log_mean(values) + (values.len() as f64).ln()
}

fn mean(samples: ArrayView2<'_, f64>, weights: &Array1<f64>) -> Array1<f64> {
    weights.dot(&samples) / weights.sum()
}

fn covariance(samples: ArrayView2<'_, f64>, weights: &Array1<f64>, mean: &Array1<f64>) -> Array2<f64> {
    let centred = &samples - mean;
    let weighted = &centred * &weights.view().insert_axis(Axis(1));
    let covariance = weighted.t().dot(&centred) / weights.sum();
    // Rounding makes the two halves differ.
    0.5 * (&covariance + &covariance.t())
}

/// Samples, each drawn with a probability that is proportional to its squared distance from those before.
fn centres(samples: ArrayView2<'_, f64>, count: usize, draws: &mut Draws) -> Vec<Array1<f64>> {
    let mut nearest = vec![f64::INFINITY; samples.nrows()];
    let mut chosen = ((draws.uniform() * samples.nrows() as f64) as usize).min(samples.nrows() - 1);
    let mut centres = Vec::with_capacity(count);
    loop {
        let centre = samples.row(chosen).to_owned();
        for (distance, sample) in nearest.iter_mut().zip(samples.rows()) {
            let squared = sample.iter().zip(&centre).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            *distance = distance.min(squared);
        }
        centres.push(centre);
        if centres.len() == count {
            return centres;
        }
        let mut left = draws.uniform() * nearest.iter().sum::<f64>();
        let next = nearest.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        chosen = next.unwrap_or(chosen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three clusters, one of them with correlated dimensions.
    fn clusters(count: usize, seed: u64) -> Array2<f64> {
        let mut draws = Draws::seeded(seed);
        let mut samples = Array2::zeros((count, 2));
        for (i, mut sample) in samples.rows_mut().into_iter().enumerate() {
            let (a, b) = (draws.normal(), draws.normal());
            let point = match i % 4 {
                0 | 1 => [-6.0 + a, 0.9 * a + 0.3 * b],
                2 => [5.0 + 0.5 * a, 4.0 + 0.5 * b],
                _ => [5.0 + a, -4.0 + b],
            };
            sample.assign(&Array1::from(point.to_vec()));
        }
        samples
    }

    #[test]
    fn clusters_are_found_with_their_number_and_their_shapes() {
        let samples = clusters(4000, 1);
        let mixture = GaussianMixture::fit_best(samples.view(), &[1, 2, 3, 5], 0).unwrap();
        assert!(mixture.components() >= 3, "{}", mixture.components());
        let three = GaussianMixture::fit(samples.view(), 3, 0).unwrap();
        let greatest = three.weights.iter().copied().fold(0.0, f64::max);
        assert!((greatest - 0.5).abs() < 0.01, "{greatest}");
        // The entropy of the mixture of three that do not overlap: that of the weights and of each.
        let normal = 1.0 + std::f64::consts::TAU.ln();
        let weights = 0.5 * 2f64.ln() + 0.5 * 4f64.ln();
        let expected = weights + normal + 0.5 * 0.3f64.ln() + 0.25 * 0.25f64.ln();
        let found = -three.mean_log_density(clusters(4000, 2).view()).unwrap();
        // Half a percent of two nats for the noise of 4,000 samples, and the ridge.
        assert!((found - expected).abs() < 0.05, "{found}, not {expected}");
    }

    #[test]
    fn samples_of_a_mixture_have_its_moments_and_come_again_with_the_seed() {
        let mixture = GaussianMixture::fit(clusters(4000, 1).view(), 3, 0).unwrap();
        let drawn = mixture.sample(20_000, 7);
        assert_eq!(drawn, mixture.sample(20_000, 7));
        assert_ne!(drawn, mixture.sample(20_000, 8));
        let (found, expected) = (drawn.mean_axis(Axis(0)).unwrap(), [-0.5, 0.0]);
        for (found, expected) in found.iter().zip(expected) {
            // Standard deviations of five and a half, over the root of 20,000 and of 4,000.
            assert!((found - expected).abs() < 0.4, "{found}, not {expected}");
        }
        let density = |samples: &Array2<f64>| mixture.mean_log_density(samples.view()).unwrap();
        assert!((density(&drawn) - density(&clusters(4000, 3))).abs() < 0.05);
    }

    #[test]
    fn samples_of_another_space_have_no_density() {
        let mixture = GaussianMixture::fit(clusters(400, 1).view(), 1, 0).unwrap();
        for (shape, expected) in [
            ((3, 3), SampleError::Dimensions { expected: 2, found: 3 }),
            ((3, 1), SampleError::Dimensions { expected: 2, found: 1 }),
            ((0, 2), SampleError::TooFew { needed: 1, found: 0 }),
        ] {
            assert_eq!(mixture.mean_log_density(Array2::zeros(shape).view()), Err(expected));
        }
    }

    #[test]
    fn a_dimension_that_does_not_vary_is_no_trouble_and_too_few_samples_are() {
        let mut flat = clusters(300, 4);
        flat.column_mut(1).fill(2.0);
        let mixture = GaussianMixture::fit_best(flat.view(), &[1, 3], 0).unwrap();
        assert!(mixture.sample(10, 0).column(1).iter().all(|value| (value - 2.0).abs() < 1e-3));
        let error = GaussianMixture::fit(flat.view(), 300, 0).unwrap_err();
        assert_eq!(error, SampleError::TooFew { needed: 301, found: 300 });
    }
}
