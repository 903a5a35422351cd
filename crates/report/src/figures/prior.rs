//! The reference picture: what the codes would look like if they were the prior.

use figure::{Axis, Chart, Lines, Mark, Series, Size, palette};

use super::encoder::{Range, dot_radius, jitter, prior_outline};

/// Points of a standard normal in the plane, or on a row if there is one dimension.
pub fn prior(points: &[[f64; 2]], dimensions: usize, range: Range, side: f32) -> Chart {
    let flat = dimensions < 2;
    let points: Vec<[f64; 2]> = match flat {
        true => points.iter().enumerate().map(|(i, [x, _])| [*x, jitter(i)]).collect(),
        false => points.to_vec(),
    };
    let radius = dot_radius(points.len(), side);
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
    use crate::figures::encoder::PRIOR_RANGE;
    use crate::for_tests::{assert_sound, dots};

    #[test]
    fn every_point_is_a_dot_in_the_plane_or_on_a_row() {
        let points: Vec<[f64; 2]> = (0..500).map(f64::from).map(|t| [3.0 * t.sin(), 3.0 * t.cos()]).collect();
        for dimensions in [1, 2] {
            let chart = prior(&points, dimensions, PRIOR_RANGE, 300.0);
            assert_sound("prior", &chart.scene());
            let drawn = dots(&chart);
            assert!(drawn.iter().zip(&points).all(|(drawn, point)| drawn[0] == point[0]));
            assert_eq!(drawn == points, dimensions == 2);
        }
        assert_sound("prior", &prior(&[], 2, PRIOR_RANGE, 300.0).scene());
    }
}
