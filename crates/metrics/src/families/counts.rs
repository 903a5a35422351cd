//! Bernoulli, categorical, binomial, Poisson and geometric: distributions over counts.

use std::f64::consts::{E, TAU};

use super::error::{FamilyError, Length};
use super::kl::{Entropy, KlDivergence, within};
use super::parameters::{Range, family, write_call};
use super::parse::Call;
use crate::discrete::{self, SUM_TOLERANCE};
use crate::numeric::special::{binary_kl, ratio_excess, relative_entropy_excess, stirling};
use crate::numeric::{CompensatedSum, integrate};

family! {
    /// Bernoulli distribution on {0, 1}.
    ///
    /// ```
    /// use metrics::families::{Bernoulli, Entropy};
    ///
    /// assert_eq!(Bernoulli::new(0.5)?.entropy(), 2f64.ln());
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Bernoulli, "bernoulli" {
        /// Probability of 1.
        probability: Probability,
    }
}

impl Bernoulli {
    /// Mean, the probability.
    pub fn mean(&self) -> f64 {
        self.probability
    }

    /// Variance, `p (1 - p)`.
    pub fn variance(&self) -> f64 {
        self.probability * (1.0 - self.probability)
    }

    /// Logarithm of the probability of k, -∞ where it is 0.
    pub fn ln_pmf(&self, k: u64) -> f64 {
        Counts::Bernoulli(*self).ln_mass(k as f64)
    }
}

impl Entropy for Bernoulli {
    /// `H = -p ln p - (1 - p) ln(1 - p)`
    fn entropy(&self) -> f64 {
        binary_entropy(self.probability)
    }
}

impl KlDivergence for Bernoulli {
    /// KL(self ‖ q) in nats; infinite where self has mass on an outcome that q rules out.
    ///
    /// `KL = p ln(p / q) + (1 - p) ln((1 - p) / (1 - q))`
    ///
    /// Source: Cover and Thomas, *Elements of Information Theory*, section 2.3.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        within(Self::NAME, binary_kl(self.probability, q.probability))
    }
}

/// Categorical distribution on {0, ..., n - 1}.
///
/// ```
/// use metrics::families::{Categorical, Entropy};
///
/// let d = Categorical::new(&[0.5, 0.25, 0.25])?;
/// assert_eq!((d.entropy(), d.mean()), (1.5 * 2f64.ln(), 0.75));
/// # Ok::<(), metrics::families::FamilyError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Categorical {
    probabilities: Vec<f64>,
}

impl Categorical {
    pub(super) const NAME: &'static str = "categorical";
    pub(super) const PARAMETERS: &'static [&'static str] = &["probabilities..."];

    pub(super) fn from_call(call: &Call) -> Result<Self, FamilyError> {
        Self::new(&call.list(Self::NAME)?)
    }

    /// Takes the probability of each outcome.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Length`] where there is none, [`FamilyError::Entry`] for one outside `[0, 1]`,
    /// [`FamilyError::SumNotOne`] for a sum that misses 1 by more than [`SUM_TOLERANCE`].
    pub fn new(probabilities: &[f64]) -> Result<Self, FamilyError> {
        if probabilities.is_empty() {
            return Err(FamilyError::Length {
                family: Self::NAME,
                parameter: "probabilities",
                actual: 0,
                expected: Length::AtLeast(1),
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
}

impl Categorical {
    /// Mean of the number of the outcome, from 0.
    pub fn mean(&self) -> f64 {
        self.expectation(|k| k)
    }

    /// Variance of the number of the outcome.
    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        self.expectation(|k| (k - mean) * (k - mean))
    }

    /// Logarithm of the probability of outcome k, -∞ where it is 0.
    pub fn ln_pmf(&self, k: u64) -> f64 {
        usize::try_from(k).ok().and_then(|k| self.probabilities.get(k)).map_or(f64::NEG_INFINITY, |p| p.ln())
    }

    fn expectation(&self, of: impl Fn(f64) -> f64) -> f64 {
        let outcomes = self.probabilities.iter().enumerate();
        let total: f64 = self.probabilities.iter().sum();
        outcomes.map(|(k, p)| p / total * of(k as f64)).sum()
    }
}

impl Entropy for Categorical {
    /// `H = -sum_i p_i ln p_i`
    fn entropy(&self) -> f64 {
        let total: f64 = self.probabilities.iter().sum();
        self.probabilities.iter().filter(|p| **p > 0.0).map(|p| -p / total * (p / total).ln()).sum()
    }
}

impl KlDivergence for Categorical {
    /// KL(self ‖ q) in nats; infinite where self has mass on an outcome that q rules out.
    ///
    /// `KL = sum_i p_i ln(p_i / q_i)`, as [`discrete::kl_divergence`]. Outcomes beyond the end of the shorter list have the
    /// probability 0, as they have for any other law of counts.
    ///
    /// Source: Cover and Thomas, *Elements of Information Theory*, section 2.3.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let outcomes = self.probabilities.len().max(q.probabilities.len());
        let [p, q] = [self, q].map(|of| {
            let mut padded = of.probabilities.clone();
            padded.resize(outcomes, 0.0);
            padded
        });
        // Both have been checked, so that only a sum at the very tolerance, added up in another order, can be refused.
        discrete::kl_divergence(&p, &q).map_err(|_| FamilyError::OutOfRange { p: Self::NAME, q: Self::NAME })
    }
}

impl std::fmt::Display for Categorical {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_call(f, Self::NAME, &self.probabilities)
    }
}

