//! The figures of a fit.

use figure::{Animation, Axis, Chart, Mark, Scale, Series, palette};
use metrics::normal_fit::{NormalFit, Objective, Record};

use super::output::number;

/// The target with the recorded curves of Q.
pub fn curves(fit: &NormalFit, records: &[Record]) -> Chart {
    let last = records.last().map_or(1, |r| r.step).max(1);
    let mut series: Vec<Series> = records
        .iter()
        .map(|record| {
            Series::new(
                format!("Q, step {}", record.step),
                palette::sequential(record.step as f64 / last as f64),
                Mark::Line { points: density_of_q(fit, record), width: 1.6, dashed: false },
            )
        })
        .collect();
    series.push(target_series(fit));
    thin_legend(&mut series);
    Chart {
        title: "A Normal fitted by gradient descent".into(),
        subtitle: subtitle(fit),
        series,
        ..frame(fit, records)
    }
}

/// KL over the updates, on a logarithmic axis.
pub fn divergence(fit: &NormalFit, updates: &[Record], records: &[Record]) -> Chart {
    let of = |records: &[Record], value: fn(&Record) -> f64| {
        records.iter().map(|r| [r.step as f64, value(r)]).collect::<Vec<_>>()
    };
    let line = |label: &str, color, points| {
        Series::new(label, color, Mark::Line { points, width: 2.0, dashed: false })
    };
    let mut series = vec![line("KL(P ‖ Q)", palette::CATEGORIES[0], of(updates, |r| r.kl))];
    if fit.settings().objective != Objective::ForwardKl {
        let label = format!("{}, minimised", objective_name(fit.settings().objective));
        series.push(line(&label, palette::CATEGORIES[1], of(updates, |r| r.objective)));
    }
    series.push(Series::new(
        "recorded",
        palette::INK,
        Mark::Dots { points: of(records, |r| r.kl), radius: 3.0 },
    ));
    let last = updates.last().map_or(1, |r| r.step).max(1) as f64;
    Chart {
        title: "Divergence from the target over the updates".into(),
        subtitle: subtitle(fit),
        x: Axis { label: "updates made".into(), range: Some([0.0, last]), ..Axis::default() },
        y: Axis { label: "divergence (nats)".into(), scale: Scale::Log, ..Axis::default() },
        series,
        ..Chart::default()
    }
}

/// Pictures of an animation, at most: more make the file large and the film long.
const PICTURES: usize = 101;

/// Q moving onto the target, update by update.
pub fn animation(fit: &NormalFit, updates: &[Record]) -> Animation {
    let stride = updates.len().div_ceil(PICTURES).max(1);
    let mut shown: Vec<&Record> = updates.iter().step_by(stride).collect();
    if let Some(end) = updates.last().filter(|end| shown.last() != Some(end)) {
        shown.push(end);
    }
    let scene = |record: &&Record| {
        let q = Series::new(
            "Q",
            palette::CATEGORIES[1],
            Mark::Line { points: density_of_q(fit, record), width: 2.4, dashed: false },
        );
        let chart = Chart {
            title: format!("Step {}", record.step),
            subtitle: format!(
                "KL(P ‖ Q) = {} nats, mean = {:.3}, variance = {:.3}",
                number(record.kl),
                record.mean,
                record.variance
            ),
            series: vec![q, target_series(fit)],
            ..frame(fit, updates)
        };
        chart.scene()
    };
    // 12 pictures a second, and a second and a half to look at the end.
    Animation { scenes: shown.iter().map(scene).collect(), delay: 8, last_delay: 150 }
}

/// Axes that hold the target and every one of these curves, so that pictures can be compared.
fn frame(fit: &NormalFit, records: &[Record]) -> Chart {
    let settings = fit.settings();
    let peak_of_p = density_of_p(fit).into_iter().map(|[_, y]| y).fold(0.0, f64::max);
    let peak_of_q =
        records.iter().map(|r| (std::f64::consts::TAU * r.variance).sqrt().recip()).fold(0.0, f64::max);
    // A Q that collapsed into a spike would press everything else flat.
    let top = peak_of_p.max(peak_of_q.min(4.0 * peak_of_p));
    Chart {
        x: Axis {
            label: "x".into(),
            range: Some([settings.grid.low, settings.grid.high]),
            ..Axis::default()
        },
        y: Axis {
            label: "probability density (per unit of x)".into(),
            range: Some([0.0, 1.05 * top]),
            ..Axis::default()
        },
        ..Chart::default()
    }
}

fn target_series(fit: &NormalFit) -> Series {
    Series::new("P, target", palette::INK, Mark::Line { points: density_of_p(fit), width: 2.4, dashed: true })
}

fn density_of_p(fit: &NormalFit) -> Vec<[f64; 2]> {
    let target = fit.target();
    let step = fit.settings().grid.step;
    target.points.iter().zip(&target.probabilities).map(|(x, p)| [*x, p / step]).collect()
}

fn density_of_q(fit: &NormalFit, record: &Record) -> Vec<[f64; 2]> {
    let points = &fit.target().points;
    let weights: Vec<f64> =
        points.iter().map(|x| (-(x - record.mean).powi(2) / (2.0 * record.variance)).exp()).collect();
    let total = weights.iter().sum::<f64>() * fit.settings().grid.step;
    points.iter().zip(weights).map(|(x, w)| [*x, w / total]).collect()
}

/// Entries of a legend that fit beside a chart of the usual height.
const LEGEND_ENTRIES: usize = 18;

/// Drops names evenly where there are too many, and keeps the first and the last.
fn thin_legend(series: &mut [Series]) {
    let stride = series.len().div_ceil(LEGEND_ENTRIES).max(1);
    let end = series.len().saturating_sub(2);
    for (i, series) in series.iter_mut().enumerate() {
        if i % stride != 0 && i < end {
            series.label.clear();
        }
    }
}

fn objective_name(objective: Objective) -> &'static str {
    match objective {
        Objective::ForwardKl => "KL(P ‖ Q)",
        Objective::ReverseKl => "KL(Q ‖ P)",
        Objective::JensenShannon => "JS(P, Q)",
    }
}

fn subtitle(fit: &NormalFit) -> String {
    let settings = fit.settings();
    let name = objective_name(settings.objective);
    let optimizer = settings.optimizer.name();
    format!("minimising {name} by {optimizer}, learning rate {}", settings.learning_rate)
}
