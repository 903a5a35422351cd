//! Which coefficient the losses name: the rule.

use serde::Serialize;

use super::paired::{PairedLosses, TwoWayMean, quantiles};

/// The probability of any wrong statement that two coefficients differ, and of any wrong one that they are as good.
const WRONG: f64 = 0.05;

/// Standard errors that a difference has to be longer than half its interval for a test to find it in 80 % of sweeps: the 80 %
/// quantile of the normal distribution.
const FOUND: f64 = 0.84;

/// Standard errors that the margin has to be longer than a difference and half its interval: the 90 % quantile. Of equals either
/// may lead.
const WITHIN: f64 = 1.28;

/// More seeds than anybody trains.
const MOST_SEEDS: usize = 10_000;

/// How sure it is which coefficient is best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// One coefficient is better than each other one.
    Choice,
    /// Several differ by less than the margin: the greatest of them is named.
    AsGood,
    /// Some can be told neither apart nor to be as good.
    Undecided,
    /// One is ahead on all images of its one training, and nobody knows what another seed would give.
    Leading,
    /// A coefficient that may be the best is not trained to its end.
    TrainLonger,
    /// A budget names it, between the coefficients that were trained.
    ReadOff,
    /// Without a budget there is no best.
    BudgetNeeded,
    /// Too little was measured.
    Unknown,
}

/// What the losses say.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// How sure it is.
    pub verdict: Verdict,
    /// The coefficient of the lowest mean, the greatest where several have it.
    pub leader: f64,
    /// The coefficient that may be named, if one may.
    pub named: Option<f64>,
    /// Those that are as good as the leader within the margin, rising; the leader is not among them.
    pub as_good: Vec<f64>,
    /// Those that may be better or worse than the leader by more than the margin, rising.
    pub undecided: Vec<f64>,
    /// Seeds that would probably decide between the leader and those; `None` where no number of seeds would, and where one
    /// seed cannot say.
    pub seeds_needed: Option<usize>,
    /// Every coefficient, in the order of the losses.
    pub coefficients: Vec<Compared>,
}

/// A coefficient beside the leader.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// The coefficient.
    pub c: f64,
    /// Its mean loss.
    pub loss: TwoWayMean,
    /// How much more it loses than the leader; `None` for the leader.
    pub behind: Option<TwoWayMean>,
    /// Whether it is worse than the leader, after the correction for all comparisons.
    pub worse: bool,
}

/// What may not be decided by, whatever its losses are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reservations {
    /// Coefficients that training left short of their optimum.
    pub under_trained: Vec<f64>,
    /// Coefficients whose losses are upper bounds only: they may be better than these.
    pub bounded: Vec<f64>,
}

