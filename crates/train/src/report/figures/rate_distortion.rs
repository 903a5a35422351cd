//! What the codes cost and what they are worth.

use metrics::figure::{Axis, Chart, Lines, Mark, Place, Scale, Series, palette};

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

    let series = |label: &str, color, mark| Series { label: label.to_owned(), color, mark };
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
