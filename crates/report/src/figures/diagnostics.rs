//! What was measured of the members, over their coefficients.

use std::collections::BTreeSet;

use figure::{Axis, Chart, Lines, Mark, Panels, Scale, Series, Size, palette};
use record::{
    COLLAPSED_KL, DIMENSION_QUANTITIES, DimensionQuantity, Group, Kind, MemberResult, Quantity,
    dimensions_by_kl, quantities_of,
};

use super::coefficients::{Coefficients, Curve, about_seeds, by_coefficient};
use super::small_multiples::columns_of;
use crate::format;

/// Latent dimensions of a chart, at most: more lines than these cannot be told apart.
const LINES: usize = 8;
/// A linear axis on which the greatest number is so many times the one in the middle shows nothing but the greatest.
const LOPSIDED: f64 = 10.0;

/// Nats at which the axis of a KL ends that may be as near to 0 as it likes.
const LEAST_KL: f64 = 1e-3;

/// A quantity over the coefficients, ready to be drawn.
pub struct DiagnosticChart {
    /// Its figure's name.
    pub key: String,
    pub title: String,
    pub unit: String,
    description: String,
    /// Decimals of its values in words.
    digits: usize,
    /// With a name each, where there are several.
    lines: Vec<(String, Vec<Group<f64>>)>,
    /// The coefficients at which the values are not what the title promises, and why in a word.
    doubted: Vec<(f64, &'static str)>,
    /// Latent dimensions that there is no room for.
    dimensions_left_out: usize,
}

const KL_PER_DIM: &str = "kl_per_dim";

/// Every column of the table that some member has a value for, and those of the latent dimensions after them.
pub fn diagnostic_charts(results: &[&MemberResult]) -> Vec<DiagnosticChart> {
    let of_member = |column: &'static Quantity| DiagnosticChart {
        key: column.key.into(),
        title: column.label.into(),
        description: column.description.into(),
        unit: column.unit.into(),
        digits: column.digits,
        lines: vec![(
            String::new(),
            by_coefficient(results.iter().filter_map(|result| Some((result.c, (column.value)(result)?)))),
        )],
        doubted: results.iter().filter_map(|result| Some((result.c, column.doubt(result)?.word))).collect(),
        dimensions_left_out: 0,
    };
    let latent = results.iter().map(|result| result.diagnostics.kl_per_dim.len()).max().unwrap_or(0);
    let of_dimensions = |quantity: &DimensionQuantity| {
        let of_rank = |rank: usize| {
            // Which dimension does what differs from member to member; the rank can be compared.
            let value = |result: &&MemberResult| {
                let dimension = *dimensions_by_kl(&result.diagnostics.kl_per_dim).get(rank)?;
                let value = *(quantity.values)(result).get(dimension)?;
                Some((result.c, if quantity.sign_is_arbitrary { value.abs() } else { value }))
            };
            (rank_name(rank), by_coefficient(results.iter().filter_map(value)))
        };
        DiagnosticChart {
            key: quantity.key.into(),
            title: quantity.label.into(),
            description: quantity.description.into(),
            unit: quantity.unit.into(),
            digits: 2,
            lines: (0..latent.min(LINES)).map(of_rank).collect(),
            doubted: Vec::new(),
            dimensions_left_out: latent.saturating_sub(LINES),
        }
    };
    let of_members = quantities_of(&[Kind::Term, Kind::Diagnostic]).map(of_member);
    let all = of_members.chain(DIMENSION_QUANTITIES.iter().map(of_dimensions));
    all.filter(|chart| chart.lines.iter().any(|(_, groups)| !groups.is_empty())).collect()
}

fn rank_name(rank: usize) -> String {
    match rank {
        0 => "highest KL".into(),
        1 => "2nd highest".into(),
        2 => "3rd highest".into(),
        rank => format!("{}th highest", rank + 1),
    }
}

impl DiagnosticChart {
    /// What the points are, for a subtitle.
    fn about(&self) -> String {
        let words: BTreeSet<&str> = self.doubted.iter().map(|(_, word)| *word).collect();
        let doubted = match words.into_iter().collect::<Vec<_>>().join(", ") {
            words if words.is_empty() => words,
            words => format!(" Grey: {words}."),
        };
        let seeds = about_seeds(&self.groups().cloned().collect::<Vec<_>>());
        let lines = match self.dimensions_left_out {
            0 => String::new(),
            left_out => format!(" The {LINES} dimensions of highest KL out of {}.", LINES + left_out),
        };
        format!("Held-out images; {seeds}.{lines}{doubted}")
    }

    fn groups(&self) -> impl Iterator<Item = &Group<f64>> {
        self.lines.iter().flat_map(|(_, groups)| groups)
    }

