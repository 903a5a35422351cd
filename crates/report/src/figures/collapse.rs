//! Where latent dimensions collapse, beside where those of a linear decoder would.

use figure::{Axis, Chart, Lines, Mark, Readout, Series, palette};

use record::Group;

use super::coefficients::{Coefficients, Curve};
use crate::format;

/// Collapses shown at most, those at the greatest coefficients.
const LINES: usize = 12;

/// The active units over the coefficients, and a line at each coefficient at which a linear decoder loses a dimension.
pub fn collapse(active_units: &[Group<f64>], predicted: &[f64], coefficients: &Coefficients) -> Chart {
    let most = active_units.iter().map(|group| group.spread().mean).fold(1.0, f64::max);
    let mut series = Vec::new();
    let predicted: Vec<f64> = predicted.iter().copied().filter(|&c| c > 0.0).take(LINES).collect();
    for (i, &c) in predicted.iter().enumerate() {
        let label = if i == 0 { "a linear decoder loses a dimension" } else { "" };
        let note = format!("principal component {} collapses", i + 1);
        let title = format!("c = {}, predicted", format::number(c, 1));
        let readout = Readout { title, data: vec![], notes: vec![note; 2] };
        let line = Mark::Line { points: vec![[c, 0.0], [c, 1.2 * most]], width: 1.2, dashed: true };
        series.push(Series::new(label, palette::CATEGORIES[1], line).with_readout(readout));
    }
    let curve = Curve {
        label: "measured",
        line: palette::MUTED,
        dots: &|c| coefficients.color(c),
        note: &|group| format!("{} active units", format::spread(group.spread(), 1)),
    };
    series.extend(curve.series(active_units));
    Chart {
        title: "Where dimensions collapse".into(),
        subtitle:
            "Active units measured, and the coefficients at which a linear decoder would lose its dimensions."
                .into(),
        // Long enough for all, with ticks at what was trained.
        x: Axis {
            ticks: coefficients.axis().ticks,
            ..Coefficients::new(coefficients.iter().chain(predicted)).axis()
        },
        y: Axis { label: "active units".into(), range: Some([0.0, 1.2 * most]), ..Axis::default() },
        lines: Lines::Horizontal,
        series,
        ..Chart::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::coefficients::by_coefficient;
    use crate::for_tests::assert_sound;

    #[test]
    fn what_was_measured_stands_beside_what_was_predicted() {
        let measured = by_coefficient([(0.0, 2.0), (1.0, 2.0), (20.0, 1.0)]);
        let coefficients = Coefficients::new([0.0, 1.0, 20.0]);
        let scene = collapse(&measured, &[31.8, 12.4], &coefficients).scene();
        assert_sound("collapse", &scene);
        let page = scene.to_inline_svg("x");
        for note in ["c = 31.8, predicted", "principal component 2 collapses", "1.0 active units"] {
            assert!(page.contains(note), "no {note} in {page}");
        }
        let lines = page.matches("stroke-dasharray").count();
        assert_eq!(lines, 3, "two dimensions and their name in the legend");
    }
}
