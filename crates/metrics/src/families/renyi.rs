//! Rényi, Bhattacharyya and Hellinger between members of a family.
//!
//! In an exponential family the density proportional to `p^a q^(1 - a)` is a member too, M, wherever it can be normalised:
//! its natural parameter is `a θ_p + (1 - a) θ_q`. With it every order is a combination of two KL,
//!
//! ```text
//! D_a(P ‖ Q) = KL(M ‖ Q) + a / (1 - a) KL(M ‖ P)
//! ```
//!
//! so that the care taken of KL serves here too: below order 1 both terms are at least 0, and nothing cancels between close
//! distributions. Where the density cannot be normalised the divergence is infinite. (Nielsen and Nock, *On Rényi and Tsallis
//! entropies and divergences for exponential families*, 2011; the values are those of Gil, Alajaji and Linder, *Rényi
//! divergence measures for commonly used univariate continuous distributions*, 2013.)

use super::beta::{Beta, ContinuousBernoulli, Dirichlet, kl_of_logits};
use super::bounded::{Pareto, Uniform};
use super::counts::{Bernoulli, Binomial, Categorical, Geometric, Poisson};
use super::error::FamilyError;
use super::gamma::{Exponential, Gamma, InverseGamma, Weibull};
use super::kl::KlDivergence;
use super::location_scale::{Gumbel, Laplace};
use super::multivariate_normal::MultivariateNormal;
use super::normal::{HalfNormal, LogNormal, Normal};
use super::von_mises::VonMises;
use crate::numeric::special::{ln_ratio, standardized};

/// Closed-form divergences with an order, and those that follow from order 1/2.
///
/// ```
/// use metrics::families::{Normal, RenyiDivergence};
///
/// let (p, q) = (Normal::new(0.0, 1.0)?, Normal::new(2.0, 1.0)?);
/// // For equal variances a (mean_p - mean_q)^2 / 2 variance.
/// assert_eq!(p.renyi_divergence(&q, 0.25)?, 0.5);
/// assert_eq!(p.bhattacharyya_distance(&q)?, 0.5);
/// assert_eq!(p.hellinger_distance(&q)?, (1.0 - (-0.5f64).exp()).sqrt());
/// # Ok::<(), metrics::families::FamilyError>(())
/// ```
pub trait RenyiDivergence {
    /// The Rényi divergence `ln(∫ p^a q^(1 - a)) / (a - 1)` of the reference q, of order a, in nats.
    ///
    /// Order 1 is the KL divergence. Infinite where the integral diverges.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Order`] unless `alpha` is positive and finite, and what the KL of the family has;
    /// [`FamilyError::NoClosedForm`] for Weibull distributions of different shape, Gumbel distributions of different scale and
    /// binomials of different numbers of trials.
    fn renyi_divergence(&self, q: &Self, alpha: f64) -> Result<f64, FamilyError>;

    /// The Bhattacharyya distance `-ln ∫ sqrt(p q)` in nats: half the Rényi divergence of order 1/2.
    ///
    /// # Errors
    ///
    /// As for [`renyi_divergence`](Self::renyi_divergence).
    fn bhattacharyya_distance(&self, q: &Self) -> Result<f64, FamilyError> {
        Ok(0.5 * self.renyi_divergence(q, 0.5)?)
    }

    /// The Hellinger distance `sqrt(1 - ∫ sqrt(p q))`, from 0 to 1, a metric. (Some authors leave the 1 a 2.)
    ///
    /// # Errors
    ///
    /// As for [`renyi_divergence`](Self::renyi_divergence).
    fn hellinger_distance(&self, q: &Self) -> Result<f64, FamilyError> {
        Ok((-(-self.bhattacharyya_distance(q)?).exp_m1()).sqrt())
    }
}

fn check_order(alpha: f64) -> Result<(), FamilyError> {
    if alpha > 0.0 && alpha.is_finite() { Ok(()) } else { Err(FamilyError::Order { alpha }) }
}

