//! What the encoders of all members make of the same images, side by side.

use metrics::figure::{Chart, Mark, Panels, Series};

use super::coefficients::text;
use super::encoder::{Cloud, Range};
use super::prior::prior;

/// Width of the data of a panel, in pixels.
const SIDE: f32 = 210.0;
/// Size of the text of a panel, where 1 is the usual.
const TEXT: f32 = 0.78;
/// Panels at most: more would be too small to see and too many to load.
pub const PANELS: usize = 60;
/// Panels side by side, if there is one seed.
const COLUMNS: usize = 4;

/// A member's cloud, with what it is called.
pub struct Entry<'a> {
    pub c: f64,
    pub seed: u64,
    pub cloud: Cloud<'a>,
}

/// A panel for the prior and one for each member, in the order of coefficient and seed; each on the `common` axes, or on
/// its own where there are none.
pub fn small_multiples(mut entries: Vec<Entry<'_>>, common: Option<Range>) -> Panels {
    entries.sort_by(|a, b| a.c.total_cmp(&b.c).then(a.seed.cmp(&b.seed)));
    entries.truncate(PANELS);
    let mut seeds: Vec<u64> = entries.iter().map(|entry| entry.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let dimensions = entries.first().map_or(2, |entry| entry.cloud.axes.len());
    let key: Vec<Series> = entries.first().map_or(Vec::new(), |entry| {
        entry.cloud.chart(centred(), SIDE).series.into_iter().map(bare).collect()
    });
    let legend = entries.first().map_or(String::new(), |entry| entry.cloud.chart(centred(), SIDE).legend);

    let reference = Chart {
        title: "prior N(0, I)".into(),
        ..prior(dimensions, common.unwrap_or([[-4.0, 4.0]; 2]), SIDE)
    };
    let panel = |entry: &Entry<'_>| {
        let mut title = format!("c = {}", text(entry.c));
        if seeds.len() > 1 {
            title += &format!(", seed {}", entry.seed);
        }
        Chart { title, ..entry.cloud.chart(common.unwrap_or_else(|| entry.cloud.own_range()), SIDE) }
    };
    let panels = entries.iter().map(panel);
    // With several seeds a row holds all of a coefficient, and the prior has the first column for itself.
    let (columns, mut charts): (usize, Vec<Option<Chart>>) = if seeds.len() > 1 && seeds.len() <= 6 {
        let per_row = seeds.len() * (6 / seeds.len()).max(1);
        let mut charts = Vec::new();
        for (i, panel) in panels.enumerate() {
            if i % per_row == 0 {
                charts.push((i == 0).then(|| reference.clone()));
            }
            charts.push(Some(panel));
        }
        (per_row + 1, charts)
    } else {
        let charts: Vec<_> = [reference].into_iter().chain(panels).map(Some).collect();
        (if charts.len() <= 6 { 3 } else { COLUMNS }, charts)
    };
    let count = charts.len();
    for i in 0..count {
        let alone_below = i + columns >= count || charts[i + columns].is_none();
        let first = i % columns == 0 || charts[i - 1].is_none();
        let Some(chart) = &mut charts[i] else { continue };
        chart.text = TEXT;
        chart.legend.clear();
        for series in &mut chart.series {
            series.label.clear();
        }
        // On common axes, what the outer panels say holds for all.
        chart.x.label = if alone_below || common.is_none() { short(&chart.x.label) } else { String::new() };
        chart.y.label = if first || common.is_none() { short(&chart.y.label) } else { String::new() };
    }
    Panels { columns, charts, legend, key, ..Panels::default() }
}

fn centred() -> Range {
    super::encoder::centred(4.0)
}

/// A label's last words have no room below a small panel.
fn short(label: &str) -> String {
    label.trim_start_matches("posterior mean of ").split(", prior").next().unwrap_or_default().to_owned()
}

/// The series as a legend needs it.
fn bare(mut series: Series) -> Series {
    if let Mark::Dots { points, .. } | Mark::Line { points, .. } = &mut series.mark {
        points.clear();
    }
    series
}
