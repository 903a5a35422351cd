//! Bernoulli, categorical, binomial, Poisson and geometric: distributions over counts.

use super::error::FamilyError;
use super::parameters::{Range, family, write_call};
use super::special::{binary_kl, ln_gamma, ratio_excess, relative_entropy_excess};

family! {
    /// Bernoulli distribution on {0, 1}.
    Bernoulli, "bernoulli" {
        /// Probability of 1.
        probability: Probability,
    }
}

impl Bernoulli {
    /// KL(self ‖ q) in nats; infinite where self has mass on an outcome that q rules out.
    ///
    /// `KL = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q))`
    ///
    /// Source: Cover and Thomas, *Elements of Information Theory*, section 2.3.
    pub fn kl_divergence(&self, q: &Self) -> f64 {
        binary_kl(self.probability, q.probability)
    }
}

/// Categorical distribution on {0, ..., n - 1}.
#[derive(Debug, Clone, PartialEq)]
pub struct Categorical {
    probabilities: Vec<f64>,
}

/// How far from 1 the probabilities of a [`Categorical`] may sum: the rounding of numbers written with 9 digits.
const SUM_TOLERANCE: f64 = 1e-9;

impl Categorical {
    pub(super) const NAME: &'static str = "categorical";

    /// Takes the probability of each outcome.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Length`] where there is none, [`FamilyError::Entry`] for one outside `[0, 1]`,
    /// [`FamilyError::SumNotOne`].
    pub fn new(probabilities: &[f64]) -> Result<Self, FamilyError> {
        if probabilities.is_empty() {
            return Err(FamilyError::Length {
                family: Self::NAME,
                parameter: "probabilities",
                actual: 0,
                expected: "at least 1".into(),
            });
        }
        Range::Probability.check_entries(Self::NAME, "probabilities", probabilities)?;
        let sum: f64 = probabilities.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(FamilyError::SumNotOne { sum, tolerance: SUM_TOLERANCE });
        }
        Ok(Self { probabilities: probabilities.to_vec() })
    }

    /// Probability of each outcome.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// KL(self ‖ q) in nats; infinite where self has mass on an outcome that q rules out.
    ///
    /// `KL = sum_i p_i ln(p_i / q_i)`
    ///
    /// # Errors
    ///
    /// [`FamilyError::Dimensions`] where the two have different numbers of outcomes.
    ///
    /// Source: Cover and Thomas, *Elements of Information Theory*, section 2.3.
    pub fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let (n, m) = (self.probabilities.len(), q.probabilities.len());
        if n != m {
            return Err(FamilyError::Dimensions { family: Self::NAME, p: n, q: m });
        }
        // The sums may miss 1 by a rounding each. The terms compare proper probabilities, so their added parts,
        // q_i - p_i, cancel over the sum.
        let (p_sum, q_sum): (f64, f64) = (self.probabilities.iter().sum(), q.probabilities.iter().sum());
        let terms = self.probabilities.iter().zip(&q.probabilities);
        Ok(terms.map(|(p, q)| relative_entropy_excess(p / p_sum, q / q_sum)).sum())
    }
}

impl std::fmt::Display for Categorical {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_call(f, Self::NAME, &self.probabilities)
    }
}

family! {
    /// Binomial distribution on {0, ..., trials}.
    Binomial, "binomial" {
        /// Number of trials: a whole number.
        trials: Count,
        /// Probability of success of each trial.
        probability: Probability,
    }
}

impl Binomial {
    /// KL(self ‖ q) in nats; infinite where self reaches counts that q does not.
    ///
    /// `KL = n (p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)))` for equal numbers of trials n. For fewer trials in self than in
    /// q the binomial coefficients do not cancel and the sum over the outcomes is taken, as for a
    /// [`Distribution`](super::Distribution) of two families.
    ///
    /// Source: the binomial is an exponential family in which n trials add up; Cover and Thomas, section 2.5.
    pub fn kl_divergence(&self, q: &Self) -> f64 {
        if self.trials == q.trials && self.trials > 0.0 {
            return self.trials * binary_kl(self.probability, q.probability);
        }
        Counts::Binomial(*self).kl_by_summation(&Counts::Binomial(*q)).unwrap_or(f64::INFINITY)
    }
}

family! {
    /// Poisson distribution on {0, 1, 2, ...}. A rate of 0 is the point mass at 0.
    Poisson, "poisson" {
        /// Rate: mean and variance.
        rate: NonNegative,
    }
}

impl Poisson {
    /// KL(self ‖ q) in nats; infinite where q is the point mass at 0 and self is not.
    ///
    /// `KL = rate_p ln(rate_p / rate_q) - rate_p + rate_q`
    ///
    /// Source: Kullback, *Information Theory and Statistics* (1959), chapter 4.
    pub fn kl_divergence(&self, q: &Self) -> f64 {
        relative_entropy_excess(self.rate, q.rate)
    }
}

