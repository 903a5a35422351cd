//! How a network learned.

use figure::{Axis, Chart, Lines, Mark, Panels, Series, Size, Tick, palette};

use crate::evaluate::Terms;
use crate::member::EpochRow;

/// Epochs up to which each has a dot: a single one would have no line at all.
const DOTTED: usize = 12;

/// A term of the objective at a coefficient.
type Term = fn(&Terms, f64) -> f64;

/// Reconstruction, KL and objective over the epochs, on training and on test images.
pub fn learning_curves(history: &[EpochRow], c: f64) -> Panels {
    let terms: [(&str, Term); 3] = [
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
        |(label, color, dashed)| {
            Series::new(label, color, Mark::Line { points: Vec::new(), width: 2.0, dashed })
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
    // Away from the axis, which would hide the first epoch.
    let margin = f64::max(0.03 * (last - 1) as f64, 0.1);
    let range = [1.0 - margin, last as f64 + margin];
    Axis { label: "epoch".into(), range: Some(range), ticks: Some(ticks), ..Axis::default() }
}

/// The first digit of a round number, 0 of others.
fn leading(mut number: usize) -> usize {
    while number > 0 && number.is_multiple_of(10) {
        number /= 10;
    }
    if number < 10 { number } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::testing::{assert_sound, history, texts};

    #[test]
    fn three_terms_are_drawn_with_their_unit() {
        let scene = learning_curves(&history(&[200.0; 40]), 0.5).scene();
        assert_sound("learning_curves", &scene);
        let texts = texts(&scene);
        for text in ["Reconstruction", "KL", "epoch", "training", "test", "1", "40"] {
            assert!(texts.iter().any(|found| found == text), "no {text:?} in {texts:?}");
        }
        assert_eq!(texts.iter().filter(|text| *text == "nats per image").count(), 3);
    }

    #[test]
    fn epochs_are_whole_numbers_and_few() {
        let labels = |last| -> Vec<String> {
            epoch_axis(last).ticks.unwrap().into_iter().map(|tick| tick.label).collect()
        };
        assert_eq!(labels(1), ["1"]);
        assert_eq!(labels(3), ["1", "2", "3"]);
        assert_eq!(labels(40), ["1", "10", "20", "30", "40"]);
        assert_eq!(labels(1000), ["1", "200", "400", "600", "800", "1000"]);
    }

    #[test]
    fn a_single_epoch_and_one_without_a_number_can_be_seen() {
        let one = learning_curves(&history(&[180.0]), 1.0);
        let dots = |panels: &Panels| {
            let series = panels.charts[0].as_ref().map(|chart| chart.series.iter()).unwrap();
            series.filter(|series| matches!(series.mark, Mark::Dots { .. })).count()
        };
        assert_eq!(dots(&one), 2);
        assert_sound("learning_curves", &one.scene());
        assert_sound("learning_curves", &learning_curves(&history(&[180.0, f64::NAN, 170.0]), 1.0).scene());
    }
}