/// Applies the rule to losses; differences within `margin` do not matter.
///
/// 1. The leader has the lowest mean.
/// 2. Two coefficients differ where 0 lies outside of the [`half_width`](TwoWayMean::half_width) of their difference at a
///    level that `different` corrects for the number of pairs: with 95 % no statement that two differ is wrong, among
///    equals none is named in 95 % of sweeps, however many they are.
/// 3. A coefficient is as good as the leader where the upper end of the interval of its difference is within the margin, at
///    a level corrected for the number of coefficients, also where the difference is real.
/// 4. One that is neither worse nor as good is undecided, and nothing is named. Else, of the leader and those as good, the
///    greatest is: the lowest rate for the same.
///
/// `None` where there is one coefficient only.
pub fn decide(losses: &PairedLosses, margin: f64, reservations: &Reservations) -> Option<Decision> {
    let coefficients = losses.coefficients();
    let count = coefficients.len();
    if count < 2 {
        return None;
    }
    let means: Vec<TwoWayMean> = (0..count).map(|at| losses.mean(at)).collect();
    let leader = (0..count).reduce(|best, at| {
        let order = means[at].mean.total_cmp(&means[best].mean);
        if order.then(coefficients[best].total_cmp(&coefficients[at])).is_lt() { at } else { best }
    })?;
    let different = different(losses);
    let bounded = |at: usize| reservations.bounded.contains(&coefficients[at]);
    let one_seed = losses.seeds() < 2;
    // A one-sided test: twice its level lies outside of both ends.
    let quantiles = quantiles(losses.seeds(), losses.images(), 2.0 * WRONG / (count - 1) as f64);

    let mut found: [Vec<usize>; 2] = Default::default();
    let mut compared = Vec::with_capacity(count);
    for (at, &loss) in means.iter().enumerate() {
        let behind = (at != leader).then(|| losses.difference(at, leader));
        let worse = different[at][leader] && !bounded(at);
        compared.push(Compared { c: coefficients[at], loss, behind, worse });
        let Some(behind) = behind else { continue };
        let at_most = behind.mean + behind.scaled(quantiles);
        let is_as_good = at_most <= margin && !one_seed && !bounded(at) && !bounded(leader);
        match (is_as_good, worse) {
            (true, _) => found[0].push(at),
            (false, false) => found[1].push(at),
            (false, true) => {}
        }
    }
    let [as_good, undecided] = found;
    let contenders = || std::iter::once(leader).chain(as_good.iter().copied());
    let may_be_best = contenders().chain(undecided.iter().copied());
    let under_trained =
        may_be_best.into_iter().any(|at| reservations.under_trained.contains(&coefficients[at]));
    let verdict = match () {
        () if under_trained => Verdict::TrainLonger,
        () if !undecided.is_empty() => Verdict::Undecided,
        () if one_seed => Verdict::Leading,
        () if as_good.is_empty() => Verdict::Choice,
        () => Verdict::AsGood,
    };
    let may_be_named = !matches!(verdict, Verdict::TrainLonger | Verdict::Undecided);
    let named = contenders().map(|at| coefficients[at]).max_by(f64::total_cmp).filter(|_| may_be_named);
    let seeds_needed = undecided
        .iter()
        .map(|&at| match (bounded(at), bounded(leader)) {
            // Its bound rules nothing out, with whatever seeds.
            (true, _) => None,
            // Nothing is as good as a bound: a difference has to be found.
            (false, true) => seeds_needed(&losses.difference(at, leader), None, count),
            (false, false) => seeds_needed(&losses.difference(at, leader), Some(margin), count),
        })
        .try_fold(0, |most, seeds| Some(most.max(seeds?)))
        .filter(|_| verdict == Verdict::Undecided);
    let sorted = |positions: Vec<usize>| {
        let mut sorted: Vec<f64> = positions.into_iter().map(|at| coefficients[at]).collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    Some(Decision {
        verdict,
        leader: coefficients[leader],
        named,
        as_good: sorted(as_good),
        undecided: sorted(undecided),
        seeds_needed,
        coefficients: compared,
    })
}

/// Which pairs of coefficients differ, by their positions: with 95 %, no pair is named that does not.
///
/// The step-down procedure of Holm (1979) over all pairs, for which the tests may depend on each other in any way: as long
/// as `m` pairs are left, one differs if a two-sided test at `5 % / m` says so. All pairs count, since which one is compared
/// with which is for the same losses to decide.
fn different(losses: &PairedLosses) -> Vec<Vec<bool>> {
    let count = losses.coefficients().len();
    let mut left: Vec<(usize, usize, TwoWayMean)> = (0..count)
        .flat_map(|a| (0..a).map(move |b| (a, b)))
        .map(|(a, b)| (a, b, losses.difference(a, b)))
        .collect();
    let mut different = vec![vec![false; count]; count];
    while !left.is_empty() {
        let quantiles = quantiles(losses.seeds(), losses.images(), WRONG / left.len() as f64);
        let before = left.len();
        left.retain(|&(a, b, difference)| {
            let differs = difference.mean.abs() > difference.scaled(quantiles);
            different[a][b] |= differs;
            different[b][a] |= differs;
            !differs
        });
        if left.len() == before {
            break;
        }
    }
    different
}

/// The fewest seeds with which a difference such as this one is found, with 80 %, to be one, or to be within the margin if that
/// is asked, by the tests of [`decide`] among so many coefficients. `None` where images are too few for it with any number of
/// seeds, where the difference is all but the margin, and where one seed has no variance.
fn seeds_needed(difference: &TwoWayMean, margin: Option<f64>, count: usize) -> Option<usize> {
    if difference.seeds < 2 {
        return None;
    }
    let pairs = (count * (count - 1) / 2) as f64;
    let decides = |seeds: usize| {
        let with = TwoWayMean { seeds, ..*difference };
        // With all pairs left, as the procedure of Holm begins.
        let half = |level: f64, power: f64| {
            with.scaled(quantiles(seeds, with.images, level)) + power * with.scaled([1.0, 1.0])
        };
        let as_good = |margin: f64| half(2.0 * WRONG / (count - 1) as f64, WITHIN) <= margin - with.mean;
        margin.is_some_and(as_good) || half(WRONG / pairs, FOUND) <= with.mean.abs()
    };
    // More seeds decide whatever fewer do.
    let mut few = difference.seeds;
    let mut enough = few + 1;
    while !decides(enough) {
        if enough >= MOST_SEEDS {
            return None;
        }
        (few, enough) = (enough, 2 * enough);
    }
    while enough - few > 1 {
        let middle = few.midpoint(enough);
        if decides(middle) { enough = middle } else { few = middle }
    }
    Some(enough)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::simulated::{Noise, Simulated};
    use record::Group;

    /// A coefficient whose every loss is its seed's.
    fn flat(c: f64, of_seeds: &[f32]) -> Group<Vec<f32>> {
        Group { c, values: of_seeds.iter().map(|&loss| vec![loss; 10]).collect() }
    }

    fn decided(losses: &[Group<Vec<f32>>], margin: f64) -> Decision {
        reserved(losses, margin, Reservations::default())
    }

    fn reserved(losses: &[Group<Vec<f32>>], margin: f64, reservations: Reservations) -> Decision {
        decide(&PairedLosses::new(losses).unwrap(), margin, &reservations).unwrap()
    }

    #[test]
    fn what_each_seed_agrees_on_is_a_choice_even_where_seeds_differ_more() {
        let losses =
            [flat(1.0, &[5.0, 15.0, 25.0]), flat(2.0, &[6.0, 16.1, 26.0]), flat(20.0, &[90.0, 100.0, 110.2])];
        let decision = decided(&losses, 0.1);
        assert_eq!((decision.verdict, decision.named), (Verdict::Choice, Some(1.0)));
        assert!(decision.as_good.is_empty() && decision.undecided.is_empty(), "{decision:?}");
        assert_eq!(decision.seeds_needed, None);
    }

    #[test]
    fn what_the_seeds_disagree_on_is_undecided_and_nothing_is_named() {
        let losses =
            [flat(1.0, &[5.0, 6.0, 7.0]), flat(2.0, &[5.5, 5.9, 7.1]), flat(20.0, &[50.0, 51.0, 52.0])];
        let decision = decided(&losses, 0.01);
        assert_eq!((decision.verdict, decision.named, decision.leader), (Verdict::Undecided, None, 1.0));
        assert_eq!(decision.undecided, [2.0]);
        // Mean 1/6, standard deviation of the three differences 0.306, a level of 5 % over three: (2.39 + 0.84) 0.306 / 0.1667
        // standard errors are 36 seeds, and Student's quantile of as many asks for more.
        assert_eq!(decision.seeds_needed, Some(38));
    }

    #[test]
    fn differences_within_the_margin_do_not_matter_and_the_greatest_coefficient_is_named() {
        let losses = [
            flat(0.0, &[5.00, 6.00, 7.00]),
            flat(1.0, &[5.02, 6.01, 7.02]),
            flat(2.0, &[5.01, 6.02, 7.02]),
            flat(20.0, &[50.0, 51.0, 52.1]),
        ];
        let decision = decided(&losses, 0.2);
        assert_eq!((decision.verdict, decision.named), (Verdict::AsGood, Some(2.0)));
        assert_eq!((decision.leader, decision.as_good), (0.0, vec![1.0, 2.0]), "c = 0 wins no tie");
        // The same differences, all but certain, are real where the margin is small.
        assert_eq!(decided(&losses, 1e-3).leader, 0.0);
        assert!(decided(&losses, 1e-3).as_good.is_empty());
    }

    #[test]
    fn equal_losses_lead_at_the_greatest_coefficient() {
        let decision = decided(&[flat(0.0, &[1.0, 2.0]), flat(3.0, &[1.0, 2.0])], 0.1);
        assert_eq!((decision.leader, decision.named), (3.0, Some(3.0)));
    }

    #[test]
    fn one_seed_leads_at_most_and_not_where_its_images_cannot_tell() {
        let coefficient = |c, mean: f32, spread: f32| Group {
            c,
            values: vec![(0..100).map(|i| mean + spread * (i as f32 * c as f32).sin()).collect()],
        };
        let apart = [coefficient(1.0, 5.0, 0.1), coefficient(2.0, 6.0, 0.1)];
        let decision = decided(&apart, 0.1);
        assert_eq!((decision.verdict, decision.named), (Verdict::Leading, Some(1.0)));
        let together = [coefficient(1.0, 5.0, 3.0), coefficient(2.0, 5.1, 3.0)];
        let decision = decided(&together, 0.1);
        assert_eq!((decision.verdict, decision.named), (Verdict::Undecided, None));
        assert_eq!(decision.seeds_needed, None, "one seed does not know how much seeds differ");
    }

    #[test]
    fn an_under_trained_coefficient_that_may_be_best_stops_the_choice_and_one_that_is_far_behind_does_not() {
        let losses = [flat(1.0, &[5.0, 6.0, 7.0]), flat(2.0, &[9.0, 10.1, 11.0])];
        let short = |c| Reservations { under_trained: vec![c], ..Reservations::default() };
        let decision = reserved(&losses, 0.01, short(1.0));
        assert_eq!((decision.verdict, decision.named), (Verdict::TrainLonger, None));
        assert_eq!(reserved(&losses, 0.01, short(2.0)).verdict, Verdict::Choice);
    }

    #[test]
    fn a_bound_rules_its_own_coefficient_out_of_nothing() {
        let losses = [flat(1.0, &[5.0, 6.0, 7.0]), flat(2.0, &[9.0, 10.1, 11.0])];
        let bounded = |c| Reservations { bounded: vec![c], ..Reservations::default() };
        let decision = reserved(&losses, 0.01, bounded(2.0));
        assert_eq!((decision.verdict, decision.undecided), (Verdict::Undecided, vec![2.0]));
        assert_eq!(decision.seeds_needed, None, "no number of seeds makes a bound a value");
        // The leader's true loss is lower still.
        assert_eq!(reserved(&losses, 0.01, bounded(1.0)).verdict, Verdict::Choice);
        let near = [flat(1.0, &[5.0, 6.0, 7.0]), flat(2.0, &[5.001, 6.002, 7.001])];
        assert_eq!(reserved(&near, 0.1, bounded(1.0)).undecided, [2.0], "none is as good as a bound");
        // Mean 4/3, standard deviation of the three differences 0.577, in thousandths, by Student's quantile of 4 degrees.
        assert_eq!(reserved(&near, 0.1, bounded(1.0)).seeds_needed, Some(4));
    }

    #[test]
    fn one_coefficient_is_compared_with_nothing() {
        let losses = PairedLosses::new(&[flat(1.0, &[1.0, 2.0])]).unwrap();
        assert_eq!(decide(&losses, 0.1, &Reservations::default()), None);
    }

    #[test]
    fn seeds_needed_are_those_of_the_power_of_the_rule() {
        let difference = |mean: f64, seed_sd: f64, image_sd: f64| TwoWayMean {
            mean,
            seeds: 2,
            images: 10_000,
            seed_variance: seed_sd * seed_sd,
            image_variance: image_sd * image_sd,
        };
        // In points of accuracy, with a margin of one point.
        assert_eq!(
            seeds_needed(&difference(0.0, 1.0, 50.0), Some(1.0), 2),
            None,
            "images: 0.5 points of error"
        );
        assert_eq!(
            seeds_needed(&difference(1.0, 1.0, 0.0), None, 2),
            seeds_needed(&difference(1.0, 1.0, 0.0), Some(1.0), 2)
        );
        assert_eq!(seeds_needed(&difference(1.0, 1e-300, 1.0), Some(1.0), 2), Some(3));
        assert_eq!(
            seeds_needed(&difference(0.0, 1.0, 0.0), None, 2),
            None,
            "nothing is different from itself"
        );
    }

    /// What the rule is told would tell it does, among as many coefficients, in the share of sweeps that is promised.
    #[test]
    fn with_the_seeds_that_are_said_to_tell_it_is_told() {
        const SWEEPS: usize = 200;
        let noise = Noise { seed: 0.5f64.sqrt(), image: 0.0, residual: 1e-3 };
        for (means, count) in
            [(vec![0.0, 0.0], 2), (vec![0.0, 2.0], 2), (vec![0.0, 2.0, 30.0, 40.0, 50.0], 5)]
        {
            let known =
                TwoWayMean { mean: means[1], seeds: 2, images: 50, seed_variance: 1.0, image_variance: 0.0 };
            let seeds = seeds_needed(&known, Some(1.0), count).unwrap();
            let mut simulated = Simulated::new(17);
            let told = (0..SWEEPS).filter(|_| {
                let sweep = simulated.sweep(&means, seeds, 50, noise);
                decided(&sweep, 1.0).undecided.is_empty()
            });
            let share = told.count() as f64 / SWEEPS as f64;
            // 80 %, less three standard errors of the share.
            assert!(share > 0.71, "{means:?}: {seeds} seeds tell in {share}");
        }
    }

    #[test]
    fn among_equals_none_is_named_and_none_ruled_out_but_in_one_sweep_of_twenty() {
        const SWEEPS: u32 = 1000;
        for (coefficients, seeds) in [(2, 2), (2, 5), (5, 3), (5, 5)] {
            for noise in [
                Noise { seed: 1.0, image: 0.1, residual: 1.0 },
                Noise { seed: 0.05, image: 3.0, residual: 1.0 },
            ] {
                let mut simulated = Simulated::new(11);
                let mut named = 0;
                let mut ruled_out = 0;
                for _ in 0..SWEEPS {
                    let sweep = simulated.sweep(&vec![0.0; coefficients], seeds, 50, noise);
                    let decision = decided(&sweep, 1e-6);
                    named += u32::from(decision.named.is_some());
                    ruled_out += u32::from(decision.coefficients.iter().any(|compared| compared.worse));
                }
                let [named, ruled_out] = [named, ruled_out].map(|count| f64::from(count) / f64::from(SWEEPS));
                // 5 % and three standard errors of the share.
                let limit = 0.071;
                assert!(named <= limit && ruled_out <= limit, "{noise:?}: {named}, {ruled_out}");
            }
        }
    }

    #[test]
    fn a_true_difference_is_found() {
        let noise = Noise { seed: 1.0, image: 1.0, residual: 1.0 };
        let mut simulated = Simulated::new(13);
        let found = (0..200).filter(|_| {
            let sweep = simulated.sweep(&[0.0, 6.0, 9.0], 5, 50, noise);
            decided(&sweep, 0.1).named == Some(1.0)
        });
        assert!(found.count() > 190);
    }
}