family! {
    /// Binomial distribution on {0, ..., trials}.
    ///
    /// ```
    /// use metrics::families::Binomial;
    ///
    /// let d = Binomial::new(10.0, 0.25)?;
    /// assert_eq!((d.mean(), d.variance()), (2.5, 1.875));
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Binomial, "binomial" {
        /// Number of trials: a whole number.
        trials: Count,
        /// Probability of success of each trial.
        probability: Probability,
    }
}

impl Binomial {
    /// Mean, `n p`.
    pub fn mean(&self) -> f64 {
        self.trials * self.probability
    }

    /// Variance, `n p (1 - p)`.
    pub fn variance(&self) -> f64 {
        self.trials * self.probability * (1.0 - self.probability)
    }

    /// Logarithm of the probability of k, -∞ where it is 0.
    pub fn ln_pmf(&self, k: u64) -> f64 {
        Counts::Binomial(*self).ln_mass(k as f64)
    }
}

impl Entropy for Binomial {
    /// `H = -sum_k P(k) ln P(k)`, summed: there is no closed form.
    fn entropy(&self) -> f64 {
        Counts::Binomial(*self).entropy_by_summation()
    }
}

impl KlDivergence for Binomial {
    /// KL(self ‖ q) in nats; infinite where self reaches counts that q does not.
    ///
    /// `KL = n (p ln(p / q) + (1 - p) ln((1 - p) / (1 - q)))` for equal numbers of trials n. For fewer trials in self than in
    /// q the binomial coefficients do not cancel and the sum over the outcomes is taken, as for a
    /// [`Distribution`](super::Distribution) of two families.
    ///
    /// Source: the binomial is an exponential family in which n trials add up; Cover and Thomas, section 2.5.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let kl = if self.trials == q.trials && self.trials > 0.0 {
            self.trials * binary_kl(self.probability, q.probability)
        } else {
            Counts::Binomial(*self).kl_by_summation(&Counts::Binomial(*q)).unwrap_or(f64::INFINITY)
        };
        within(Self::NAME, kl)
    }
}

family! {
    /// Poisson distribution on {0, 1, 2, ...}. A rate of 0 is the point mass at 0.
    ///
    /// ```
    /// use metrics::families::Poisson;
    ///
    /// let d = Poisson::new(3.0)?;
    /// assert_eq!((d.mean(), d.ln_pmf(0)), (3.0, -3.0));
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Poisson, "poisson" {
        /// Rate: mean and variance.
        rate: NonNegative,
    }
}

impl Poisson {
    /// Mean: the rate.
    pub fn mean(&self) -> f64 {
        self.rate
    }

    /// Variance, the rate.
    pub fn variance(&self) -> f64 {
        self.rate
    }

    /// Logarithm of the probability of k, -∞ where it is 0.
    pub fn ln_pmf(&self, k: u64) -> f64 {
        Counts::Poisson(*self).ln_mass(k as f64)
    }
}

impl Entropy for Poisson {
    /// `H = -sum_k P(k) ln P(k)`, summed: there is no closed form.
    fn entropy(&self) -> f64 {
        Counts::Poisson(*self).entropy_by_summation()
    }
}

