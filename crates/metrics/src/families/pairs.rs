//! The pairs of two different families with a closed form.
//!
//! A pair is listed where the form holds for all parameters and is finite for some. A [`Distribution`] also has what holds
//! for some parameters, such as a Laplace reference below all of the mass.

use super::beta::{Beta, ContinuousBernoulli};
use super::bounded::{Pareto, Uniform};
use super::counts::{Bernoulli, Binomial, Categorical, Geometric, Poisson};
use super::distribution::Distribution;
use super::error::FamilyError;
use super::gamma::{Exponential, Gamma, InverseGamma, Weibull};
use super::kl::KlDivergence;
use super::location_scale::{Cauchy, Gumbel, Laplace};
use super::normal::{HalfNormal, LogNormal, Normal};

macro_rules! closed_forms {
    ($($p:ident => [$($q:ident),*];)*) => {
        $($(
            impl KlDivergence<$q> for $p {
                fn kl_divergence(&self, q: &$q) -> Result<f64, FamilyError> {
                    Distribution::from(self.clone()).kl_divergence(&Distribution::from(q.clone()))
                }
            }
        )*)*

        #[cfg(test)]
        const PAIRS: &[(&str, &[&str])] = &[$(($p::NAME, &[$($q::NAME),*])),*];
    };
}

closed_forms! {
    Bernoulli => [Binomial, Categorical, Geometric, Poisson];
    Beta => [
        ContinuousBernoulli, Exponential, Gamma, HalfNormal, InverseGamma, LogNormal, Normal, Uniform, Weibull
    ];
    Binomial => [Bernoulli, Categorical, Geometric, Poisson];
    Categorical => [Bernoulli, Binomial, Geometric, Poisson];
    Cauchy => [Gumbel, Laplace, Normal];
    ContinuousBernoulli => [Exponential, Gumbel, HalfNormal, Normal, Uniform];
    Exponential => [Gamma, Gumbel, HalfNormal, Laplace, LogNormal, Normal, Weibull];
    Gamma => [Exponential, Gumbel, HalfNormal, InverseGamma, LogNormal, Normal, Weibull];
    Gumbel => [Normal];
    HalfNormal => [Exponential, Gamma, LogNormal, Normal, Weibull];
    InverseGamma => [Exponential, Gamma, HalfNormal, LogNormal, Normal, Weibull];
    Laplace => [Gumbel, Normal];
    LogNormal => [Exponential, Gamma, HalfNormal, InverseGamma, Normal, Weibull];
    Normal => [Gumbel, Laplace];
    Pareto => [Exponential, Gamma, HalfNormal, InverseGamma, LogNormal, Normal, Weibull];
    Uniform => [
        Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, HalfNormal, InverseGamma, Laplace, Normal, Pareto,
        Weibull
    ];
    Weibull => [Exponential, Gamma, HalfNormal, InverseGamma, LogNormal, Normal];
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLES: [&str; 33] = [
        "bernoulli(0.3)",
        "beta(2, 3)",
        "beta(0.5, 7)",
        "binomial(1, 0.2)",
        "binomial(9, 0.4)",
        "categorical(0.2, 0.8)",
        "categorical(0.1, 0.2, 0.1, 0.6)",
        "cauchy(0.3, 2)",
        "continuous_bernoulli(0.3)",
        "exponential(2)",
        "gamma(2.5, 1.5)",
        "gamma(0.4, 3)",
        "geometric(0.4)",
        "gumbel(0.3, 0.8)",
        "gumbel(-2, 3)",
        "half_normal(1.2)",
        "inverse_gamma(4, 3)",
        "inverse_gamma(0.7, 1)",
        "laplace(0.3, 0.8)",
        "laplace(-1, 0.1)",
        "laplace(4, 1)",
        "log_normal(0.1, 0.5)",
        "normal(0.2, 0.9)",
        "normal(4, 3)",
        "pareto(0.3, 3)",
        "pareto(2, 0.5)",
        "poisson(3)",
        "uniform(0.5, 0.7)",
        "uniform(-1, 2)",
        "uniform(0, 1)",
        "uniform(3, 4)",
        "weibull(1.2, 1.8)",
        "weibull(0.3, 0.5)",
    ];

    #[test]
    fn listed_are_the_pairs_whose_form_holds_for_all_parameters() {
        let examples: Vec<Distribution> = EXAMPLES.iter().map(|text| text.parse().unwrap()).collect();
        let of = |family: &'static str| examples.iter().filter(move |d| d.name() == family);
        let mut families: Vec<&'static str> = examples.iter().map(Distribution::name).collect();
        families.dedup();
        for &p in &families {
            for &q in families.iter().filter(|q| **q != p) {
                let kl: Vec<_> = of(p).flat_map(|p| of(q).map(|q| p.kl_divergence(q))).collect();
                let always = kl.iter().all(Result::is_ok);
                let sometimes_finite = kl.iter().flatten().any(|kl| kl.is_finite());
                let heavy = p == "cauchy" && ["gumbel", "laplace", "normal"].contains(&q);
                let listed = PAIRS.iter().any(|(of, with)| *of == p && with.contains(&q));
                assert_eq!(listed, always && (sometimes_finite || heavy), "{p} and {q}: {kl:?}");
            }
        }
    }

    #[test]
    fn a_pair_is_that_of_its_distributions() {
        let (p, q) = (Normal::new(0.2, 0.9).unwrap(), Gumbel::new(-0.3, 1.3).unwrap());
        let expected = Distribution::from(p).kl_divergence(&Distribution::from(q));
        assert_eq!(p.kl_divergence(&q), expected);
        assert_eq!(p.cross_entropy(&q).unwrap(), crate::families::Entropy::entropy(&p) + expected.unwrap());
    }
}
