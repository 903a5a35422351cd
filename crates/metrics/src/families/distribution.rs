//! A distribution of any family: read from text, printed, compared with one of any other family.

use std::fmt;
use std::str::FromStr;

use super::beta::{Beta, ContinuousBernoulli, Dirichlet};
use super::bounded::{Pareto, Uniform};
use super::counts::{Bernoulli, Binomial, Categorical, Counts, Geometric, Poisson};
use super::cross;
use super::error::FamilyError;
use super::gamma::{Exponential, Gamma, InverseGamma, Weibull};
use super::kl::{Entropy, KlDivergence, in_range};
use super::location_scale::{Cauchy, Gumbel, Laplace};
use super::multivariate_normal::MultivariateNormal;
use super::normal::{HalfNormal, LogNormal, Normal};
use super::parse::{Arguments, Call};
use super::von_mises::VonMises;

/// The names that [`Distribution`] reads, each with its parameters in order.
pub const FAMILIES: &[(&str, &[&str])] = &[
    (Bernoulli::NAME, Bernoulli::PARAMETERS),
    (Beta::NAME, Beta::PARAMETERS),
    (Binomial::NAME, Binomial::PARAMETERS),
    (Categorical::NAME, &["probabilities..."]),
    (Cauchy::NAME, Cauchy::PARAMETERS),
    (ContinuousBernoulli::NAME, ContinuousBernoulli::PARAMETERS),
    (Dirichlet::NAME, &["concentrations..."]),
    (Exponential::NAME, Exponential::PARAMETERS),
    (Gamma::NAME, Gamma::PARAMETERS),
    (Geometric::NAME, Geometric::PARAMETERS),
    (Gumbel::NAME, Gumbel::PARAMETERS),
    (HalfNormal::NAME, HalfNormal::PARAMETERS),
    (InverseGamma::NAME, InverseGamma::PARAMETERS),
    (Laplace::NAME, Laplace::PARAMETERS),
    (LogNormal::NAME, LogNormal::PARAMETERS),
    (MultivariateNormal::NAME, &["[mean...]", "[variances...] or [[covariance...]...]"]),
    (Normal::NAME, Normal::PARAMETERS),
    (Pareto::NAME, Pareto::PARAMETERS),
    (Poisson::NAME, Poisson::PARAMETERS),
    (Uniform::NAME, Uniform::PARAMETERS),
    (VonMises::NAME, VonMises::PARAMETERS),
    (Weibull::NAME, Weibull::PARAMETERS),
];

/// A distribution of one of the [`FAMILIES`].
///
/// Reads the form that it prints, `family(number, ...)`, and named parameters:
///
/// ```
/// use metrics::families::{Distribution, KlDivergence};
///
/// let p: Distribution = "normal(0, 2)".parse()?;
/// let q: Distribution = "normal(mean = 5, sd = 1)".parse()?;
/// assert!((p.kl_divergence(&q)? - 13.306853).abs() < 1e-6);
///
/// let flat: Distribution = "uniform(-1, 1)".parse()?;
/// assert_eq!(q.kl_divergence(&flat)?, f64::INFINITY, "a Normal has mass outside every interval");
/// # Ok::<(), metrics::families::FamilyError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant holds the family of its own name, documented there")]
pub enum Distribution {
    Bernoulli(Bernoulli),
    Beta(Beta),
    Binomial(Binomial),
    Categorical(Categorical),
    Cauchy(Cauchy),
    ContinuousBernoulli(ContinuousBernoulli),
    Dirichlet(Dirichlet),
    Exponential(Exponential),
    Gamma(Gamma),
    Geometric(Geometric),
    Gumbel(Gumbel),
    HalfNormal(HalfNormal),
    InverseGamma(InverseGamma),
    Laplace(Laplace),
    LogNormal(LogNormal),
    MultivariateNormal(MultivariateNormal),
    Normal(Normal),
    Pareto(Pareto),
    Poisson(Poisson),
    Uniform(Uniform),
    VonMises(VonMises),
    Weibull(Weibull),
}

/// Does the same with the family that a distribution is of, whichever it is.
macro_rules! each {
    ($distribution:expr, $d:ident => $body:expr) => {
        match $distribution {
            Distribution::Bernoulli($d) => $body,
            Distribution::Beta($d) => $body,
            Distribution::Binomial($d) => $body,
            Distribution::Categorical($d) => $body,
            Distribution::Cauchy($d) => $body,
            Distribution::ContinuousBernoulli($d) => $body,
            Distribution::Dirichlet($d) => $body,
            Distribution::Exponential($d) => $body,
            Distribution::Gamma($d) => $body,
            Distribution::Geometric($d) => $body,
            Distribution::Gumbel($d) => $body,
            Distribution::HalfNormal($d) => $body,
            Distribution::InverseGamma($d) => $body,
            Distribution::Laplace($d) => $body,
            Distribution::LogNormal($d) => $body,
            Distribution::MultivariateNormal($d) => $body,
            Distribution::Normal($d) => $body,
            Distribution::Pareto($d) => $body,
            Distribution::Poisson($d) => $body,
            Distribution::Uniform($d) => $body,
            Distribution::VonMises($d) => $body,
            Distribution::Weibull($d) => $body,
        }
    };
}

