//! KL of pairs without a closed form: by quadrature on the line, by a truncated sum over counts.

use super::distribution::Distribution;
use super::error::FamilyError;
use super::kl::{KlDivergence, in_range};
use crate::numeric::{Integral, integrate};

/// A divergence that was integrated or summed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct NumericDivergence {
    /// The divergence in nats.
    pub value: f64,
    /// A bound on its distance from the true one, in nats: 0 for infinity and for a closed form; for a sum the bound on what
    /// was left out; for an integral the difference between two rules, which for the smooth integrands here is far above
    /// the error, and what the mass of P fell short of 1.
    pub error: f64,
}

impl NumericDivergence {
    const INFINITE: Self = Self { value: f64::INFINITY, error: 0.0 };
}

/// The relative error that the quadrature goes for.
const TOLERANCE: f64 = 1e-13;

impl Distribution {
    /// KL(self ‖ q) in nats with a bound on its error: for pairs that [`KlDivergence`] has no closed form for.
    ///
    /// A pair with a closed form gets its value. Without one, counts are summed until what is left is below 1e-30 of the
    /// result, and `∫ p ln(p / q)` on the line is integrated in a variable in which the tails fall exponentially.
    ///
    /// # Errors
    ///
    /// As for [`KlDivergence::kl_divergence`], but for [`FamilyError::NoClosedForm`]; [`FamilyError::OutOfRange`] also where mass of
    /// P lies beyond the range of `f64`.
    ///
    /// ```
    /// use metrics::families::Distribution;
    ///
    /// let (p, q): (Distribution, Distribution) = ("normal(0, 1)".parse()?, "cauchy(0, 1)".parse()?);
    /// let kl = p.kl_divergence_numerically(&q)?;
    /// assert!((kl.value - 0.259_244_532_489).abs() < 1e-11 && kl.error < 1e-11);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    pub fn kl_divergence_numerically(&self, q: &Self) -> Result<NumericDivergence, FamilyError> {
        match self.kl_divergence(q) {
            Err(FamilyError::NoClosedForm { .. }) => self.integrated_or_summed(q),
            closed => closed.map(|value| NumericDivergence { value, error: rounding(value) }),
        }
    }

    fn integrated_or_summed(&self, q: &Self) -> Result<NumericDivergence, FamilyError> {
        let found = match (self.counts(), q.counts()) {
            (Some(p), Some(q)) => {
                let (value, error) = p.kl_by_truncated_sum(&q);
                NumericDivergence { value, error: error + rounding(value) }
            }
            _ if diverges(self, q) => NumericDivergence::INFINITE,
            _ => integrated(self, q),
        };
        if !found.error.is_finite() {
            return Err(FamilyError::OutOfRange { p: self.name(), q: q.name() });
        }
        let value = in_range(self.name(), q.name(), found.value)?;
        Ok(NumericDivergence { value, ..found })
    }
}

/// A few roundings, absolutely where the divergence is small: it is a difference.
fn rounding(value: f64) -> f64 {
    if value.is_finite() { 16.0 * f64::EPSILON * value.max(1.0) } else { 0.0 }
}

/// Whether `E_P[ln q]` is -∞ although P lies within the support of Q.
fn diverges(p: &Distribution, q: &Distribution) -> bool {
    match q {
        // ln q falls as |x|.
        Distribution::Laplace(_) | Distribution::Gumbel(_) => p.mean() == Some(f64::INFINITY),
        // ln q falls as 1 / x next to 0, where P has a density above 0.
        Distribution::InverseGamma(_) => matches!(p, Distribution::ContinuousBernoulli(_)),
        _ => false,
    }
}

/// Where a distribution has its mass: a point in the middle of it and a typical distance from there.
struct Bulk {
    centre: f64,
    width: f64,
}

impl Bulk {
    fn of(d: &Distribution) -> Self {
        let (centre, width) = match d {
            Distribution::Cauchy(d) => (d.location(), d.scale()),
            Distribution::Laplace(d) => (d.location(), d.scale()),
            Distribution::Gumbel(d) => (d.location(), d.scale()),
            Distribution::Pareto(d) => (d.scale(), d.scale() / d.shape()),
            Distribution::InverseGamma(d) => {
                let mode = d.scale() / (d.shape() + 1.0);
                (mode, mode / d.shape().sqrt())
            }
            Distribution::LogNormal(d) => (d.mu().exp(), d.mu().exp() * d.sigma().min(1.0)),
            Distribution::Weibull(d) => (d.scale(), d.scale() / d.shape()),
            _ => (d.mean().unwrap_or(0.0), d.variance().unwrap_or(1.0).sqrt()),
        };
        Self { centre, width }
    }
}

/// A variable t of which x is a function, such that p(x) dx/dt falls exponentially in |t|.
enum Substitution {
    /// `x = centre + width sinh t`
    Line { centre: f64, width: f64 },
    /// `x = low + unit e^t`
    HalfLine { low: f64, unit: f64 },
    /// `x = low + width / (1 + e^-t)`
    Interval { low: f64, width: f64 },
}

