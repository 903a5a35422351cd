//! Beta, Dirichlet and continuous Bernoulli: distributions of proportions.

use super::error::{FamilyError, Length};
use super::kl::{Entropy, KlDivergence, within};
use super::parameters::{Range, family, write_call};
use super::parse::Call;
use crate::numeric::special::{
    bregman_by_curvature, ln_ratio, relative_entropy_excess, stirling, stirling_divergence, stirling_slope,
};

family! {
    /// Beta distribution on (0, 1), with density proportional to `x^(alpha - 1) (1 - x)^(beta - 1)`.
    ///
    /// ```
    /// use metrics::families::Beta;
    ///
    /// let d = Beta::new(2.0, 2.0)?;
    /// assert_eq!((d.mean(), d.variance()), (0.5, 0.05));
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    Beta, "beta" {
        /// Exponent of x, plus 1.
        alpha: Positive,
        /// Exponent of 1 - x, plus 1.
        beta: Positive,
    }
}

impl Beta {
    /// Mean, `alpha / (alpha + beta)`.
    pub fn mean(&self) -> f64 {
        1.0 / (1.0 + self.beta / self.alpha)
    }

    /// Variance, `alpha beta / ((alpha + beta)^2 (alpha + beta + 1))`.
    pub fn variance(&self) -> f64 {
        self.mean() / (1.0 + self.alpha / self.beta) / (self.alpha + self.beta + 1.0)
    }

    /// Logarithm of the density at x, -∞ outside (0, 1).
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if x <= 0.0 || x >= 1.0 {
            return f64::NEG_INFINITY;
        }
        dirichlet_ln_pdf(&[self.alpha, self.beta], &[x, 1.0 - x])
    }
}

impl Entropy for Beta {
    /// `H = ln B(a, b) - (a - 1) ψ(a) - (b - 1) ψ(b) + (a + b - 2) ψ(a + b)`
    fn entropy(&self) -> f64 {
        dirichlet_entropy(&[self.alpha, self.beta])
    }
}

impl KlDivergence for Beta {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = ln B(a_q, b_q) - ln B(a_p, b_p) + (a_p - a_q) ψ(a_p) + (b_p - b_q) ψ(b_p) + (a_q - a_p + b_q - b_p) ψ(a_p + b_p)`,
    /// computed as the [`Dirichlet`] of two outcomes that it is.
    ///
    /// Source: Gil, Alajaji and Linder, *Rényi divergence measures for commonly used univariate continuous
    /// distributions* (2013), table 2.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        within(Self::NAME, dirichlet_kl(&[self.alpha, self.beta], &[q.alpha, q.beta]))
    }
}

/// Dirichlet distribution on the simplex, with density proportional to `prod_i x_i^(concentration_i - 1)`.
///
/// ```
/// use metrics::families::Dirichlet;
///
/// // With concentrations of 1 it is uniform.
/// assert!(Dirichlet::new(&[1.0, 1.0])?.ln_pdf(&[0.3, 0.7])?.abs() < 1e-15);
/// # Ok::<(), metrics::families::FamilyError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dirichlet {
    concentrations: Vec<f64>,
}

impl Dirichlet {
    pub(super) const NAME: &'static str = "dirichlet";
    pub(super) const PARAMETERS: &'static [&'static str] = &["concentrations..."];

    pub(super) fn from_call(call: &Call) -> Result<Self, FamilyError> {
        Self::new(&call.list(Self::NAME)?)
    }

    /// Takes the concentration of each outcome.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Length`] for fewer than 2, [`FamilyError::Entry`] for one that is not above 0 and finite.
    pub fn new(concentrations: &[f64]) -> Result<Self, FamilyError> {
        if concentrations.len() < 2 {
            return Err(FamilyError::Length {
                family: Self::NAME,
                parameter: "concentrations",
                actual: concentrations.len(),
                expected: Length::AtLeast(2),
            });
        }
        Range::Positive.check_entries(Self::NAME, "concentrations", concentrations)?;
        Ok(Self { concentrations: concentrations.to_vec() })
    }

    /// Concentration of each outcome.
    pub fn concentrations(&self) -> &[f64] {
        &self.concentrations
    }
}

impl Dirichlet {
    /// Logarithm of the density at a point of the simplex, with respect to all coordinates but one.
    ///
    /// -∞ where a coordinate is 0 or below.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Length`] unless there is a coordinate for each concentration.
    pub fn ln_pdf(&self, x: &[f64]) -> Result<f64, FamilyError> {
        if x.len() != self.concentrations.len() {
            return Err(FamilyError::Length {
                family: Self::NAME,
                parameter: "the point",
                actual: x.len(),
                expected: Length::Exactly(self.concentrations.len()),
            });
        }
        if x.iter().any(|x| *x <= 0.0) {
            return Ok(f64::NEG_INFINITY);
        }
        Ok(dirichlet_ln_pdf(&self.concentrations, x))
    }
}

