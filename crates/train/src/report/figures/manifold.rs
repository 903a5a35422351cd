//! What the decoder makes of a grid of codes.

use burn::tensor::Device;
use figure::{Axis, Chart, GreyImage, Lines, Size, Tick};
use model::Vae;
use spec_math::cephes64::ndtri;

use super::dimensions;
use super::tiles::{Tiles, magnification, series};

/// Both ends of the grid, in standard deviations of the prior.
pub const REACH: f64 = 3.0;
/// How wide the picture is to be, in pixels.
const WANTED: f32 = 560.0;

/// A decoder and the plane through its latent space that is shown.
pub struct Plane<'a> {
    pub vae: &'a Vae,
    pub device: &'a Device,
    /// Height and width of an image.
    pub size: [usize; 2],
    pub kl_per_dim: &'a [f64],
}

impl Plane<'_> {
    /// The codes between -3 and 3 at equal distances, `n` along each axis.
    pub fn evenly_spaced(&self, n: usize) -> Chart {
        let values = evenly_spaced(n);
        // The outermost images lie around the ends of the grid.
        let half = if n > 1 { REACH / (n - 1) as f64 } else { REACH };
        let ends = [-REACH - half, REACH + half];
        let tick =
            |value: i32| Tick { value: f64::from(value), label: value.to_string().replace('-', "−") };
        let ticks: Vec<Tick> = (-REACH as i32..=REACH as i32).map(tick).collect();
        let axis = |label| Axis { label, range: Some(ends), ticks: Some(ticks.clone()), ..Axis::default() };
        self.chart(&values, ends, axis)
    }

    /// The codes at the quantiles of the standard normal that divide it into `n` equal parts and halve each: as if the unit
    /// square were mapped through its inverse distribution function.
    ///
    /// Source: Kingma and Welling, *Auto-Encoding Variational Bayes* (2013), figure 4.
    pub fn quantiles(&self, n: usize) -> Chart {
        let values = quantiles(n);
        let ticks = || {
            let label = |value: &f64| format!("{value:.2}").replace('-', "−");
            let tick = |(position, value)| Tick { value: position as f64, label: label(value) };
            Some(values.iter().enumerate().map(tick).collect())
        };
        let ends = [-0.5, n as f64 - 0.5];
        let axis = |label| Axis { label, range: Some(ends), ticks: ticks(), ..Axis::default() };
        self.chart(&values, ends, axis)
    }

    fn chart(&self, values: &[f64], ends: [f64; 2], axis: impl Fn(String) -> Axis) -> Chart {
        let n = values.len();
        let shown = dimensions::on_axes(self.kl_per_dim);
        let image = self.image(values, &shown);
        let scale = magnification(n * self.size[1].max(self.size[0]), WANTED);
        let label = |i: usize| dimensions::axis_label(&dimensions::name_with_kl(shown[i], self.kl_per_dim));
        let size = Size::Plot { width: image.width() as f32 * scale, height: image.height() as f32 * scale };
        let (y, rows) = match shown.len() {
            2 => (axis(label(1)), ends),
            _ => (Axis { range: Some([0.0, 1.0]), ticks: Some(Vec::new()), ..Axis::default() }, [0.0, 1.0]),
        };
        Chart {
            size,
            x: axis(label(0)),
            y,
            lines: Lines::Horizontal,
            series: vec![series(image, ends, rows)],
            ..Chart::default()
        }
    }

    /// The first dimension grows to the right, the second upwards; the others are 0.
    fn image(&self, values: &[f64], shown: &[usize]) -> GreyImage {
        let latent = self.vae.latent();
        let rows: Vec<f64> =
            if shown.len() == 2 { values.iter().rev().copied().collect() } else { vec![0.0] };
        let mut codes = Vec::with_capacity(rows.len() * values.len() * latent);
        for &y in &rows {
            for &x in values {
                let mut code = vec![0.0; latent];
                for (&dimension, value) in shown.iter().zip([x, y]) {
                    code[dimension] = value as f32;
                }
                codes.extend(code);
            }
        }
        Tiles::decode(self.vae, &codes, self.size, self.device).mosaic(values.len(), 0)
    }
}