impl KlDivergence for Poisson {
    /// KL(self ‖ q) in nats; infinite where q is the point mass at 0 and self is not.
    ///
    /// `KL = rate_p ln(rate_p / rate_q) - rate_p + rate_q`
    ///
    /// Source: Kullback, *Information Theory and Statistics* (1959), chapter 4.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        within(Self::NAME, relative_entropy_excess(self.rate, q.rate))
    }
}

family! {
    /// Geometric distribution on {0, 1, 2, ...}: failures before the first success (not the trials up to it).
    ///
    /// ```
    /// use metrics::families::Geometric;
    ///
    /// assert_eq!(Geometric::new(0.25)?.mean(), 3.0);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Geometric, "geometric" {
        /// Probability of success of each trial.
        probability: PositiveProbability,
    }
}

impl Geometric {
    /// Mean, `(1 - p) / p`.
    pub fn mean(&self) -> f64 {
        (1.0 - self.probability) / self.probability
    }

    /// Variance, `(1 - p) / p^2`.
    pub fn variance(&self) -> f64 {
        (1.0 - self.probability) / self.probability / self.probability
    }

    /// Logarithm of the probability of k, -∞ where it is 0.
    pub fn ln_pmf(&self, k: u64) -> f64 {
        Counts::Geometric(*self).ln_mass(k as f64)
    }
}

impl Entropy for Geometric {
    /// `H = (-p ln p - (1 - p) ln(1 - p)) / p`
    fn entropy(&self) -> f64 {
        // The larger part divided by p one factor at a time: p may be too small for a sum.
        let (p, ln_p) = (self.probability, self.probability.ln());
        if p == 1.0 { 0.0 } else { -ln_p - (1.0 - p) * ((-p).ln_1p() / p) }
    }
}

impl KlDivergence for Geometric {
    /// KL(self ‖ q) in nats; infinite where q is the point mass at 0 and self is not.
    ///
    /// `KL = ln(p / q) + (1 - p) / p ln((1 - p) / (1 - q))`: the KL of one trial times the mean number of trials, 1 / p.
    ///
    /// Source: Wald's identity, on the log-likelihood ratio of a trial.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let (p, q) = (self.probability, q.probability);
        if p < 0.5 && q < 0.5 {
            // Both parts divided by p one at a time: p may be too small for their sum.
            return within(Self::NAME, ratio_excess(q, p) + relative_entropy_excess(1.0 - p, 1.0 - q) / p);
        }
        within(Self::NAME, binary_kl(p, q) / p)
    }
}