impl Entropy for Dirichlet {
    /// `H = sum_i (ln Γ(a_i) - (a_i - 1) ψ(a_i)) - ln Γ(A) + (A - n) ψ(A)`, concentrations a, their sum A.
    fn entropy(&self) -> f64 {
        dirichlet_entropy(&self.concentrations)
    }
}

impl KlDivergence for Dirichlet {
    /// KL(self ‖ q) in nats.
    ///
    /// `KL = ln Γ(A_p) - ln Γ(A_q) + sum_i (ln Γ(a_q,i) - ln Γ(a_p,i) + (a_p,i - a_q,i) (ψ(a_p,i) - ψ(A_p)))`, concentrations a
    /// and their sums A.
    ///
    /// With `S(a) = ln Γ(a) - a ln a + a` and `D_S` its Bregman divergence this is
    /// `A_q KL(a_q / A_q ‖ a_p / A_p) + sum_i D_S(a_q,i, a_p,i) - D_S(A_q, A_p)`: a discrete KL of the means and a remainder in
    /// which little cancels.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Dimensions`] where the two have different numbers of outcomes.
    ///
    /// Source: Penny, *KL-Divergences of Normal, Gamma, Dirichlet and Wishart densities* (2001).
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let (n, m) = (self.concentrations.len(), q.concentrations.len());
        if n != m {
            return Err(FamilyError::Dimensions { family: Self::NAME, p: n, q: m });
        }
        within(Self::NAME, dirichlet_kl(&self.concentrations, &q.concentrations))
    }
}

impl std::fmt::Display for Dirichlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_call(f, Self::NAME, &self.concentrations)
    }
}

/// In every logarithm the parts of the size `a ln a`, which cancel, are left out.
fn dirichlet_entropy(concentrations: &[f64]) -> f64 {
    let total: f64 = concentrations.iter().sum();
    let of = |a: f64, outcomes: f64| stirling(a) - stirling_slope(a) * (1.0 - outcomes / a);
    let parts: f64 = concentrations.iter().map(|&a| ln_ratio(a, total) + of(a, 1.0)).sum();
    parts - of(total, concentrations.len() as f64)
}

/// `sum_i (a_i - 1) ln x_i - ln B(a)`, from the distances of x to the mean `a / A`.
fn dirichlet_ln_pdf(concentrations: &[f64], x: &[f64]) -> f64 {
    let total: f64 = concentrations.iter().sum();
    let part = |(&a, &x): (&f64, &f64)| a * ln_ratio(x, a / total) - x.ln() - stirling(a);
    concentrations.iter().zip(x).map(part).sum::<f64>() + stirling(total)
}

fn dirichlet_kl(p: &[f64], q: &[f64]) -> f64 {
    let (p_sum, q_sum): (f64, f64) = (p.iter().sum(), q.iter().sum());
    let pairs = || p.iter().zip(q);
    let means: f64 = pairs().map(|(p, q)| relative_entropy_excess(q / q_sum, p / p_sum)).sum();
    let shapes: f64 = pairs().map(|(&p, &q)| stirling_divergence(q, p)).sum();
    q_sum * means + shapes - stirling_divergence(q_sum, p_sum)
}

family! {
    /// Continuous Bernoulli distribution on [0, 1], with density proportional to `probability^x (1 - probability)^(1 - x)`.
    ///
    /// The likelihood that a VAE with Bernoulli logits on grey values should have had: Loaiza-Ganem and Cunningham, *The
    /// continuous Bernoulli: fixing a pervasive error in variational autoencoders* (2019).
    ///
    /// ```
    /// use metrics::families::ContinuousBernoulli;
    ///
    /// // Of 1/2 it is uniform.
    /// assert_eq!(ContinuousBernoulli::new(0.5)?.mean(), 0.5);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    ContinuousBernoulli, "continuous_bernoulli" {
        /// Parameter in (0, 1); unlike in a Bernoulli it is not the mean.
        probability: OpenProbability,
    }
}

impl ContinuousBernoulli {
    /// `ln(probability / (1 - probability))`.
    pub(super) fn logit(&self) -> f64 {
        self.probability.ln() - (-self.probability).ln_1p()
    }

    /// Mean, `A'(η)`.
    pub fn mean(&self) -> f64 {
        let eta = self.logit();
        slope_at(eta)
            + if eta > 0.0 {
                1.0
            } else if eta == 0.0 {
                0.5
            } else {
                0.0
            }
    }