/// What the density proportional to `p^a q^(1 - a)` is.
enum Between<D> {
    Member(D),
    /// It cannot be normalised.
    Diverges,
    /// The two have no common exponential family.
    NoFamily,
}

impl<D> Between<D> {
    /// The member with these parameters, which a constructor refuses where the integral diverges.
    fn of(member: Result<D, FamilyError>) -> Self {
        member.map_or(Self::Diverges, Self::Member)
    }
}

/// A family whose densities `exp(θ T(x) - F(θ))` have one carrier.
trait ExponentialFamily: KlDivergence + Sized {
    const FAMILY: &'static str;

    fn between(&self, q: &Self, alpha: f64) -> Result<Between<Self>, FamilyError>;

    fn of_order(&self, q: &Self, alpha: f64) -> Result<f64, FamilyError> {
        check_order(alpha)?;
        if alpha == 1.0 {
            return self.kl_divergence(q);
        }
        match self.between(q, alpha)? {
            Between::Diverges => Ok(f64::INFINITY),
            Between::NoFamily => Err(FamilyError::NoClosedForm { p: Self::FAMILY, q: Self::FAMILY }),
            Between::Member(m) => {
                let (from_q, from_p) = (m.kl_divergence(q)?, m.kl_divergence(self)?);
                super::kl::within(Self::FAMILY, from_q + alpha / (1.0 - alpha) * from_p)
            }
        }
    }
}

/// `a x + (1 - a) y`, and x for equal ones.
fn mix(alpha: f64, x: f64, y: f64) -> f64 {
    y + alpha * (x - y)
}

macro_rules! exponential_families {
    ($($family:ident: |$p:ident, $q:ident, $alpha:ident| $between:expr;)*) => {
        $(
            impl ExponentialFamily for $family {
                const FAMILY: &'static str = $family::NAME;

                fn between(&self, $q: &Self, $alpha: f64) -> Result<Between<Self>, FamilyError> {
                    let $p = self;
                    Ok($between)
                }
            }

            impl RenyiDivergence for $family {
                fn renyi_divergence(&self, q: &Self, alpha: f64) -> Result<f64, FamilyError> {
                    self.of_order(q, alpha)
                }
            }
        )*
    };
}

