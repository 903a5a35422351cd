//! What the decoder makes of a grid of codes.

use figure::{Axis, Chart, Lines, Size, Tick};
use record::Grid;

use super::dimensions;
use super::tiles::{Tiles, magnification, series};

/// How wide the picture is to be, in pixels.
const WANTED: f32 = 560.0;

/// The codes at equal distances, on axes of their values.
pub fn manifold(grid: &Grid, channels: usize, kl_per_dim: &[f64]) -> Chart {
    let values: Vec<f64> = grid.values.iter().map(|&value| f64::from(value)).collect();
    let reach = values.last().copied().unwrap_or(0.0);
    // The outermost images lie around the ends of the grid.
    let half = match values[..] {
        [first, second, ..] => 0.5 * (second - first),
        _ => 1.0,
    };
    let ends = [-reach - half, reach + half];
    let tick = |value: i32| Tick { value: f64::from(value), label: value.to_string().replace('-', "−") };
    let ticks: Vec<Tick> = (-reach as i32..=reach as i32).map(tick).collect();
    chart(grid, channels, kl_per_dim, ends, ticks)
}

/// The codes at the quantiles of the standard normal, on axes where each image has as much room as any other.
pub fn manifold_quantiles(grid: &Grid, channels: usize, kl_per_dim: &[f64]) -> Chart {
    let label = |value: &f32| format!("{value:.2}").replace('-', "−");
    let tick = |(position, value)| Tick { value: position as f64, label: label(value) };
    let ticks = grid.values.iter().enumerate().map(tick).collect();
    chart(grid, channels, kl_per_dim, [-0.5, grid.values.len() as f64 - 0.5], ticks)
}

fn chart(grid: &Grid, channels: usize, kl_per_dim: &[f64], ends: [f64; 2], ticks: Vec<Tick>) -> Chart {
    let count = grid.values.len();
    let tiles = Tiles::of(&grid.images, channels);
    let image = tiles.mosaic(count, 0);
    let scale = magnification(count * tiles.size[0].max(tiles.size[1]), WANTED);
    let axis = |place: usize| Axis {
        label: dimensions::axis_label(&dimensions::name_with_kl(grid.dimensions[place] as usize, kl_per_dim)),
        range: Some(ends),
        ticks: Some(ticks.clone()),
        ..Axis::default()
    };
    let (y, rows) = match grid.dimensions.len() {
        2 => (axis(1), ends),
        _ => (Axis { range: Some([0.0, 1.0]), ticks: Some(Vec::new()), ..Axis::default() }, [0.0, 1.0]),
    };
    Chart {
        size: Size::Plot { width: image.width() as f32 * scale, height: image.height() as f32 * scale },
        x: axis(0),
        y,
        lines: Lines::Horizontal,
        series: vec![series(image, ends, rows)],
        ..Chart::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::{SIZE, assert_sound, grid};

    #[test]
    fn a_plane_is_a_square_of_images_and_a_line_a_row() {
        for (latent, heights) in [(1, 1), (2, 5), (4, 5)] {
            let kl_per_dim = vec![1.0; latent];
            let grid = grid(latent, 5);
            let chart = manifold(&grid, 1, &kl_per_dim);
            let Size::Plot { width, height } = chart.size else { panic!() };
            let expected = 5.0 * SIZE[1] as f32 / (heights * SIZE[0]) as f32;
            assert!((width / height - expected).abs() < 1e-3, "{width} x {height}");
            assert_eq!(chart.x.range, Some([-3.75, 3.75]));
            assert_sound("manifold", &chart.scene());
            assert_sound("manifold_quantiles", &manifold_quantiles(&grid, 1, &kl_per_dim).scene());
        }
    }

    #[test]
    fn many_and_few_images_can_be_read() {
        for count in [1, 2, 8, 30] {
            let grid = grid(2, count);
            assert_sound("manifold", &manifold(&grid, 1, &[1.0, 2.0]).scene());
            assert_sound("manifold_quantiles", &manifold_quantiles(&grid, 1, &[1.0, 2.0]).scene());
        }
    }

    #[test]
    fn of_many_dimensions_the_axes_name_those_that_vary() {
        let grid = Grid { dimensions: vec![3, 1].into(), ..grid(4, 3) };
        let chart = manifold(&grid, 1, &[0.1, 2.0, 0.0, 3.0]);
        assert_eq!(chart.x.label, "z₃, KL 3.00 nats (prior σ = 1)");
        assert_eq!(chart.y.label, "z₁, KL 2.00 nats (prior σ = 1)");
    }
}