    /// Logarithm of the density at x, -∞ outside [0, 1].
    pub fn ln_pdf(&self, x: f64) -> f64 {
        if !(0.0..=1.0).contains(&x) {
            return f64::NEG_INFINITY;
        }
        let eta = self.logit();
        let from_end = if eta > 0.0 { x - 1.0 } else { x };
        eta * from_end - log_partition_less_kink(eta)
    }

    /// Variance, `A''(η)`.
    pub fn variance(&self) -> f64 {
        variance_at(self.logit())
    }
}

impl Entropy for ContinuousBernoulli {
    /// `H = A(η) - η A'(η)`
    fn entropy(&self) -> f64 {
        let eta = self.logit();
        // Of max(η, 0) nothing is left.
        log_partition_less_kink(eta) - eta * slope_at(eta)
    }
}

impl KlDivergence for ContinuousBernoulli {
    /// KL(self ‖ q) in nats.
    ///
    /// With `η = ln(probability / (1 - probability))` the density is `exp(η x - A(η))`, `A(η) = ln((exp(η) - 1) / η)`, and
    /// `KL = A(η_q) - A(η_p) - (η_q - η_p) A'(η_p)`.
    ///
    /// Source: Loaiza-Ganem and Cunningham (2019), appendix; the Bregman form holds for every exponential family.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        within(Self::NAME, kl_of_logits(self.logit(), q.logit()))
    }
}

/// `A(η_q) - A(η_p) - (η_q - η_p) A'(η_p)`
pub(super) fn kl_of_logits(p: f64, q: f64) -> f64 {
    let difference = q - p;
    let near =
        difference.abs() <= 1.0 || (0.5 * p.abs() <= q.abs() && q.abs() <= 2.0 * p.abs() && p * q > 0.0);
    if near {
        return bregman_by_curvature(p, q, |s| difference * difference * variance_at(s));
    }
    // The kink of max(η, 0) adds only where the signs differ.
    let kink = if p * q < 0.0 { q.abs() } else { 0.0 };
    log_partition_less_kink(q) - log_partition_less_kink(p) - difference * slope_at(p) + kink
}

/// `A(η) = ln((exp(η) - 1) / η)`, minus the logarithm of the normalising constant.
pub(super) fn log_partition(eta: f64) -> f64 {
    log_partition_less_kink(eta) + eta.max(0.0)
}

/// `A(η) - max(η, 0)`, even in η: the linear growth, which no divergence contains, taken out.
fn log_partition_less_kink(eta: f64) -> f64 {
    let magnitude = eta.abs();
    if magnitude < 1e-8 {
        // -|η| / 2 + η^2 / 24 - ...
        return -0.5 * magnitude;
    }
    (-(-magnitude).exp_m1() / magnitude).ln()
}

/// `A'(η)`, less 1 for `η > 0` and less 1/2 at 0: the slope of `A(η) - max(η, 0)`.
fn slope_at(eta: f64) -> f64 {
    let magnitude = eta.abs();
    if magnitude == 0.0 {
        return 0.0;
    }
    let slope = if magnitude < 0.5 {
        // 1 / (e^x - 1) - 1 / x = -1/2 + sum_k B_2k x^(2k - 1) / (2k)!: the next term is below 1e-16 of the sum.
        let square = magnitude * magnitude;
        let tail = 691.0 / 1_307_674_368_000.0 - square * (1.0 / 74_724_249_600.0);
        let tail = 1.0 / 1_209_600.0 - square * (1.0 / 47_900_160.0 - square * tail);
        let tail = 1.0 / 720.0 - square * (1.0 / 30_240.0 - square * tail);
        -0.5 + magnitude * (1.0 / 12.0 - square * tail)
    } else {
        1.0 / magnitude.exp_m1() - 1.0 / magnitude
    };
    if eta > 0.0 { slope } else { -slope }
}

/// `A''(η) = 1 / η^2 - 1 / (4 sinh^2(η / 2))`, the variance.
fn variance_at(eta: f64) -> f64 {
    let square = eta * eta;
    if square < 0.25 {
        // 1/12 - x^2/240 + x^4/6048 - x^6/172800 + x^8/5322240 - 691 x^10/118879488000 ...: the next term is below 1e-16.
        let tail = 1.0 / 172_800.0 - square * (1.0 / 5_322_240.0 - square * (691.0 / 118_879_488_000.0));
        return 1.0 / 12.0 - square * (1.0 / 240.0 - square * (1.0 / 6048.0 - square * tail));
    }
    let sinh = (0.5 * eta).sinh();
    1.0 / square - 0.25 / (sinh * sinh)
}
