//! How a network learned.

use metrics::figure::{Axis, Chart, Lines, Mark, Panels, Series, Size, Tick, palette};

use crate::evaluate::Terms;
use crate::member::EpochRow;

/// Epochs up to which each has a dot: a single one would have no line at all.
const DOTTED: usize = 12;

/// Reconstruction, KL and objective over the epochs, on training and on test images.
pub fn learning_curves(history: &[EpochRow], c: f64) -> Panels {
    let terms: [(&str, fn(&Terms, f64) -> f64); 3] = [
        ("Reconstruction", |terms, _| terms.reconstruction),
        ("KL", |terms, _| terms.kl),
        ("Objective, reconstruction + c · KL", Terms::objective),
    ];
    let charts = terms.into_iter().map(|(title, value)| {
        let curve = |split: fn(&EpochRow) -> &Terms| -> Vec<[f64; 2]> {
            history.iter().map(|row| [row.epoch as f64, value(split(row), c)]).collect()
        };
        let curves = [curve(|row| &row.train), curve(|row| &row.test)];
        let lines = curves.iter().zip(key()).map(|(points, series)| with_points(series, points.clone()));
        let dots =
            curves.iter().zip(key()).filter(|_| history.len() <= DOTTED).map(|(points, series)| Series {
                label: String::new(),
                mark: Mark::Dots { points: points.clone(), radius: 3.0 },
                ..series
            });
        Some(Chart {
            title: title.into(),
            size: Size::Plot { width: 270.0, height: 230.0 },
            text: 0.9,
            x: epoch_axis(history.iter().map(|row| row.epoch).max().unwrap_or(1)),
            y: Axis { label: "nats per image".into(), ..Axis::default() },
            lines: Lines::Horizontal,
            series: lines.chain(dots).map(|series| Series { label: String::new(), ..series }).collect(),
            ..Chart::default()
        })
    });
    Panels { columns: 3, charts: charts.collect(), key: key().to_vec(), ..Panels::default() }
}

/// The names and looks of the two curves.
fn key() -> [Series; 2] {
    [("training", palette::CATEGORIES[1], true), ("test", palette::CATEGORIES[0], false)].map(
        |(label, color, dashed)| Series {
            label: label.into(),
            color,
            mark: Mark::Line { points: Vec::new(), width: 2.0, dashed },
        },
    )
}

fn with_points(mut series: Series, all: Vec<[f64; 2]>) -> Series {
    if let Mark::Line { points, .. } = &mut series.mark {
        *points = all;
    }
    series
}

/// Epochs are whole.
fn epoch_axis(last: usize) -> Axis {
    const TICKS: usize = 5;
    let step = (1..).find(|step| [1, 2, 5].contains(&leading(*step)) && last / step <= TICKS).unwrap_or(last);
    // The first one too, if there is room before the next.
    let first = (step > 2).then_some(1);
    let from_step = (1..).map(|k| k * step).take_while(|epoch| *epoch <= last);
    let ticks = first
        .into_iter()
        .chain(from_step)
        .map(|epoch| Tick { value: epoch as f64, label: epoch.to_string() })
        .collect();
    let range = if last > 1 { [1.0, last as f64] } else { [0.5, 1.5] };
    Axis { label: "epoch".into(), range: Some(range), ticks: Some(ticks), ..Axis::default() }
}

/// The first digit of a round number, 0 of others.
fn leading(mut number: usize) -> usize {
    while number % 10 == 0 && number > 0 {
        number /= 10;
    }
    if number < 10 { number } else { 0 }
}