exponential_families! {
    Bernoulli: |p, q, a| power_mean(&[p.probability(), 1.0 - p.probability()], &[q.probability(), 1.0 - q.probability()], a)
        .map_or(Between::Diverges, |m| Between::of(Bernoulli::new(m[0])));
    Categorical: |p, q, a| {
        let outcomes = p.probabilities().len().max(q.probabilities().len());
        let padded = |d: &Categorical| {
            let mut padded = d.probabilities().to_vec();
            padded.resize(outcomes, 0.0);
            padded
        };
        power_mean(&padded(p), &padded(q), a).map_or(Between::Diverges, |m| Between::of(Categorical::new(&m)))
    };
    Binomial: |p, q, a| {
        let (of_p, of_q) = (Bernoulli::new(p.probability())?, Bernoulli::new(q.probability())?);
        if p.trials() != q.trials() {
            return Ok(Between::NoFamily);
        }
        match of_p.between(&of_q, a)? {
            Between::Member(m) => Between::of(Binomial::new(p.trials(), m.probability())),
            _ => Between::Diverges,
        }
    };
    Poisson: |p, q, a| {
        if p.rate() == q.rate() {
            Between::Member(*p)
        } else if q.rate() == 0.0 && a > 1.0 {
            Between::Diverges
        } else {
            Between::of(Poisson::new(geometric_mean(p.rate(), q.rate(), a)))
        }
    };
    Geometric: |p, q, a| {
        // 1 - the probability of success is what mixes; near 1 its logarithm is all there is of it.
        let ln_failure = mix(a, (-p.probability()).ln_1p(), (-q.probability()).ln_1p());
        let success = if p.probability() == 1.0 || q.probability() == 1.0 {
            if q.probability() == 1.0 && a > 1.0 && p.probability() < 1.0 { return Ok(Between::Diverges) }
            1.0
        } else {
            -ln_failure.exp_m1()
        };
        Between::of(Geometric::new(success))
    };
    Normal: |p, q, a| {
        match mixed_precision(p.sd(), q.sd(), a) {
            None => Between::Diverges,
            Some(m) => Between::of(Normal::new(mix(m.share_of_p, p.mean(), q.mean()), m.sd)),
        }
    };
    HalfNormal: |p, q, a| {
        mixed_precision(p.sd(), q.sd(), a).map_or(Between::Diverges, |m| Between::of(HalfNormal::new(m.sd)))
    };
    LogNormal: |p, q, a| {
        match mixed_precision(p.sigma(), q.sigma(), a) {
            None => Between::Diverges,
            Some(m) => Between::of(LogNormal::new(mix(m.share_of_p, p.mu(), q.mu()), m.sd)),
        }
    };
    Exponential: |p, q, a| Between::of(Exponential::new(mix(a, p.rate(), q.rate())));
    Gamma: |p, q, a| Between::of(Gamma::new(mix(a, p.shape(), q.shape()), mix(a, p.rate(), q.rate())));
    InverseGamma: |p, q, a| {
        Between::of(InverseGamma::new(mix(a, p.shape(), q.shape()), mix(a, p.scale(), q.scale())))
    };
    // exp(-(x / l)^k): with one shape k a family in l^-k.
    Weibull: |p, q, a| {
        if p.shape() != q.shape() {
            return Ok(Between::NoFamily);
        }
        // l_m^-k = l_q^-k (1 + a (r - 1)), r = (l_q / l_p)^k.
        match ln_mixed(a, p.shape() * ln_ratio(q.scale(), p.scale())) {
            None => Between::Diverges,
            Some(ln_growth) => Between::of(Weibull::new(q.scale() * (-ln_growth / p.shape()).exp(), p.shape())),
        }
    };
    // -ln of a Weibull variable.
    Gumbel: |p, q, a| {
        if p.scale() != q.scale() {
            return Ok(Between::NoFamily);
        }
        match ln_mixed(a, standardized(p.location(), q.location(), q.scale())) {
            None => Between::Diverges,
            Some(ln_growth) => Between::of(Gumbel::new(q.location() + q.scale() * ln_growth, q.scale())),
        }
    };
    Beta: |p, q, a| Between::of(Beta::new(mix(a, p.alpha(), q.alpha()), mix(a, p.beta(), q.beta())));
    Dirichlet: |p, q, a| {
        let (of_p, of_q) = (p.concentrations(), q.concentrations());
        if of_p.len() != of_q.len() {
            return Err(FamilyError::Dimensions { family: Dirichlet::NAME, p: of_p.len(), q: of_q.len() });
        }
        let mixed: Vec<f64> = of_p.iter().zip(of_q).map(|(p, q)| mix(a, *p, *q)).collect();
        Between::of(Dirichlet::new(&mixed))
    };
    // Every order converges on a circle.
    VonMises: |p, q, a| {
        let (kp, kq) = (a * p.concentration(), (1.0 - a) * q.concentration());
        let x = kp * p.location().cos() + kq * q.location().cos();
        let y = kp * p.location().sin() + kq * q.location().sin();
        if p.location() == q.location() {
            let concentration = mix(a, p.concentration(), q.concentration());
            let turned = if concentration < 0.0 { std::f64::consts::PI } else { 0.0 };
            Between::of(VonMises::new(p.location() + turned, concentration.abs()))
        } else {
            Between::of(VonMises::new(y.atan2(x), x.hypot(y)))
        }
    };
}