    pub fn chart(&self, coefficients: &Coefficients) -> Chart {
        let mut series: Vec<Series> = Vec::new();
        if self.is_kl_of_dimensions() {
            let ends = coefficients.axis().range.unwrap_or([0.1, 1.0]);
            let points = ends.map(|c| [c, COLLAPSED_KL]).to_vec();
            let line = Mark::Line { points, width: 1.2, dashed: true };
            series.push(Series::new(
                format!("under {COLLAPSED_KL}: collapsed"),
                palette::CATEGORIES[1],
                line,
            ));
        }
        for (i, (name, groups)) in self.lines.iter().enumerate() {
            let of_rank = palette::sequential(palette::share(i, self.lines.len()));
            let named = |value: String| if name.is_empty() { value } else { format!("{name}: {value}") };
            let doubt = |c: f64| self.doubted.iter().find(|(of, _)| *of == c).map(|(_, word)| *word);
            let curve = Curve {
                label: name,
                line: if name.is_empty() { palette::MUTED } else { of_rank },
                dots: &|c| match (name.is_empty(), doubt(c)) {
                    (true, None) => coefficients.color(c),
                    (true, Some(_)) => palette::MUTED,
                    (false, _) => of_rank,
                },
                note: &|group| {
                    let doubt = doubt(group.c).map_or(String::new(), |word| format!(", {word}"));
                    named(format::spread(group.spread(), self.digits) + &doubt)
                },
            };
            series.extend(curve.series(&self.on_axis(groups)));
        }
        Chart {
            title: self.title.clone(),
            subtitle: format!("{} {}", self.description, self.about()),
            x: coefficients.axis(),
            y: Axis { label: self.unit.clone(), scale: self.scale(), range: self.range(), ..Axis::default() },
            lines: Lines::Both,
            legend: if self.lines.len() > 1 { "dimension".into() } else { String::new() },
            series,
            ..Chart::default()
        }
    }

    /// A KL of a dimension goes over powers of ten towards 0, and has a value that means something on the way.
    fn is_kl_of_dimensions(&self) -> bool {
        self.key == KL_PER_DIM
    }

    /// The values as high as the axis goes down.
    fn on_axis(&self, groups: &[Group<f64>]) -> Vec<Group<f64>> {
        let mut groups = groups.to_vec();
        if self.is_kl_of_dimensions() {
            for value in groups.iter_mut().flat_map(|group| &mut group.values) {
                *value = value.max(LEAST_KL);
            }
        }
        groups
    }

    /// From 0 on where all values are counts; else left open.
    fn range(&self) -> Option<[f64; 2]> {
        if self.is_kl_of_dimensions() {
            return None;
        }
        let values: Vec<f64> = self.groups().flat_map(|group| group.values.iter().copied()).collect();
        let counts = values.iter().all(|value| value.fract() == 0.0 && *value >= 0.0);
        counts.then(|| [0.0, 1.2 * values.into_iter().fold(1.0, f64::max)])
    }