/// `n` numbers from -3 to 3; 0 where there is one.
pub fn evenly_spaced(n: usize) -> Vec<f64> {
    match n {
        1 => vec![0.0],
        _ => (0..n).map(|i| REACH * (2.0 * i as f64 / (n - 1) as f64 - 1.0)).collect(),
    }
}

fn quantiles(n: usize) -> Vec<f64> {
    (0..n).map(|i| ndtri((i as f64 + 0.5) / n as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::testing::{SIZE, Tiny, assert_sound};
    use figure::Mark;

    fn plane(tiny: &Tiny) -> Plane<'_> {
        Plane { vae: &tiny.vae, device: &tiny.device, size: SIZE, kl_per_dim: &tiny.kl_per_dim }
    }

    /// The pixels of an image of the mosaic.
    fn tile(chart: &Chart, row: usize, column: usize) -> Vec<u8> {
        let Mark::Image { image, .. } = &chart.series[0].mark else { panic!() };
        let [height, width] = SIZE;
        let start = |line: usize| (row * height + line) * image.width() as usize + column * width;
        (0..height).flat_map(|line| image.grey()[start(line)..start(line) + width].to_vec()).collect()
    }

    #[test]
    fn the_first_dimension_grows_to_the_right_and_the_second_upwards() {
        let tiny = Tiny::new(2);
        let chart = plane(&tiny).evenly_spaced(7);
        for (row, column, code) in
            [(0, 0, [-3.0, 3.0]), (0, 6, [3.0, 3.0]), (6, 0, [-3.0, -3.0]), (2, 4, [1.0, 1.0])]
        {
            let decoded = Tiles::decode(&tiny.vae, &code, SIZE, &tiny.device).grey;
            assert_eq!(tile(&chart, row, column), decoded, "{code:?}");
        }
        assert_sound("manifold", &chart.scene());
    }

    #[test]
    fn of_many_dimensions_the_two_of_highest_kl_are_varied() {
        let tiny = Tiny { kl_per_dim: vec![0.1, 2.0, 0.0, 3.0], ..Tiny::new(4) };
        let chart = plane(&tiny).evenly_spaced(3);
        let decoded = Tiles::decode(&tiny.vae, &[0.0, 3.0, 0.0, -3.0], SIZE, &tiny.device).grey;
        assert_eq!(tile(&chart, 0, 0), decoded);
        assert_eq!(chart.x.label, "z₃, KL 3.00 nats (prior σ = 1)");
    }

    #[test]
    fn one_dimension_is_a_row_and_one_image_is_the_origin() {
        let tiny = Tiny::new(1);
        let chart = plane(&tiny).evenly_spaced(5);
        let Size::Plot { width, height } = chart.size else { panic!() };
        assert_eq!(width / height, 5.0 * SIZE[1] as f32 / SIZE[0] as f32);
        assert_sound("manifold", &chart.scene());
        let origin = Tiles::decode(&tiny.vae, &[0.0], SIZE, &tiny.device).grey;
        assert_eq!(tile(&plane(&tiny).evenly_spaced(1), 0, 0), origin);
    }

    #[test]
    fn the_quantiles_divide_the_normal_into_equal_parts() {
        // The 0.975 quantile of N(0, 1), by any table.
        const UPPER: f64 = 1.959963984540054;
        let found = quantiles(20);
        assert!((found[19] - UPPER).abs() < 1e-12 && (found[0] + UPPER).abs() < 1e-12, "{found:?}");
        let tiny = Tiny::new(2);
        for n in [1, 2, 8, 30] {
            assert_sound("manifold_quantiles", &plane(&tiny).quantiles(n).scene());
        }
    }
}