/// `ln(1 + a (e^x - 1))`, `None` where that has no logarithm.
fn ln_mixed(alpha: f64, x: f64) -> Option<f64> {
    // Far beyond 1, e^x is all there is.
    let ln_growth = if x > 700.0 { alpha.ln() + x } else { (alpha * x.exp_m1()).ln_1p() };
    (ln_growth > f64::NEG_INFINITY).then_some(ln_growth)
}

/// `p^a q^(1 - a)` outcome by outcome, normalised. `None` where it is infinite, or 0 everywhere.
fn power_mean(p: &[f64], q: &[f64], alpha: f64) -> Option<Vec<f64>> {
    let logs: Vec<f64> = p
        .iter()
        .zip(q)
        .map(|(&p, &q)| match (p == 0.0, q == 0.0) {
            (true, _) => f64::NEG_INFINITY,
            (false, true) if alpha > 1.0 => f64::INFINITY,
            (false, true) => f64::NEG_INFINITY,
            (false, false) => q.ln() + alpha * ln_ratio(p, q),
        })
        .collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return None;
    }
    let weights: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    Some(weights.into_iter().map(|weight| weight / total).collect())
}

/// `x^a y^(1 - a)`
fn geometric_mean(x: f64, y: f64, alpha: f64) -> f64 {
    if x == 0.0 || y == 0.0 { 0.0 } else { y * (alpha * ln_ratio(x, y)).exp() }
}

/// The Normal proportional to `p^a q^(1 - a)`.
struct MixedPrecision {
    sd: f64,
    /// The weight of P's mean in its mean.
    share_of_p: f64,
}

/// `None` where the precision `a / sd_p^2 + (1 - a) / sd_q^2` is not above 0.
fn mixed_precision(sd_p: f64, sd_q: f64, alpha: f64) -> Option<MixedPrecision> {
    // The precision times sd_q^2 is 1 + a (r^2 - 1), r = sd_q / sd_p.
    let r = sd_q / sd_p;
    let excess = alpha * ((sd_q - sd_p) / sd_p) * (r + 1.0);
    let growth = 1.0 + excess;
    if growth == f64::INFINITY {
        // Beside the precision of P that of Q is nothing.
        return Some(MixedPrecision { sd: sd_p / alpha.sqrt(), share_of_p: 1.0 });
    }
    (growth > 0.0).then(|| MixedPrecision { sd: sd_q / growth.sqrt(), share_of_p: alpha * r * r / growth })
}

impl RenyiDivergence for ContinuousBernoulli {
    /// As for an exponential family, with the natural parameter between the two; every order converges on an interval.
    fn renyi_divergence(&self, q: &Self, alpha: f64) -> Result<f64, FamilyError> {
        check_order(alpha)?;
        if alpha == 1.0 {
            return self.kl_divergence(q);
        }
        // Its probability may round to 1 where the parameter does not: by the parameter alone.
        let between = mix(alpha, self.logit(), q.logit());
        let (from_q, from_p) = (kl_of_logits(between, q.logit()), kl_of_logits(between, self.logit()));
        super::kl::within(Self::NAME, from_q + alpha / (1.0 - alpha) * from_p)
    }
}

impl RenyiDivergence for MultivariateNormal {
    /// With `Σ = (1 - a) Σ_p + a Σ_q`,
    /// `D_a = a / 2 (μ_p - μ_q)ᵀ Σ⁻¹ (μ_p - μ_q) + ln(det Σ_p^(1 - a) det Σ_q^a / det Σ) / (2 (a - 1))`; infinite where Σ is
    /// not positive definite.
    fn renyi_divergence(&self, q: &Self, alpha: f64) -> Result<f64, FamilyError> {
        check_order(alpha)?;
        if alpha == 1.0 {
            return self.kl_divergence(q);
        }
        self.renyi_of_mixed_covariance(q, alpha)
    }
}

