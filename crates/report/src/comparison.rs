//! Whether coefficients differ by more than their seeds do.

use record::{Better, Group, MemberResult, Quantity, differs_from_zero};

/// The coefficient that is ahead, and those that may as well be.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The best by its mean over the seeds.
    pub best: f64,
    /// Those that the seeds cannot tell from it, the better first.
    pub ties: Vec<f64>,
    /// Whether a single seed decided, which can tell nothing from noise.
    pub single_seed: bool,
}

/// The coefficient of the best mean, and those within the noise of the seeds; nothing where none has the quantity.
///
/// Two coefficients differ when a paired t-test at 95 % says so. Pairs are the members of the same seed: they start from
/// the same weights and see the same images with the same noise, so that much of what a seed does to one it does to the
/// other.
pub fn choose(groups: &[Group<&MemberResult>], quantity: &Quantity, better: Better) -> Option<Choice> {
    let value = quantity.value;
    let mut ranked: Vec<(&Group<&MemberResult>, f64)> =
        groups.iter().filter_map(|group| Some((group, group.spread(value)?.mean))).collect();
    ranked.sort_by(|(_, a), (_, b)| match better {
        Better::Low => a.total_cmp(b),
        Better::High => b.total_cmp(a),
    });
    let (&(best, _), others) = ranked.split_first()?;
    let differences = |other: &Group<&MemberResult>| -> Vec<f64> {
        let pair = |seed| Some(best.at(seed, value)? - other.at(seed, value)?);
        best.seeds().filter_map(pair).collect()
    };
    let single_seed = match others.first() {
        Some((second, _)) => differences(second).len() < 2,
        None => best.values.len() < 2,
    };
    let ties = others
        .iter()
        .filter(|(other, _)| !single_seed && !differs_from_zero(&differences(other)))
        .map(|(other, _)| other.c)
        .collect();
    Some(Choice { best: best.c, ties, single_seed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::by_coefficient;
    use record::for_tests::finished;

    /// Members with the given KLs for seeds 0, 1, 2, ...
    fn members(c: f64, kls: &[f64]) -> Vec<MemberResult> {
        (0..).zip(kls).map(|(seed, &kl)| finished(c, seed, |result| result.test.kl = kl)).collect()
    }

    fn choose_by_kl(members: &[MemberResult], better: Better) -> Option<Choice> {
        let groups = by_coefficient(members.iter().map(|member| (member.c, member)));
        choose(&groups, Quantity::named("kl"), better)
    }

    #[test]
    fn what_each_seed_agrees_on_is_a_difference_even_where_seeds_differ_more() {
        // The seeds are 10 apart, the coefficients 1, in each seed.
        let members = [members(1.0, &[5.0, 15.0, 25.0]), members(2.0, &[6.0, 16.1, 26.0])].concat();
        let choice = Choice { best: 1.0, ties: vec![], single_seed: false };
        assert_eq!(choose_by_kl(&members, Better::Low), Some(choice));
        let choice = Choice { best: 2.0, ties: vec![], single_seed: false };
        assert_eq!(choose_by_kl(&members, Better::High), Some(choice));
    }

    #[test]
    fn what_the_seeds_disagree_on_is_a_tie() {
        let members = [
            members(1.0, &[5.0, 6.0, 7.0]),
            members(2.0, &[5.5, 5.9, 7.1]),
            members(20.0, &[50.0, 51.0, 52.0]),
        ]
        .concat();
        let choice = Choice { best: 1.0, ties: vec![2.0], single_seed: false };
        assert_eq!(choose_by_kl(&members, Better::Low), Some(choice));
    }

    #[test]
    fn one_seed_tells_nothing_from_noise() {
        let members = [members(1.0, &[5.0]), members(2.0, &[50.0, 51.0])].concat();
        let choice = Choice { best: 1.0, ties: vec![], single_seed: true };
        assert_eq!(choose_by_kl(&members, Better::Low), Some(choice));
        assert_eq!(choose_by_kl(&[], Better::Low), None);
    }
}
