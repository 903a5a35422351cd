//! What was measured of the members, over their coefficients.

use figure::{Axis, Chart, Lines, Panels, Scale, Series, Size, palette};

use super::arrangement::columns_of;
use super::coefficients::{AtCoefficient, about_seeds, axis, by_coefficient, curve};
use crate::diagnostics::{Diagnostics, dimensions_by_kl};
use crate::member::MemberResult;
use crate::report::{COLUMNS, Column};

/// Latent dimensions of a chart, at most: more lines than these cannot be told apart.
const LINES: usize = 8;
/// A linear axis on which the greatest number is so many times the one in the middle shows nothing but the greatest.
const LOPSIDED: f64 = 10.0;

/// A quantity with its values, ready to be drawn.
pub struct Drawn {
    /// Its figure's name.
    pub key: String,
    title: String,
    description: String,
    unit: String,
    /// With a name each, where there are several.
    lines: Vec<(String, Vec<AtCoefficient>)>,
    /// Lines that there is no room for.
    left_out: usize,
}

/// A number that is measured of every latent dimension.
struct OfDimensions {
    key: &'static str,
    title: &'static str,
    description: &'static str,
    unit: &'static str,
    value: fn(&Diagnostics, usize) -> Option<&f64>,
}

const OF_DIMENSIONS: [OfDimensions; 3] = [
    OfDimensions {
        key: "kl_per_dim",
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
pub fn drawn(results: &[&MemberResult]) -> Vec<Drawn> {
    let of_member = |column: &Column| Drawn {
        key: column.key.into(),
        title: column.label.into(),
        description: column.description.into(),
        unit: column.unit.into(),
        lines: vec![(
            String::new(),
            by_coefficient(results.iter().filter_map(|result| Some((result.c, (column.value)(result)?)))),
        )],
        left_out: 0,
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
        Drawn {
            key: quantity.key.into(),
            title: quantity.title.into(),
            description: quantity.description.into(),
            unit: quantity.unit.into(),
            lines: (0..latent.min(LINES)).map(of_rank).collect(),
            left_out: latent.saturating_sub(LINES),
        }
    };
    // How long it took says something of the machine, nothing of the coefficient.
    let columns = COLUMNS.iter().filter(|column| column.key != "seconds");
    let all = columns.map(of_member).chain(OF_DIMENSIONS.iter().map(of_dimensions));
    all.filter(|drawn| drawn.lines.iter().any(|(_, groups)| !groups.is_empty())).collect()
}

fn rank_name(rank: usize) -> String {
    match rank {
        0 => "highest KL".into(),
        1 => "2nd highest".into(),
        2 => "3rd highest".into(),
        rank => format!("{}th highest", rank + 1),
    }
}

impl Drawn {
    /// What the points are, for a subtitle.
    fn about(&self) -> String {
        let seeds = about_seeds(&self.groups().cloned().collect::<Vec<_>>());
        let lines = match self.left_out {
            0 => String::new(),
            left_out => format!(" The {LINES} dimensions of highest KL out of {}.", LINES + left_out),
        };
        format!("Test images; {seeds}.{lines}")
    }

    fn groups(&self) -> impl Iterator<Item = &AtCoefficient> {
        self.lines.iter().flat_map(|(_, groups)| groups)
    }

    /// A chart by itself.
    pub fn chart(&self) -> Chart {
        let coefficients: Vec<f64> = self.groups().map(|group| group.c).collect();
        let series: Vec<Series> = self
            .lines
            .iter()
            .enumerate()
            .flat_map(|(i, (name, groups))| {
                let shade = i as f64 / self.lines.len().max(2) as f64;
                let color = if name.is_empty() { palette::CATEGORIES[0] } else { palette::sequential(shade) };
                curve(name, color, groups)
            })
            .collect();
        Chart {
            title: self.title.clone(),
            subtitle: format!("{} {}", self.description, self.about()),
            x: axis(&coefficients),
            y: Axis { label: self.unit.clone(), scale: self.scale(), range: self.range(), ..Axis::default() },
            lines: Lines::Both,
            legend: if self.lines.len() > 1 { "dimension".into() } else { String::new() },
            series,
            ..Chart::default()
        }
    }

    /// From 0 on where all values are counts; else left open.
    fn range(&self) -> Option<[f64; 2]> {
        let values: Vec<f64> = self.groups().flat_map(|group| group.values.iter().copied()).collect();
        let counts = values.iter().all(|value| value.fract() == 0.0 && *value >= 0.0);
        counts.then(|| [0.0, 1.2 * values.into_iter().fold(1.0, f64::max)])
    }

    fn scale(&self) -> Scale {
        let mut sizes: Vec<f64> =
            self.groups().flat_map(|group| &group.values).map(|value| value.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        match (sizes.get(sizes.len() / 2), sizes.last()) {
            (Some(middle), Some(greatest)) if *greatest > LOPSIDED * middle => Scale::Asinh,
            _ => Scale::Linear,
        }
    }
}

/// All on one page.
pub fn page(drawn: &[Drawn]) -> Panels {
    let charts: Vec<Chart> = drawn.iter().map(Drawn::chart).collect();
    let key: Vec<Series> = charts
        .iter()
        .map(|chart| &chart.series)
        .max_by_key(|series| series.len())
        .cloned()
        .unwrap_or_default();
    let legend = if key.iter().any(|series| !series.label.is_empty()) { "dimension" } else { "" };
    // The one with the most lines has the most to say.
    let subtitle = drawn.iter().map(Drawn::about).max_by_key(String::len).unwrap_or_default();
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
        columns: columns_of(drawn.len()),
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

    fn keys(drawn: &[Drawn]) -> Vec<&str> {
        drawn.iter().map(|drawn| drawn.key.as_str()).collect()
    }

    #[test]
    fn every_column_has_its_chart_and_one_without_values_none() {
        let members = [0.0, 0.5, 20.0].map(|c| finished(c, 0, |_| {}));
        let all = drawn(&members.each_ref());
        for column in COLUMNS.iter().filter(|column| column.key != "seconds") {
            assert!(keys(&all).contains(&column.key), "no {}", column.key);
        }
        assert!(keys(&all).ends_with(&["kl_per_dim", "z_mean", "z_std"]));
        assert_sound("diagnostics", &page(&all).scene());
        for drawn in &all {
            assert_sound(&drawn.key, &drawn.chart().scene());
        }
        let unlabelled = members.map(|mut member| {
            member.diagnostics.knn_accuracy = None;
            member
        });
        assert!(!keys(&drawn(&unlabelled.each_ref())).contains(&"knn_accuracy"));
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
        let all = drawn(&members.each_ref());
        let of = |key: &str, rank: usize| -> Vec<f64> {
            let drawn = all.iter().find(|drawn| drawn.key == key).unwrap();
            drawn.lines[rank].1.iter().map(|group| group.values[0]).collect()
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
        let page = page(&drawn(&members.each_ref()));
        assert_eq!(page.subtitle, "Test images; one seed. The 8 dimensions of highest KL out of 20.");
        assert_eq!(page.key.iter().filter(|series| !series.label.is_empty()).count(), LINES);
        assert_sound("diagnostics", &page.scene());
    }

    #[test]
    fn one_value_that_dwarfs_the_others_bends_the_axis_and_counts_start_at_0() {
        let of = |values: &[f64]| Drawn {
            key: String::new(),
            title: String::new(),
            description: String::new(),
            unit: String::new(),
            left_out: 0,
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
        let all = drawn(&members.each_ref());
        assert!(!keys(&all).contains(&"iwae_nll") && !keys(&all).contains(&"kl_per_dim"));
        assert_sound("diagnostics", &page(&all).scene());
    }
}
