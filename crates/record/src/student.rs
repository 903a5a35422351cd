//! Student's t-test.

use spec_math::cephes64::incbi;

use crate::seeds::Spread;

/// The 97.5 % quantile of Student's t distribution, which a two-sided test at 95 % compares with; degrees of freedom need
/// not be whole.
///
/// For `x = n / (n + t^2)`, the regularised incomplete beta function `I_x(n/2, 1/2)` is the probability of a value beyond
/// `t` in either direction (Abramowitz and Stegun, 26.7.1).
pub fn t_quantile(degrees_of_freedom: f64) -> f64 {
    const BOTH_TAILS: f64 = 0.05;
    let x = incbi(0.5 * degrees_of_freedom, 0.5, BOTH_TAILS);
    (degrees_of_freedom * (1.0 - x) / x).sqrt()
}

/// Whether the mean of some differences is not 0, by Student's t-test at 95 %.
pub fn differs_from_zero(differences: &[f64]) -> bool {
    if differences.len() < 2 {
        return false;
    }
    let Spread { mean, std } = Spread::of(differences);
    mean.abs() > t_quantile((differences.len() - 1) as f64) * std / (differences.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probability of a value between `-t` and `t`, by Simpson's rule over the angle: with `t = sqrt(n) tan(a)` the
    /// density is proportional to `cos(a)^(n - 1)`.
    fn probability_within(t: f64, degrees_of_freedom: f64) -> f64 {
        const STEPS: usize = 20_000;
        let integral = |end: f64| {
            let density = |step: usize| {
                let angle = end * step as f64 / STEPS as f64;
                let weight = match step {
                    0 | STEPS => 1.0,
                    step if step % 2 == 1 => 4.0,
                    _ => 2.0,
                };
                weight * angle.cos().powf(degrees_of_freedom - 1.0)
            };
            (0..=STEPS).map(density).sum::<f64>() * end / STEPS as f64 / 3.0
        };
        integral((t / degrees_of_freedom.sqrt()).atan()) / integral(std::f64::consts::FRAC_PI_2)
    }

    #[test]
    fn the_quantiles_leave_a_twentieth_outside() {
        for degrees_of_freedom in [1.0, 1.5, 2.0, 2.7, 4.0, 9.3, 20.0, 137.5] {
            let within = probability_within(t_quantile(degrees_of_freedom), degrees_of_freedom);
            // What Simpson's rule leaves, most of it where the integrand has no derivative at its end. The quantile is then
            // good to 1e-5.
            assert!((within - 0.95).abs() < 1e-7, "{degrees_of_freedom}: {within}");
        }
    }

    #[test]
    fn the_quantiles_are_those_in_closed_form_and_in_any_table() {
        // Of one degree of freedom tan(0.475 π), of two (2p - 1) / sqrt(2p (1 - p)) with p = 0.975.
        let cauchy = (0.475 * std::f64::consts::PI).tan();
        let two = 0.95 / (2.0f64 * 0.975 * 0.025).sqrt();
        for (degrees_of_freedom, expected, limit) in
            [(1.0, cauchy, 1e-9), (2.0, two, 1e-9), (10.0, 2.228, 5e-4), (1e7, 1.959_964, 1e-5)]
        {
            let found = t_quantile(degrees_of_freedom);
            assert!((found - expected).abs() < limit, "{degrees_of_freedom}: {found}, not {expected}");
        }
    }

    #[test]
    fn differences_are_held_against_their_own_noise() {
        // Mean 1, standard deviation 1, three differences: t = sqrt(3) = 1.73 < 4.30. With ten times the mean, it is 17.3.
        assert!(!differs_from_zero(&[0.0, 1.0, 2.0]));
        assert!(differs_from_zero(&[9.0, 10.0, 11.0]));
        assert!(!differs_from_zero(&[0.0, 0.0]), "equal values do not differ");
        assert!(!differs_from_zero(&[1.0]), "a single one has no noise to be held against");
    }
}