    fn scale(&self) -> Scale {
        if self.is_kl_of_dimensions() {
            return Scale::Log;
        }
        let mut sizes: Vec<f64> =
            self.groups().flat_map(|group| &group.values).map(|value| value.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        match (sizes.get(sizes.len() / 2), sizes.last()) {
            (Some(middle), Some(greatest)) if *greatest > LOPSIDED * middle => Scale::Asinh,
            _ => Scale::Linear,
        }
    }
}

/// All side by side.
pub fn overview(all: &[DiagnosticChart], coefficients: &Coefficients) -> Panels {
    let charts: Vec<Chart> = all.iter().map(|chart| chart.chart(coefficients)).collect();
    let key: Vec<Series> = charts
        .iter()
        .map(|chart| {
            chart.series.iter().filter(|series| !series.label.is_empty()).cloned().collect::<Vec<_>>()
        })
        .max_by_key(Vec::len)
        .unwrap_or_default();
    let legend = if key.is_empty() { "" } else { "dimension" };
    // The one with the most lines has the most to say.
    let subtitle = all.iter().map(DiagnosticChart::about).max_by_key(String::len).unwrap_or_default();
    let panel = |mut chart: Chart| {
        for series in &mut chart.series {
            series.label.clear();
        }
        Some(Chart {
            subtitle: String::new(),
            legend: String::new(),
            size: Size::Plot { width: 190.0, height: 130.0 },
            text: 0.78,
            ..chart
        })
    };
    Panels {
        title: "What each coefficient did".into(),
        subtitle,
        columns: columns_of(all.len()),
        charts: charts.into_iter().map(panel).collect(),
        legend: legend.into(),
        key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::assert_sound;
    use record::for_tests::finished;

    fn keys(charts: &[DiagnosticChart]) -> Vec<&str> {
        charts.iter().map(|chart| chart.key.as_str()).collect()
    }

    #[test]
    fn every_column_has_its_chart_and_one_without_values_none() {
        let members = [0.0, 0.5, 20.0].map(|c| finished(c, 0, |_| {}));
        let all = diagnostic_charts(&members.each_ref());
        let coefficients = Coefficients::new([0.0, 0.5, 20.0]);
        for quantity in quantities_of(&[Kind::Term, Kind::Diagnostic]) {
            assert!(keys(&all).contains(&quantity.key), "no {}", quantity.key);
        }
        assert!(keys(&all).ends_with(&[
            "kl_per_dim",
            "collapsed_share",
            "posterior_variance",
            "z_mean",
            "z_std"
        ]));
        assert_sound("diagnostics", &overview(&all, &coefficients).scene());
        for chart in &all {
            assert_sound(&chart.key, &chart.chart(&coefficients).scene());
        }
        let unlabelled = members.map(|mut member| {
            member.diagnostics.choose.knn_accuracy = None;
            member
        });
        assert!(!keys(&diagnostic_charts(&unlabelled.each_ref())).contains(&"choose_knn_accuracy"));
    }

    #[test]
    fn dimensions_are_compared_by_their_rank() {
        let member = |c, kl_per_dim: [f64; 2]| {
            finished(c, 0, |result| {
                result.diagnostics.kl_per_dim = kl_per_dim.to_vec();
                result.diagnostics.z_mean = vec![-0.5, 0.25];
            })
        };
        let members = [member(0.0, [9.0, 1.0]), member(1.0, [2.0, 3.0])];
        let all = diagnostic_charts(&members.each_ref());
        let of = |key: &str, rank: usize| -> Vec<f64> {
            let chart = all.iter().find(|chart| chart.key == key).unwrap();
            chart.lines[rank].1.iter().map(|group| group.values[0]).collect()
        };
        assert_eq!([of("kl_per_dim", 0), of("kl_per_dim", 1)], [[9.0, 3.0], [1.0, 2.0]]);
        assert_eq!(of("z_mean", 0), [0.5, 0.25], "absolute values of the dimensions of highest KL");
    }

    #[test]
    fn dimensions_without_room_are_counted() {
        let members = [0.0, 1.0].map(|c| {
            finished(c, 0, |result| {
                result.diagnostics.kl_per_dim = vec![1.0; 20];
                (result.diagnostics.z_mean, result.diagnostics.z_std) = (vec![0.0; 20], vec![1.0; 20]);
            })
        });
        let page = overview(&diagnostic_charts(&members.each_ref()), &Coefficients::new([0.0, 1.0]));
        assert_eq!(page.subtitle, "Held-out images; one seed. The 8 dimensions of highest KL out of 20.");
        assert_eq!(page.key.iter().filter(|series| series.label.ends_with("highest")).count(), LINES - 1);
        assert_sound("diagnostics", &page.scene());
    }

    #[test]
    fn one_value_that_dwarfs_the_others_bends_the_axis_and_counts_start_at_0() {
        let of = |values: &[f64]| DiagnosticChart {
            key: String::new(),
            title: String::new(),
            description: String::new(),
            unit: String::new(),
            digits: 2,
            doubted: Vec::new(),
            dimensions_left_out: 0,
            lines: vec![(String::new(), by_coefficient(values.iter().map(|&value| (value, value))))],
        };
        assert_eq!(of(&[0.5, 6.5, 5.5, 28.5, 307.5]).scale(), Scale::Asinh);
        assert_eq!(of(&[145.5, 146.5, 190.5]).scale(), Scale::Linear);
        assert_eq!(of(&[2.0, 2.0, 1.0]).range(), Some([0.0, 2.4]));
        assert_eq!(of(&[2.0, 1.5]).range(), None);
    }

    #[test]
    fn numbers_that_are_none_break_no_chart() {
        let members = [0.0, 1.0].map(|c| {
            finished(c, 0, |result| {
                result.diagnostics.marginal_kl = Some(f64::NAN.into());
                result.diagnostics.kl_per_dim = vec![f64::NAN, f64::INFINITY];
            })
        });
        let all = diagnostic_charts(&members.each_ref());
        assert!(!keys(&all).contains(&"marginal_kl") && !keys(&all).contains(&"kl_per_dim"));
        assert_sound("diagnostics", &overview(&all, &Coefficients::new([0.0, 1.0])).scene());
    }
}
