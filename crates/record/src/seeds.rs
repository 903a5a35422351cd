//! Quantities over the seeds of a coefficient.

use crate::result::MemberResult;

/// A quantity over several seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The arithmetic mean.
    pub mean: f64,
    /// The standard deviation of the sample, with n - 1 in the denominator; NaN for a single seed.
    pub std: f64,
}

impl Spread {
    /// The spread of some values.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, std: (squares / (count - 1.0)).sqrt() }
    }
}

/// What there is of one coefficient: a value for each seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<T> {
    /// The coefficient.
    pub c: f64,
    /// One for each seed.
    pub values: Vec<T>,
}

/// Values by their coefficients, ascending.
pub fn by_coefficient<T>(values: impl IntoIterator<Item = (f64, T)>) -> Vec<Group<T>> {
    let mut groups = Vec::<Group<T>>::new();
    for (c, value) in values {
        match groups.iter_mut().find(|group| group.c == c) {
            Some(group) => group.values.push(value),
            None => groups.push(Group { c, values: vec![value] }),
        }
    }
    groups.sort_by(|a, b| a.c.total_cmp(&b.c));
    groups
}

impl Group<f64> {
    /// Mean and standard deviation.
    pub fn spread(&self) -> Spread {
        Spread::of(&self.values)
    }
}

impl Group<&MemberResult> {
    /// The seeds of the members.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + '_ {
        self.values.iter().map(|member| member.seed)
    }

    /// A quantity over the seeds; `None` where no member has it.
    pub fn spread(&self, value: fn(&MemberResult) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = self.values.iter().filter_map(|member| value(member)).collect();
        (!values.is_empty()).then(|| Spread::of(&values))
    }

    /// A quantity of one seed.
    pub fn at(&self, seed: u64, value: fn(&MemberResult) -> Option<f64>) -> Option<f64> {
        self.values.iter().find(|member| member.seed == seed).and_then(|member| value(member))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::finished;

    #[test]
    fn the_spread_is_that_of_a_sample() {
        assert_eq!(Spread::of(&[1.0, 2.0, 3.0]), Spread { mean: 2.0, std: 1.0 });
        assert!(Spread::of(&[1.0]).std.is_nan());
    }

    #[test]
    fn values_are_grouped_by_coefficient_in_rising_order() {
        let groups = by_coefficient([(1.0, 3.0), (0.0, 5.0), (1.0, 1.0)]);
        assert_eq!(groups, [Group { c: 0.0, values: vec![5.0] }, Group { c: 1.0, values: vec![3.0, 1.0] }]);
        assert_eq!(groups[1].spread().mean, 2.0);
    }

    #[test]
    fn a_quantity_is_taken_over_the_members_that_have_it() {
        let members = [(0, Some(0.5)), (1, None), (2, Some(0.7))]
            .map(|(seed, seconds)| finished(1.0, seed, |result| result.seconds = seconds));
        let groups = by_coefficient(members.iter().map(|member| (member.c, member)));
        let seconds = |result: &MemberResult| result.seconds;
        let spread = groups[0].spread(seconds).unwrap();
        assert!((spread.mean - 0.6).abs() < 1e-15, "{spread:?}");
        assert_eq!([0, 1, 3].map(|seed| groups[0].at(seed, seconds)), [Some(0.5), None, None]);
        assert_eq!(groups[0].spread(|_| None), None);
    }
}
