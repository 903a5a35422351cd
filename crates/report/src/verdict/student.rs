//! Student's t distribution.

use spec_math::cephes64::incbi;

/// The `t` beyond which, in either direction, lies the probability `outside`; degrees of freedom need not be whole.
///
/// For `x = n / (n + t^2)`, the regularised incomplete beta function `I_x(n/2, 1/2)` is the probability of a value beyond
/// `t` in either direction (Abramowitz and Stegun, 26.7.1).
pub fn t_quantile(degrees_of_freedom: f64, outside: f64) -> f64 {
    let x = incbi(0.5 * degrees_of_freedom, 0.5, outside);
    (degrees_of_freedom * (1.0 - x) / x).sqrt()
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
    fn the_quantiles_leave_outside_what_they_should() {
        for degrees_of_freedom in [1.0, 1.5, 2.0, 2.7, 4.0, 9.3, 20.0, 137.5] {
            for outside in [0.05, 0.005, 0.2] {
                let within = probability_within(t_quantile(degrees_of_freedom, outside), degrees_of_freedom);
                // What Simpson's rule leaves, most of it where the integrand has no derivative at its end.
                assert!((within - 1.0 + outside).abs() < 1e-6, "{degrees_of_freedom}, {outside}: {within}");
            }
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
            let found = t_quantile(degrees_of_freedom, 0.05);
            assert!((found - expected).abs() < limit, "{degrees_of_freedom}: {found}, not {expected}");
        }
    }
}