/// `-p ln p - (1 - p) ln(1 - p)`
fn binary_entropy(p: f64) -> f64 {
    if p == 0.0 || p == 1.0 { 0.0 } else { -p * p.ln() - (1.0 - p) * (-p).ln_1p() }
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
    ///
    /// Binomial and Poisson in the form of Loader, *Fast and Accurate Computation of Binomial Probabilities* (2000): the
    /// distance of k from the mean, `D(k, m) = k ln(k / m) - k + m`, and what `ln Γ` has beyond its leading part. The
    /// differences of `ln Γ` in the textbook form are those of numbers of size `n ln n`.
    pub(super) fn ln_mass(&self, k: f64) -> f64 {
        match self {
            Self::Bernoulli(d) => ln_binomial_mass(1.0, d.probability, k),
            Self::Binomial(d) => ln_binomial_mass(d.trials, d.probability, k),
            Self::Categorical(d) => d.probabilities.get(k as usize).map_or(f64::NEG_INFINITY, |p| p.ln()),
            Self::Poisson(d) if k == 0.0 => -d.rate,
            Self::Poisson(d) if d.rate == 0.0 => f64::NEG_INFINITY,
            Self::Poisson(d) => -relative_entropy_excess(k, d.rate) - k.ln() - stirling(k),
            Self::Geometric(d) => {
                let failures = if k == 0.0 { 0.0 } else { k * (-d.probability).ln_1p() };
                failures + d.probability.ln()
            }
        }
    }

    /// KL(self ‖ q) in nats as the sum over the outcomes of self, `None` where self has infinitely many.
    ///
    /// `KL = sum_k P(k) (ln P(k) - ln Q(k))`. A binomial is summed over the counts within 40 standard deviations of its
    /// mean: what lies outside has a mass below 1e-300. Of a wide one every h-th count is taken, h times: for a smooth
    /// term that leaves out its Fourier transform at the frequencies `2 π / h` and beyond, and with a step of an eighth of
    /// the standard deviation this is below e^-500. So 10^15 trials take no longer than a thousand.
    pub(super) fn kl_by_summation(&self, q: &Self) -> Option<f64> {
        let (low, high) = self.bounds();
        let (q_low, q_high) = q.bounds();
        if low < q_low || q_high.is_some_and(|q_high| high.is_none_or(|high| high > q_high)) {
            return Some(f64::INFINITY);
        }
        high?;
        // A list of probabilities is not smooth, and is as long as there are counts to sum over.
        let every = matches!(q, Self::Categorical(_));
        Some(self.sum_over_bulk(every, |k, ln_p| ln_p - q.ln_mass(k)).max(0.0))
    }

    /// KL(self ‖ q) in nats for laws on all counts, and a bound on what the sum leaves out.
    pub(super) fn kl_by_truncated_sum(&self, q: &Self) -> (f64, f64) {
        let ln_ratio = |k: f64| self.ln_mass(k) - q.ln_mass(k);
        let Self::Geometric(d) = self else {
            let value = self.sum_over_bulk(false, |k, _| ln_ratio(k));
            // A rate so large that neighbouring counts are one number shows in the mass.
            let missing = (self.sum_over_bulk(false, |_, _| 1.0) - 1.0).abs();
            let (_, end) = self.bulk();
            let left_out = 1e-300 * ln_ratio(end).abs();
            return (value, left_out + if missing > 1e-12 { missing * value.abs().max(1.0) } else { 0.0 });
        };
        let term = |k: f64| self.ln_mass(k).exp() * ln_ratio(k);
        // Up to a hundred times the mean: e^-100 of the mass lies beyond.
        let end = (-100.0 / (-d.probability).ln_1p()).ceil();
        let all = end <= 1e5;
        let summed = if all { end } else { 4096.0 };
        let mut sum = CompensatedSum::default();
        for k in 0..summed as u64 {
            sum.add(term(k as f64));
        }
        let mut error = 0.0;
        if !all {
            // Euler and Maclaurin from the middle between two counts: the integral and f' / 24. The next term has the third
            // derivative, below 10 / 4096^3 of the function.
            let start = summed - 0.5;
            let cuts: Vec<f64> =
                [0.0, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0].map(|part| start + part * (end - start)).into();
            let rest = integrate(term, &cuts, 1e-14);
            sum.add(rest.value);
            sum.add((term(summed) - term(summed - 1.0)) / 24.0);
            error = rest.error + 1e-12 * term(summed).abs();
        }
        // ln(P / Q) grows no faster than the square of the count, and the count beyond the end by a mean of end / 100.
        let tail = self.ln_mass(end).exp() / d.probability * ln_ratio(end).abs() * 1.1;
        (sum.value().max(0.0), error + tail)
    }

    fn entropy_by_summation(&self) -> f64 {
        if let Self::Poisson(d) = self
            && d.rate > 1e20
        {
            // Of the Normal with its variance; the next term is 1 / (12 rate).
            return 0.5 * (TAU * E).ln() + 0.5 * d.rate.ln();
        }
        self.sum_over_bulk(false, |_, ln_p| -ln_p)
    }

    /// The standard deviation of the laws that are smooth and have light tails.
    fn smooth_deviation(&self) -> Option<f64> {
        match self {
            Self::Binomial(d) => Some(d.variance().sqrt()),
            Self::Poisson(d) => Some(d.rate.sqrt()),
            _ => None,
        }
    }

    /// The counts between which all but 1e-300 of the mass lies, for the laws that have an end or light tails.
    fn bulk(&self) -> (f64, f64) {
        let (low, high) = self.bounds();
        let high = high.unwrap_or(f64::INFINITY);
        let mean = match self {
            Self::Binomial(d) => d.mean(),
            Self::Poisson(d) => d.rate,
            _ => return (low, high),
        };
        let reach = 40.0 * self.smooth_deviation().unwrap_or(0.0) + 800.0;
        (low.max((mean - reach).floor()), high.min((mean + reach).ceil()))
    }

    /// `sum_k P(k) f(k, ln P(k))` over all counts with a mass above 1e-300, or every h-th of them, h times.
    fn sum_over_bulk(&self, every: bool, f: impl Fn(f64, f64) -> f64) -> f64 {
        let (mut first, last) = self.bulk();
        let mut step = 1.0;
        if let Some(sd) = self.smooth_deviation()
            && !every
            && sd >= 16.0
        {
            // A power of two, whose multiples are exact.
            step = libm::exp2((sd / 8.0).log2().floor());
            first = (first / step).floor() * step;
        }
        let mut sum = CompensatedSum::default();
        for j in 0..=((last - first) / step) as u64 {
            let k = first + j as f64 * step;
            let ln_p = self.ln_mass(k);
            if ln_p > f64::NEG_INFINITY {
                sum.add(ln_p.exp() * f(k, ln_p));
            }
        }
        step * sum.value()
    }
}

