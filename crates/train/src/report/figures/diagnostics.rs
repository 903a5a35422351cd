//! What was measured of the members, over their coefficients.

use figure::{Axis, Chart, Lines, Mark, Panels, Scale, Series, Size, palette};

use super::coefficients::{AtCoefficient, Coefficients, Curve, about_seeds, by_coefficient};
use super::small_multiples::columns_of;
use crate::diagnostics::{Diagnostics, dimensions_by_kl};
use crate::member::MemberResult;
use crate::report::columns::{COLUMNS, Column};
use crate::report::format;
use crate::warnings::COLLAPSED_KL;

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
    lines: Vec<(String, Vec<AtCoefficient>)>,
    /// Latent dimensions that there is no room for.
    dimensions_left_out: usize,
}

/// A number that is measured of every latent dimension.
struct OfDimensions {
    key: &'static str,
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    value: fn(&Diagnostics, usize) -> Option<&f64>,
}

const KL_PER_DIM: &str = "kl_per_dim";

const OF_DIMENSIONS: [OfDimensions; 3] = [
    OfDimensions {
        key: KL_PER_DIM,
        title: "KL of each dimension",
        description: "KL(q(z_d|x) ‖ N(0, 1)): how much each latent dimension is used.",
        unit: "nats per image",
        value: |measured, dimension| measured.kl_per_dim.get(dimension),
    },
    OfDimensions {
        key: "z_mean",
        // The sign is an accident of the initial weights: over seeds it would average out what there is to see.
        title: "|mean| of the codes",
        description: "Absolute value of the mean of the sampled codes in each latent dimension: the prior has 0.",
        unit: "prior σ = 1",
        value: |measured, dimension| measured.z_mean.get(dimension),
    },
    OfDimensions {
        key: "z_std",
        title: "Std of the codes",
        description: "Standard deviation of the sampled codes in each latent dimension: the prior has 1.",
        unit: "prior σ = 1",
        value: |measured, dimension| measured.z_std.get(dimension),
    },
];

/// Every column of the table that some member has a value for, and those of the latent dimensions after them.
pub fn diagnostic_charts(results: &[&MemberResult]) -> Vec<DiagnosticChart> {
    let of_member = |column: &Column| DiagnosticChart {
        key: column.key.into(),
        title: column.label.into(),
        description: column.description.into(),
        unit: column.unit.into(),
        digits: column.digits,
        lines: vec![(
            String::new(),
            by_coefficient(results.iter().filter_map(|result| Some((result.c, (column.value)(result)?)))),
        )],
        dimensions_left_out: 0,
    };
    let latent = results.iter().map(|result| result.diagnostics.kl_per_dim.len()).max().unwrap_or(0);
    let of_dimensions = |quantity: &OfDimensions| {
        let of_rank = |rank: usize| {
            // Which dimension does what differs from member to member; the rank can be compared.
            let value = |result: &&MemberResult| {
                let dimension = *dimensions_by_kl(&result.diagnostics.kl_per_dim).get(rank)?;
                Some((result.c, (quantity.value)(&result.diagnostics, dimension)?.abs()))
            };
            (rank_name(rank), by_coefficient(results.iter().filter_map(value)))
        };
        DiagnosticChart {
            key: quantity.key.into(),
            title: quantity.title.into(),
            description: quantity.description.into(),
            unit: quantity.unit.into(),
            digits: 2,
            lines: (0..latent.min(LINES)).map(of_rank).collect(),
            dimensions_left_out: latent.saturating_sub(LINES),
        }
    };
    // How long it took says something of the machine, nothing of the coefficient.
    let columns = COLUMNS.iter().filter(|column| column.key != "seconds");
    let all = columns.map(of_member).chain(OF_DIMENSIONS.iter().map(of_dimensions));
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
        let seeds = about_seeds(&self.groups().cloned().collect::<Vec<_>>());
        let lines = match self.dimensions_left_out {
            0 => String::new(),
            left_out => format!(" The {LINES} dimensions of highest KL out of {}.", LINES + left_out),
        };
        format!("Test images; {seeds}.{lines}")
    }

    fn groups(&self) -> impl Iterator<Item = &AtCoefficient> {
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
            let curve = Curve {
                label: name,
                line: if name.is_empty() { palette::MUTED } else { of_rank },
                dots: &|c| if name.is_empty() { coefficients.color(c) } else { of_rank },
                note: &|group| named(format::spread(group.spread(), self.digits)),
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
    fn on_axis(&self, groups: &[AtCoefficient]) -> Vec<AtCoefficient> {
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
    use crate::report::figures::testing::assert_sound;
    use crate::report::testing::finished;

    fn keys(charts: &[DiagnosticChart]) -> Vec<&str> {
        charts.iter().map(|chart| chart.key.as_str()).collect()
    }

    #[test]
    fn every_column_has_its_chart_and_one_without_values_none() {
        let members = [0.0, 0.5, 20.0].map(|c| finished(c, 0, |_| {}));
        let all = diagnostic_charts(&members.each_ref());
        let coefficients = Coefficients::new([0.0, 0.5, 20.0]);
        for column in COLUMNS.iter().filter(|column| column.key != "seconds") {
            assert!(keys(&all).contains(&column.key), "no {}", column.key);
        }
        assert!(keys(&all).ends_with(&["kl_per_dim", "z_mean", "z_std"]));
        assert_sound("diagnostics", &overview(&all, &coefficients).scene());
        for chart in &all {
            assert_sound(&chart.key, &chart.chart(&coefficients).scene());
        }
        let unlabelled = members.map(|mut member| {
            member.diagnostics.knn_accuracy = None;
            member
        });
        assert!(!keys(&diagnostic_charts(&unlabelled.each_ref())).contains(&"knn_accuracy"));
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
        assert_eq!(page.subtitle, "Test images; one seed. The 8 dimensions of highest KL out of 20.");
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
                result.diagnostics.iwae_nll = f64::NAN;
                result.diagnostics.kl_per_dim = vec![f64::NAN, f64::INFINITY];
            })
        });
        let all = diagnostic_charts(&members.each_ref());
        assert!(!keys(&all).contains(&"iwae_nll") && !keys(&all).contains(&"kl_per_dim"));
        assert_sound("diagnostics", &overview(&all, &Coefficients::new([0.0, 1.0])).scene());
    }
}
