//! The reference picture: what the codes would look like if they were the prior.

use figure::{Axis, Chart, Lines, Mark, Series, Size, palette};

use super::encoder::{Range, dot_radius, jitter, prior_outline};
use crate::random::{Purpose, noise};

/// Points of the reference picture.
pub const POINTS: usize = 2000;

/// Points of a two-dimensional standard normal, or of a one-dimensional one scattered over a row.
pub fn prior(dimensions: usize, range: Range, side: f32) -> Chart {
    let drawn = noise(0, Purpose::FigurePrior, 0, 0, 2 * POINTS);
    let pairs = drawn.chunks_exact(2).map(|pair| [f64::from(pair[0]), f64::from(pair[1])]);
    let flat = dimensions < 2;
    let points: Vec<[f64; 2]> = match flat {
        true => pairs.enumerate().map(|(i, [x, _])| [x, jitter(i)]).collect(),
        false => pairs.collect(),
    };
    let radius = dot_radius(POINTS, side);
    let points = Series::new("", palette::MUTED, Mark::Dots { points, radius });
    let axis = |label: &str, range| Axis { label: label.into(), range: Some(range), ..Axis::default() };
    let y = if flat { Axis::of_names("", ["the prior"]) } else { axis("z₁ (prior σ = 1)", range[1]) };
    Chart {
        size: Size::Plot { width: side, height: if flat { 0.25 * side } else { side } },
        x: axis("z₀ (prior σ = 1)", range[0]),
        y,
        lines: Lines::Both,
        series: vec![points, prior_outline(flat.then_some(1))],
        ..Chart::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::encoder::PRIOR_RANGE;
    use crate::report::figures::testing::{assert_sound, dots};

    #[test]
    fn the_points_are_those_of_a_standard_normal() {
        // Five standard errors of a mean of 2,000 numbers, and of a variance.
        let (mean_limit, variance_limit) = (5.0 / (POINTS as f64).sqrt(), 5.0 * (2.0 / POINTS as f64).sqrt());
        for dimensions in [1, 2] {
            let chart = prior(dimensions, PRIOR_RANGE, 300.0);
            assert_sound("prior", &chart.scene());
            let points = dots(&chart);
            assert_eq!(points.len(), POINTS);
            for along in 0..dimensions {
                let values = points.iter().map(|point| point[along]);
                let mean = values.clone().sum::<f64>() / POINTS as f64;
                let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / POINTS as f64;
                assert!(mean.abs() < mean_limit, "mean {mean}, limit {mean_limit}");
                assert!(
                    (variance - 1.0).abs() < variance_limit,
                    "variance {variance}, limit 1 ± {variance_limit}"
                );
            }
        }
    }
}
