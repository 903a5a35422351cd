//! What a decoder makes of a table: profiles along its latent dimensions, and how far off each column is.

use figure::{Axis, Chart, Color, Lines, Mark, Panels, Series, Size, palette};
use record::Profiles;

use super::dimensions;
use crate::format;

/// Dimensions that have a panel.
const PANELS: usize = 4;
/// Columns that have a line, those that change most.
const LINES: usize = 7;
/// Columns that have a bar, those of the greatest error.
const BARS: usize = 40;

/// A panel for each latent dimension, from highest to lowest KL: the decoded value of the columns that change most along any
/// of them.
pub fn profiles(profiles: &Profiles, columns: &[String], kl_per_dim: &[f64]) -> Panels {
    let shown: Vec<usize> = most_changed(profiles, columns.len());
    let panel = |(row, &dimension): (usize, &u32)| {
        let line = |(place, &column): (usize, &usize)| {
            let point =
                |(i, &value): (usize, &f32)| [f64::from(value), f64::from(profiles.means[[row, i, column]])];
            let points = profiles.values.iter().enumerate().map(point).collect();
            Series::new("", color(place), Mark::Line { points, width: 1.6, dashed: false })
        };
        Some(Chart {
            size: Size::Plot { width: 330.0, height: 210.0 },
            text: 0.9,
            title: dimensions::name_with_kl(dimension as usize, kl_per_dim),
            x: Axis { label: dimensions::axis_label("value, the others 0"), ..Axis::default() },
            y: Axis { label: "decoded, as the network sees it".into(), ..Axis::default() },
            lines: Lines::Horizontal,
            series: shown.iter().enumerate().map(line).collect(),
            ..Chart::default()
        })
    };
    let key = |(place, &column): (usize, &usize)| {
        let line = Mark::Line { points: Vec::new(), width: 1.6, dashed: false };
        Series::new(format::name(&columns[column]), color(place), line)
    };
    let charts: Vec<Option<Chart>> = profiles.dimensions.iter().take(PANELS).enumerate().map(panel).collect();
    Panels {
        columns: charts.len().min(2),
        charts,
        legend: "column".into(),
        key: shown.iter().enumerate().map(key).collect(),
        ..Panels::default()
    }
}

/// The columns whose decoded value changes most along some dimension, most first.
fn most_changed(profiles: &Profiles, columns: usize) -> Vec<usize> {
    let change = |column: usize| {
        let along = profiles.means.outer_iter().map(|dimension| {
            let values = dimension.column(column).to_vec();
            let ends = values.iter().fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], &value| {
                [low.min(value), high.max(value)]
            });
            ends[1] - ends[0]
        });
        along.fold(0.0, f32::max)
    };
    let mut shown: Vec<usize> = (0..columns).collect();
    shown.sort_by(|&a, &b| change(b).total_cmp(&change(a)));
    shown.truncate(LINES);
    shown
}

fn color(place: usize) -> Color {
    palette::CATEGORIES[place % palette::CATEGORIES.len()]
}

/// The root of the mean squared error of each column, the greatest first.
pub fn column_errors(profiles: &Profiles, columns: &[String]) -> Chart {
    let mut order: Vec<usize> = (0..columns.len()).collect();
    order.sort_by(|&a, &b| profiles.errors[b].total_cmp(&profiles.errors[a]));
    order.truncate(BARS);
    // From the top downwards.
    order.reverse();
    let bar = |(row, &column): (usize, &usize)| {
        let points = vec![[0.0, row as f64], [f64::from(profiles.errors[column]), row as f64]];
        Series::new("", palette::CATEGORIES[0], Mark::Line { points, width: 9.0, dashed: false })
    };
    let greatest = profiles.errors.iter().copied().fold(0.0, f32::max);
    Chart {
        size: Size::Plot { width: 520.0, height: 18.0 * order.len() as f32 + 12.0 },
        x: Axis {
            label: "root mean squared error, as the network sees the column".into(),
            range: Some([0.0, 1.05 * f64::from(greatest).max(f64::MIN_POSITIVE)]),
            ..Axis::default()
        },
        y: Axis::of_names("", order.iter().map(|&column| format::name(&columns[column]))),
        lines: Lines::Both,
        series: order.iter().enumerate().map(bar).collect(),
        ..Chart::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::assert_sound;
    use ndarray::{Array1, Array3};

    fn table(columns: usize) -> (Profiles, Vec<String>) {
        let profiles = Profiles {
            errors: (0..columns).map(|column| column as f32).collect(),
            dimensions: vec![1, 0].into(),
            values: Array1::linspace(-3.0, 3.0, 5),
            means: Array3::from_shape_fn((2, 5, columns), |(_, i, column)| (i * column) as f32),
        };
        (profiles, (0..columns).map(|column| format!("column {column}")).collect())
    }

    #[test]
    fn the_columns_that_change_most_have_lines() {
        let (found, columns) = table(20);
        assert_eq!(most_changed(&found, 20), [19, 18, 17, 16, 15, 14, 13]);
        let panels = profiles(&found, &columns, &[0.5, 2.0]);
        assert_eq!((panels.charts.len(), panels.key.len()), (2, LINES));
        assert_eq!(panels.key[0].label, "column 19");
        assert_sound("profiles", &panels.scene());
    }

    #[test]
    fn the_greatest_error_is_at_the_top_whatever_the_number_of_columns() {
        for count in [1, 3, 100] {
            let (found, columns) = table(count);
            let chart = column_errors(&found, &columns);
            let Mark::Line { points, .. } = &chart.series.last().unwrap().mark else { panic!() };
            assert_eq!(points[1][0], count as f64 - 1.0);
            assert_eq!(chart.series.len(), count.min(BARS));
            assert_sound("column_errors", &chart.scene());
        }
    }
}
