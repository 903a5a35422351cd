//! What was measured of the members, over their coefficients.

use metrics::figure::{Axis, Chart, Lines, Panels, Scale, Series, Size, palette};

use super::coefficients::{AtCoefficient, about_seeds, axis, by_coefficient, curve};
use super::dimensions::by_kl;
use crate::member::MemberResult;

/// Latent dimensions of a chart, at most: more lines than these cannot be told apart.
const LINES: usize = 8;
/// Charts side by side.
const COLUMNS: usize = 4;
/// A linear axis on which the greatest number is so many times the one in the middle shows nothing but the greatest.
const LOPSIDED: f64 = 20.0;

/// A number that is measured of every member.
#[derive(Clone, Copy, Debug)]
pub struct Quantity {
    /// Its name in `summary.csv`, and its figure's.
    pub key: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// Its value; nothing where it was left out.
    pub value: fn(&MemberResult) -> Option<f64>,
}

/// A quantity with its values, ready to be drawn.
pub struct Drawn {
    /// Its figure's name.
    pub key: String,
    title: String,
    unit: String,
    /// With a name each, where there are several.
    lines: Vec<(String, Vec<AtCoefficient>)>,
}

/// Every quantity that some member has, and those of the latent dimensions after them.
pub fn drawn(results: &[&MemberResult], quantities: &[Quantity]) -> Vec<Drawn> {
    let of_member = |quantity: &Quantity| Drawn {
        key: quantity.key.into(),
        title: quantity.label.into(),
        unit: quantity.unit.into(),
        lines: vec![(
            String::new(),
            by_coefficient(results.iter().filter_map(|result| Some((result.c, (quantity.value)(result)?)))),
        )],
    };
    let of_dimensions: [(&str, &str, &str, fn(&MemberResult) -> &[f64]); 3] = [
        ("kl_per_dim", "KL of each dimension", "nats per image", |result| &result.diagnostics.kl_per_dim),
        ("z_mean", "Mean of codes", "prior σ = 1", |result| &result.diagnostics.z_mean),
        ("z_std", "Spread of codes (std)", "prior σ = 1", |result| &result.diagnostics.z_std),
    ];
    let latent = results.iter().map(|result| result.diagnostics.kl_per_dim.len()).max().unwrap_or(0);
    let ranked = |(key, title, unit, values): (&str, &str, &str, fn(&MemberResult) -> &[f64])| Drawn {
        key: key.into(),
        title: title.into(),
        unit: unit.into(),
        lines: (0..latent.min(LINES))
            .map(|rank| {
                // Which dimension does what differs from member to member; the rank can be compared.
                let value = |result: &&MemberResult| {
                    let dimension = *by_kl(&result.diagnostics.kl_per_dim).get(rank)?;
                    Some((result.c, *values(result).get(dimension)?))
                };
                (rank_name(rank), by_coefficient(results.iter().filter_map(value)))
            })
            .collect(),
    };
    let all = quantities.iter().map(of_member).chain(of_dimensions.into_iter().map(ranked));
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
    fn groups(&self) -> impl Iterator<Item = &AtCoefficient> {
        self.lines.iter().flat_map(|(_, groups)| groups)
    }

    /// A chart by itself.
    pub fn chart(&self) -> Chart {
        let coefficients: Vec<f64> = self.groups().map(|group| group.c).collect();
        let seeds = about_seeds(&self.groups().cloned().collect::<Vec<_>>());
        let series: Vec<Series> = self
            .lines
            .iter()
            .enumerate()
            .flat_map(|(i, (name, groups))| {
                let shade = i as f64 / self.lines.len().max(2) as f64;
                let color =
                    if name.is_empty() { palette::CATEGORIES[0] } else { palette::sequential_line(shade) };
                curve(name, color, groups)
            })
            .collect();
        Chart {
            title: self.title.clone(),
            subtitle: format!("Test images; {seeds}."),
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
    let seeds = charts.first().map_or(String::new(), |chart| chart.subtitle.clone());
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
        subtitle: seeds,
        columns: COLUMNS,
        charts: charts.into_iter().map(panel).collect(),
        legend: legend.into(),
        key,
    }
}
