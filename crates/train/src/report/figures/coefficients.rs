//! Quantities over the coefficients, and over the seeds of each.

use figure::{Axis, Color, Mark, Scale, Series, Tick};

use crate::run_dir::Spread;

/// A coefficient as a person would write it.
pub fn text(c: f64) -> String {
    if c == 0.0 || (1e-3..1e5).contains(&c) {
        return c.to_string();
    }
    let scientific = format!("{c:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let raised = |sign: char| match sign {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32(digit as u32 - '0' as u32 + '⁰' as u32).unwrap_or(digit),
    };
    let power = format!("10{}", exponent.chars().map(raised).collect::<String>());
    if digits == "1" { power } else { format!("{digits} · {power}") }
}

/// A quantity at a coefficient.
#[derive(Clone, Debug, PartialEq)]
pub struct AtCoefficient {
    /// The coefficient.
    pub c: f64,
    /// Its value for each seed.
    pub values: Vec<f64>,
}

impl AtCoefficient {
    pub fn spread(&self) -> Spread {
        Spread::of(&self.values)
    }
}

/// The values by coefficient, ascending; those that are no numbers are left out.
pub fn by_coefficient(values: impl IntoIterator<Item = (f64, f64)>) -> Vec<AtCoefficient> {
    let mut groups = Vec::<AtCoefficient>::new();
    for (c, value) in values.into_iter().filter(|(_, value)| value.is_finite()) {
        match groups.iter_mut().find(|group| group.c == c) {
            Some(group) => group.values.push(value),
            None => groups.push(AtCoefficient { c, values: vec![value] }),
        }
    }
    groups.sort_by(|a, b| a.c.total_cmp(&b.c));
    groups
}

/// The axis of the coefficients: logarithmic, with a place for 0 if it is among them, and a tick for each.
pub fn axis(coefficients: &[f64]) -> Axis {
    let mut ascending = coefficients.to_vec();
    ascending.sort_by(f64::total_cmp);
    ascending.dedup();
    let zero = ascending.contains(&0.0);
    let positive: Vec<f64> = ascending.into_iter().filter(|&c| c > 0.0).collect();
    let range = match (positive.first(), positive.last()) {
        (Some(low), Some(high)) => {
            // Away from the ends by a twentieth of the axis, and never all on one spot.
            let margin = (high / low).powf(0.05).max(1.2);
            Some([low / margin, high * margin])
        }
        _ => None,
    };
    // Where there is no room for all, the ends are named first, then the powers of ten.
    let ends = [positive.first(), positive.last()].into_iter().flatten();
    let powers = positive.iter().filter(|c| (c.log10() - c.log10().round()).abs() < 1e-9);
    let mut named: Vec<f64> = zero.then_some(0.0).into_iter().collect();
    for &c in ends.chain(powers).chain(&positive) {
        if !named.contains(&c) {
            named.push(c);
        }
    }
    let ticks = named.into_iter().map(|c| Tick { value: c, label: text(c) }).collect();
    let scale = if zero { Scale::LogAndZero } else { Scale::Log };
    Axis { label: "KL coefficient c".into(), scale, range, ticks: Some(ticks) }
}

/// A line through the means over the seeds with their standard deviations as error bars.
pub fn curve(label: &str, color: Color, groups: &[AtCoefficient]) -> [Series; 3] {
    let points: Vec<[f64; 2]> = groups.iter().map(|group| [group.c, group.spread().mean]).collect();
    let reach = groups.iter().map(|group| [0.0, group.spread().std]).collect();
    let series = |label: &str, mark| Series::new(label, color, mark);
    [
        series("", Mark::Line { points: points.clone(), width: 1.6, dashed: false }),
        series("", Mark::Errors { points: points.clone(), reach }),
        series(label, Mark::Dots { points, radius: 3.2 }),
    ]
}

/// What the error bars are, for a subtitle; nothing where there are none.
pub fn about_seeds(groups: &[AtCoefficient]) -> String {
    match groups.iter().map(|group| group.values.len()).max() {
        Some(seeds) if seeds > 1 => format!("mean and standard deviation of {seeds} seeds"),
        _ => "one seed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coefficient_is_short_whatever_its_size() {
        let texts = [0.0, 0.02, 1.0, 250.0, 1e-7, 2.5e6].map(text);
        assert_eq!(texts, ["0", "0.02", "1", "250", "10⁻⁷", "2.5 · 10⁶"]);
    }

    #[test]
    fn values_are_grouped_by_coefficient_without_those_that_are_no_numbers() {
        let groups = by_coefficient([(1.0, 3.0), (0.0, 5.0), (1.0, 1.0), (0.0, f64::NAN), (2.0, f64::NAN)]);
        let expected =
            [AtCoefficient { c: 0.0, values: vec![5.0] }, AtCoefficient { c: 1.0, values: vec![3.0, 1.0] }];
        assert_eq!(groups, expected);
        assert_eq!(about_seeds(&groups), "mean and standard deviation of 2 seeds");
    }

    #[test]
    fn the_axis_has_a_place_for_zero_only_if_it_is_there() {
        let with = axis(&[20.0, 0.0, 1.0]);
        assert_eq!(with.scale, Scale::LogAndZero);
        let named: Vec<String> = with.ticks.unwrap().into_iter().map(|tick| tick.label).collect();
        assert_eq!(named, ["0", "1", "20"]);
        assert_eq!(axis(&[1.0]).scale, Scale::Log);
        let [low, high] = axis(&[1.0]).range.unwrap();
        assert!(low < 1.0 && high > 1.0);
        assert_eq!(axis(&[0.0]).range, None);
    }
}
