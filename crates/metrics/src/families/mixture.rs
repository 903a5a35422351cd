//! Mixtures of Normals: their KL has no closed form, its bounds have.

use super::error::{FamilyError, Length};
use super::kl::{Entropy, KlDivergence};
use super::multivariate_normal::MultivariateNormal;
use crate::discrete::{self, SUM_TOLERANCE};

/// A mixture of Normals in any number of dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct GaussianMixture {
    weights: Vec<f64>,
    components: Vec<MultivariateNormal>,
}

/// Two numbers between which a divergence lies.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct DivergenceBounds {
    /// It is at least this.
    pub lower: f64,
    /// It is at most this.
    pub upper: f64,
}

impl GaussianMixture {
    const NAME: &'static str = "gaussian_mixture";

    /// Takes the weight of each component.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Length`] unless there is a component and a weight for each, [`FamilyError::Entry`] for a weight outside
    /// `[0, 1]`, [`FamilyError::SumNotOne`] where they miss 1 by more than [`SUM_TOLERANCE`], and
    /// [`FamilyError::Dimensions`] for components of different spaces.
    ///
    /// ```
    /// use metrics::families::{GaussianMixture, MultivariateNormal};
    ///
    /// let [left, right] = [-1.0, 1.0].map(|mean| MultivariateNormal::diagonal(&[mean], &[1.0]));
    /// let mixture = GaussianMixture::new(&[0.5, 0.5], vec![left?, right?])?;
    /// assert_eq!(mixture.dimensions(), 1);
    /// // Half way both components have the density of a Normal at one standard deviation.
    /// assert!((mixture.ln_pdf(&[0.0])? - (-0.5 - 0.5 * std::f64::consts::TAU.ln())).abs() < 1e-15);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    pub fn new(weights: &[f64], components: Vec<MultivariateNormal>) -> Result<Self, FamilyError> {
        let Some(first) = components.first() else {
            return Err(wrong_length(0, Length::AtLeast(1)));
        };
        if weights.len() != components.len() {
            return Err(wrong_length(weights.len(), Length::Exactly(components.len())));
        }
        if let Some(other) = components.iter().find(|c| c.dimensions() != first.dimensions()) {
            let (p, q) = (first.dimensions(), other.dimensions());
            return Err(FamilyError::Dimensions { family: Self::NAME, p, q });
        }
        super::parameters::Range::Probability.check_entries(Self::NAME, "weights", weights)?;
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(FamilyError::SumNotOne { sum, tolerance: SUM_TOLERANCE });
        }
        let kept = |(weight, component): (&f64, MultivariateNormal)| {
            (*weight > 0.0).then_some((*weight / sum, component))
        };
        let (weights, components) = weights.iter().zip(components).filter_map(kept).unzip();
        Ok(Self { weights, components })
    }

    /// Number of coordinates.
    pub fn dimensions(&self) -> usize {
        self.components[0].dimensions()
    }

    /// Logarithm of the density at x.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Length`] unless x has a coordinate for each dimension.
    pub fn ln_pdf(&self, x: &[f64]) -> Result<f64, FamilyError> {
        let logs: Vec<f64> =
            self.components.iter().map(|component| component.ln_pdf(x)).collect::<Result<_, _>>()?;
        Ok(self.ln_mean_exp(|i| logs[i]))
    }

    /// Bounds on KL(self ‖ q) in nats.
    ///
    /// `KL = E_f[ln f] - E_f[ln g]`, and for each expectation Jensen's inequality gives bounds on both sides, with the
    /// components `f_a`, `g_b` and their weights π, ω:
    ///
    /// ```text
    /// sum_a π_a ln sum_b ω_b exp(E_{f_a}[ln g_b])  <=  E_f[ln g]  <=  sum_a π_a ln sum_b ω_b ∫ f_a g_b
    /// ```
    ///
    /// The upper bound on KL is the smallest of three: the one from these, where `E_f[ln f]` is also at most
    /// `-sum_a π_a H(f_a)`; that of convexity, `sum_ab π_a ω_b KL(f_a ‖ g_b)`; and for as many components on both sides that of
    /// the chain rule, `KL(π ‖ ω) + sum_a π_a KL(f_a ‖ g_a)`. Equal mixtures get 0 on both sides.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Dimensions`] for mixtures in different spaces, [`FamilyError::OutOfRange`].
    ///
    /// # Source
    ///
    /// Durrieu, Thiran and Kelly, *Lower and upper bounds for approximation of the Kullback-Leibler divergence between
    /// Gaussian mixture models*, ICASSP (2012); Hershey and Olsen, *Approximating the Kullback Leibler divergence between
    /// Gaussian mixture models*, ICASSP (2007); Do, *Fast approximation of Kullback-Leibler distance for dependence trees and
    /// hidden Markov models* (2003).
    ///
    /// ```
    /// use metrics::families::{GaussianMixture, MultivariateNormal};
    ///
    /// let at = |mean: f64| MultivariateNormal::diagonal(&[mean], &[1.0]);
    /// let two = GaussianMixture::new(&[0.5, 0.5], vec![at(-3.0)?, at(3.0)?])?;
    /// let one = GaussianMixture::new(&[1.0], vec![MultivariateNormal::diagonal(&[0.0], &[10.0])?])?;
    /// let bounds = two.kl_bounds(&one)?;
    /// // It is 0.469.
    /// assert!(bounds.lower < 0.469 && 0.469 < bounds.upper && bounds.upper < 1.2, "{bounds:?}");
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    pub fn kl_bounds(&self, q: &Self) -> Result<DivergenceBounds, FamilyError> {
        let (own, other) = (Pairwise::of(self, self)?, Pairwise::of(self, q)?);
        let over_components = |of: &dyn Fn(usize) -> f64| -> f64 {
            self.weights.iter().enumerate().map(|(a, weight)| weight * of(a)).sum()
        };
        let negative_entropy: f64 = over_components(&|a| -self.components[a].entropy());
        // Below and above E_f[ln f] and E_f[ln g].
        let own_below = over_components(&|a| self.ln_mean_exp(|b| own.mean_ln[a][b]));
        let own_above =
            over_components(&|a| self.ln_mean_exp(|b| own.ln_overlap[a][b])).min(negative_entropy);
        let other_below = over_components(&|a| q.ln_mean_exp(|b| other.mean_ln[a][b]));
        let other_above = over_components(&|a| q.ln_mean_exp(|b| other.ln_overlap[a][b]));

        let mixed = |a: usize| q.weights.iter().enumerate().map(|(b, weight)| weight * other.kl[a][b]).sum();
        let mut upper = (own_above - other_below).min(over_components(&mixed));
        if self.weights.len() == q.weights.len() {
            let of_weights = discrete::kl_divergence(&self.weights, &q.weights)
                .map_err(|_| FamilyError::OutOfRange { p: Self::NAME, q: Self::NAME })?;
            upper = upper.min(of_weights + over_components(&|a| other.kl[a][a]));
        }
        let lower = (own_below - other_above).max(0.0);
        if lower.is_nan() || upper.is_nan() {
            return Err(FamilyError::OutOfRange { p: Self::NAME, q: Self::NAME });
        }
        // Where the two meet, rounding may put them the wrong way round.
        Ok(DivergenceBounds { lower: lower.min(upper.max(0.0)), upper: upper.max(0.0) })
    }

    /// `ln sum_i weight_i exp(log_i)`
    fn ln_mean_exp(&self, log: impl Fn(usize) -> f64) -> f64 {
        let largest = (0..self.weights.len()).map(&log).fold(f64::NEG_INFINITY, f64::max);
        if largest.is_infinite() {
            return largest;
        }
        let sum: f64 =
            self.weights.iter().enumerate().map(|(i, weight)| weight * (log(i) - largest).exp()).sum();
        largest + sum.ln()
    }
}

