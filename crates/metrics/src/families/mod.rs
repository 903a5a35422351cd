//! Closed-form KL divergences between named families of distributions.
//!
//! Every family is a struct with a checked constructor and a `kl_divergence` to another member, in nats. [`Distribution`]
//! is any one of them: it is read from text such as `gamma(2, 0.5)` and compares families with each other too. A
//! divergence is infinite where the first distribution has mass outside the support of the second, and is never NaN.
//!
//! Within a family the formulas are sums of non-negative terms. They give exactly 0 for equal parameters, never less than
//! 0, and for parameters that are nearly equal the error is what one rounding of a parameter would cause: the square root
//! of the result times 1e-16, where the textbook forms are off by 1e-16 itself.
//!
//! ```
//! use metrics::families::{Bernoulli, Gamma, Normal};
//!
//! let (p, q) = (Normal::new(0.0, 1.0)?, Normal::new(1.0, 1.0)?);
//! assert_eq!(p.kl_divergence(&q), 0.5);
//!
//! // Coins of 1/2 and 1/2 + 1e-9 differ by 2e-18 nats. ln p - ln q would have lost them all.
//! let (p, q) = (Bernoulli::new(0.5)?, Bernoulli::new(0.5 + 1e-9)?);
//! assert!((p.kl_divergence(&q) / 2e-18 - 1.0).abs() < 1e-6);
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
mod location_scale;
mod multivariate_normal;
mod normal;
mod parameters;
mod parse;
mod special;
mod von_mises;

pub use beta::{Beta, ContinuousBernoulli, Dirichlet};
pub use bounded::{Pareto, Uniform};
pub use counts::{Bernoulli, Binomial, Categorical, Geometric, Poisson};
pub use distribution::{Distribution, FAMILIES};
pub use error::FamilyError;
pub use gamma::{Exponential, Gamma, InverseGamma, Weibull};
pub use location_scale::{Cauchy, Gumbel, Laplace};
pub use multivariate_normal::MultivariateNormal;
pub use normal::{HalfNormal, LogNormal, Normal};
pub use von_mises::VonMises;
