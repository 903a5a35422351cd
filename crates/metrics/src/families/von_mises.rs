//! Von Mises: the Normal of the circle.

use std::f64::consts::{PI, TAU};

use super::error::FamilyError;
use super::kl::{Entropy, KlDivergence, within};
use super::parameters::family;
use crate::numeric::special::{
    bessel_i0_scaled, bessel_i1_scaled, bregman_by_curvature, exp_excess, ratio_excess,
};

family! {
    /// Von Mises distribution on the circle, with density `exp(concentration cos(x - location)) / (2 π I0(concentration))`.
    ///
    /// ```
    /// use metrics::families::{Entropy, VonMises};
    ///
    /// // Without a concentration it is uniform.
    /// assert!((VonMises::new(0.0, 0.0)?.entropy() - std::f64::consts::TAU.ln()).abs() < 1e-15);
    /// # Ok::<(), metrics::families::FamilyError>(())
    /// ```
    VonMises, "von_mises" {
        /// Location in radians, taken modulo 2 π.
        location: Finite,
        /// Concentration; 0 is the uniform distribution on the circle.
        concentration: NonNegative,
    }
}

impl VonMises {
    /// Logarithm of the density at the angle x, in radians.
    pub fn ln_pdf(&self, x: f64) -> f64 {
        let half_sine = sine_of_half_difference(x, self.location);
        let ln_norm = TAU.ln() + bessel_i0_scaled(self.concentration).ln();
        -2.0 * self.concentration * half_sine * half_sine - ln_norm
    }
}

impl Entropy for VonMises {
    /// `H = ln(2 π I0(κ)) - κ I1(κ) / I0(κ)`
    fn entropy(&self) -> f64 {
        let kappa = self.concentration;
        TAU.ln() + bessel_i0_scaled(kappa).ln() + kappa * one_minus_mean_cosine(kappa)
    }
}

impl KlDivergence for VonMises {
    /// `KL = ln(I0(κ_q) / I0(κ_p)) + (I1(κ_p) / I0(κ_p)) (κ_p - κ_q cos(location_p - location_q))`, concentrations κ.
    ///
    /// Source: Kitagawa and Rowley, *von Mises-Fisher distributions and their statistical divergence* (2022), for the
    /// circle.
    fn kl_divergence(&self, q: &Self) -> Result<f64, FamilyError> {
        let mean_resultant = bessel_i1_scaled(self.concentration) / bessel_i0_scaled(self.concentration);
        let half_sine = sine_of_half_difference(self.location, q.location);
        let kl = kl_of_concentrations(self.concentration, q.concentration)
            + 2.0 * mean_resultant * q.concentration * half_sine * half_sine;
        within(Self::NAME, kl)
    }
}

/// `sin((a - b) / 2)`, also where the difference leaves the range of f64.
fn sine_of_half_difference(a: f64, b: f64) -> f64 {
    (0.5 * a - 0.5 * b).sin()
}

/// Up to this concentration the sum over the circle is exact to rounding.
const SUM_UP_TO: f64 = 200.0;
/// From this one on the asymptotic series is.
const SERIES_FROM: f64 = 100.0;

/// `ln I0(κ_q) - ln I0(κ_p) - (κ_q - κ_p) A(κ_p)` with `A = I1 / I0`: the KL of two distributions with one location.
fn kl_of_concentrations(p: f64, q: f64) -> f64 {
    let difference = q - p;
    if p == q {
        0.0
    } else if p.max(q) <= SUM_UP_TO {
        // E_p[exp(x)] = 1 + E_p[exp(x) - 1 - x] for an x of mean 0, here (κ_q - κ_p) (cos θ - A(κ_p)).
        let mean = one_minus_mean_cosine(p);
        mean_over_circle(p, |versine| exp_excess(difference * (mean - versine))).ln_1p()
    } else if p.min(q) >= SERIES_FROM {
        // ln I0 is κ - ln(2 π κ) / 2 + G(κ), and a Bregman divergence is linear in its function.
        let near = 0.5 * p <= q && q <= 2.0 * p;
        let of_series = if near {
            bregman_by_curvature(p, q, |s| (difference / s).powi(2) * series(s, |n| n * (n + 1.0)))
        } else {
            series(q, |_| 1.0) - series(p, |_| 1.0) + difference / p * series(p, |n| n)
        };
        0.5 * ratio_excess(q, p) + of_series
    } else {
        // Far apart: nothing cancels.
        bessel_i0_scaled(q).ln() - bessel_i0_scaled(p).ln() + difference * one_minus_mean_cosine(p)
    }
}

/// `1 - A(κ)`, the mean of `1 - cos θ`.
fn one_minus_mean_cosine(concentration: f64) -> f64 {
    if concentration <= SUM_UP_TO {
        mean_over_circle(concentration, |versine| versine)
    } else {
        (0.5 + series(concentration, |n| n)) / concentration
    }
}

/// The mean of `f(1 - cos θ)`.
///
/// Sums over equal steps around a circle are off by the Fourier coefficients beyond the number of steps: by
/// `I_128(κ) / I_0(κ)` of the result, which is below e^-40 up to [`SUM_UP_TO`].
fn mean_over_circle(concentration: f64, f: impl Fn(f64) -> f64) -> f64 {
    const STEPS: u32 = 128;
    let (mut sum, mut total) = (0.0, 0.0);
    for step in 0..=STEPS / 2 {
        let sine = (PI * f64::from(step) / f64::from(STEPS)).sin();
        let versine = 2.0 * sine * sine;
        // The other half of the circle is the same.
        let count = if step == 0 || step == STEPS / 2 { 1.0 } else { 2.0 };
        let mass = count * (-concentration * versine).exp();
        total += mass;
        sum += mass * f(versine);
    }
    sum / total
}

/// `sum_n weight(n) c_n κ^-n` with `G(κ) = ln I0(κ) - κ + ln(2 π κ) / 2 = sum_n c_n κ^-n`.
///
/// The logarithm of Hankel's expansion (DLMF 10.40.1). At [`SERIES_FROM`] the next term of `G''` is below 1e-16 of
/// the curvature of `ln I0`.
fn series(concentration: f64, weight: impl Fn(f64) -> f64) -> f64 {
    const C: [f64; 10] = [
        1.0 / 8.0,
        1.0 / 16.0,
        25.0 / 384.0,
        13.0 / 128.0,
        1073.0 / 5120.0,
        103.0 / 192.0,
        375_733.0 / 229_376.0,
        23_797.0 / 4096.0,
        55_384_775.0 / 2_359_296.0,
        2_180_461.0 / 20_480.0,
    ];
    let (mut sum, mut power) = (0.0, 1.0);
    for (c, n) in C.iter().zip(1..) {
        power /= concentration;
        sum += weight(f64::from(n)) * c * power;
    }
    sum
}
