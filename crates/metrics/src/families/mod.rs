//! Named families of distributions: entropies, moments, densities, and the divergences between them.
//!
//! Every family is a struct with a checked constructor, `ln_pdf` (`ln_pmf` for counts), `mean` and `variance` where it has
//! them, an [`Entropy`], a [`KlDivergence`] from every family with a closed form, and, but for the Cauchy distribution, a
//! [`RenyiDivergence`] from its own. [`Distribution`] is any one of them: it is read from text such as `gamma(2, 0.5)` and
//! compares families with each other too. A divergence is infinite where the first distribution has mass outside the
//! support of the second, and is never NaN: a closed form that parameters at the limits of `f64` leave without a value is
//! an error.
//!
//! What has no closed form is integrated or summed on request, with a bound on the error:
//! [`Distribution::kl_divergence_numerically`]. A [`GaussianMixture`] has bounds. `tensor` (feature `tensor`) holds the forms
//! that a network is trained with.
//!
//! Across families, counts with finitely many outcomes (Bernoulli, binomial, categorical) compare with every other law of
//! counts, by exact summation. On the line, a pair has a closed form where the expectation of ln q has one:
//!
//! | Q | P besides Q's own family |
//! |---|---|
//! | Normal | all; infinite from Cauchy, as for Laplace and Gumbel |
//! | half-Normal, exponential, Weibull | all on `[0, ∞)` or a part of it, as far as their powers have a closed form |
//! | Gamma, inverse-Gamma | the same, with a mean of ln x: not the continuous Bernoulli |
//! | log-Normal | exponential, Gamma, inverse-Gamma, Weibull, Pareto, half-Normal, Beta |
//! | Laplace | Normal, uniform, exponential, and all that lie on one side of its location |
//! | Gumbel | Normal, Laplace, exponential, Gamma, uniform, continuous Bernoulli |
//! | uniform, continuous Bernoulli, Beta, Pareto | all with their support inside it, except the continuous Bernoulli for Beta and Pareto |
//!
//! Within a family the formulas are sums of non-negative terms. They give exactly 0 for equal parameters, never less than
//! 0, and for parameters that are nearly equal the error is what one rounding of a parameter would cause: the square root
//! of the result times 1e-16, times the root of a shape parameter or a concentration that is large, where the textbook forms are
//! off by 1e-16 itself. Two things subtract within a family: the Rényi divergences of Laplace and Pareto distributions, which lose
//! digits as `1e-16 / |a - 1|` next to order 1, and KL of Beta and Dirichlet distributions whose concentrations are beyond 1e15
//! times one another. Across families the forms subtract: they are
//! good to a few roundings of their largest term, 1e-14 for parameters of the order of 1, and to what one rounding of a mean
//! is in units of the standard deviation.
//!
//! ```
//! use metrics::families::{Bernoulli, Gamma, KlDivergence, Normal};
//!
//! let (p, q) = (Normal::new(0.0, 1.0)?, Normal::new(1.0, 1.0)?);
//! assert_eq!(p.kl_divergence(&q)?, 0.5);
//!
//! // Coins of 1/2 and 1/2 + 1e-9 differ by 2e-18 nats. ln p - ln q would have lost them all.
//! let (p, q) = (Bernoulli::new(0.5)?, Bernoulli::new(0.5 + 1e-9)?);
//! assert!((p.kl_divergence(&q)? / 2e-18 - 1.0).abs() < 1e-6);
//!
//! assert!(Gamma::new(2.0, -1.0).is_err());
//! # Ok::<(), metrics::families::FamilyError>(())
//! ```

mod beta;
mod bounded;
mod counts;
mod cross;
mod distribution;
mod error;
mod gamma;
mod kl;
mod location_scale;
mod mixture;
mod multivariate_normal;
mod normal;
mod numeric;
mod pairs;
mod parameters;
mod parse;
mod renyi;
mod space;
#[cfg(feature = "tensor")]
pub mod tensor;
mod von_mises;

pub use beta::{Beta, ContinuousBernoulli, Dirichlet};
pub use bounded::{Pareto, Uniform};
pub use counts::{Bernoulli, Binomial, Categorical, Geometric, Poisson};
pub use distribution::{Distribution, FAMILIES};
pub use error::{FamilyError, Length, Problem};
pub use gamma::{Exponential, Gamma, InverseGamma, Weibull};
pub use kl::{Entropy, KlDivergence};
pub use location_scale::{Cauchy, Gumbel, Laplace};
pub use mixture::{DivergenceBounds, GaussianMixture};
pub use multivariate_normal::MultivariateNormal;
pub(crate) use multivariate_normal::cholesky;
pub use normal::{HalfNormal, LogNormal, Normal};
pub use numeric::NumericDivergence;
pub use renyi::RenyiDivergence;
pub use space::Space;
pub use von_mises::VonMises;
