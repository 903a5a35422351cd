//! What the figures' tests have in common: a tiny network, and what holds for every drawing.

use burn::tensor::Device;
use figure::{Chart, Mark, Scene, Series};
use model::{Vae, VaeConfig};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::diagnostics::EncodedImages;
use data::Images;
use record::EpochRow;
use record::{LatentUse, Terms};

/// An untrained network for images of 4 x 3 pixels, and some of these.
pub struct Tiny {
    pub vae: Vae,
    pub device: Device,
    pub test: Images,
    pub encoded: EncodedImages,
    pub kl_per_dim: Vec<f64>,
    pub history: Vec<EpochRow>,
}

pub const SIZE: [usize; 2] = [4, 3];

impl Tiny {
    /// With 60 images of ten classes.
    pub fn new(latent: usize) -> Self {
        let device = Device::flex();
        let config = VaeConfig { encoder_hidden: vec![8], latent, decoder_hidden: vec![8] };
        let vae = config.init(SIZE[0] * SIZE[1], &mut StdRng::seed_from_u64(1), &device);
        let test = images(60);
        let encoded = EncodedImages::encode(&vae, &test, &device);
        let kl_per_dim = encoded.latent_use().kl_per_dim;
        Self { vae, device, test, encoded, kl_per_dim, history: history(&[200.0, 180.0, 170.0]) }
    }
}

fn images(count: usize) -> Images {
    let [height, width] = SIZE;
    let bytes = (0..count * height * width).map(|i| (i * i * 31 % 256) as u8).collect();
    Images { height, width, bytes, labels: Some((0..count).map(|i| (i % 10) as u8).collect()) }
}

/// A row for each reconstruction.
pub fn history(reconstructions: &[f64]) -> Vec<EpochRow> {
    let row = |(i, &reconstruction): (usize, &f64)| {
        let terms = Terms { reconstruction, kl: 5.0 };
        let test_latent = LatentUse { kl_per_dim: vec![5.0], active_units: 1 };
        EpochRow { epoch: i + 1, train: terms, test: terms, test_latent, saturated_log_vars: 0 }
    };
    reconstructions.iter().enumerate().map(row).collect()
}

/// Panics where a text is cut off by the edge or covers another, and where a number is none.
pub fn assert_sound(name: &str, scene: &Scene) {
    let words = scene.words();
    assert!(!words.is_empty(), "{name} says nothing");
    for (i, a) in words.iter().enumerate() {
        let [left, top, right, bottom] = a.bounds;
        let inside =
            left >= 0.0 && top >= 0.0 && right <= scene.width as f32 && bottom <= scene.height as f32;
        assert!(inside, "{name}: {a:?} is cut, the drawing is {} x {}", scene.width, scene.height);
        for b in &words[i + 1..] {
            let [l, t, r, low] = b.bounds;
            let apart = right <= l || r <= left || bottom <= t || low <= top;
            assert!(apart, "{name}: {a:?} overlaps {b:?}");
        }
    }
    // Without the images in it, whose letters spell anything.
    let svg = scene.to_svg();
    for line in svg.lines().filter(|line| !line.starts_with("<image")) {
        for word in line.split(|c: char| !c.is_alphanumeric()) {
            assert!(!["NaN", "inf"].contains(&word), "{name} has a number that is not finite: {line}");
        }
    }
}

/// The points of all series of dots.
pub fn dots(chart: &Chart) -> Vec<[f64; 2]> {
    let points = |series: &Series| match &series.mark {
        Mark::Dots { points, .. } => points.clone(),
        _ => Vec::new(),
    };
    chart.series.iter().flat_map(points).collect()
}

/// The words of a drawing.
pub fn texts(scene: &Scene) -> Vec<String> {
    scene.words().into_iter().map(|words| words.text).collect()
}
