//! Whether members are at the optimum of their own objectives.

use record::Group;
use serde::Serialize;

use super::paired::{PairedLosses, TwoWayMean};

/// The probability that any member is wrongly called beaten.
const WRONG: f64 = 0.05;

/// What every member loses by the objective of every coefficient.
///
/// At the optimum, for whatever networks, `D_c + c R_c <= D_c' + c R_c'`: nobody does better at the coefficient `c` than the
/// member that was trained for it. Where one does on the training images, the member was not trained to its end; where one
/// does on other images alone, it has overfitted.
#[derive(Clone, Debug, PartialEq)]
pub struct CrossObjectives {
    /// The coefficients.
    pub coefficients: Vec<f64>,
    /// `objective[c][at]`: the mean of `D_c + at R_c` over seeds and images, by positions.
    pub objective: Vec<Vec<f64>>,
    /// The members that another one beats, each with the one that beats it by most.
    pub beaten: Vec<Beaten>,
}

/// A member that loses at its own coefficient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Beaten {
    /// Its coefficient.
    pub c: f64,
    /// That of the member that does better there.
    pub by: f64,
    /// By how much, in nats.
    #[serde(skip)]
    pub difference: TwoWayMean,
}

/// Scores every coefficient's members by the objective of every coefficient.
///
/// A member is beaten where another one is better by more than a share `margin` of the objective, and more than 0 at 95 % for
/// all pairs together. `None` where the members cannot be compared.
pub fn cross_objectives(
    reconstruction: &[Group<Vec<f32>>],
    kl: &[Group<Vec<f32>>],
    margin: f64,
) -> Option<CrossObjectives> {
    let coefficients: Vec<f64> = reconstruction.iter().map(|group| group.c).collect();
    let count = coefficients.len();
    if count == 0 {
        return None;
    }
    let scored: Vec<PairedLosses> = coefficients
        .iter()
        .map(|&at| PairedLosses::new(&objective(reconstruction, kl, at)?))
        .collect::<Option<_>>()?;
    let objective: Vec<Vec<f64>> =
        (0..count).map(|of| scored.iter().map(|losses| losses.mean(of).mean).collect()).collect();
    let pairs = (count * count.saturating_sub(1)).max(1) as f64;
    let beaten = (0..count).filter_map(|of| {
        let least = margin * objective[of][of].abs();
        let differences = (0..count).filter(|&by| by != of).map(|by| (by, scored[of].difference(of, by)));
        let better = differences.filter(|(_, difference)| {
            difference.mean > least && difference.mean > difference.half_width(2.0 * WRONG / pairs)
        });
        let (by, difference) = better.max_by(|(_, a), (_, b)| a.mean.total_cmp(&b.mean))?;
        Some(Beaten { c: coefficients[of], by: coefficients[by], difference })
    });
    Some(CrossObjectives { beaten: beaten.collect(), coefficients, objective })
}

/// `D + at R` of each image; `None` where rates and distortions are not of the same members and images.
fn objective(
    reconstruction: &[Group<Vec<f32>>],
    kl: &[Group<Vec<f32>>],
    at: f64,
) -> Option<Vec<Group<Vec<f32>>>> {
    let of_group = |(distortion, rate): (&Group<Vec<f32>>, &Group<Vec<f32>>)| {
        let of_seed = |(distortion, rate): (&Vec<f32>, &Vec<f32>)| {
            let images = distortion.iter().zip(rate).map(|(distortion, rate)| distortion + at as f32 * rate);
            (distortion.len() == rate.len()).then(|| images.collect())
        };
        let alike = distortion.c == rate.c && distortion.values.len() == rate.values.len();
        let values = distortion.values.iter().zip(&rate.values).map(of_seed).collect::<Option<_>>()?;
        alike.then_some(Group { c: distortion.c, values })
    };
    if reconstruction.len() != kl.len() {
        return None;
    }
    reconstruction.iter().zip(kl).map(of_group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members whose images scatter evenly about these means, by coefficient.
    fn members(rows: &[(f64, f32)]) -> Vec<Group<Vec<f32>>> {
        let images = |mean: f32| (0..50).map(|i| mean + 0.1 * (i as f32).sin()).collect();
        rows.iter().map(|&(c, mean)| Group { c, values: vec![images(mean), images(mean + 0.02)] }).collect()
    }

    #[test]
    fn at_an_optimum_nobody_is_beaten() {
        // D = 1 / R at R = c^(-1/2).
        let distortion = members(&[(0.25, 0.5), (1.0, 1.0), (4.0, 2.0)]);
        let rate = members(&[(0.25, 2.0), (1.0, 1.0), (4.0, 0.5)]);
        let found = cross_objectives(&distortion, &rate, 1e-3).unwrap();
        assert_eq!(found.beaten, []);
        // The member of 4, scored at 1: 2 + 0.5, and 0.01 from the second seed for each of them.
        assert!((found.objective[2][1] - 2.52).abs() < 1e-3, "{}", found.objective[2][1]);
    }

    #[test]
    fn a_member_short_of_its_optimum_is_beaten_by_whoever_is_best_there() {
        // What five seeds of MNIST gave for seed 0: 145.5 + 0.02 * 27.4 is more than 145.8 + 0.02 * 5.9.
        let distortion = members(&[(0.02, 145.52), (1.0, 145.79), (2.0, 146.7)]);
        let rate = members(&[(0.02, 27.43), (1.0, 5.86), (2.0, 5.0)]);
        let found = cross_objectives(&distortion, &rate, 1e-4).unwrap();
        let [beaten] = found.beaten[..] else { panic!("{:?}", found.beaten) };
        assert_eq!((beaten.c, beaten.by), (0.02, 1.0));
        assert!((beaten.difference.mean - 0.161).abs() < 1e-2, "{beaten:?}");
        assert_eq!(cross_objectives(&distortion, &rate, 0.01).unwrap().beaten, [], "less than a hundredth");
    }

    #[test]
    fn rates_of_other_members_than_the_distortions_are_none() {
        let distortion = members(&[(1.0, 1.0), (2.0, 1.0)]);
        assert_eq!(cross_objectives(&distortion, &members(&[(1.0, 1.0)]), 0.0), None);
        assert_eq!(cross_objectives(&distortion, &members(&[(1.0, 1.0), (3.0, 1.0)]), 0.0), None);
        assert_eq!(cross_objectives(&[], &[], 0.0), None);
        assert_eq!(cross_objectives(&[], &distortion, 0.0), None);
    }
}
