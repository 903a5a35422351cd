//! The coefficient for a budget of rate or of distortion, read off the curve.

use super::paired::PairedLosses;
use crate::rate_distortion::{Point, hull};

/// What may be spent at most, in nats per image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// Of KL.
    Rate(f64),
    /// Of reconstruction.
    Distortion(f64),
}

/// The coefficient that spends a budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The coefficient.
    pub c: f64,
    /// Its interval of 95 %, as far as it lies between the neighbours.
    pub interval: [f64; 2],
    /// The trained coefficients that it lies between, on the convex hull of the curve.
    pub between: [f64; 2],
    /// The rate there.
    pub rate: f64,
    /// The distortion there.
    pub distortion: f64,
}

/// Why no coefficient can be read off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutOfReach {
    /// A curve needs two coefficients above 0.
    NoCurve,
    /// No coefficient of the curve spends so little or so much: from one end to the other, these are spent.
    Beyond {
        /// What the curve's ends spend, rising.
        ends: [f64; 2],
    },
    /// Of these neighbours on the hull, the greater coefficient has the greater rate: they cannot both be at their optimum.
    OutOfOrder {
        /// By falling rate.
        between: [f64; 2],
    },
}

/// Reads the coefficient of a budget off the convex hull of the curve.
///
/// Between two neighbours of the hull the curve is that of a linear Gaussian decoder, whose rate falls by the same for every
/// doubling of the coefficient, `R = a - b ln c`, and whose distortion is linear in it, `D = a' + b c`; both have the slope
/// `dD/dR = -c` of an optimum. The error comes from those of the two neighbours, over seeds and images.
///
/// `rate` and `distortion` are of the same members, with c = 0 left out: it sets the rate no limit.
pub fn read_off(
    budget: Budget,
    rate: &PairedLosses,
    distortion: &PairedLosses,
) -> Result<Reading, OutOfReach> {
    let position = |c: f64| rate.coefficients().iter().position(|&other| other == c);
    let points: Vec<Point> = (rate.coefficients().iter().enumerate())
        .map(|(at, &c)| Point { c, rate: rate.mean(at).mean, distortion: distortion.mean(at).mean })
        .collect();
    let curve = hull(&points);
    let ([first, .., last], true) = (&curve[..], curve.len() > 1) else { return Err(OutOfReach::NoCurve) };
    let (spent, at): (fn(&Point) -> f64, f64) = match budget {
        Budget::Rate(rate) => (|point| point.rate, rate),
        Budget::Distortion(distortion) => (|point| point.distortion, distortion),
    };
    let within = |pair: &&[Point]| {
        let [a, b] = [spent(&pair[0]), spent(&pair[1])];
        a.min(b) <= at && at <= a.max(b)
    };
    let mut ends = [spent(first), spent(last)];
    ends.sort_by(f64::total_cmp);
    let pair = curve.windows(2).find(within).ok_or(OutOfReach::Beyond { ends })?;
    let [a, b] = [pair[0], pair[1]];
    if a.c > b.c {
        return Err(OutOfReach::OutOfOrder { between: [a.c, b.c] });
    }
    let (Some(at_a), Some(at_b)) = (position(a.c), position(b.c)) else { return Err(OutOfReach::NoCurve) };

    // The share of the way from a to b, and what it changes by where a or b spend one nat more.
    let span = spent(&b) - spent(&a);
    let share = (at - spent(&a)) / span;
    let weights = [(at_a, -(1.0 - share) / span), (at_b, -share / span)];
    // Beyond the neighbours the pieces say nothing.
    let between = |c: f64| c.clamp(a.c, b.c);
    let (c, interval) = match budget {
        Budget::Rate(_) => {
            let log_ratio = (b.c / a.c).ln();
            let half = log_ratio * rate.combined(&weights).half_width(0.05);
            let c = a.c * (share * log_ratio).exp();
            (c, [c * (-half).exp(), c * half.exp()].map(between))
        }
        Budget::Distortion(_) => {
            let half = (b.c - a.c) * distortion.combined(&weights).half_width(0.05);
            let c = a.c + share * (b.c - a.c);
            (c, [c - half, c + half].map(between))
        }
    };
    // Of the same two pieces: rate and distortion at c.
    let along = |value: fn(&Point) -> f64, share: f64| value(&a) + share * (value(&b) - value(&a));
    let by_rate = (c / a.c).ln() / (b.c / a.c).ln();
    let by_distortion = (c - a.c) / (b.c - a.c);
    Ok(Reading {
        c,
        interval,
        between: [a.c, b.c],
        rate: along(|point| point.rate, by_rate),
        distortion: along(|point| point.distortion, by_distortion),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::Group;

    /// The rates and distortions of a linear Gaussian decoder of `k` modes in use: `R = k/2 ln(16/c)`, `D = k/2 c`.
    fn linear(coefficients: &[f64], noise: &[f64]) -> [PairedLosses; 2] {
        const MODES: f64 = 3.0;
        let losses = |value: &dyn Fn(f64) -> f64| {
            let group = |&c: &f64| {
                let seed = |&noise: &f64| (0..20).map(|_| (value(c) + noise) as f32).collect();
                Group { c, values: noise.iter().map(seed).collect() }
            };
            PairedLosses::new(&coefficients.iter().map(group).collect::<Vec<_>>()).unwrap()
        };
        [losses(&|c| 0.5 * MODES * (16.0 / c).ln()), losses(&|c| 0.5 * MODES * c)]
    }

    #[test]
    fn a_linear_decoders_coefficient_is_exact_between_its_points() {
        let [rate, distortion] = linear(&[0.5, 2.0, 8.0], &[0.0, 0.0]);
        for c in [0.51, 0.7, 2.0, 5.0, 7.9] {
            let budgets = [Budget::Rate(1.5 * (16.0f64 / c).ln()), Budget::Distortion(1.5 * c)];
            for budget in budgets {
                let reading = read_off(budget, &rate, &distortion).unwrap();
                // Losses are recorded with 24 bits.
                assert!((reading.c / c - 1.0).abs() < 1e-5, "{budget:?}: {reading:?}");
                assert!((reading.distortion - 1.5 * c).abs() < 1e-4, "{reading:?}");
                assert!((reading.rate - 1.5 * (16.0 / c).ln()).abs() < 1e-4, "{reading:?}");
                assert!(
                    reading.between[0] <= c * 1.00001 && c <= reading.between[1] * 1.00001,
                    "{reading:?}"
                );
            }
        }
    }

    #[test]
    fn neighbours_whose_rate_rises_with_the_coefficient_are_not_at_their_optimum() {
        let of = |value: [f32; 4]| {
            let groups = [0.5, 1.5, 1.0, 3.0].into_iter().zip(value);
            let losses =
                groups.map(|(c, value)| Group { c, values: vec![vec![value; 3], vec![value + 0.1; 3]] });
            PairedLosses::new(&losses.collect::<Vec<_>>()).unwrap()
        };
        let [rate, distortion] = [of([20.0, 12.0, 11.0, 8.0]), of([100.0, 104.0, 104.8, 111.0])];
        for budget in [Budget::Rate(11.5), Budget::Distortion(104.5)] {
            let expected = Err(OutOfReach::OutOfOrder { between: [1.5, 1.0] });
            assert_eq!(read_off(budget, &rate, &distortion), expected);
        }
        let [low, high] = read_off(Budget::Rate(15.0), &rate, &distortion).unwrap().interval;
        assert!(low < high, "{low}, {high}");
    }

    #[test]
    fn the_interval_is_as_wide_as_the_noise_of_the_rate_makes_it() {
        let noise = [-0.2, 0.0, 0.2];
        let [rate, distortion] = linear(&[0.5, 8.0], &noise);
        let reading = read_off(Budget::Rate(1.5 * 8f64.ln()), &rate, &distortion).unwrap();
        // Both ends move together: R is known to t * 0.2 / sqrt(3), ln c to that over 3/2. t of two degrees is 4.303.
        let expected = (4.30265 * 0.2 / 3f64.sqrt() / 1.5).exp();
        assert!((reading.interval[1] / reading.c / expected - 1.0).abs() < 1e-4, "{reading:?}");
        assert!((reading.c / reading.interval[0] / expected - 1.0).abs() < 1e-4, "{reading:?}");
    }

    #[test]
    fn a_budget_beyond_the_ends_is_said_to_be() {
        let [rate, distortion] = linear(&[0.5, 8.0], &[0.0]);
        let found = read_off(Budget::Distortion(30.0), &rate, &distortion);
        assert_eq!(found, Err(OutOfReach::Beyond { ends: [0.75, 12.0] }));
        let [rate, distortion] = linear(&[0.5], &[0.0]);
        assert_eq!(read_off(Budget::Rate(1.0), &rate, &distortion), Err(OutOfReach::NoCurve));
    }
}
