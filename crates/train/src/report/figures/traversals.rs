//! What each latent dimension changes by itself.

use burn::tensor::Device;
use figure::{Axis, Chart, Lines, Size, Tick};
use model::Vae;
use record::dimensions_by_kl;

use super::dimensions;
use super::manifold::{REACH, evenly_spaced};
use super::tiles::{Tiles, magnification, series};

/// Dimensions shown at most.
pub const ROWS: usize = 16;
/// Values of each.
const COLUMNS: usize = 11;

/// A row for each latent dimension, from highest to lowest KL, varied from -3 to 3 with the others at 0.
pub fn traversals(vae: &Vae, kl_per_dim: &[f64], size: [usize; 2], device: &Device) -> Chart {
    let shown: Vec<usize> = dimensions_by_kl(kl_per_dim).into_iter().take(ROWS).collect();
    let values = evenly_spaced(COLUMNS);
    let mut codes = Vec::new();
    for &dimension in &shown {
        for &value in &values {
            let mut code = vec![0.0; vae.latent()];
            code[dimension] = value as f32;
            codes.extend(code);
        }
    }
    let image = Tiles::decode(vae, &codes, size, device).mosaic(COLUMNS, 0);
    let rows = shown.len();
    let tick = |(row, &dimension): (usize, &usize)| Tick {
        value: (rows - 1 - row) as f64,
        label: format!("{}  {:.2} nats", dimensions::name(dimension), kl_per_dim[dimension]),
    };
    let scale = magnification(image.width() as usize, 560.0);
    let half = REACH / (COLUMNS - 1) as f64;
    let (x, y) = ([-REACH - half, REACH + half], [-0.5, rows as f64 - 0.5]);
    Chart {
        size: Size::Plot { width: image.width() as f32 * scale, height: image.height() as f32 * scale },
        x: Axis {
            label: "value of the dimension, the others 0 (prior σ = 1)".into(),
            range: Some(x),
            ..Axis::default()
        },
        y: Axis {
            label: "latent dimension and its KL".into(),
            range: Some(y),
            ticks: Some(shown.iter().enumerate().map(tick).collect()),
            ..Axis::default()
        },
        lines: Lines::Horizontal,
        series: vec![series(image, x, y)],
        ..Chart::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::testing::{SIZE, Tiny, assert_sound, texts};

    #[test]
    fn dimensions_are_ordered_by_kl_and_no_more_than_there_is_room_for() {
        let mut tiny = Tiny::new(20);
        tiny.kl_per_dim = (0..20).map(|dimension| 0.1 * f64::from(dimension)).collect();
        let scene = traversals(&tiny.vae, &tiny.kl_per_dim, SIZE, &tiny.device).scene();
        assert_sound("traversals", &scene);
        let rows: Vec<String> = texts(&scene).into_iter().filter(|text| text.ends_with(" nats")).collect();
        assert_eq!(rows.len(), ROWS);
        assert_eq!([rows[0].as_str(), rows[15].as_str()], ["z₁₉  1.90 nats", "z₄  0.40 nats"]);
    }
}
