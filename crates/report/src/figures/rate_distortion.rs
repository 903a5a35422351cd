//! What the codes cost and what they are worth.

use figure::{Axis, Chart, Lines, Mark, Place, Scale, Series, palette};
use record::Terms;

use super::coefficients::{Coefficients, about_seeds, by_coefficient, readout};
use crate::format;

/// The share of the span of the data that is left free above and below it.
const MARGIN: f64 = 0.09;
/// Points of a line that is drawn as a curve.
const FINENESS: usize = 200;
/// Coefficients up to which the letter c stands before each.
const SPELLED_OUT: usize = 10;
/// Names at most: of more coefficients, only every n-th is named.
const NAMES: usize = 20;

/// A member as far as it got.
#[derive(Clone, Copy, Debug)]
pub struct Trained {
    pub c: f64,
    /// Over the held-out images.
    pub terms: Terms,
    pub finished: bool,
}

/// KL against reconstruction, both on the held-out images: a point for each coefficient, and the line of all points whose sum is
/// as good as the best.
///
/// The axis of the KL is linear up to about 1 nat and logarithmic beyond, so that neither a collapsed network nor one
/// without any prior presses the rest together.
///
/// Source: Alemi et al., *Fixing a Broken ELBO* (2018).
pub fn rate_distortion(members: &[Trained], coefficients: &Coefficients) -> Chart {
    let drawable: Vec<Trained> =
        members.iter().copied().filter(|member| member.terms.elbo_loss().is_finite()).collect();
    let (finished, training): (Vec<Trained>, Vec<Trained>) =
        drawable.iter().copied().partition(|member| member.finished);
    let of = |value: fn(&Terms) -> f64| {
        by_coefficient(finished.iter().map(|member| (member.c, value(&member.terms))))
    };
    let (rates, distortions) = (of(|terms| terms.kl), of(|terms| terms.reconstruction));
    let sums = of(Terms::elbo_loss);
    let points: Vec<[f64; 2]> = rates
        .iter()
        .zip(&distortions)
        .map(|(rate, distortion)| [rate.spread().mean, distortion.spread().mean])
        .collect();

    let mut series = Vec::new();
    let best = sums.iter().map(|sum| sum.spread().mean).fold(f64::INFINITY, f64::min);
    if best.is_finite() {
        let most = drawable.iter().map(|member| member.terms.kl).fold(0.0, f64::max).max(1.0).asinh();
        let at = |i: usize| (most * i as f64 / FINENESS as f64).sinh();
        let points = (0..=FINENESS).map(|i| [at(i), best - at(i)]).collect();
        let label = format!("sum of {}, the best", format::number(best, 2));
        series.push(Series::new(label, palette::MUTED, Mark::Line { points, width: 1.2, dashed: true }));
    }
    let line = Mark::Line { points: points.clone(), width: 1.2, dashed: false };
    series.push(Series::new("", palette::MUTED, line));
    for ((rate, distortion), (sum, &point)) in rates.iter().zip(&distortions).zip(sums.iter().zip(&points)) {
        let c = rate.c;
        let color = coefficients.color(c);
        if rate.values.len() > 1 {
            let seeds =
                rate.values.iter().zip(&distortion.values).map(|(&rate, &distortion)| [rate, distortion]);
            let seeds = Mark::Dots { points: seeds.collect(), radius: 2.2 };
            series.push(Series::new("", color.with_alpha(0.6), seeds).with_readout(readout(c, vec![])));
            let reach = vec![[rate.spread().std, distortion.spread().std]];
            let errors = Mark::Errors { points: vec![point], reach };
            series.push(Series::new("", color, errors).with_readout(readout(c, vec![])));
        }
        let note = format!(
            "KL {}; reconstruction {}; ELBO loss {} nats",
            format::spread(rate.spread(), 2),
            format::spread(distortion.spread(), 2),
            format::spread(sum.spread(), 2)
        );
        let dot = Mark::Dots { points: vec![point], radius: 4.8 };
        series.push(Series::new("", color, dot).with_readout(readout(c, vec![note])));
    }
    for (i, Trained { c, terms, .. }) in training.iter().enumerate() {
        let label = if i == 0 { "still training" } else { "" };
        let (kl, reconstruction) = (format::number(terms.kl, 2), format::number(terms.reconstruction, 2));
        let note = format!("still training; KL {kl}; reconstruction {reconstruction} nats");
        let dot = Mark::Dots { points: vec![[terms.kl, terms.reconstruction]], radius: 4.8 };
        let color = coefficients.color(*c).with_alpha(0.4);
        series.push(Series::new(label, color, dot).with_readout(readout(*c, vec![note])));
    }
    series.push(names(rates.iter().map(|rate| rate.c).zip(points).collect(), &training));

    let several = rates.iter().any(|rate| rate.values.len() > 1);
    let small = if several { ", small dots the seeds" } else { "" };
    Chart {
        title: "Rate and distortion".into(),
        subtitle: format!(
            "KL against reconstruction on the held-out images, {}{small}.",
            about_seeds(&rates)
        ),
        x: Axis { label: "rate: KL (nats per image)".into(), scale: Scale::Asinh, ..Axis::default() },
        y: Axis {
            label: "distortion: reconstruction (nats per image)".into(),
            range: padded(drawable.iter().map(|member| member.terms.reconstruction)),
            ..Axis::default()
        },
        lines: Lines::Both,
        series,
        ..Chart::default()
    }
}

