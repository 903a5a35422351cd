//! The few functions that keep closed forms accurate where their textbook form cancels.
//!
//! Every KL between two members of an exponential family is a Bregman divergence: a difference of terms that are each
//! much larger than the result when the two members are close. Written as sums of non-negative terms they keep their
//! relative accuracy, can never be negative, and are exactly 0 for equal parameters. The building blocks are here.
//!
//! `ln Γ` and `erf` come from [`libm`](https://docs.rs/libm) (musl's, kept by the Rust project), digamma, the Hurwitz
//! zeta function (`ψ'(x) = ζ(2, x)`), `ln(1 + x) - x` and the scaled Bessel functions from
//! [`spec_math`](https://docs.rs/spec_math) (Moshier's Cephes, the code behind SciPy). Measured against mpmath on 300
//! points between 1e-6 and 1e8 they are within 6e-16 relative; of the alternatives, `statrs` 0.19 is off by 5e-11 in
//! `erf` and `puruspe` 0.4 by 1e-11 in `ln Γ`.

use std::f64::consts::TAU;

use spec_math::cephes64;

pub(crate) use libm::erf;

/// The Euler-Mascheroni constant, `-ψ(1)`.
pub(crate) const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// `ln Γ(x)`, x > 0.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// `ln Γ(1 + x)`, x > -1, accurate near 0 too.
pub(crate) fn ln_gamma_of_one_plus(x: f64) -> f64 {
    cephes64::lgam1p(x)
}

/// `Γ(a + k) / Γ(a)` for positive `a` and `a + k`, infinite beyond the range of f64.
pub(crate) fn gamma_ratio(a: f64, k: f64) -> f64 {
    if k == 1.0 {
        return a;
    }
    if k == 2.0 {
        return a * (a + 1.0);
    }
    if k == -1.0 && a > 1.0 {
        return 1.0 / (a - 1.0);
    }
    let direct = libm::tgamma(a + k) / libm::tgamma(a);
    if direct.is_normal() { direct } else { ln_gamma_ratio(a, k).exp() }
}

/// `ln Γ(a + k) - ln Γ(a)`.
pub(crate) fn ln_gamma_ratio(a: f64, k: f64) -> f64 {
    if a.min(a + k) < STIRLING_FROM {
        return ln_gamma(a + k) - ln_gamma(a);
    }
    // Of x ln x - x the difference is k ln a + (a + k) ln(1 + k / a) - k, here with little left to cancel.
    k * a.ln() + relative_entropy_excess(a + k, a) + (stirling(a + k) - stirling(a))
}

/// `ψ(x)`, the derivative of `ln Γ`, x > 0.
pub(crate) fn digamma(x: f64) -> f64 {
    cephes64::psi(x)
}

/// `ψ'(x)`, x > 0.
pub(crate) fn trigamma(x: f64) -> f64 {
    cephes64::zeta(2.0, x)
}

/// `I0(x) exp(-x)`, x >= 0.
pub(crate) fn bessel_i0_scaled(x: f64) -> f64 {
    cephes64::i0e(x)
}

/// `I1(x) exp(-x)`, x >= 0.
pub(crate) fn bessel_i1_scaled(x: f64) -> f64 {
    cephes64::i1e(x)
}

/// `ln(a / b)`, through two logarithms where the ratio leaves the range of f64.
pub(crate) fn ln_ratio(a: f64, b: f64) -> f64 {
    let ratio = a / b;
    if ratio.is_normal() { ratio.ln() } else { a.ln() - b.ln() }
}

/// `r - 1 - ln r` for `r = a / b`, both positive: 0 at `a = b`, positive elsewhere.
pub(crate) fn ratio_excess(a: f64, b: f64) -> f64 {
    let u = (a - b) / b;
    if u.abs() < 0.5 {
        // log1pmx is ln(1 + u) - u, by its own series near 0.
        -cephes64::log1pmx(u)
    } else {
        a / b - 1.0 - ln_ratio(a, b)
    }
}

/// `(r^2 - 1 - ln r^2) / 2` for `r = a / b`, both positive: the scale part of the KL between two Normals.
pub(crate) fn squared_ratio_half_excess(a: f64, b: f64) -> f64 {
    let (r, u) = (a / b, (a - b) / b * (a / b + 1.0));
    if u.abs() < 0.5 { -0.5 * cephes64::log1pmx(u) } else { 0.5 * (r * r - 1.0) - ln_ratio(a, b) }
}

/// `p ln(p / q) - p + q` for `p, q >= 0`: KL between two Poisson laws, and one term of a discrete KL made non-negative.
pub(crate) fn relative_entropy_excess(p: f64, q: f64) -> f64 {
    match (p == 0.0, q == 0.0) {
        (true, _) => q,
        (false, true) => f64::INFINITY,
        (false, false) if (q / p).is_finite() => p * ratio_excess(q, p),
        // q / p leaves the range of f64 where the value need not.
        (false, false) => p * ln_ratio(p, q) - p + q,
    }
}

/// KL(Bernoulli(p) ‖ Bernoulli(q)) in nats.
pub(crate) fn binary_kl(p: f64, q: f64) -> f64 {
    // The added parts, q - p and (1 - q) - (1 - p), cancel.
    relative_entropy_excess(p, q) + relative_entropy_excess(1.0 - p, 1.0 - q)
}

/// `e^x - 1 - x`, non-negative.
pub(crate) fn exp_excess(x: f64) -> f64 {
    if x.abs() >= 0.5 {
        // At +infinity the difference would be infinity less infinity.
        return if x == f64::INFINITY { x } else { x.exp_m1() - x };
    }
    // Taylor, x^2/2! + x^3/3! + ...: the 16th term is below 1e-17 of the first at |x| = 0.5.
    let mut term = x * x / 2.0;
    let mut sum = term;
    for k in 3..18 {
        term *= x / f64::from(k);
        sum += term;
    }
    sum
}

