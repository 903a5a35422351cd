//! What the encoders of all members make of the same images, side by side.

use figure::{Chart, Mark, Panels, Series};

use super::dimensions;
use super::encoder::{Cloud, PRIOR_RANGE, Range};
use super::prior::prior;
use crate::format;

/// Width of the data of a panel, in pixels.
const SIDE: f32 = 210.0;
/// Size of the text of a panel, where 1 is the usual.
const TEXT: f32 = 0.78;
/// Panels at most: more would be too small to see and too many to load.
pub const PANELS: usize = 60;
/// Seeds at most, if a row is to hold all of a coefficient.
const SEED_COLUMNS: usize = 6;
/// Dots on the whole page, about: some ten bytes each.
const DOTS: usize = 70_000;

/// A member's cloud, with what it is called.
pub struct Entry<'a> {
    pub c: f64,
    pub seed: u64,
    pub cloud: Cloud<'a>,
}

/// A panel for the prior and one for each member, in the order of coefficient and seed; each on the `common` axes, or on
/// its own where there are none.
///
/// # Panics
///
/// Panics if there is no entry.
pub fn small_multiples(
    mut entries: Vec<Entry<'_>>,
    prior_points: &[[f64; 2]],
    common: Option<Range>,
) -> Panels {
    entries.sort_by(|a, b| a.c.total_cmp(&b.c).then(a.seed.cmp(&b.seed)));
    entries.truncate(PANELS);
    let stride = stride(&entries);
    for entry in &mut entries {
        entry.cloud.thin(stride);
    }
    let mut seeds: Vec<u64> = entries.iter().map(|entry| entry.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();

    let panel = |entry: &Entry<'_>| {
        let range = common.unwrap_or_else(|| entry.cloud.own_range());
        let seed = if seeds.len() > 1 { format!(", seed {}", entry.seed) } else { String::new() };
        named(
            entry.cloud.chart(range, SIDE),
            format!("c = {}{seed}", format::coefficient(entry.c)),
            &entry.cloud.axes,
        )
    };
    let panels: Vec<Chart> = entries.iter().map(panel).collect();
    let Chart { legend, series, .. } = panels[0].clone();
    let shown = entries[0].cloud.axes.len();
    let axes: Vec<String> = (0..shown).map(dimensions::name).collect();
    let reference =
        named(prior(prior_points, shown, common.unwrap_or(PRIOR_RANGE), SIDE), "prior N(0, I)".into(), &axes);

    let (columns, mut charts) = arranged(reference, panels, seeds.len());
    let alike = entries.iter().all(|entry| entry.cloud.axes == axes);
    if common.is_some() && alike {
        keep_outer_labels(&mut charts, columns);
    }
    for chart in charts.iter_mut().flatten() {
        chart.legend.clear();
        for series in &mut chart.series {
            series.label.clear();
        }
    }
    Panels {
        columns,
        charts,
        legend,
        key: series.into_iter().map(without_points).collect(),
        ..Panels::default()
    }
}

