//! What the tests have in common: what a tiny network would have recorded, and what holds for every drawing.

use figure::{Chart, Mark, Scene, Series};
use ndarray::{Array1, Array2, Array3, Array4};
use record::{
    DenseDecoder, DenseLayer, Encoded, EpochRow, ExamplePart, Examples, Grid, LatentUse, Link, Outputs,
    Shape, ShownImages, Terms, Traversals, dimensions_by_kl,
};

/// Height and width of its images.
pub const SIZE: [usize; 2] = [4, 3];
/// Test examples, of ten classes.
const COUNT: usize = 60;

/// The record of a network with so many latent dimensions, of which later ones have a higher KL.
pub struct Recorded {
    pub examples: Examples,
    pub outputs: Outputs,
    pub kl_per_dim: Vec<f64>,
    pub history: Vec<EpochRow>,
}

impl Recorded {
    pub fn new(latent: usize) -> Self {
        let kl_per_dim: Vec<f64> = (0..latent).map(|dimension| 0.1 * dimension as f64).collect();
        let part = |count: usize| ExamplePart {
            positions: (0..count as u32).collect(),
            labels: Some((0..count).map(|i| (i % 10) as u8).collect()),
        };
        let shown =
            |count: usize| ShownImages { examples: (0..count as u32).collect(), pixels: images(count) };
        let examples = Examples {
            shape: Shape::grey(SIZE[0], SIZE[1]),
            classes: Vec::new(),
            test: part(COUNT),
            train: part(5),
            picked: Some(shown(30)),
            reconstructed: Some(shown(20)),
            prior_codes: Some(Array2::zeros((64, latent))),
            prior_points: Some(normal(2000)),
        };
        let traversed: Vec<u32> =
            dimensions_by_kl(&kl_per_dim).into_iter().take(16).map(|dimension| dimension as u32).collect();
        let layer = |inputs: usize, outputs: usize| DenseLayer {
            weight: Array2::from_shape_fn((inputs, outputs), |(i, j)| ((3 * i + j) as f32).sin()),
            bias: Array1::ones(outputs),
        };
        let outputs = Outputs {
            epoch: 3,
            test: Some(Encoded {
                mean: Array2::from_shape_fn((COUNT, latent), |(i, j)| 2.0 * ((i * (j + 3)) as f32).sin()),
                log_var: Array2::from_elem((COUNT, latent), -1.0),
                code: None,
                reconstruction: None,
                kl: None,
            }),
            train: None,
            reconstructions: Some(images(20)),
            manifold: Some(grid(latent, 8)),
            manifold_quantiles: Some(grid(latent, 8)),
            plane: None,
            traversals: Some(Traversals {
                images: Array4::zeros((traversed.len(), 11, SIZE[0], SIZE[1])),
                dimensions: traversed.into(),
                values: Array1::linspace(-3.0, 3.0, 11),
            }),
            prior_images: Some(images(64)),
            profiles: None,
            decoder: Some(DenseDecoder {
                layers: vec![layer(latent, 8), layer(8, SIZE[0] * SIZE[1])],
                link: Link::Logistic,
            }),
        };
        Self { examples, outputs, kl_per_dim, history: history(&[200.0, 180.0, 170.0]) }
    }
}

/// A grid of so many images along each axis.
pub fn grid(latent: usize, count: usize) -> Grid {
    let rows = if latent > 1 { count } else { 1 };
    Grid {
        dimensions: (0..latent.min(2) as u32).collect(),
        values: Array1::linspace(if count > 1 { -3.0 } else { 0.0 }, 3.0, count),
        images: Array4::from_shape_fn((rows, count, SIZE[0], SIZE[1]), |(i, j, ..)| (i * count + j) as u8),
    }
}

fn images(count: usize) -> Array3<u8> {
    Array3::from_shape_fn((count, SIZE[0], SIZE[1]), |(i, j, k)| (31 * i * i + 7 * j + k) as u8)
}

/// Points of a standard normal, by the method of Box and Muller on a regular grid of angles and radii.
fn normal(count: usize) -> Array2<f32> {
    Array2::from_shape_fn((count, 2), |(i, axis)| {
        let radius = (-2.0 * ((i as f64 + 0.5) / count as f64).ln()).sqrt();
        let angle = i as f64 * 2.399_963 + if axis == 0 { 0.0 } else { 0.5 * std::f64::consts::PI };
        (radius * angle.cos()) as f32
    })
}

/// A row for each reconstruction.
pub fn history(reconstructions: &[f64]) -> Vec<EpochRow> {
    let row = |(i, &reconstruction): (usize, &f64)| {
        let terms = Terms { reconstruction, kl: 5.0 };
        let test_latent = LatentUse { kl_per_dim: vec![5.0], active_units: 1 };
        EpochRow { epoch: i + 1, train: terms, test: terms, test_latent, clamped_log_vars: 0 }
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
