//! Whether coefficients differ by more than their seeds do.

use serde::Serialize;

use crate::member::MemberResult;
use crate::run_dir::Spread;

/// The finished members of one coefficient.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The coefficient.
    pub c: f64,
    /// One for each seed.
    pub members: Vec<&'a MemberResult>,
}

/// Which values are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Low ones.
    Low,
    /// High ones.
    High,
}

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

impl Group<'_> {
    /// The seeds of the members.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + '_ {
        self.members.iter().map(|member| member.seed)
    }

    /// A quantity over the seeds; nothing where no member has it.
    pub fn spread(&self, value: fn(&MemberResult) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = self.members.iter().filter_map(|member| value(member)).collect();
        (!values.is_empty()).then(|| Spread::of(&values))
    }

    /// A quantity of one seed.
    pub fn at(&self, seed: u64, value: fn(&MemberResult) -> Option<f64>) -> Option<f64> {
        self.members.iter().find(|member| member.seed == seed).and_then(|member| value(member))
    }
}

/// The coefficient of the best mean, and those within the noise of the seeds; nothing where none has the quantity.
///
/// Two coefficients differ when a paired t-test at 95 % says so. Pairs are the members of the same seed: they start from
/// the same weights and see the same images with the same noise, so that much of what a seed does to one it does to the
/// other.
pub fn choose(
    groups: &[Group<'_>],
    value: fn(&MemberResult) -> Option<f64>,
    better: Better,
) -> Option<Choice> {
    let mut ranked: Vec<(&Group<'_>, f64)> =
        groups.iter().filter_map(|group| Some((group, group.spread(value)?.mean))).collect();
    ranked.sort_by(|(_, a), (_, b)| match better {
        Better::Low => a.total_cmp(b),
        Better::High => b.total_cmp(a),
    });
    let (&(best, _), others) = ranked.split_first()?;
    let differences = |other: &Group<'_>| -> Vec<f64> {
        let pair = |seed| Some(best.at(seed, value)? - other.at(seed, value)?);
        best.seeds().filter_map(pair).collect()
    };
    let single_seed = match others.first() {
        Some((second, _)) => differences(second).len() < 2,
        None => best.members.len() < 2,
    };
    let ties = others
        .iter()
        .filter(|(other, _)| !single_seed && !differs_from_zero(&differences(other)))
        .map(|(other, _)| other.c)
        .collect();
    Some(Choice { best: best.c, ties, single_seed })
}

/// Whether the mean of some differences is not 0, by Student's t-test at 95 %.
fn differs_from_zero(differences: &[f64]) -> bool {
    if differences.len() < 2 {
        return false;
    }
    let Spread { mean, std } = Spread::of(differences);
    mean.abs() > t_quantile(differences.len() - 1) * std / (differences.len() as f64).sqrt()
}

/// The 97.5 % quantile of Student's t distribution, from `scripts/t_quantiles.py`; beyond the table, the last of it, which
/// is a little too careful.
fn t_quantile(degrees_of_freedom: usize) -> f64 {
    const QUANTILES: [f64; 20] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    ];
    QUANTILES[degrees_of_freedom.clamp(1, QUANTILES.len()) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::finished;

    /// Members with the given KLs for seeds 0, 1, 2, ...
    fn members(c: f64, kls: &[f64]) -> Vec<MemberResult> {
        (0..).zip(kls).map(|(seed, &kl)| finished(c, seed, |result| result.test.kl = kl)).collect()
    }

    fn choose_by_kl(members: &[MemberResult], better: Better) -> Option<Choice> {
        choose(&crate::report::recommendation::groups(members.iter()), |result| Some(result.test.kl), better)
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

    #[test]
    fn the_test_is_students() {
        // Mean 1, standard deviation 1, three differences: t = sqrt(3) = 1.73 < 4.30. With ten times the mean, it is 17.3.
        assert!(!differs_from_zero(&[0.0, 1.0, 2.0]));
        assert!(differs_from_zero(&[9.0, 10.0, 11.0]));
        assert!(!differs_from_zero(&[0.0, 0.0]), "equal values do not differ");
    }
}