/// A family is a distribution.
macro_rules! from_families {
    ($($family:ident),*) => {
        $(
            impl From<$family> for Distribution {
                fn from(d: $family) -> Self {
                    Self::$family(d)
                }
            }
        )*
    };
}

from_families! {
    Bernoulli, Beta, Binomial, Categorical, Cauchy, ContinuousBernoulli, Dirichlet, Exponential, Gamma, Geometric, Gumbel, HalfNormal, InverseGamma, Laplace, LogNormal, MultivariateNormal, Normal, Pareto, Poisson, Uniform, VonMises, Weibull
}

impl Entropy for Distribution {
    fn entropy(&self) -> f64 {
        each!(self, d => d.entropy())
    }
}

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
        match (self, q) {
            (Self::Bernoulli(p), Self::Bernoulli(q)) => return p.kl_divergence(q),
            (Self::Beta(p), Self::Beta(q)) => return p.kl_divergence(q),
            (Self::Binomial(p), Self::Binomial(q)) => return p.kl_divergence(q),
            (Self::Categorical(p), Self::Categorical(q)) => return p.kl_divergence(q),
            (Self::Cauchy(p), Self::Cauchy(q)) => return p.kl_divergence(q),
            (Self::ContinuousBernoulli(p), Self::ContinuousBernoulli(q)) => return p.kl_divergence(q),
            (Self::Dirichlet(p), Self::Dirichlet(q)) => return p.kl_divergence(q),
            (Self::Exponential(p), Self::Exponential(q)) => return p.kl_divergence(q),
            (Self::Gamma(p), Self::Gamma(q)) => return p.kl_divergence(q),
            (Self::Geometric(p), Self::Geometric(q)) => return p.kl_divergence(q),
            (Self::Gumbel(p), Self::Gumbel(q)) => return p.kl_divergence(q),
            (Self::HalfNormal(p), Self::HalfNormal(q)) => return p.kl_divergence(q),
            (Self::InverseGamma(p), Self::InverseGamma(q)) => return p.kl_divergence(q),
            (Self::Laplace(p), Self::Laplace(q)) => return p.kl_divergence(q),
            (Self::LogNormal(p), Self::LogNormal(q)) => return p.kl_divergence(q),
            (Self::MultivariateNormal(p), Self::MultivariateNormal(q)) => return p.kl_divergence(q),
            (Self::Normal(p), Self::Normal(q)) => return p.kl_divergence(q),
            (Self::Pareto(p), Self::Pareto(q)) => return p.kl_divergence(q),
            (Self::Poisson(p), Self::Poisson(q)) => return p.kl_divergence(q),
            (Self::Uniform(p), Self::Uniform(q)) => return p.kl_divergence(q),
            (Self::VonMises(p), Self::VonMises(q)) => return p.kl_divergence(q),
            (Self::Weibull(p), Self::Weibull(q)) => return p.kl_divergence(q),
            _ => {}
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
            _ => match (self.as_gamma(), q.as_gamma()) {
                (Some(p), Some(q)) => Some(p.kl_divergence(&q)?),
                _ => cross::kl_divergence(self, q),
            },
        };
        let kl = across.ok_or(FamilyError::NoClosedForm { p: self.name(), q: q.name() })?;
        in_range(self.name(), q.name(), kl)
    }
}

impl Distribution {
    /// Mean; infinite where its integral diverges to infinity. `None` for a Cauchy distribution, which has none, and for
    /// vectors and angles.
    pub fn mean(&self) -> Option<f64> {
        Some(match self {
            Self::Bernoulli(d) => d.mean(),
            Self::Beta(d) => d.mean(),
            Self::Binomial(d) => d.mean(),
            Self::Categorical(d) => d.mean(),
            Self::ContinuousBernoulli(d) => d.mean(),
            Self::Exponential(d) => d.mean(),
            Self::Gamma(d) => d.mean(),
            Self::Geometric(d) => d.mean(),
            Self::Gumbel(d) => d.mean(),
            Self::HalfNormal(d) => d.mean(),
            Self::InverseGamma(d) => d.mean(),
            Self::Laplace(d) => d.mean(),
            Self::LogNormal(d) => d.mean(),
            Self::Normal(d) => d.mean(),
            Self::Pareto(d) => d.mean(),
            Self::Poisson(d) => d.mean(),
            Self::Uniform(d) => d.mean(),
            Self::Weibull(d) => d.mean(),
            Self::Cauchy(_) | Self::Dirichlet(_) | Self::MultivariateNormal(_) | Self::VonMises(_) => {
                return None;
            }
        })
    }