fn ln_binomial_mass(n: f64, p: f64, k: f64) -> f64 {
    let times_ln = |n: f64, ln_p: f64| if n == 0.0 { 0.0 } else { n * ln_p };
    if k > n {
        f64::NEG_INFINITY
    } else if k == 0.0 || k == n || p == 0.0 || p == 1.0 {
        times_ln(k, p.ln()) + times_ln(n - k, (-p).ln_1p())
    } else {
        let from_means = relative_entropy_excess(k, n * p) + relative_entropy_excess(n - k, n * (1.0 - p));
        (n / k / (n - k)).ln() + stirling(n) - stirling(k) - stirling(n - k) - from_means
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masses_sum_to_one_however_many_trials() {
        for (trials, probability) in [(1e9, 0.5), (1e12, 0.5), (1e12, 0.1), (9e15, 0.5), (9e15, 1e-9)] {
            let law = Counts::Binomial(Binomial { trials, probability });
            let (mean, sd) = (trials * probability, (trials * probability * (1.0 - probability)).sqrt());
            let step = (sd / 8.0).floor();
            let counts = (-100..=100).map(|j| (mean + f64::from(j) * step).floor());
            let mass = step * counts.map(|k| law.ln_mass(k).exp()).sum::<f64>();
            // The logarithm of a mass is a difference of numbers as large as the logarithm of the trials.
            assert!((mass - 1.0).abs() < 1e-13, "{trials} trials of {probability}: {mass}");
        }
    }

    #[test]
    fn a_long_tail_is_integrated() {
        for (probability, rate) in [(9e-4, 900.0), (9e-4, 5.0)] {
            let p = Counts::Geometric(Geometric { probability });
            let q = Counts::Poisson(Poisson { rate });
            let (found, bound) = p.kl_by_truncated_sum(&q);
            let term = |k: f64| p.ln_mass(k).exp() * (p.ln_mass(k) - q.ln_mass(k));
            let expected = CompensatedSum::of((0..130_000).map(|k| term(f64::from(k)))).value();
            // Every term has a few roundings of its own.
            let error = (found - expected).abs();
            assert!(error <= bound + 1e-14 * expected, "{found}, {expected}, {bound:e}");
            assert!(bound < 1e-11 * expected, "{bound:e}");
        }
    }

    #[test]
    fn entropies_of_counts() {
        // Ten coins, and a rate so large that only the Normal limit is left: ln(2 π e rate) / 2 - 1 / (12 rate).
        let coins = Binomial { trials: 1.0, probability: 0.3 };
        assert!((coins.entropy() - Bernoulli { probability: 0.3 }.entropy()).abs() < 1e-15);
        for rate in [1e6, 1e12, 1e19, 1e25, 1e300] {
            let expected = 0.5 * (TAU * E).ln() + 0.5 * f64::ln(rate) - 1.0 / (12.0 * rate);
            let found = Poisson { rate }.entropy();
            assert!((found - expected).abs() < 1e-12, "{rate:e}: {found}, not {expected}");
        }
        assert_eq!(Poisson { rate: 0.0 }.entropy(), 0.0);
        assert_eq!(Geometric { probability: 1.0 }.entropy(), 0.0);
    }

    #[test]
    fn a_shorter_list_is_one_with_impossible_outcomes() {
        let short = Categorical::new(&[0.5, 0.5]).unwrap();
        let long = Categorical::new(&[0.25, 0.25, 0.5]).unwrap();
        assert_eq!(short.kl_divergence(&long), Ok(2f64.ln()));
        assert_eq!(long.kl_divergence(&short), Ok(f64::INFINITY));
        let bernoulli = Counts::Bernoulli(Bernoulli { probability: 0.5 });
        assert_eq!(bernoulli.kl_by_summation(&Counts::Categorical(long)), Some(2f64.ln()));
    }
}