impl Substitution {
    fn x(&self, t: f64) -> f64 {
        match *self {
            Self::Line { centre, width } => centre + width * t.sinh(),
            Self::HalfLine { low, unit } => low + unit * t.exp(),
            Self::Interval { low, width } => low + width / (1.0 + (-t).exp()),
        }
    }

    /// `dx/dt`
    fn slope(&self, t: f64) -> f64 {
        match *self {
            Self::Line { width, .. } => width * t.cosh(),
            Self::HalfLine { unit, .. } => unit * t.exp(),
            Self::Interval { width, .. } => width / (2.0 + t.exp() + (-t).exp()),
        }
    }

    fn t(&self, x: f64) -> f64 {
        match *self {
            Self::Line { centre, width } => ((x - centre) / width).asinh(),
            Self::HalfLine { low, unit } => ((x - low) / unit).ln(),
            Self::Interval { low, width } => ((x - low) / (low + width - x)).ln(),
        }
    }

    fn is_end(&self, x: f64) -> bool {
        match *self {
            Self::Line { .. } => false,
            Self::HalfLine { low, .. } => x <= low,
            Self::Interval { low, width } => x <= low || x >= low + width,
        }
    }

    /// How far t goes: to 1e-40 of the mass of a Cauchy distribution, to the smallest `f64` above an end point.
    fn reach(&self) -> f64 {
        match self {
            Self::Line { .. } => 100.0,
            Self::HalfLine { .. } | Self::Interval { .. } => 700.0,
        }
    }
}

