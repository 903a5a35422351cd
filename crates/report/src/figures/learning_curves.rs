//! How networks learned.

use figure::{Axis, Chart, Color, Lines, Mark, Panels, Readout, Scale, Series, Size, Tick, palette};

use record::{EpochRow, Terms};

use super::coefficients::Coefficients;
use crate::format;

/// Epochs up to which each has a dot: a single one would have no line at all.
const DOTTED: usize = 12;
/// Values of which the greatest is so many times the least are drawn on a logarithmic axis.
const LOPSIDED: f64 = 20.0;
/// Coefficients that the legend names at most.
const NAMED: usize = 10;

/// A member's history.
#[derive(Clone, Copy)]
pub struct Learner<'a> {
    pub c: f64,
    pub seed: u64,
    pub history: &'a [EpochRow],
}

/// A term of the objective over the epochs.
pub struct LearningCurve {
    /// A word for programs.
    pub key: &'static str,
    pub title: &'static str,
    value: fn(&Terms, f64) -> f64,
}

pub const LEARNING_CURVES: [LearningCurve; 4] = [
    LearningCurve { key: "reconstruction", title: "Reconstruction", value: |terms, _| terms.reconstruction },
    LearningCurve { key: "kl", title: "KL", value: |terms, _| terms.kl },
    LearningCurve {
        key: "objective",
        title: "Objective, reconstruction + c · KL",
        value: |terms, c| terms.objective(c),
    },
    LearningCurve {
        key: "elbo_loss",
        title: "ELBO loss, reconstruction + KL",
        value: |terms, _| terms.elbo_loss(),
    },
];

/// The images that a curve is over.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Training,
    HeldOut,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::HeldOut => "held-out",
        }
    }

    fn terms(self, row: &EpochRow) -> &Terms {
        match self {
            Self::Training => &row.train,
            Self::HeldOut => &row.test,
        }
    }

    /// Held-out images are what counts; training images stay in the background.
    fn line(self, points: Vec<[f64; 2]>) -> Mark {
        match self {
            Self::Training => Mark::Line { points, width: 1.0, dashed: true },
            Self::HeldOut => Mark::Line { points, width: 1.8, dashed: false },
        }
    }
}

impl LearningCurve {
    /// A line for the training and one for the held-out images of each member, in the colour of its coefficient.
    pub fn chart(&self, learners: &[Learner<'_>], coefficients: &Coefficients) -> Chart {
        let lines = learners.iter().flat_map(|learner| {
            let of = |part| self.series(learner, part, coefficients.color(learner.c));
            [of(Part::Training), of(Part::HeldOut)].concat()
        });
        let values = || {
            let rows = learners.iter().flat_map(|learner| learner.history.iter().map(|row| (row, learner.c)));
            rows.flat_map(|(row, c)| [(self.value)(&row.train, c), (self.value)(&row.test, c)])
                .filter(|value| value.is_finite())
        };
        let (least, most) =
            values().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, m), v| (l.min(v), m.max(v)));
        let last = learners.iter().filter_map(|learner| learner.history.last()).map(|row| row.epoch).max();
        Chart {
            title: self.title.into(),
            x: epoch_axis(last.unwrap_or(1)),
            y: Axis {
                label: "nats per image".into(),
                scale: if least > 0.0 && most > LOPSIDED * least { Scale::Log } else { Scale::Linear },
                ..Axis::default()
            },
            lines: Lines::Horizontal,
            series: lines.collect(),
            ..Chart::default()
        }
    }

    fn series(&self, learner: &Learner<'_>, part: Part, color: Color) -> Vec<Series> {
        let Learner { c, seed, history } = *learner;
        let value = |row: &EpochRow| (self.value)(part.terms(row), c);
        let points: Vec<[f64; 2]> = history.iter().map(|row| [row.epoch as f64, value(row)]).collect();
        let notes =
            history.iter().map(|row| format!("epoch {}: {}", row.epoch, format::number(value(row), 2)));
        let readout = Readout {
            title: format!("c = {}, seed {seed}, {}", format::coefficient(c), part.name()),
            data: vec![("c", c.to_string()), ("seed", seed.to_string()), ("part", part.name().into())],
            notes: notes.collect(),
        };
        let silent = Readout { notes: Vec::new(), ..readout.clone() };
        let line = Series::new("", color, part.line(points.clone()));
        if history.len() > DOTTED {
            return vec![line.with_readout(readout)];
        }
        let radius = if part == Part::HeldOut { 3.0 } else { 2.0 };
        let dots = Series::new("", color, Mark::Dots { points, radius });
        vec![line.with_readout(silent), dots.with_readout(readout)]
    }
}

