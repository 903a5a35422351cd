//! KL between distributions of any two families; on the line, from moments.
//!
//! `KL(P ‖ Q) = -H(P) - E_P[ln q(X)]`. For each Q below, `ln q` is made of a few functions of x; a pair has a closed form
//! where P's entropy and P's expectations of those functions have one. Where P has mass outside the support of Q the
//! divergence is infinite whatever the formula says. The expectations are textbook ones (Johnson, Kotz and
//! Balakrishnan, *Continuous Univariate Distributions*), the pairs those of
//! [`torch.distributions.kl`](https://docs.pytorch.org/docs/stable/distributions.html) and more.
//!
//! These forms subtract, so unlike those within a family they are accurate to a few roundings of their largest term
//! (logarithms of the scales among them), not of the result.

use std::f64::consts::{LN_2, PI, SQRT_2, TAU};

use super::beta::log_partition;
use super::distribution::Distribution;
use super::error::FamilyError;
use super::gamma::Gamma;
use super::kl::{Entropy, KlDivergence, in_range};
use crate::numeric::special::{
    EULER_GAMMA, digamma, erf, gamma_ratio, ln_gamma, ln_gamma_of_one_plus, ln_gamma_ratio, standardized,
    trigamma,
};

impl KlDivergence for Distribution {
    /// KL(self ‖ q) in nats; infinite where self has mass outside the support of q.
    ///
    /// Within a family this is the family's own `kl_divergence`. Across families it is the closed form where there is one,
    /// the sum over the outcomes for counts of which there are finitely many, and infinity where the supports do not fit.
    ///
    /// # Errors
    ///
    /// [`FamilyError::Spaces`] for, say, a count and a real number, [`FamilyError::Dimensions`] for vectors of different
    /// length, [`FamilyError::NoClosedForm`] where none is known, [`FamilyError::OutOfRange`].
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        if let Some(kl) = self.kl_within_family(q) {
            return kl;
        }
        if self.space() != q.space() {
            return Err(FamilyError::Spaces {
                p: self.name(),
                p_space: self.space(),
                q: q.name(),
                q_space: q.space(),
            });
        }
        let across = match (self.counts(), q.counts()) {
            (Some(p), Some(q)) => p.kl_by_summation(&q),
            _ => match (as_gamma(self), as_gamma(q)) {
                (Some(p), Some(q)) => Some(p.kl_divergence(&q)?),
                _ => on_the_line(self, q),
            },
        };
        let kl = across.ok_or(FamilyError::NoClosedForm { p: self.name(), q: q.name() })?;
        in_range(self.name(), q.name(), kl)
    }
}

/// The Gamma distribution that an exponential one is.
fn as_gamma(d: &Distribution) -> Option<Gamma> {
    match d {
        Distribution::Exponential(d) => Gamma::new(1.0, d.rate()).ok(),
        Distribution::Gamma(d) => Some(*d),
        _ => None,
    }
}

/// KL(p ‖ q) in nats for two distributions on the line, `None` where no closed form is known. NaN where parameters at the
/// limits of f64 left infinity less infinity.
fn on_the_line(p: &Distribution, q: &Distribution) -> Option<f64> {
    let (of_p, of_q) = (support(p)?, support(q)?);
    if of_p.low < of_q.low || of_p.high > of_q.high {
        return Some(f64::INFINITY);
    }
    // E|X| is infinite, and ln q falls at least as fast.
    if let (
        Distribution::Cauchy(_),
        Distribution::Normal(_) | Distribution::Laplace(_) | Distribution::Gumbel(_),
    ) = (p, q)
    {
        return Some(f64::INFINITY);
    }
    Some(-p.entropy() - mean_ln_density(p, q)?)
}

/// Where a distribution on the line has its mass: from `low` to `high`.
struct Support {
    low: f64,
    high: f64,
}

