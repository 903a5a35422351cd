//! Whether members are at the optimum of their own objectives.

use record::Group;
use serde::Serialize;

use super::paired::{PairedLosses, TwoWayMean, are_paired, average, quantiles, seed_means};

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
/// A coefficient's members are beaten where another one's are better on the mean over seeds, by more than a share `margin` of the
/// objective, and by more than 0 at 95 % for all pairs together over the images. The seeds are no sample here: whether these
/// networks are at their optimum is asked, not whether others would be. `None` where the members cannot be compared.
pub fn cross_objectives(
    reconstruction: &[Group<Vec<f32>>],
    kl: &[Group<Vec<f32>>],
    margin: f64,
) -> Option<CrossObjectives> {
    let of = |losses: &[Group<Vec<f32>>]| losses.iter().map(|group| group.c).collect::<Vec<f64>>();
    let coefficients = of(reconstruction);
    if of(kl) != coefficients || !are_paired(reconstruction.iter().chain(kl)) {
        return None;
    }
    let [distortions, rates] = [reconstruction, kl]
        .map(|losses| losses.iter().map(|group| average(&seed_means(group))).collect::<Vec<f64>>());
    let of_member =
        |(distortion, rate): (&f64, &f64)| coefficients.iter().map(|at| distortion + at * rate).collect();
    let objective: Vec<Vec<f64>> = distortions.iter().zip(&rates).map(of_member).collect();
    let count = coefficients.len();
    let level = 2.0 * WRONG / (count * count.saturating_sub(1)).max(1) as f64;
    let seeds = &reconstruction[0].values;
    let [_, over_images] = quantiles(seeds.len(), seeds[0].len(), level);
    // Of the members that are better by the mean, from the best on: the first for which it is beyond doubt.
    let beaten_by = |of: usize| {
        let behind = |by: usize| objective[of][of] - objective[by][of];
        let least = margin * objective[of][of].abs();
        let mut better: Vec<usize> = (0..count).filter(|&by| behind(by) > least).collect();
        better.sort_by(|&a, &b| behind(b).total_cmp(&behind(a)));
        let scored = |member: usize| scored(&reconstruction[member], &kl[member], coefficients[of]);
        let own = scored(of);
        better.into_iter().find_map(|by| {
            let difference = PairedLosses::new(&[less(&own, scored(by))])?.mean(0);
            let beyond_doubt = difference.mean > difference.scaled([0.0, over_images]);
            beyond_doubt.then_some(Beaten { c: coefficients[of], by: coefficients[by], difference })
        })
    };
    let beaten = (0..count).filter_map(beaten_by).collect();
    Some(CrossObjectives { coefficients, objective, beaten })
}

/// `D + at R` of each image.
fn scored(distortion: &Group<Vec<f32>>, rate: &Group<Vec<f32>>, at: f64) -> Group<Vec<f32>> {
    let of_seed = |(distortion, rate): (&Vec<f32>, &Vec<f32>)| {
        distortion.iter().zip(rate).map(|(distortion, rate)| distortion + at as f32 * rate).collect()
    };
    Group { c: distortion.c, values: distortion.values.iter().zip(&rate.values).map(of_seed).collect() }
}

/// The one losses less the other ones, image by image.
fn less(of: &Group<Vec<f32>>, mut by: Group<Vec<f32>>) -> Group<Vec<f32>> {
    for (of, by) in of.values.iter().flatten().zip(by.values.iter_mut().flatten()) {
        *by = of - *by;
    }
    by
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

    /// The members of 1 are ahead of those of 2 by the mean, on few images by far; those of 4 by less, on every image.
    #[test]
    fn a_member_is_beaten_by_the_best_that_is_better_beyond_doubt() {
        let group = |c: f64, image: fn(usize) -> f32| Group {
            c,
            values: vec![(0..50).map(image).collect::<Vec<f32>>(); 2],
        };
        let distortion = [
            group(1.0, |i| if i == 0 { 0.0 } else { 10.0 }),
            group(2.0, |i| 10.0 + i as f32),
            group(4.0, |i| 9.9 + i as f32),
        ]
        .map(|mut group| {
            // Not flat, so that seeds differ by next to nothing, not by nothing.
            group.values[1].iter_mut().for_each(|loss| *loss += 1e-3);
            group
        });
        let rate = [1.0, 2.0, 4.0].map(|c| group(c, |_| 0.0));
        let [first, second] = cross_objectives(&distortion, &rate, 1e-4).unwrap().beaten[..] else {
            panic!("those of 2 and of 4 are beaten");
        };
        assert_eq!((first.c, first.by, second.c, second.by), (2.0, 1.0, 4.0, 1.0));
        let noisy = [
            group(1.0, |i| if i == 0 { -400.0 } else { 10.0 + i as f32 }),
            distortion[1].clone(),
            distortion[2].clone(),
        ];
        let found = cross_objectives(&noisy, &rate, 1e-4).unwrap();
        let of_2: Vec<f64> =
            found.beaten.iter().filter(|beaten| beaten.c == 2.0).map(|beaten| beaten.by).collect();
        assert!(found.objective[0][1] < found.objective[2][1], "{:?}", found.objective);
        assert_eq!(of_2, [4.0]);
    }

    /// Three seeds as a sample would be too few for any of their differences: 13.8 nats for all pairs of seven coefficients.
    #[test]
    fn seeds_that_differ_in_how_much_a_member_is_beaten_hide_nothing() {
        let group = |c: f64, of_seeds: [f32; 3]| Group {
            c,
            values: of_seeds.map(|mean| (0..500).map(|i| mean + 0.1 * (i as f32).sin()).collect()).into(),
        };
        let distortion = [group(0.0, [201.37, 202.66, 203.52]), group(0.1, [200.0, 201.0, 200.0])];
        let rate = [group(0.0, [40.0; 3]), group(0.1, [30.0; 3])];
        let [beaten] = cross_objectives(&distortion, &rate, 1e-3).unwrap().beaten[..] else {
            panic!("that of 0 is beaten with every seed")
        };
        assert_eq!((beaten.c, beaten.by), (0.0, 0.1));
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