/// All terms of the objective over the epochs, for training and held-out images of every member.
pub fn learning_curves(learners: &[Learner<'_>], coefficients: &Coefficients) -> Panels {
    let panel = |curve: &LearningCurve| {
        Some(Chart {
            size: Size::Plot { width: 330.0, height: 210.0 },
            text: 0.9,
            ..curve.chart(learners, coefficients)
        })
    };
    let mut key: Vec<Series> = [Part::HeldOut, Part::Training]
        .map(|part| Series::new(format!("{} images", part.name()), palette::INK, part.line(Vec::new())))
        .into();
    // Where there are too many to name, evenly spaced ones, with both ends.
    let all: Vec<f64> = coefficients.iter().collect();
    let named = all.len().min(NAMED);
    for place in 0..named {
        let c = all[if named > 1 { place * (all.len() - 1) / (named - 1) } else { 0 }];
        let label = format!("c = {}", format::coefficient(c));
        key.push(Series::new(label, coefficients.color(c), Part::HeldOut.line(Vec::new())));
    }
    Panels { columns: 2, charts: LEARNING_CURVES.iter().map(panel).collect(), key, ..Panels::default() }
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
    use crate::for_tests::{assert_sound, history, texts};

    fn panels(members: &[(f64, u64, &[EpochRow])]) -> Panels {
        let learners: Vec<Learner<'_>> =
            members.iter().map(|&(c, seed, history)| Learner { c, seed, history }).collect();
        learning_curves(&learners, &Coefficients::new(members.iter().map(|member| member.0)))
    }

    #[test]
    fn four_terms_of_every_member_are_drawn_with_their_unit() {
        let long = history(&[200.0; 40]);
        let scene = panels(&[(0.0, 0, &long), (0.5, 0, &long), (0.5, 1, &long)]).scene();
        assert_sound("learning_curves", &scene);
        let texts = texts(&scene);
        for text in
            ["Reconstruction", "KL", "epoch", "training images", "held-out images", "1", "40", "c = 0.5"]
        {
            assert!(texts.iter().any(|found| found == text), "no {text:?} in {texts:?}");
        }
        assert_eq!(texts.iter().filter(|text| *text == "nats per image").count(), 4);
        let page = scene.to_inline_svg("x");
        let held_out_line =
            "data-title=\"c = 0.5, seed 1, held-out\" data-c=\"0.5\" data-seed=\"1\" data-part=\"held-out\"";
        assert_eq!(page.matches(held_out_line).count(), 4, "{page}");
        assert!(page.contains("epoch 40: 200.00"), "{page}");
    }

    #[test]
    fn many_coefficients_are_named_in_part() {
        let history = history(&[200.0, 190.0]);
        let members: Vec<(f64, u64, &[EpochRow])> =
            (0..50).map(|i| (f64::from(i), 0, &history[..])).collect();
        let panels = panels(&members);
        let named: Vec<&str> = panels.key.iter().map(|series| series.label.as_str()).collect();
        assert_eq!(named.len(), 2 + NAMED);
        assert!(named.contains(&"c = 0") && named.contains(&"c = 49"), "{named:?}");
        assert_sound("learning_curves", &panels.scene());
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
        let rows = history(&[180.0]);
        let one = panels(&[(1.0, 0, &rows)]);
        let dots = |panels: &Panels| {
            let series = panels.charts[0].as_ref().map(|chart| chart.series.iter()).unwrap();
            series.filter(|series| matches!(series.mark, Mark::Dots { .. })).count()
        };
        assert_eq!(dots(&one), 2);
        assert_sound("learning_curves", &one.scene());
        let rows = history(&[180.0, f64::NAN, 170.0]);
        assert_sound("learning_curves", &panels(&[(1.0, 0, &rows)]).scene());
    }
}
