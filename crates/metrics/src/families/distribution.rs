//! A distribution of any family: read from text, printed.

use std::fmt;
use std::str::FromStr;

use super::beta::{Beta, ContinuousBernoulli, Dirichlet};
use super::bounded::{Pareto, Uniform};
use super::counts::{Bernoulli, Binomial, Categorical, Counts, Geometric, Poisson};
use super::error::FamilyError;
use super::gamma::{Exponential, Gamma, InverseGamma, Weibull};
use super::kl::{Entropy, KlDivergence};
use super::location_scale::{Cauchy, Gumbel, Laplace};
use super::multivariate_normal::MultivariateNormal;
use super::normal::{HalfNormal, LogNormal, Normal};
use super::parse::Call;
use super::space::Space;
use super::von_mises::VonMises;

/// Makes [`Distribution`] of the families, sorted by their spaces and by whether they have moments.
macro_rules! distributions {
    (
        Counts { $($count:ident),* }
        Line { $($line:ident),* }
        LineWithoutMoments { $($heavy:ident),* }
        Circle { $($circle:ident),* }
        Simplex { $($simplex:ident),* }
        Vectors { $($vector:ident),* }
    ) => {
        distributions! { all $($count)* $($line)* $($heavy)* $($circle)* $($simplex)* $($vector)* }

        impl Distribution {
            /// Mean; infinite where its integral diverges to infinity. `None` for a Cauchy distribution, which has none, and
            /// for vectors and angles.
            pub fn mean(&self) -> Option<f64> {
                match self {
                    $(Self::$count(d) => Some(d.mean()),)*
                    $(Self::$line(d) => Some(d.mean()),)*
                    _ => None,
                }
            }

            /// Variance, with the exceptions of [`mean`](Self::mean).
            pub fn variance(&self) -> Option<f64> {
                match self {
                    $(Self::$count(d) => Some(d.variance()),)*
                    $(Self::$line(d) => Some(d.variance()),)*
                    _ => None,
                }
            }

            /// Logarithm of the density at x; for counts that of the probability of x, -∞ unless x is a whole number. `None`
            /// for vectors.
            pub fn ln_pdf(&self, x: f64) -> Option<f64> {
                match self {
                    $(Self::$line(d) => Some(d.ln_pdf(x)),)*
                    $(Self::$heavy(d) => Some(d.ln_pdf(x)),)*
                    $(Self::$circle(d) => Some(d.ln_pdf(x)),)*
                    _ => {
                        let counts = self.counts()?;
                        let is_count = x >= 0.0 && x.fract() == 0.0;
                        Some(if is_count { counts.ln_mass(x) } else { f64::NEG_INFINITY })
                    }
                }
            }

            /// What it is a distribution over.
            pub fn space(&self) -> Space {
                match self {
                    $(Self::$count(_) => Space::Counts,)*
                    $(Self::$line(_) => Space::Line,)*
                    $(Self::$heavy(_) => Space::Line,)*
                    $(Self::$circle(_) => Space::Circle,)*
                    $(Self::$simplex(_) => Space::Simplex,)*
                    $(Self::$vector(_) => Space::Vectors,)*
                }
            }

            pub(super) fn counts(&self) -> Option<Counts> {
                match self {
                    $(Self::$count(d) => Some(Counts::$count(d.clone())),)*
                    _ => None,
                }
            }
        }
    };
    (all $($family:ident)*) => {
        /// The names that [`Distribution`] reads, each with its parameters in order.
        pub const FAMILIES: &[(&str, &[&str])] = &[$(($family::NAME, $family::PARAMETERS)),*];

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
        /// assert_eq!((q.name(), q.mean(), q.variance()), ("normal", Some(5.0), Some(1.0)));
        ///
        /// let flat: Distribution = "uniform(-1, 1)".parse()?;
        /// assert_eq!(q.kl_divergence(&flat)?, f64::INFINITY, "a Normal has mass outside every interval");
        /// assert_eq!((flat.ln_pdf(0.0), flat.ln_pdf(7.0)), (Some(0.5f64.ln()), Some(f64::NEG_INFINITY)));
        /// # Ok::<(), metrics::families::FamilyError>(())
        /// ```
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "each variant holds the family of its own name, documented there")]
        pub enum Distribution {
            $($family($family),)*
        }

        $(
            impl From<$family> for Distribution {
                fn from(d: $family) -> Self {
                    Self::$family(d)
                }
            }
        )*

        impl Distribution {
            /// Name of the family, as read and printed.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$family(_) => $family::NAME,)*
                }
            }

            /// The family's own divergence, of two members of one family.
            pub(super) fn kl_within_family(&self, q: &Self) -> Option<Result<f64, FamilyError>> {
                match (self, q) {
                    $((Self::$family(p), Self::$family(q)) => Some(p.kl_divergence(q)),)*
                    _ => None,
                }
            }
        }

        impl Entropy for Distribution {
            fn entropy(&self) -> f64 {
                match self {
                    $(Self::$family(d) => d.entropy(),)*
                }
            }
        }

        impl fmt::Display for Distribution {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$family(d) => d.fmt(f),)*
                }
            }
        }

        impl FromStr for Distribution {
            type Err = FamilyError;

            fn from_str(text: &str) -> Result<Self, FamilyError> {
                let call = Call::parse(text)?;
                match call.name.as_str() {
                    $($family::NAME => $family::from_call(&call).map(Self::$family),)*
                    _ => Err(unknown_family(call.name)),
                }
            }
        }
    };
}

distributions! {
    Counts { Bernoulli, Binomial, Categorical, Geometric, Poisson }
    Line {
        Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, HalfNormal, InverseGamma, Laplace, LogNormal, Normal, Pareto,
        Uniform, Weibull
    }
    LineWithoutMoments { Cauchy }
    Circle { VonMises }
    Simplex { Dirichlet }
    Vectors { MultivariateNormal }
}

fn unknown_family(name: String) -> FamilyError {
    let known = FAMILIES.iter().map(|(known, _)| *known);
    let nearest = known
        .clone()
        .map(|known| (strsim::jaro_winkler(known, &name), known))
        // Below this likeness a suggestion is noise: 'foo' is nearest to 'von_mises', at 0.6.
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, nearest)| nearest);
    FamilyError::UnknownFamily { name, nearest, known: known.collect() }
}