family! {
    /// Geometric distribution on {0, 1, 2, ...}: failures before the first success (not the trials up to it).
    Geometric, "geometric" {
        /// Probability of success of each trial.
        probability: PositiveProbability,
    }
}

impl Geometric {
    /// KL(self ‖ q) in nats; infinite where q is the point mass at 0 and self is not.
    ///
    /// `KL = ln(p / q) + (1 - p) / p ln((1 - p) / (1 - q))`: the KL of one trial times the mean number of trials, 1 / p.
    ///
    /// Source: Wald's identity, on the log-likelihood ratio of a trial.
    pub fn kl_divergence(&self, q: &Self) -> f64 {
        let (p, q) = (self.probability, q.probability);
        if p < 0.5 && q < 0.5 {
            // Both parts divided by p one at a time: p may be too small for their sum.
            return ratio_excess(q, p) + relative_entropy_excess(1.0 - p, 1.0 - q) / p;
        }
        binary_kl(p, q) / p
    }
}

/// A distribution over counts, as its probability mass function.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Counts {
    Bernoulli(Bernoulli),
    Categorical(Categorical),
    Binomial(Binomial),
    Poisson(Poisson),
    Geometric(Geometric),
}

impl Counts {
    /// The lowest and the highest count with mass. `None` where there is no highest one.
    fn bounds(&self) -> (f64, Option<f64>) {
        let trials_with = |trials: f64, probability: f64| {
            let low = if probability == 1.0 { trials } else { 0.0 };
            (low, Some(if probability == 0.0 { 0.0 } else { trials }))
        };
        match self {
            Self::Bernoulli(d) => trials_with(1.0, d.probability),
            Self::Binomial(d) => trials_with(d.trials, d.probability),
            Self::Categorical(d) => {
                let has_mass = |&p: &f64| p > 0.0;
                let first = d.probabilities.iter().position(has_mass).unwrap_or(0);
                let last = d.probabilities.iter().rposition(has_mass).unwrap_or(0);
                (first as f64, Some(last as f64))
            }
            Self::Poisson(d) if d.rate > 0.0 => (0.0, None),
            Self::Geometric(d) if d.probability < 1.0 => (0.0, None),
            Self::Poisson(_) | Self::Geometric(_) => (0.0, Some(0.0)),
        }
    }

    /// `ln P(X = k)`, -∞ where k has no mass.
    fn ln_mass(&self, k: f64) -> f64 {
        // 0 ln 0 = 0: no trial of a kind costs nothing, whatever its probability.
        let times_ln = |n: f64, p: f64| if n == 0.0 { 0.0 } else { n * p.ln() };
        let trials_with = |n: f64, p: f64| {
            if k > n {
                return f64::NEG_INFINITY;
            }
            let coefficient = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
            let failures = if n == k { 0.0 } else { (n - k) * (-p).ln_1p() };
            coefficient + times_ln(k, p) + failures
        };
        match self {
            Self::Bernoulli(d) => trials_with(1.0, d.probability),
            Self::Binomial(d) => trials_with(d.trials, d.probability),
            Self::Categorical(d) => d.probabilities.get(k as usize).map_or(f64::NEG_INFINITY, |p| p.ln()),
            Self::Poisson(d) => times_ln(k, d.rate) - d.rate - ln_gamma(k + 1.0),
            Self::Geometric(d) => {
                let failures = if k == 0.0 { 0.0 } else { k * (-d.probability).ln_1p() };
                failures + d.probability.ln()
            }
        }
    }

    /// KL(self ‖ q) in nats as the sum over the outcomes of self, `None` where self has infinitely many.
    ///
    /// `KL = sum_k P(k) (ln P(k) - ln Q(k))`. A binomial with many trials is summed over the counts within 40 standard
    /// deviations of its mean: what lies outside has a mass below 1e-300.
    pub(super) fn kl_by_summation(&self, q: &Self) -> Option<f64> {
        let (low, high) = self.bounds();
        let (q_low, q_high) = q.bounds();
        if low < q_low || q_high.is_some_and(|q_high| high.is_none_or(|high| high > q_high)) {
            return Some(f64::INFINITY);
        }
        let (mut first, mut last) = (low, high?);
        if let Self::Binomial(d) = self {
            let mean = d.trials * d.probability;
            let reach = 40.0 * (mean * (1.0 - d.probability)).sqrt() + 800.0;
            first = first.max((mean - reach).floor());
            last = last.min((mean + reach).ceil());
        }
        let (mut sum, mut lost, mut k) = (0.0, 0.0, first);
        while k <= last {
            let ln_p = self.ln_mass(k);
            if ln_p > f64::NEG_INFINITY {
                let term = ln_p.exp() * (ln_p - q.ln_mass(k));
                // Neumaier's compensated sum: terms of both signs nearly cancel where P is near Q.
                let next = sum + term;
                if next.is_finite() {
                    lost +=
                        if f64::abs(sum) >= term.abs() { (sum - next) + term } else { (term - next) + sum };
                }
                sum = next;
            }
            k += 1.0;
        }
        Some((sum + lost).max(0.0))
    }
}