fn integrated(p: &Distribution, q: &Distribution) -> NumericDivergence {
    let bulk = Bulk::of(p);
    let substitution = match p {
        Distribution::Uniform(d) => Substitution::Interval { low: d.low(), width: d.width() },
        Distribution::Beta(_) | Distribution::ContinuousBernoulli(_) => {
            Substitution::Interval { low: 0.0, width: 1.0 }
        }
        Distribution::Pareto(d) => Substitution::HalfLine { low: d.scale(), unit: d.scale() },
        Distribution::Normal(_)
        | Distribution::Laplace(_)
        | Distribution::Gumbel(_)
        | Distribution::Cauchy(_) => Substitution::Line { centre: bulk.centre, width: bulk.width },
        _ => Substitution::HalfLine { low: 0.0, unit: bulk.centre },
    };
    // Cuts around the bulk of both, which a panel of the whole range might step over, at the kink of a Laplace density, and
    // out to where the last of the mass falls off.
    let reach = substitution.reach();
    let mut cuts: Vec<f64> = [-1.0, -0.1, -0.02, 0.0, 0.02, 0.1, 1.0].map(|part| part * reach).into();
    for bulk in [&bulk, &Bulk::of(q)] {
        for distance in [0.0, 1.0, 3.0, 8.0, 20.0, 50.0, 150.0, 500.0].map(|k| k * bulk.width) {
            cuts.extend([substitution.t(bulk.centre - distance), substitution.t(bulk.centre + distance)]);
        }
    }
    cuts.retain(|t| t.abs() <= reach);
    cuts.sort_by(f64::total_cmp);
    cuts.dedup();

    let mass_at = |t: f64| {
        let x = substitution.x(t);
        let ln_p = p.ln_pdf(x).unwrap_or(f64::NEG_INFINITY);
        // At an end point a density may be infinite; and so close to it that x is the end point, nothing can be said.
        let inside = ln_p < 700.0 && !substitution.is_end(x);
        (x, ln_p, if inside { ln_p.exp() * substitution.slope(t) } else { 0.0 })
    };
    let Integral { value: mass, error: mass_error } = integrate(|t| mass_at(t).2, &cuts, TOLERANCE);
    let kl = integrate(
        |t| {
            let (x, ln_p, mass) = mass_at(t);
            if mass > 0.0 { mass * (ln_p - q.ln_pdf(x).unwrap_or(f64::NEG_INFINITY)) } else { 0.0 }
        },
        &cuts,
        TOLERANCE,
    );
    // Mass that was not found may lie anywhere; so close to an end point that x cannot tell, mostly.
    let ends = [-reach, reach].map(|t| {
        let (x, ln_p, _) = mass_at(t);
        let ln_ratio = ln_p - q.ln_pdf(x).unwrap_or(f64::NEG_INFINITY);
        if ln_ratio.is_finite() { ln_ratio.abs() } else { reach }
    });
    let missing = (mass - 1.0).abs();
    // NaN where the mass lies beyond the range of f64.
    let found_all = missing <= mass_error + 1e-12;
    let missing = if found_all { 0.0 } else { missing * (ends[0].max(ends[1]) + kl.value.abs()) };
    NumericDivergence { value: kl.value, error: kl.error + missing + rounding(kl.value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(p: &str, q: &str) -> NumericDivergence {
        let p: Distribution = p.parse().unwrap();
        p.kl_divergence_numerically(&q.parse().unwrap()).unwrap()
    }

    #[test]
    fn quadrature_gives_what_closed_forms_do() {
        for (p, q) in [
            ("normal(0, 2)", "normal(5, 1)"),
            ("normal(0, 1e-3)", "normal(0, 1e3)"),
            ("normal(1e5, 1)", "gumbel(1e5, 2)"),
            ("laplace(0, 1)", "laplace(2, 0.5)"),
            ("cauchy(0, 1)", "cauchy(3, 0.5)"),
            ("gumbel(0, 1)", "normal(1, 2)"),
            ("gamma(2.5, 1.5)", "log_normal(0.3, 0.8)"),
            ("gamma(1e6, 1e6)", "normal(1, 1e-3)"),
            ("gamma(0.2, 3)", "gamma(0.3, 2)"),
            ("inverse_gamma(4, 3)", "gamma(2, 1.5)"),
            ("weibull(1.2, 1.8)", "gamma(2, 1.5)"),
            ("pareto(1.5, 3)", "exponential(0.6)"),
            ("exponential(2)", "laplace(0.4, 1.3)"),
            ("half_normal(1.2)", "gamma(1.5, 0.7)"),
            ("log_normal(0.1, 0.5)", "weibull(1.2, 1.8)"),
            ("beta(2, 3)", "uniform(0, 1)"),
            ("beta(0.5, 0.7)", "beta(2, 3)"),
            ("uniform(-1, 2)", "laplace(0.4, 0.9)"),
            ("continuous_bernoulli(0.3)", "uniform(0, 1)"),
            ("exponential(1e150)", "weibull(1e-150, 2)"),
        ] {
            let (p, q): (Distribution, Distribution) = (p.parse().unwrap(), q.parse().unwrap());
            let (found, expected) = (integrated(&p, &q), p.kl_divergence(&q).unwrap());
            let error = (found.value - expected).abs();
            assert!(error <= found.error, "{p}, {q}: {found:?}, not {expected}");
            // Next to 1 an f64 has steps of 1e-16, and this density 1e-9 of its mass there.
            let limit = if p.to_string() == "beta(0.5, 0.7)" { 1e-8 } else { 1e-10 };
            assert!(found.error < limit * (1.0 + expected), "{p}, {q}: {found:?}");
        }
    }

    #[test]
    fn mass_beyond_the_range_of_f64_has_no_divergence() {
        for (p, q) in [
            ("log_normal(709, 1)", "cauchy(0, 1)"),
            ("log_normal(800, 1)", "cauchy(0, 1)"),
            ("gamma(1e200, 1e-200)", "cauchy(0, 1)"),
            ("pareto(1, 1)", "cauchy(0, 1e-300)"),
        ] {
            let (p, q): (Distribution, Distribution) = (p.parse().unwrap(), q.parse().unwrap());
            let found = p.kl_divergence_numerically(&q);
            assert!(matches!(found, Err(FamilyError::OutOfRange { .. })), "{p}, {q}: {found:?}");
        }
    }

    /// Values of `scripts/numeric_reference.py`, which integrates and sums in 40 digits.
    const REFERENCE: &str = include_str!("../../tests/reference/family_numeric.csv");

    #[test]
    fn pairs_without_a_closed_form() {
        let mut count = 0;
        for record in csv::Reader::from_reader(REFERENCE.as_bytes()).records().map(Result::unwrap) {
            let expected: f64 = record[2].parse().unwrap();
            let (p, q): (Distribution, Distribution) =
                (record[0].parse().unwrap(), record[1].parse().unwrap());
            assert!(matches!(p.kl_divergence(&q), Err(FamilyError::NoClosedForm { .. })), "{p}, {q}");
            let found = numeric(&record[0], &record[1]);
            let error = (found.value - expected).abs();
            assert!(
                error <= found.error && found.error < 1e-9 * (1.0 + expected),
                "{p}, {q}: {found:?}, not {expected}"
            );
            count += 1;
        }
        assert!(count >= 20, "{count}");
    }

    #[test]
    fn infinite_where_that_is_the_truth() {
        for (p, q) in [
            ("pareto(1, 1)", "gumbel(0, 1)"),
            ("pareto(1, 0.5)", "laplace(2, 1)"),
            ("inverse_gamma(0.9, 1)", "gumbel(0, 1)"),
            ("continuous_bernoulli(0.3)", "inverse_gamma(2, 1)"),
            ("cauchy(0, 1)", "normal(0, 1)"),
            ("normal(0, 1)", "gamma(2, 1)"),
            ("poisson(2)", "binomial(9, 0.5)"),
        ] {
            assert_eq!(numeric(p, q), NumericDivergence::INFINITE, "{p}, {q}");
        }
    }

    #[test]
    fn the_bound_says_when_mass_was_not_found() {
        // Half of this mass lies below the smallest number.
        let found = numeric("gamma(0.001, 1)", "cauchy(0, 1)");
        assert!(found.error > 0.1, "{found:?}");
    }
}