    /// Variance, with the exceptions of [`mean`](Self::mean).
    pub fn variance(&self) -> Option<f64> {
        Some(match self {
            Self::Bernoulli(d) => d.variance(),
            Self::Beta(d) => d.variance(),
            Self::Binomial(d) => d.variance(),
            Self::Categorical(d) => d.variance(),
            Self::ContinuousBernoulli(d) => d.variance(),
            Self::Exponential(d) => d.variance(),
            Self::Gamma(d) => d.variance(),
            Self::Geometric(d) => d.variance(),
            Self::Gumbel(d) => d.variance(),
            Self::HalfNormal(d) => d.variance(),
            Self::InverseGamma(d) => d.variance(),
            Self::Laplace(d) => d.variance(),
            Self::LogNormal(d) => d.variance(),
            Self::Normal(d) => d.variance(),
            Self::Pareto(d) => d.variance(),
            Self::Poisson(d) => d.variance(),
            Self::Uniform(d) => d.variance(),
            Self::Weibull(d) => d.variance(),
            Self::Cauchy(_) | Self::Dirichlet(_) | Self::MultivariateNormal(_) | Self::VonMises(_) => {
                return None;
            }
        })
    }

    /// Logarithm of the density at x; for counts that of the probability of x, -∞ unless x is a whole number. `None` for
    /// vectors.
    pub fn ln_pdf(&self, x: f64) -> Option<f64> {
        Some(match self {
            Self::Beta(d) => d.ln_pdf(x),
            Self::Cauchy(d) => d.ln_pdf(x),
            Self::ContinuousBernoulli(d) => d.ln_pdf(x),
            Self::Exponential(d) => d.ln_pdf(x),
            Self::Gamma(d) => d.ln_pdf(x),
            Self::Gumbel(d) => d.ln_pdf(x),
            Self::HalfNormal(d) => d.ln_pdf(x),
            Self::InverseGamma(d) => d.ln_pdf(x),
            Self::Laplace(d) => d.ln_pdf(x),
            Self::LogNormal(d) => d.ln_pdf(x),
            Self::Normal(d) => d.ln_pdf(x),
            Self::Pareto(d) => d.ln_pdf(x),
            Self::Uniform(d) => d.ln_pdf(x),
            Self::VonMises(d) => d.ln_pdf(x),
            Self::Weibull(d) => d.ln_pdf(x),
            Self::Bernoulli(_)
            | Self::Binomial(_)
            | Self::Categorical(_)
            | Self::Geometric(_)
            | Self::Poisson(_) => {
                let is_count = x >= 0.0 && x.fract() == 0.0;
                if is_count { self.counts()?.ln_mass(x) } else { f64::NEG_INFINITY }
            }
            Self::Dirichlet(_) | Self::MultivariateNormal(_) => return None,
        })
    }

    /// Name of the family, as read and printed.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bernoulli(_) => Bernoulli::NAME,
            Self::Beta(_) => Beta::NAME,
            Self::Binomial(_) => Binomial::NAME,
            Self::Categorical(_) => Categorical::NAME,
            Self::Cauchy(_) => Cauchy::NAME,
            Self::ContinuousBernoulli(_) => ContinuousBernoulli::NAME,
            Self::Dirichlet(_) => Dirichlet::NAME,
            Self::Exponential(_) => Exponential::NAME,
            Self::Gamma(_) => Gamma::NAME,
            Self::Geometric(_) => Geometric::NAME,
            Self::Gumbel(_) => Gumbel::NAME,
            Self::HalfNormal(_) => HalfNormal::NAME,
            Self::InverseGamma(_) => InverseGamma::NAME,
            Self::Laplace(_) => Laplace::NAME,
            Self::LogNormal(_) => LogNormal::NAME,
            Self::MultivariateNormal(_) => MultivariateNormal::NAME,
            Self::Normal(_) => Normal::NAME,
            Self::Pareto(_) => Pareto::NAME,
            Self::Poisson(_) => Poisson::NAME,
            Self::Uniform(_) => Uniform::NAME,
            Self::VonMises(_) => VonMises::NAME,
            Self::Weibull(_) => Weibull::NAME,
        }
    }

    /// What the family is a distribution over.
    fn space(&self) -> &'static str {
        match self {
            Self::Bernoulli(_)
            | Self::Binomial(_)
            | Self::Categorical(_)
            | Self::Geometric(_)
            | Self::Poisson(_) => "counts",
            Self::Dirichlet(_) => "the simplex",
            Self::MultivariateNormal(_) => "vectors",
            Self::VonMises(_) => "the circle",
            _ => "real numbers",
        }
    }

    pub(super) fn counts(&self) -> Option<Counts> {
        Some(match self {
            Self::Bernoulli(d) => Counts::Bernoulli(*d),
            Self::Binomial(d) => Counts::Binomial(*d),
            Self::Categorical(d) => Counts::Categorical(d.clone()),
            Self::Geometric(d) => Counts::Geometric(*d),
            Self::Poisson(d) => Counts::Poisson(*d),
            _ => return None,
        })
    }

    /// The Gamma distribution that an exponential one is.
    fn as_gamma(&self) -> Option<Gamma> {
        match self {
            Self::Exponential(d) => Gamma::new(1.0, d.rate()).ok(),
            Self::Gamma(d) => Some(*d),
            _ => None,
        }
    }
}

