//! What each latent dimension changes by itself.

use figure::{Axis, Chart, Lines, Size, Tick};
use record::Traversals;

use super::dimensions;
use super::tiles::{Tiles, magnification, series};

/// A row for each latent dimension, from highest to lowest KL, with the others at 0.
pub fn traversals(traversals: &Traversals, channels: usize, kl_per_dim: &[f64]) -> Chart {
    let (rows, columns) = (traversals.dimensions.len(), traversals.values.len());
    let image = Tiles::of(&traversals.images, channels).mosaic(columns, 0);
    let tick = |(row, &dimension): (usize, &u32)| {
        let kl = kl_per_dim.get(dimension as usize).copied().unwrap_or(f64::NAN);
        let kl = crate::format::number(kl, 2);
        Tick {
            value: (rows - 1 - row) as f64,
            label: format!("{}  {kl} nats", dimensions::name(dimension as usize)),
        }
    };
    let scale = magnification(image.width() as usize, 560.0);
    let reach = traversals.values.last().map_or(0.0, |&value| f64::from(value));
    let half = reach / (columns.max(2) - 1) as f64;
    let (x, y) = ([-reach - half, reach + half], [-0.5, rows as f64 - 0.5]);
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
            ticks: Some(traversals.dimensions.iter().enumerate().map(tick).collect()),
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
    use crate::for_tests::{Recorded, assert_sound, texts};

    #[test]
    fn every_row_names_its_dimension_and_its_kl() {
        let recorded = Recorded::new(20);
        let scene =
            traversals(recorded.outputs.traversals.as_ref().unwrap(), 1, &recorded.kl_per_dim).scene();
        assert_sound("traversals", &scene);
        let rows: Vec<String> = texts(&scene).into_iter().filter(|text| text.ends_with(" nats")).collect();
        assert_eq!(rows.len(), 16);
        assert_eq!([rows[0].as_str(), rows[15].as_str()], ["z₁₉  1.90 nats", "z₄  0.40 nats"]);
    }
}