fn support(d: &Distribution) -> Option<Support> {
    let (low, high) = match d {
        Distribution::Normal(_)
        | Distribution::Laplace(_)
        | Distribution::Gumbel(_)
        | Distribution::Cauchy(_) => (f64::NEG_INFINITY, f64::INFINITY),
        Distribution::HalfNormal(_)
        | Distribution::LogNormal(_)
        | Distribution::Exponential(_)
        | Distribution::Gamma(_)
        | Distribution::InverseGamma(_)
        | Distribution::Weibull(_) => (0.0, f64::INFINITY),
        Distribution::Pareto(d) => (d.scale(), f64::INFINITY),
        Distribution::Beta(_) | Distribution::ContinuousBernoulli(_) => (0.0, 1.0),
        Distribution::Uniform(d) => (d.low(), d.high()),
        _ => return None,
    };
    Some(Support { low, high })
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// `E_P[ln q(X)]`, for P with its mass inside the support of q.
fn mean_ln_density(p: &Distribution, q: &Distribution) -> Option<f64> {
    Some(match q {
        Distribution::Normal(q) => {
            let m = moments(p)?;
            let shift = standardized(m.mean, q.mean(), q.sd());
            let spread = m.deviation / q.sd();
            -0.5 * TAU.ln() - q.sd().ln() - 0.5 * (spread * spread + shift * shift)
        }
        Distribution::HalfNormal(q) => 0.5 * (2.0 / PI).ln() - q.sd().ln() - 0.5 * power(p, 2.0, q.sd())?,
        Distribution::LogNormal(q) => {
            let m = log_moments(p)?;
            let shift = standardized(m.mean, q.mu(), q.sigma());
            let spread = m.deviation / q.sigma();
            -m.mean - 0.5 * TAU.ln() - q.sigma().ln() - 0.5 * (spread * spread + shift * shift)
        }
        Distribution::Laplace(q) => -LN_2 - q.scale().ln() - mean_distance(p, q.location())? / q.scale(),
        Distribution::Gumbel(q) => {
            let shift = standardized(moments(p)?.mean, q.location(), q.scale());
            -q.scale().ln() - shift - mean_exp(p, q.location(), q.scale())?
        }
        Distribution::Exponential(q) => q.rate().ln() - power(p, 1.0, 1.0 / q.rate())?,
        Distribution::Gamma(q) => {
            let (shape, rate) = (q.shape(), q.rate());
            shape * rate.ln() - ln_gamma(shape) + (shape - 1.0) * mean_ln(p)? - power(p, 1.0, 1.0 / rate)?
        }
        Distribution::InverseGamma(q) => {
            let (shape, scale) = (q.shape(), q.scale());
            shape * scale.ln() - ln_gamma(shape) - (shape + 1.0) * mean_ln(p)? - power(p, -1.0, scale)?
        }
        Distribution::Weibull(q) => {
            let (k, ln_scale) = (q.shape(), q.scale().ln());
            k.ln() - ln_scale + (k - 1.0) * (mean_ln(p)? - ln_scale) - power(p, k, q.scale())?
        }
        Distribution::Pareto(q) => {
            q.shape().ln() + q.shape() * q.scale().ln() - (q.shape() + 1.0) * mean_ln(p)?
        }
        Distribution::Uniform(q) => -q.width().ln(),
        Distribution::Beta(q) => {
            let (a, b) = (q.alpha(), q.beta());
            (a - 1.0) * mean_ln(p)? + (b - 1.0) * mean_ln_complement(p)? - ln_beta(a, b)
        }
        Distribution::ContinuousBernoulli(q) => q.logit() * moments(p)?.mean - log_partition(q.logit()),
        _ => return None,
    })
}

/// Mean and standard deviation, infinite where the integral diverges to infinity.
struct Moments {
    mean: f64,
    deviation: f64,
}

/// Mean and standard deviation of X, whose square may leave the range of f64. `None` where they do not exist (Cauchy).
fn moments(p: &Distribution) -> Option<Moments> {
    let (mean, deviation) = match p {
        Distribution::Normal(d) => (d.mean(), d.sd()),
        Distribution::Laplace(d) => (d.mean(), SQRT_2 * d.scale()),
        Distribution::Gumbel(d) => (d.mean(), PI / 6f64.sqrt() * d.scale()),
        Distribution::Beta(d) => (d.mean(), d.variance().sqrt()),
        Distribution::ContinuousBernoulli(d) => (d.mean(), d.variance().sqrt()),
        Distribution::Uniform(d) => (d.mean(), d.width() / 12f64.sqrt()),
        Distribution::Exponential(d) => (d.mean(), 1.0 / d.rate()),
        Distribution::Gamma(d) => (d.mean(), d.shape().sqrt() / d.rate()),
        Distribution::HalfNormal(d) => (d.mean(), d.sd() * (1.0 - 2.0 / PI).sqrt()),
        Distribution::LogNormal(d) => (d.mean(), d.mean() * (d.sigma() * d.sigma()).exp_m1().sqrt()),
        Distribution::InverseGamma(d) if d.shape() <= 2.0 => (d.mean(), f64::INFINITY),
        Distribution::InverseGamma(d) => (d.mean(), d.mean() / (d.shape() - 2.0).sqrt()),
        Distribution::Weibull(d) => (d.mean(), d.mean() * d.relative_variance().sqrt()),
        Distribution::Pareto(d) if d.shape() <= 2.0 => (d.mean(), f64::INFINITY),
        Distribution::Pareto(d) => (d.mean(), d.mean() / d.shape().sqrt() / (d.shape() - 2.0).sqrt()),
        _ => return None,
    };
    Some(Moments { mean, deviation })
}

/// Mean and standard deviation of ln X, for X above 0.
fn log_moments(p: &Distribution) -> Option<Moments> {
    let (mean, deviation) = match p {
        Distribution::LogNormal(d) => (d.mu(), d.sigma()),
        Distribution::Exponential(d) => (-EULER_GAMMA - d.rate().ln(), PI / 6f64.sqrt()),
        Distribution::Gamma(d) => (digamma(d.shape()) - d.rate().ln(), trigamma(d.shape()).sqrt()),
        Distribution::InverseGamma(d) => (d.scale().ln() - digamma(d.shape()), trigamma(d.shape()).sqrt()),
        Distribution::Weibull(d) => (d.scale().ln() - EULER_GAMMA / d.shape(), PI / 6f64.sqrt() / d.shape()),
        Distribution::Pareto(d) => (d.scale().ln() + 1.0 / d.shape(), 1.0 / d.shape()),
        // ln |Z| of a standard Normal has mean -(γ + ln 2) / 2 and variance π^2 / 8.
        Distribution::HalfNormal(d) => (d.sd().ln() - 0.5 * (EULER_GAMMA + LN_2), PI / 8f64.sqrt()),
        Distribution::Beta(d) => {
            let (a, sum) = (d.alpha(), d.alpha() + d.beta());
            (digamma(a) - digamma(sum), (trigamma(a) - trigamma(sum)).sqrt())
        }
        _ => return None,
    };
    Some(Moments { mean, deviation })
}

/// `E[ln X]`.
fn mean_ln(p: &Distribution) -> Option<f64> {
    match p {
        Distribution::Uniform(d) => Some(uniform_mean_ln(d.low(), d.high())),
        _ => log_moments(p).map(|m| m.mean),
    }
}

/// `E[ln(1 - X)]`, for X below 1.
fn mean_ln_complement(p: &Distribution) -> Option<f64> {
    match p {
        Distribution::Uniform(d) => Some(uniform_mean_ln(1.0 - d.high(), 1.0 - d.low())),
        Distribution::Beta(d) => Some(digamma(d.beta()) - digamma(d.alpha() + d.beta())),
        _ => None,
    }
}

/// `E[ln X]` for X uniform on [low, high], `low >= 0`: `(high ln high - low ln low) / (high - low) - 1`.
fn uniform_mean_ln(low: f64, high: f64) -> f64 {
    let width = (high - low) / low;
    // Beyond f64 the first part has gone to 0.
    let first = if width.is_finite() { width.ln_1p() / width } else { 0.0 };
    first + high.ln() - 1.0
}

/// `E[(X / scale)^k]` for X above 0, infinite where the integral diverges.
///
/// Of the ratio and not of X: both may be near a limit of f64 where their ratio is 1.
fn power(p: &Distribution, k: f64, scale: f64) -> Option<f64> {
    let ln_scale = scale.ln();
    let times_power = |factor: f64, ln_factor: &dyn Fn() -> f64, x: f64, ln_x: f64| {
        let power = (x / scale).powf(k);
        let value = factor * power;
        let in_range = [x / scale, power, value].iter().all(|part| part.is_normal());
        if in_range { value } else { (ln_factor() + k * (ln_x - ln_scale)).exp() }
    };
    Some(match p {
        Distribution::Exponential(d) if k > -1.0 => {
            times_power(libm::tgamma(1.0 + k), &|| ln_gamma_of_one_plus(k), 1.0 / d.rate(), -d.rate().ln())
        }
        Distribution::Gamma(d) if k > -d.shape() => times_power(
            gamma_ratio(d.shape(), k),
            &|| ln_gamma_ratio(d.shape(), k),
            1.0 / d.rate(),
            -d.rate().ln(),
        ),
        Distribution::InverseGamma(d) if k < d.shape() => times_power(
            gamma_ratio(d.shape(), -k),
            &|| ln_gamma_ratio(d.shape(), -k),
            d.scale(),
            d.scale().ln(),
        ),
        Distribution::Weibull(d) if k > -d.shape() => {
            let x = k / d.shape();
            times_power(libm::tgamma(1.0 + x), &|| ln_gamma_of_one_plus(x), d.scale(), d.scale().ln())
        }
        Distribution::Pareto(d) if k < d.shape() => {
            let factor = d.shape() / (d.shape() - k);
            times_power(factor, &|| factor.ln(), d.scale(), d.scale().ln())
        }
        Distribution::LogNormal(d) => (k * (d.mu() - ln_scale) + 0.5 * (k * d.sigma()).powi(2)).exp(),
        Distribution::HalfNormal(d) if k > -1.0 => {
            let ln_factor = 0.5 * k * LN_2 + ln_gamma(0.5 * (k + 1.0)) - 0.5 * PI.ln();
            times_power(ln_factor.exp(), &|| ln_factor, d.sd(), d.sd().ln())
        }
        Distribution::Beta(d) if k > -d.alpha() => {
            let (a, n) = (d.alpha(), d.alpha() + d.beta());
            let ln_factor = || ln_gamma_ratio(a, k) - ln_gamma_ratio(n, k);
            let (above, below) = (gamma_ratio(a, k), gamma_ratio(n, k));
            let in_range = above.is_normal() && below.is_normal();
            times_power(if in_range { above / below } else { ln_factor().exp() }, &ln_factor, 1.0, 0.0)
        }
        Distribution::Uniform(d) if d.low() > 0.0 || k > -1.0 => uniform_power(d.low(), d.high(), k, scale),
        Distribution::ContinuousBernoulli(d) if k == 1.0 => d.mean() / scale,
        Distribution::ContinuousBernoulli(d) if k == 2.0 => {
            (d.variance() + d.mean() * d.mean()) / scale / scale
        }
        Distribution::Exponential(_)
        | Distribution::Gamma(_)
        | Distribution::InverseGamma(_)
        | Distribution::Weibull(_)
        | Distribution::Pareto(_)
        | Distribution::HalfNormal(_)
        | Distribution::Beta(_)
        | Distribution::Uniform(_) => f64::INFINITY,
        _ => return None,
    })
}

/// `E[(X / scale)^k]` for X uniform on [low, high], `low >= 0`:
/// `(high^(k+1) - low^(k+1)) / ((k + 1) (high - low) scale^k)`.
fn uniform_power(low: f64, high: f64, k: f64, scale: f64) -> f64 {
    let of_high = (high / scale).powf(k);
    let relative_width = (high - low) / high;
    let excess = (high - low) / low;
    // ln(low / high), of which the difference of the powers is made without a power that underflows.
    let ln_ratio = if excess.is_finite() { -excess.ln_1p() } else { low.ln() - high.ln() };
    if k == -1.0 {
        of_high * -ln_ratio / relative_width
    } else {
        of_high * -((k + 1.0) * ln_ratio).exp_m1() / ((k + 1.0) * relative_width)
    }
}

/// `E|X - centre|`.
fn mean_distance(p: &Distribution, centre: f64) -> Option<f64> {
    Some(match p {
        Distribution::Normal(d) => {
            // Leone, Nelson and Nottingham, "The folded normal distribution" (1961).
            let (shift, sd) = ((d.mean() - centre).abs(), d.sd());
            let z = shift / sd;
            sd * (2.0 / PI).sqrt() * (-0.5 * z * z).exp() + shift * erf(z / std::f64::consts::SQRT_2)
        }
        Distribution::Uniform(d) => {
            let (low, high) = (d.low(), d.high());
            if centre <= low {
                low + 0.5 * (high - low) - centre
            } else if centre >= high {
                centre - high + 0.5 * (high - low)
            } else {
                (centre - low) * ((centre - low) / d.width() / 2.0)
                    + (high - centre) * ((high - centre) / d.width() / 2.0)
            }
        }
        Distribution::Exponential(d) => {
            if centre <= 0.0 {
                1.0 / d.rate() - centre
            } else {
                // The mean distance from 0 less twice what lies between.
                centre - 1.0 / d.rate() + 2.0 * (-d.rate() * centre).exp() / d.rate()
            }
        }
        _ => {
            // Where all the mass lies on one side, the distance is linear.
            let (support, mean) = (support(p)?, moments(p)?.mean);
            if centre <= support.low {
                mean - centre
            } else if centre >= support.high {
                centre - mean
            } else {
                return None;
            }
        }
    })
}

/// `E[exp(-(X - location) / scale)]`, infinite where the integral diverges.
fn mean_exp(p: &Distribution, location: f64, scale: f64) -> Option<f64> {
    let at = |x: f64| (-(x - location) / scale).exp();
    Some(match p {
        Distribution::Normal(d) => (-(d.mean() - location) / scale + 0.5 * (d.sd() / scale).powi(2)).exp(),
        Distribution::Laplace(d) => {
            let ratio = d.scale() / scale;
            if ratio < 1.0 { at(d.location()) / ((1.0 - ratio) * (1.0 + ratio)) } else { f64::INFINITY }
        }
        Distribution::Exponential(d) => at(0.0) / (1.0 + 1.0 / (d.rate() * scale)),
        Distribution::Gamma(d) => (location / scale - d.shape() * (1.0 / (d.rate() * scale)).ln_1p()).exp(),
        Distribution::Uniform(d) => {
            let width = d.width() / scale;
            at(d.low()) * if width == 0.0 { 1.0 } else { -(-width).exp_m1() / width }
        }
        Distribution::ContinuousBernoulli(d) => {
            // The normalising constants of η and of η - 1 / scale.
            let tilted = d.logit() - 1.0 / scale;
            (location / scale + log_partition(tilted) - log_partition(d.logit())).exp()
        }
        _ => return None,
    })
}