/// `(a - b) / scale`, also where the difference alone leaves the range of f64.
pub(crate) fn standardized(a: f64, b: f64, scale: f64) -> f64 {
    let difference = a - b;
    if difference.is_finite() { difference / scale } else { a / scale - b / scale }
}

/// Even Bernoulli numbers B2 to B14, the coefficients of Stirling's series.
pub(crate) const BERNOULLI: [f64; 7] =
    [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0];

/// From here on Stirling's series with seven terms is exact to rounding: B16 / 12^15 is below 1e-15 of the sum.
const STIRLING_FROM: f64 = 12.0;

/// `S(x) = ln Γ(x) - x ln x + x`: what `ln Γ` has beyond its leading part. Convex and slowly varying.
pub(crate) fn stirling(x: f64) -> f64 {
    if x < STIRLING_FROM {
        return ln_gamma(x) - x * x.ln() + x;
    }
    let (inverse, mut power, mut sum) = (1.0 / (x * x), 1.0 / x, 0.0);
    for (b, k) in BERNOULLI.iter().zip(1..) {
        let n = f64::from(2 * k);
        sum += b * power / (n * (n - 1.0));
        power *= inverse;
    }
    0.5 * (TAU.ln() - x.ln()) + sum
}

/// `x S'(x) = x (ψ(x) - ln x)`, between -1 (at 0) and -1/2 (at infinity).
pub(crate) fn stirling_slope(x: f64) -> f64 {
    if x < 1.0 {
        // ψ(x) = ψ(x + 1) - 1 / x, with the pole taken out by hand.
        return x * digamma(x + 1.0) - 1.0 - x * x.ln();
    }
    if x < STIRLING_FROM {
        return x * (digamma(x) - x.ln());
    }
    let (inverse, mut power, mut sum) = (1.0 / (x * x), 1.0 / x, 0.5);
    for (b, k) in BERNOULLI.iter().zip(1..) {
        sum += b * power / f64::from(2 * k);
        power *= inverse;
    }
    -sum
}

/// `x^2 S''(x) = x^2 ψ'(x) - x`, between 1 (at 0) and 1/2 (at infinity).
fn stirling_curvature(x: f64) -> f64 {
    if x < 1.0 {
        return 1.0 - x + x * x * trigamma(x + 1.0);
    }
    if x < STIRLING_FROM {
        return x * x * trigamma(x) - x;
    }
    let (inverse, mut power, mut sum) = (1.0 / (x * x), 1.0 / x, 0.5);
    for b in BERNOULLI {
        sum += b * power;
        power *= inverse;
    }
    sum
}

/// Positive nodes and weights of the 12-point Gauss-Legendre rule on [-1, 1] (Abramowitz and Stegun, table 25.4).
pub(crate) const GAUSS_LEGENDRE: [(f64, f64); 6] = [
    (0.125_233_408_511_468_9, 0.249_147_045_813_402_8),
    (0.367_831_498_998_180_2, 0.233_492_536_538_354_8),
    (0.587_317_954_286_617_4, 0.203_167_426_723_065_92),
    (0.769_902_674_194_304_7, 0.160_078_328_543_346_23),
    (0.904_117_256_370_474_9, 0.106_939_325_995_318_43),
    (0.981_560_634_246_719_3, 0.047_175_336_386_511_83),
];

/// Bregman divergence `f(y) - f(x) - (y - x) f'(x)` of a convex function as `(y - x)^2 ∫ (1 - t) f''(x + t (y - x)) dt`.
///
/// `curvature(s)` is `(y - x)^2 f''(s)`. Every term of the sum is non-negative, so nothing cancels. The rule is exact
/// to rounding where f'' is analytic within about six half-widths of the interval's middle.
pub(crate) fn bregman_by_curvature(x: f64, y: f64, curvature: impl Fn(f64) -> f64) -> f64 {
    let mut sum = 0.0;
    for (node, weight) in GAUSS_LEGENDRE {
        for node in [-node, node] {
            let t = 0.5 * (1.0 + node);
            sum += 0.5 * weight * (1.0 - t) * curvature(x + t * (y - x));
        }
    }
    sum
}

/// `S(y) - S(x) - (y - x) S'(x)`, non-negative.
pub(crate) fn stirling_divergence(y: f64, x: f64) -> f64 {
    if y == x {
        return 0.0;
    }
    if 0.5 * x <= y && y <= 2.0 * x {
        // The pole nearest to the interval is at 0, three half-widths from its middle: 12 nodes reach 1e-18.
        return bregman_by_curvature(x, y, |s| ((y - x) / s).powi(2) * stirling_curvature(s));
    }
    stirling(y) - stirling(x) - (y - x) / x * stirling_slope(x)
}

/// `ln Γ(y) - ln Γ(x) - (y - x) ψ(x)`, non-negative.
pub(crate) fn ln_gamma_divergence(y: f64, x: f64) -> f64 {
    // ln Γ(x) = (x ln x - x) + S(x), and a Bregman divergence is linear in its function.
    relative_entropy_excess(y, x) + stirling_divergence(y, x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_arguments_give_exactly_zero() {
        for x in [1e-310, 1e-5, 0.3, 1.0, 11.9, 12.0, 1e6, 1e300] {
            assert_eq!(ratio_excess(x, x), 0.0);
            assert_eq!(ln_gamma_divergence(x, x), 0.0);
        }
        assert_eq!(exp_excess(0.0), 0.0);
        assert_eq!(binary_kl(1e-300, 1e-300), 0.0);
    }
}