impl FromStr for Distribution {
    type Err = FamilyError;

    fn from_str(text: &str) -> Result<Self, FamilyError> {
        let call = Call::parse(text)?;
        let known = FAMILIES.iter().find(|(name, _)| *name == call.name);
        let Some(&(name, parameters)) = known else { return Err(unknown_family(&call.name)) };
        match name {
            Categorical::NAME => return Ok(Self::Categorical(Categorical::new(&call.list(name)?)?)),
            Dirichlet::NAME => return Ok(Self::Dirichlet(Dirichlet::new(&call.list(name)?)?)),
            MultivariateNormal::NAME => return Ok(Self::MultivariateNormal(multivariate_normal(&call)?)),
            _ => {}
        }
        let v = call.numbers(name, parameters)?;
        Ok(match name {
            Bernoulli::NAME => Self::Bernoulli(Bernoulli::new(v[0])?),
            Beta::NAME => Self::Beta(Beta::new(v[0], v[1])?),
            Binomial::NAME => Self::Binomial(Binomial::new(v[0], v[1])?),
            Cauchy::NAME => Self::Cauchy(Cauchy::new(v[0], v[1])?),
            ContinuousBernoulli::NAME => Self::ContinuousBernoulli(ContinuousBernoulli::new(v[0])?),
            Exponential::NAME => Self::Exponential(Exponential::new(v[0])?),
            Gamma::NAME => Self::Gamma(Gamma::new(v[0], v[1])?),
            Geometric::NAME => Self::Geometric(Geometric::new(v[0])?),
            Gumbel::NAME => Self::Gumbel(Gumbel::new(v[0], v[1])?),
            HalfNormal::NAME => Self::HalfNormal(HalfNormal::new(v[0])?),
            InverseGamma::NAME => Self::InverseGamma(InverseGamma::new(v[0], v[1])?),
            Laplace::NAME => Self::Laplace(Laplace::new(v[0], v[1])?),
            LogNormal::NAME => Self::LogNormal(LogNormal::new(v[0], v[1])?),
            Normal::NAME => Self::Normal(Normal::new(v[0], v[1])?),
            Pareto::NAME => Self::Pareto(Pareto::new(v[0], v[1])?),
            Poisson::NAME => Self::Poisson(Poisson::new(v[0])?),
            Uniform::NAME => Self::Uniform(Uniform::new(v[0], v[1])?),
            VonMises::NAME => Self::VonMises(VonMises::new(v[0], v[1])?),
            Weibull::NAME => Self::Weibull(Weibull::new(v[0], v[1])?),
            _ => return Err(unknown_family(&call.name)),
        })
    }
}

fn unknown_family(name: &str) -> FamilyError {
    let nearest = FAMILIES
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(known, name), *known))
        // Below this likeness a suggestion is noise: 'foo' is nearest to 'von_mises', at 0.6.
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    FamilyError::UnknownFamily { name: name.to_owned(), nearest: nearest.map(|(_, name)| name.to_owned()) }
}

fn multivariate_normal(call: &Call) -> Result<MultivariateNormal, FamilyError> {
    match call.arguments.as_slice() {
        [Arguments::Vector(mean), Arguments::Vector(variances)] => {
            MultivariateNormal::diagonal(mean, variances)
        }
        [Arguments::Vector(mean), Arguments::Matrix(rows)] => {
            if let Some(row) = rows.iter().find(|row| row.len() != rows.len()) {
                return Err(FamilyError::Length {
                    family: MultivariateNormal::NAME,
                    parameter: "a row of the covariance",
                    actual: row.len(),
                    expected: rows.len().to_string(),
                });
            }
            MultivariateNormal::full(mean, &rows.concat())
        }
        _ => {
            Err(call
                .problem("expected ([mean...], [variances...]) or ([mean...], [[covariance...]...])".into()))
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each!(self, d => d.fmt(f))
    }
}