/// What each component of one mixture is to each of another.
struct Pairwise {
    /// `KL(f_a ‖ g_b)`
    kl: Vec<Vec<f64>>,
    /// `E_{f_a}[ln g_b]`
    mean_ln: Vec<Vec<f64>>,
    /// `ln ∫ f_a g_b`
    ln_overlap: Vec<Vec<f64>>,
}

impl Pairwise {
    fn of(f: &GaussianMixture, g: &GaussianMixture) -> Result<Self, FamilyError> {
        let table = |of: &dyn Fn(&MultivariateNormal, &MultivariateNormal) -> Result<f64, FamilyError>| {
            let row = |a| g.components.iter().map(|b| of(a, b)).collect::<Result<Vec<f64>, _>>();
            f.components.iter().map(row).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            kl: table(&|a, b| a.kl_divergence(b))?,
            mean_ln: table(&|a, b| Ok(-a.cross_entropy(b)?))?,
            ln_overlap: table(&|a, b| a.ln_overlap(b))?,
        })
    }
}

fn wrong_length(actual: usize, expected: Length) -> FamilyError {
    FamilyError::Length { family: GaussianMixture::NAME, parameter: "the list of weights", actual, expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::integrate;

    fn mixture(parts: &[(f64, f64, f64)]) -> GaussianMixture {
        let weights: Vec<f64> = parts.iter().map(|part| part.0).collect();
        let of = |part: &(f64, f64, f64)| MultivariateNormal::diagonal(&[part.1], &[part.2]).unwrap();
        GaussianMixture::new(&weights, parts.iter().map(of).collect()).unwrap()
    }

    fn kl(p: &GaussianMixture, q: &GaussianMixture) -> f64 {
        let cuts: Vec<f64> = (-40..=40).map(f64::from).collect();
        let term = |x: f64| {
            let (ln_p, ln_q) = (p.ln_pdf(&[x]).unwrap(), q.ln_pdf(&[x]).unwrap());
            ln_p.exp() * (ln_p - ln_q)
        };
        integrate(term, &cuts, 1e-12).value
    }

    #[test]
    fn the_truth_lies_between() {
        let mixtures = [
            mixture(&[(1.0, 0.0, 1.0)]),
            mixture(&[(0.5, -3.0, 1.0), (0.5, 3.0, 1.0)]),
            mixture(&[(0.3, -3.1, 0.8), (0.7, 2.5, 1.5)]),
            mixture(&[(0.2, 0.0, 0.1), (0.5, 1.0, 4.0), (0.3, -6.0, 2.0)]),
            mixture(&[(0.2, 0.01, 0.1), (0.5, 1.0, 4.1), (0.3, -6.0, 2.0)]),
        ];
        for (i, p) in mixtures.iter().enumerate() {
            for (j, q) in mixtures.iter().enumerate() {
                let (bounds, truth) = (p.kl_bounds(q).unwrap(), kl(p, q));
                let between = bounds.lower <= truth + 1e-10 && truth <= bounds.upper + 1e-10;
                assert!(between, "{i}, {j}: {truth} and {bounds:?}");
                assert!(i != j || bounds == DivergenceBounds { lower: 0.0, upper: 0.0 }, "{i}: {bounds:?}");
            }
        }
        // One component a side: both bounds are tight but for the overlap.
        let (p, q) = (mixture(&[(1.0, 0.0, 1.0)]), mixture(&[(1.0, 1.0, 2.0)]));
        assert!((p.kl_bounds(&q).unwrap().upper - kl(&p, &q)).abs() < 1e-12);
        // Close ones of as many components: the chain rule.
        let close = mixtures[3].kl_bounds(&mixtures[4]).unwrap();
        assert!(close.upper < 1e-3, "{close:?}");
    }

    #[test]
    fn several_dimensions_and_full_covariances() {
        let full = |mean: [f64; 2]| MultivariateNormal::full(&mean, &[2.0, 0.5, 0.5, 1.0]).unwrap();
        let p = GaussianMixture::new(&[0.5, 0.5], vec![full([0.0, 0.0]), full([5.0, 0.0])]).unwrap();
        let q = GaussianMixture::new(&[0.5, 0.5], vec![full([0.5, 0.0]), full([5.0, 1.0])]).unwrap();
        let bounds = p.kl_bounds(&q).unwrap();
        // (0.5^2 + 1^2 Σ^-1) / 2 on average, as the components hardly overlap: Σ^-1 = [[1, -0.5], [-0.5, 2]] / 1.75.
        let expected = 0.25 * (0.25 / 1.75 + 2.0 / 1.75);
        assert!(bounds.upper <= expected + 1e-12 && bounds.upper > 0.9 * expected, "{bounds:?}, {expected}");
    }

    #[test]
    fn what_is_no_mixture_is_named() {
        let of = |mean: &[f64]| MultivariateNormal::diagonal(mean, &vec![1.0; mean.len()]).unwrap();
        let new =
            |weights: &[f64], components| GaussianMixture::new(weights, components).unwrap_err().to_string();
        assert_eq!(
            new(&[], vec![]),
            "gaussian_mixture: the list of weights has 0 entries, and has to have at least 1"
        );
        assert_eq!(
            new(&[0.5], vec![of(&[0.0]), of(&[1.0])]),
            "gaussian_mixture: the list of weights has 1 entries, and has to have 2"
        );
        assert!(new(&[0.5, 0.6], vec![of(&[0.0]), of(&[1.0])]).contains("sum to 1.1"));
        assert!(new(&[0.5, 0.5], vec![of(&[0.0]), of(&[1.0, 2.0])]).contains("1 dimensions"));
        let (line, plane) =
            (mixture(&[(1.0, 0.0, 1.0)]), GaussianMixture::new(&[1.0], vec![of(&[0.0, 1.0])]).unwrap());
        assert!(matches!(line.kl_bounds(&plane), Err(FamilyError::Dimensions { p: 1, q: 2, .. })));
    }
}