/// The names of the coefficients beside their points.
fn names(finished: Vec<(f64, [f64; 2])>, training: &[Trained]) -> Series {
    let mut named = finished;
    for member in training {
        if named.iter().all(|(c, _)| *c != member.c) {
            named.push((member.c, [member.terms.kl, member.terms.reconstruction]));
        }
    }
    let every = named.len().div_ceil(NAMES).max(1);
    let named: Vec<(f64, [f64; 2])> = named.into_iter().step_by(every).collect();
    let before = if named.len() > SPELLED_OUT { "" } else { "c = " };
    let texts = named.iter().map(|(c, _)| format!("{before}{}", format::coefficient(*c))).collect();
    let points = named.into_iter().map(|(_, point)| point).collect();
    Series::new("", palette::INK, Mark::Labels { points, texts, place: Place::Beside })
}

/// Both ends of the data with a margin; nothing where there is none.
fn padded(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    let margin = if high > low { MARGIN * (high - low) } else { 1.0 };
    (low <= high).then_some([low - margin, high + margin])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::{assert_sound, texts};

    fn finished(c: f64, kl: f64, reconstruction: f64) -> Trained {
        Trained { c, terms: Terms { reconstruction, kl }, finished: true }
    }

    fn chart(members: &[Trained]) -> Chart {
        rate_distortion(members, &Coefficients::new(members.iter().map(|member| member.c)))
    }

    #[test]
    fn every_coefficient_is_marked_from_no_prior_at_all_to_collapse() {
        let members = [finished(0.0, 307.8, 144.7), finished(1.0, 5.9, 145.8), finished(1e6, 1e-7, 206.0)];
        let scene = chart(&members).scene();
        assert_sound("rate_distortion", &scene);
        let texts = texts(&scene);
        for label in ["c = 0", "c = 1", "c = 10⁶", "rate: KL (nats per image)", "sum of 151.70, the best"] {
            assert!(texts.iter().any(|text| text == label), "no {label:?} in {texts:?}");
        }
        let page = scene.to_inline_svg("x");
        assert!(page.contains("KL 5.90; reconstruction 145.80; ELBO loss 151.70 nats"), "{page}");
    }

    #[test]
    fn several_seeds_have_error_bars_and_dots_of_their_own() {
        let members =
            [finished(0.0, 300.0, 144.0), finished(0.0, 320.0, 145.0), finished(1.0, 5.9, f64::NAN)];
        let chart = chart(&members);
        let errors = chart.series.iter().find_map(|series| match &series.mark {
            Mark::Errors { points, reach } => Some((points, reach)),
            _ => None,
        });
        let (points, reach) = errors.expect("there are two seeds");
        assert_eq!(points[..], [[310.0, 144.5]], "a member without a number is left out");
        // Of two values the standard deviation is their difference over the root of two.
        assert!((reach[0][0] - 20.0 / 2f64.sqrt()).abs() < 1e-9, "{reach:?}");
        assert_sound("rate_distortion", &chart.scene());
    }

    #[test]
    fn members_that_still_train_are_told_apart_and_have_no_part_in_the_means() {
        let half = Trained { finished: false, ..finished(2.0, 4.0, 160.0) };
        let scene = chart(&[finished(1.0, 5.9, 145.8), Trained { c: 1.0, ..half }, half]).scene();
        assert_sound("rate_distortion", &scene);
        let page = scene.to_inline_svg("x");
        assert_eq!(page.matches("still training; KL 4.00").count(), 2);
        assert!(texts(&scene).iter().any(|text| text == "c = 2") && page.contains("KL 5.90; "), "{page}");
    }

    #[test]
    fn of_many_coefficients_some_are_named_and_all_are_marked() {
        let members: Vec<Trained> =
            (1..=200).map(f64::from).map(|c| finished(c, 300.0 / c, 140.0 + c.sqrt())).collect();
        let scene = chart(&members).scene();
        let names = texts(&scene)
            .iter()
            .filter(|text| text.parse::<f64>().is_ok_and(|c| c == 1.0 || c > 21.0))
            .count();
        assert!((15..=30).contains(&names), "{names} names, with some ticks");
        assert_eq!(scene.to_inline_svg("x").matches("data-note").count(), 200);
    }
}