/// Of how many images each panel shows one.
pub fn stride(entries: &[Entry<'_>]) -> usize {
    let dots: usize = entries.iter().take(PANELS).map(|entry| entry.cloud.points.len()).sum();
    dots.div_ceil(DOTS).max(1)
}

/// A panel's title and the short names of its axes: what they are stands above all panels.
fn named(mut chart: Chart, title: String, axes: &[String]) -> Chart {
    for (axis, name) in [&mut chart.x, &mut chart.y].into_iter().zip(axes) {
        axis.label.clone_from(name);
    }
    Chart { title, text: TEXT, ..chart }
}

/// How many columns, and the panels row by row. With several seeds a row holds all of a coefficient, and the prior has the
/// first column for itself.
fn arranged(reference: Chart, panels: Vec<Chart>, seeds: usize) -> (usize, Vec<Option<Chart>>) {
    if !(2..=SEED_COLUMNS).contains(&seeds) {
        let charts: Vec<_> = [reference].into_iter().chain(panels).map(Some).collect();
        return (columns_of(charts.len()), charts);
    }
    let per_row = if seeds == 2 { 4 } else { seeds };
    let mut first = Some(reference);
    let mut charts = Vec::new();
    for (i, panel) in panels.into_iter().enumerate() {
        if i % per_row == 0 {
            charts.push(first.take());
        }
        charts.push(Some(panel));
    }
    (per_row + 1, charts)
}

/// The number of columns, from 3 to 5, that leaves the fewest places free; of two alike, the wider page.
pub fn columns_of(panels: usize) -> usize {
    (3..=5).rev().min_by_key(|columns| panels.next_multiple_of(*columns)).unwrap_or(3).min(panels.max(1))
}

/// On common axes, what the outer panels say holds for all.
fn keep_outer_labels(charts: &mut [Option<Chart>], columns: usize) {
    let there: Vec<bool> = charts.iter().map(Option::is_some).collect();
    for (i, chart) in charts.iter_mut().enumerate() {
        let Some(chart) = chart else { continue };
        if there.get(i + columns) == Some(&true) {
            chart.x.label.clear();
        }
        if i % columns > 0 && there[i - 1] {
            chart.y.label.clear();
        }
    }
}

/// A series as a legend needs it.
fn without_points(mut series: Series) -> Series {
    if let Mark::Dots { points, .. } | Mark::Line { points, .. } = &mut series.mark {
        points.clear();
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::{Recorded, assert_sound};

    fn entries<'a>(recorded: &'a Recorded, members: &[(f64, u64)]) -> Vec<Entry<'a>> {
        let cloud = || {
            let labels = recorded.examples.test.labels.as_ref().unwrap().as_slice();
            Cloud::new(recorded.outputs.test.as_ref().unwrap(), labels, &[], &recorded.kl_per_dim)
        };
        members.iter().map(|&(c, seed)| Entry { c, seed, cloud: cloud() }).collect()
    }

    fn titles(panels: &Panels) -> Vec<Option<&str>> {
        panels.charts.iter().map(|chart| chart.as_ref().map(|chart| chart.title.as_str())).collect()
    }

    #[test]
    fn every_member_has_a_panel_on_the_same_axes_after_that_of_the_prior() {
        let recorded = Recorded::new(2);
        let common = [[-10.0, 10.0]; 2];
        let panels =
            small_multiples(entries(&recorded, &[(2.0, 0), (0.0, 0), (0.5, 0)]), &[[0.5, 0.5]], Some(common));
        assert_eq!(titles(&panels), [Some("prior N(0, I)"), Some("c = 0"), Some("c = 0.5"), Some("c = 2")]);
        for chart in panels.charts.iter().flatten() {
            assert_eq!([chart.x.range, chart.y.range], common.map(Some));
        }
        assert_sound("small_multiples", &panels.scene());
    }

    #[test]
    fn a_row_holds_the_seeds_of_a_coefficient_beside_the_prior() {
        let recorded = Recorded::new(2);
        let members = [0.0, 1.0].into_iter().flat_map(|c| [0, 1, 2].map(|seed| (c, seed)));
        let panels = small_multiples(entries(&recorded, &members.collect::<Vec<_>>()), &[], None);
        assert_eq!(panels.columns, 4);
        assert_eq!(titles(&panels)[3..6], [Some("c = 0, seed 2"), None, Some("c = 1, seed 0")]);
        assert_sound("small_multiples", &panels.scene());
    }

    #[test]
    fn many_members_show_a_part_of_their_images_each() {
        let recorded = Recorded::new(3);
        let members: Vec<(f64, u64)> = (0..PANELS as u64 + 5).map(|seed| (1.0, seed)).collect();
        let mut entries = entries(&recorded, &members);
        assert_eq!(stride(&entries), 1);
        for entry in &mut entries {
            entry.cloud.points = vec![[0.5, 0.5]; 10_000];
            entry.cloud.labels = None;
        }
        assert_eq!(stride(&entries), 9);
        let panels = small_multiples(entries, &[], None);
        assert_eq!(panels.charts.iter().flatten().count(), PANELS + 1);
        let drawn = crate::for_tests::dots(panels.charts[1].as_ref().unwrap());
        assert_eq!(drawn.len(), 10_000_usize.div_ceil(9));
    }

    #[test]
    fn a_page_has_as_few_free_places_as_it_can() {
        let columns = [1, 2, 3, 6, 7, 12, 13, 16, 17].map(columns_of);
        assert_eq!(columns, [1, 2, 3, 3, 4, 4, 5, 4, 3]);
    }
}
