//! Pixels of 256 levels, each with the mass that a logistic distribution has nearest to it.
//!
//! Source: Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, *Improved Variational Inference with Inverse
//! Autoregressive Flow* (2016), section 5; the first and the last level as in Salimans, Karpathy, Chen and Kingma,
//! *PixelCNN++* (2017), section 2.1.

use super::{Pixel, Term};
use crate::logistic::{Logistic, logistic};
use crate::vectors::Arithmetic;

pub(super) struct DiscretisedLogistic;

/// Half the distance of two levels.
const HALF: f32 = 0.5 / 255.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LogisticScale {
    /// `1 / s`.
    inverse: f32,
    /// `-log(1 - exp(-d))` for the width `d = 1 / (255 s)` of a level.
    constant: f32,
    /// Its derivative with respect to `log s`.
    slope: f32,
}

impl LogisticScale {
    pub(super) fn new(log_scale: f32) -> Self {
        let inverse = (-f64::from(log_scale)).exp();
        let width = 2.0 * f64::from(HALF) * inverse;
        Self {
            inverse: inverse as f32,
            constant: -(-(-width).exp_m1()).ln() as f32,
            slope: (width / width.exp_m1()) as f32,
        }
    }
}

impl Pixel for DiscretisedLogistic {
    type Scale = LogisticScale;

    /// With the ends `a` and `b` of the level, in scales above the location: `σ(a) - σ(b) = σ(a) σ(-b) (1 - exp(b - a))`, so
    /// that `-log p = softplus(-a) + softplus(b) - log(1 - exp(-d))`, in which nothing cancels. The first level has no lower
    /// end and the last one no upper one: their terms are `softplus(-a)` and `softplus(b)` alone.
    #[inline(always)]
    fn term<A: Arithmetic>(location: f32, value: f32, scale: LogisticScale) -> Term {
        let difference = value - location;
        let (upper, lower) = ((difference + HALF) * scale.inverse, (difference - HALF) * scale.inverse);
        let (beyond, below) = (logistic::<A>(-upper), logistic::<A>(lower));
        let none = Logistic { sigmoid: 0.0, softplus: 0.0 };
        let (first, last) = (value < HALF, value > 1.0 - HALF);
        let beyond = if last { none } else { beyond };
        let below = if first { none } else { below };
        let (constant, slope) = if first || last { (0.0, 0.0) } else { (scale.constant, scale.slope) };
        Term {
            nll: beyond.softplus + below.softplus + constant,
            of_output: (beyond.sigmoid - below.sigmoid) * scale.inverse,
            of_log_scale: beyond.sigmoid * upper - below.sigmoid * lower + slope,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::vectors::{Fused, Separate};

    pub fn defined(location: f64, value: f64, log_scale: f64) -> f64 {
        let half = 0.5 / 255.0;
        let sigma = |a: f64| 1.0 / (1.0 + (-a).exp());
        let (mut upper, mut lower) =
            ((value + half - location) / log_scale.exp(), (value - half - location) / log_scale.exp());
        if value < half {
            lower = f64::NEG_INFINITY;
        }
        if value > 1.0 - half {
            upper = f64::INFINITY;
        }
        // Above the location both are near 1, so that their difference is taken of what is left of 1.
        if lower > 0.0 {
            (upper, lower) = (-lower, -upper);
        }
        -(sigma(upper) - sigma(lower)).ln()
    }

    fn terms(location: f32, log_scale: f32) -> impl Iterator<Item = (f64, f64)> {
        (0..=255).map(move |level| {
            let value = level as f32 / 255.0;
            let scale = LogisticScale::new(log_scale);
            let found = DiscretisedLogistic::term::<Fused>(location, value, scale).nll;
            let separate = DiscretisedLogistic::term::<Separate>(location, value, scale).nll;
            assert!((found - separate).abs() <= 1e-5 * (1.0 + found.abs()));
            (found.into(), defined(location.into(), value.into(), log_scale.into()))
        })
    }

    #[test]
    fn the_levels_have_the_mass_of_the_definition_and_together_all_of_it() {
        for (location, log_scale) in
            [(0.5, -2.0), (0.0, -5.0), (1.0, -4.0), (-0.7, -1.0), (0.3, 2.0), (0.501, -7.0)]
        {
            let mut mass = 0.0;
            for (found, expected) in terms(location, log_scale) {
                // The ends of a level are rounded by 6e-8, some hundred scales from the location.
                let limit = 2e-6 * (1.0 + expected.abs()) + 1e-7 * f64::from(-log_scale).exp();
                assert!(
                    (found - expected).abs() <= limit,
                    "{location}, {log_scale}: {found}, not {expected}"
                );
                mass += (-found).exp();
            }
            assert!((mass - 1.0).abs() < 1e-5, "{location}, {log_scale}: {mass}");
        }
    }
}