impl RenyiDivergence for Laplace {
    /// With the scales b, the distance d of the locations, `u = a / b_p` and `v = (1 - a) / b_q` the integral of
    /// `p^a q^(1 - a)` is `b_p^-a b_q^(a - 1) (u e^(-v d) - v e^(-u d)) / (u^2 - v^2)`; it diverges for `u + v <= 0`.
    ///
    /// Source: Gil, Alajaji and Linder (2013), table 2.
    fn renyi_divergence(&self, q: &Self, alpha: f64) -> Result<f64, FamilyError> {
        check_order(alpha)?;
        if alpha == 1.0 {
            return self.kl_divergence(q);
        }
        // Over b_p, so that only ratios enter. The integral is symmetric in the two; with the larger first nothing overflows.
        let r = self.scale() / q.scale();
        let (of_p, of_q) = (alpha, (1.0 - alpha) * r);
        let (u, v) = (of_p.max(of_q), of_p.min(of_q));
        if u + v <= 0.0 {
            return Ok(f64::INFINITY);
        }
        let d = standardized(self.location(), q.location(), self.scale()).abs();
        // (u e^(-v d) - v e^(-u d)) / (u - v) is e^(-v d) (1 + v (1 - e^(-(u - v) d)) / (u - v)).
        let gap = u - v;
        let mean_decay = if gap == 0.0 { d } else { -(-gap * d).exp_m1() / gap };
        let ln_integral = (1.0 - alpha) * r.ln() - v * d + (v * mean_decay).ln_1p() - (u + v).ln();
        super::kl::within(Self::NAME, ln_integral / (alpha - 1.0))
    }
}

impl RenyiDivergence for Uniform {
    /// `D_a = ln(width_q / width_p)` where P lies within Q. Otherwise, with the width w of what the two share,
    /// `D_a = ln(width_q / width_p) + ln(w / width_p) / (a - 1)` below order 1, and infinity from there on.
    fn renyi_divergence(&self, q: &Self, alpha: f64) -> Result<f64, FamilyError> {
        check_order(alpha)?;
        if alpha >= 1.0 || (self.low() >= q.low() && self.high() <= q.high()) {
            return self.kl_divergence(q);
        }
        let shared = self.high().min(q.high()) - self.low().max(q.low());
        if shared <= 0.0 {
            return Ok(f64::INFINITY);
        }
        let of_share = ln_ratio(shared, self.width()) / (alpha - 1.0);
        super::kl::within(Self::NAME, ln_ratio(q.width(), self.width()) + of_share)
    }
}

impl RenyiDivergence for Pareto {
    /// With shapes k, scales m, `c = a k_p + (1 - a) k_q` and the larger scale M,
    /// `D_a = (a ln(k_p / c) + (1 - a) ln(k_q / c) - a k_p ln(M / m_p) - (1 - a) k_q ln(M / m_q)) / (a - 1)`; infinite for
    /// `c <= 0`, and from order 1 on where P starts below Q.
    fn renyi_divergence(&self, q: &Self, alpha: f64) -> Result<f64, FamilyError> {
        check_order(alpha)?;
        if alpha == 1.0 || (alpha > 1.0 && self.scale() < q.scale()) {
            return self.kl_divergence(q);
        }
        let c = mix(alpha, self.shape(), q.shape());
        if c <= 0.0 {
            return Ok(f64::INFINITY);
        }
        let larger = self.scale().max(q.scale());
        // The shapes alone are two exponential distributions, of ln(x / scale).
        let shapes =
            Exponential::new(self.shape())?.renyi_divergence(&Exponential::new(q.shape())?, alpha)?;
        let of_p = alpha * self.shape() * ln_ratio(larger, self.scale());
        let of_q = (1.0 - alpha) * q.shape() * ln_ratio(larger, q.scale());
        super::kl::within(Self::NAME, shapes - (of_p + of_q) / (alpha - 1.0))
    }
}
