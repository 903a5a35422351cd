//! Quantities over the coefficients, and over the seeds of each.

use figure::{Axis, Color, Mark, Readout, Scale, Series, Tick, palette};

use record::Group;

use crate::format;

/// Coefficients up to which each has a tick of its own; of more, the ends and the powers of ten have one.
const TICKS: usize = 24;

/// The coefficients of a report in ascending order: they share an axis, and each has a colour.
pub struct Coefficients(Vec<f64>);

impl Coefficients {
    pub fn new(coefficients: impl IntoIterator<Item = f64>) -> Self {
        let mut ascending: Vec<f64> = coefficients.into_iter().collect();
        ascending.sort_by(f64::total_cmp);
        ascending.dedup();
        Self(ascending)
    }

    pub fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        self.0.iter().copied()
    }

    /// From dark to light in their order; grey for one that is not among them.
    pub fn color(&self, c: f64) -> Color {
        let place = self.0.iter().position(|&other| other == c);
        place.map_or(palette::MUTED, |place| palette::sequential(palette::share(place, self.0.len())))
    }

    /// A logarithmic axis with a tick for each, and a place for 0 if it is among them.
    pub fn axis(&self) -> Axis {
        let positive: Vec<f64> = self.iter().filter(|&c| c > 0.0).collect();
        let zero = self.0.contains(&0.0);
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
        let others = if positive.len() > TICKS { &[] } else { &positive[..] };
        for &c in ends.chain(powers).chain(others) {
            if !named.contains(&c) {
                named.push(c);
            }
        }
        let ticks = named.into_iter().map(|c| Tick { value: c, label: format::coefficient(c) }).collect();
        let scale = if zero { Scale::LogAndZero } else { Scale::Log };
        Axis { label: "KL coefficient c".into(), scale, range, ticks: Some(ticks) }
    }
}

/// Whose data something is that belongs to a coefficient, and what it says.
pub fn readout(c: f64, notes: Vec<String>) -> Readout {
    Readout { title: format!("c = {}", format::coefficient(c)), data: vec![("c", c.to_string())], notes }
}

/// The finite values by coefficient, ascending.
pub fn by_coefficient(values: impl IntoIterator<Item = (f64, f64)>) -> Vec<Group<f64>> {
    record::by_coefficient(values.into_iter().filter(|(_, value)| value.is_finite()))
}

/// How a quantity over the coefficients is drawn.
pub struct Curve<'a> {
    /// Its name in the legend.
    pub label: &'a str,
    pub line: Color,
    pub dots: &'a dyn Fn(f64) -> Color,
    /// What the dot of a coefficient says.
    pub note: &'a dyn Fn(&Group<f64>) -> String,
}

impl Curve<'_> {
    /// A line through the means over the seeds; at each coefficient a dot for the mean with the standard deviation as an
    /// error bar, and small ones for the seeds.
    pub fn series(&self, groups: &[Group<f64>]) -> Vec<Series> {
        let points: Vec<[f64; 2]> = groups.iter().map(|group| [group.c, group.spread().mean]).collect();
        let mut series = vec![Series::new(
            "",
            self.line,
            Mark::Line { points: points.clone(), width: 1.4, dashed: false },
        )];
        for (group, &point) in groups.iter().zip(&points) {
            let color = (self.dots)(group.c);
            if group.values.len() > 1 {
                let seeds = group.values.iter().map(|&value| [group.c, value]).collect();
                let seeds = Mark::Dots { points: seeds, radius: 1.8 };
                series.push(
                    Series::new("", color.with_alpha(0.6), seeds).with_readout(readout(group.c, vec![])),
                );
                let errors = Mark::Errors { points: vec![point], reach: vec![[0.0, group.spread().std]] };
                series.push(Series::new("", color, errors).with_readout(readout(group.c, vec![])));
            }
            let mean = Mark::Dots { points: vec![point], radius: 3.6 };
            series
                .push(Series::new("", color, mean).with_readout(readout(group.c, vec![(self.note)(group)])));
        }
        if let Some(last) = series.last_mut() {
            last.label = self.label.to_owned();
        }
        series
    }
}

/// What dots and error bars are, for a subtitle.
pub fn about_seeds(groups: &[Group<f64>]) -> String {
    match groups.iter().map(|group| group.values.len()).max() {
        Some(seeds) if seeds > 1 => format!("mean and standard deviation of {seeds} seeds"),
        _ => "one seed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_grouped_by_coefficient_without_those_that_are_not_finite() {
        let groups = by_coefficient([(1.0, 3.0), (0.0, 5.0), (1.0, 1.0), (0.0, f64::NAN), (2.0, f64::NAN)]);
        let expected = [Group { c: 0.0, values: vec![5.0] }, Group { c: 1.0, values: vec![3.0, 1.0] }];
        assert_eq!(groups, expected);
        assert_eq!(about_seeds(&groups), "mean and standard deviation of 2 seeds");
    }

    #[test]
    fn the_axis_has_a_place_for_zero_only_if_it_is_there() {
        let axis = |coefficients: &[f64]| Coefficients::new(coefficients.iter().copied()).axis();
        let with = axis(&[20.0, 0.0, 1.0]);
        assert_eq!(with.scale, Scale::LogAndZero);
        let named: Vec<String> = with.ticks.unwrap().into_iter().map(|tick| tick.label).collect();
        assert_eq!(named, ["0", "1", "20"]);
        assert_eq!(axis(&[1.0]).scale, Scale::Log);
        let [low, high] = axis(&[1.0]).range.unwrap();
        assert!(low < 1.0 && high > 1.0);
        assert_eq!(axis(&[0.0]).range, None);
        let many: Vec<f64> = (0..200).map(|i| 0.02 * 1.05f64.powi(i)).collect();
        assert_eq!(axis(&many).ticks.unwrap().len(), 2, "both ends: none of them is a power of ten");
    }

    #[test]
    fn coefficients_have_colours_in_their_order() {
        let coefficients = Coefficients::new([20.0, 0.0, 1.0, 0.0]);
        let colors = [0.0, 1.0, 20.0].map(|c| coefficients.color(c));
        assert_eq!(colors, [0.0, 0.5, 1.0].map(palette::sequential));
        assert_eq!(coefficients.color(3.0), palette::MUTED);
    }

    #[test]
    fn every_mark_of_a_coefficient_says_whose_it_is_and_the_mean_what_it_is() {
        let groups = by_coefficient([(0.5, 3.0), (0.5, 5.0), (2.0, 1.0)]);
        let curve = Curve {
            label: "a",
            line: palette::MUTED,
            dots: &|_| palette::INK,
            note: &|group| format!("{} nats", group.spread().mean),
        };
        let series = curve.series(&groups);
        let notes: Vec<&String> = series.iter().flat_map(|series| &series.readout.notes).collect();
        assert_eq!(notes, ["4 nats", "1 nats"]);
        let of_half = series.iter().filter(|series| series.readout.data == [("c", "0.5".to_string())]);
        assert_eq!(of_half.count(), 3, "seeds, error bar and mean");
        assert_eq!(series.iter().filter(|series| series.label == "a").count(), 1);
    }
}
