//! What the codes cost and what they are worth.

use figure::{Axis, Chart, Lines, Mark, Place, Scale, Series, palette};

use super::coefficients::{about_seeds, by_coefficient, text};
use crate::evaluate::Terms;

/// KL against reconstruction, both on the test images, a point for each coefficient.
///
/// The axis of the KL is linear up to about 1 nat and logarithmic beyond, so that neither a collapsed network nor one
/// without any prior presses the rest together.
///
/// Source: Alemi et al., *Fixing a Broken ELBO* (2018).
pub fn rate_distortion(members: &[(f64, Terms)]) -> Chart {
    let finite = || members.iter().filter(|(_, terms)| terms.elbo_loss().is_finite());
    let of = |value: fn(&Terms) -> f64| by_coefficient(finite().map(|(c, terms)| (*c, value(terms))));
    let (rates, distortions) = (of(|terms| terms.kl), of(|terms| terms.reconstruction));
    let pairs =
        || rates.iter().zip(&distortions).map(|(rate, distortion)| [rate.spread(), distortion.spread()]);
    let points: Vec<[f64; 2]> = pairs().map(|pair| pair.map(|spread| spread.mean)).collect();
    let reach = pairs().map(|pair| pair.map(|spread| spread.std)).collect();
    let several = rates.iter().any(|rate| rate.values.len() > 1);

    let series = |label: &str, color, mark| Series::new(label, color, mark);
    let blue = palette::CATEGORIES[0];
    let mut all =
        vec![series("", palette::MUTED, Mark::Line { points: points.clone(), width: 1.2, dashed: false })];
    if several {
        let each = finite().map(|(_, terms)| [terms.kl, terms.reconstruction]).collect();
        all.push(series("one seed", palette::CATEGORIES[5], Mark::Dots { points: each, radius: 2.4 }));
        all.push(series("standard deviation", blue, Mark::Errors { points: points.clone(), reach }));
    }
    let label = if several { "mean of the seeds" } else { "" };
    all.push(series(label, blue, Mark::Dots { points: points.clone(), radius: 4.5 }));
    let texts = rates.iter().map(|rate| format!("c = {}", text(rate.c))).collect();
    all.push(series("", palette::INK, Mark::Labels { points, texts, place: Place::Beside }));
    Chart {
        title: "Rate and distortion".into(),
        subtitle: format!("KL against reconstruction on the test images, {}.", about_seeds(&rates)),
        x: Axis { label: "rate: KL (nats per image)".into(), scale: Scale::Asinh, ..Axis::default() },
        y: Axis { label: "distortion: reconstruction (nats per image)".into(), ..Axis::default() },
        lines: Lines::Both,
        series: all,
        ..Chart::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::testing::{assert_sound, texts};

    fn terms(kl: f64, reconstruction: f64) -> Terms {
        Terms { reconstruction, kl }
    }

    fn marks(chart: &Chart) -> [usize; 2] {
        let count = |is: fn(&Mark) -> bool| chart.series.iter().filter(|series| is(&series.mark)).count();
        [count(|mark| matches!(mark, Mark::Errors { .. })), count(|mark| matches!(mark, Mark::Dots { .. }))]
    }

    #[test]
    fn every_coefficient_is_marked_from_no_prior_at_all_to_collapse() {
        let members = [(0.0, terms(307.8, 144.7)), (1.0, terms(5.9, 145.8)), (1e6, terms(1e-7, 206.0))];
        let chart = rate_distortion(&members);
        assert_eq!(marks(&chart), [0, 1]);
        let scene = chart.scene();
        assert_sound("rate_distortion", &scene);
        let texts = texts(&scene);
        for label in ["c = 0", "c = 1", "c = 10⁶", "rate: KL (nats per image)"] {
            assert!(texts.iter().any(|text| text == label), "no {label:?} in {texts:?}");
        }
    }

    #[test]
    fn several_seeds_have_error_bars_and_dots_of_their_own() {
        let members = [(0.0, terms(300.0, 144.0)), (0.0, terms(320.0, 145.0)), (1.0, terms(5.9, f64::NAN))];
        let chart = rate_distortion(&members);
        assert_eq!(marks(&chart), [1, 2]);
        let Mark::Errors { points, reach } = &chart.series[2].mark else { panic!() };
        assert_eq!(points[..], [[310.0, 144.5]], "a member without a number is left out");
        // Of two values the standard deviation is their difference over the root of two.
        assert!((reach[0][0] - 20.0 / 2f64.sqrt()).abs() < 1e-9, "{reach:?}");
        assert_sound("rate_distortion", &chart.scene());
    }
}
