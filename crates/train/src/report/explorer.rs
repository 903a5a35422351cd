//! What the page needs to walk through the latent space: codes, test images, and the decoders themselves, or pictures of what
//! they make of a grid of codes where there is no room for all.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use burn::tensor::{Device, Tensor};
use model::Vae;
use ndarray::Array2;
use record::dimensions_by_kl;
use serde::Serialize;

use super::Measured;
use super::figures::{REACH, Tiles, evenly_spaced};
use crate::diagnostics::EncodedImages;

/// Test images to pick from at most, evenly spaced.
const PICKED_IMAGES: usize = 100;
/// Bytes of the page for decoders, at most: six of the classic network.
const DECODER_BYTES: usize = 3_300_000;
/// Codes of all members together, at most: of more members, each shows every n-th image.
const CODES: usize = 600_000;
/// Grey levels of the grids of all members together, at most. As PNG and base64 they take up to as many bytes.
const TILE_PIXELS: usize = 9_000_000;
/// Pictures along each side of a grid.
const TILES: std::ops::RangeInclusive<usize> = 3..=9;

/// The latent explorer's data. Binary values are base64, their numbers little-endian.
#[derive(Debug, Serialize)]
pub struct Explorer {
    height: usize,
    width: usize,
    latent: usize,
    /// Every so many test images have a code.
    every: usize,
    /// Both ends of the grids of pictures along each axis, and how many there are between them.
    reach: f64,
    tiles: usize,
    /// The class of each test image, `u8`.
    labels: Option<String>,
    images: Option<PickedImages>,
    members: Vec<ExplorerMember>,
}

/// What the page says about it.
#[derive(Serialize)]
pub struct About {
    members: usize,
    /// Members with a decoder.
    live: usize,
    /// Pictures along each side of the grids of the others.
    tiles: usize,
    every: usize,
}

/// Test images that can be picked.
#[derive(Debug, Serialize)]
struct PickedImages {
    /// Their positions in the test set.
    positions: Vec<usize>,
    labels: Option<Vec<u8>>,
    /// Grey levels, `u8`, `[images, height, width]`.
    pixels: String,
}

/// The network of a coefficient.
#[derive(Debug, Serialize)]
struct ExplorerMember {
    /// Its position in the page's list.
    member: usize,
    run: usize,
    c: f64,
    seed: u64,
    /// The latent dimensions that are shown.
    dimensions: Vec<usize>,
    /// The means of the test images in the dimensions shown.
    codes: Option<Columns>,
    /// The means and log-variances of the picked images in all dimensions.
    posteriors: Option<PickedPosteriors>,
    decoder: Option<Vec<Layer>>,
    /// Instead of the decoder, a PNG file of what it makes of a grid of codes.
    tiles: Option<String>,
}

#[derive(Debug, Serialize)]
struct PickedPosteriors {
    mean: Columns,
    log_var: Columns,
}

/// A matrix as 16-bit integers: the value in a column is `offset + scale * integer`.
#[derive(Debug, Serialize)]
struct Columns {
    /// `f32`, `[columns]`.
    offset: String,
    scale: String,
    /// `i16`, `[rows, columns]`.
    values: String,
}

/// A layer of the decoder. A weight is `scale * integer`, with a scale for each output.
///
/// Half precision would take as many bytes, and puts a logit wrong by a third where a code has values of 100, as those of
/// c = 0 come near: its error grows with each weight, and sums over them. The integers' error is 2^-16 of the greatest
/// weight of the output.
#[derive(Debug, Serialize)]
struct Layer {
    inputs: usize,
    outputs: usize,
    /// `f32`, `[outputs]`.
    scale: String,
    /// `i16`, `[inputs, outputs]`.
    weight: String,
    /// `f32`, `[outputs]`.
    bias: String,
}

impl Explorer {
    /// The explorer of one member for each coefficient, the first seed that has a network; nothing where none has. The
    /// coefficients in `kept` have their decoders before others.
    pub(super) fn new(measured: &[Measured<'_>], kept: &[f64], device: &Device) -> Option<Self> {
        let mut shown: Vec<Shown<'_>> = Vec::new();
        for (position, measured) in measured.iter().enumerate() {
            let Some(vae) = &measured.member.vae else { continue };
            if shown.iter().all(|other| other.measured.c() != measured.c()) {
                shown.push(Shown { position, measured, vae });
            }
        }
        shown.sort_by(|a, b| a.measured.c().total_cmp(&b.measured.c()));
        let Shown { measured: first, vae, .. } = shown.first()?;
        let size = first.run.image_size(vae.decoder.logits.weight.dims()[1]);
        let [height, width] = size;

        let test = first.run.dataset.as_ref().map(|dataset| &dataset.test);
        let positions: Vec<usize> = test.map_or(Vec::new(), |test| {
            (0..test.count()).step_by(test.count().div_ceil(PICKED_IMAGES)).collect()
        });
        let images = test.map(|test| PickedImages {
            labels: test.labels.as_ref().map(|labels| positions.iter().map(|&at| labels[at]).collect()),
            pixels: {
                let pixels = test.pixels();
                let bytes = positions.iter().flat_map(|&at| &test.bytes[at * pixels..(at + 1) * pixels]);
                base64(bytes.copied())
            },
            positions: positions.clone(),
        });

        let of_kept: Vec<usize> =
            kept.iter().filter_map(|c| shown.iter().position(|shown| shown.measured.c() == *c)).collect();
        let live = spread_out(shown.len(), &of_kept, DECODER_BYTES / bytes_of_decoder(vae).max(1));
        let pictured = shown.len() - live.len();
        let tiles =
            (TILE_PIXELS / (pictured.max(1) * height * width)).isqrt().clamp(*TILES.start(), *TILES.end());
        let codes = shown.len() * test.map_or(0, |test| test.count());
        let every = codes.div_ceil(CODES).max(1);
        let members = shown.iter().enumerate().map(|(i, shown)| {
            let grid = (!live.contains(&i)).then_some(Grid { side: tiles, size, device });
            shown.pack(&positions, every, grid)
        });
        Some(Self {
            height,
            width,
            latent: vae.latent(),
            every,
            reach: REACH,
            tiles,
            labels: test.and_then(|test| test.labels.as_ref()).map(|labels| base64(labels.iter().copied())),
            images,
            members: members.collect(),
        })
    }

    /// What the page says about it.
    pub fn about(&self) -> About {
        let live = self.members.iter().filter(|member| member.decoder.is_some()).count();
        About { members: self.members.len(), live, tiles: self.tiles, every: self.every }
    }
}

/// Up to `most` of the positions below `count`: the preferred ones, then always the one farthest from those before.
fn spread_out(count: usize, preferred: &[usize], most: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    for &position in preferred {
        if chosen.len() < most && !chosen.contains(&position) {
            chosen.push(position);
        }
    }
    while chosen.len() < most.min(count) {
        let distance = |position: usize| chosen.iter().map(|&other| position.abs_diff(other)).min();
        // Of two alike the first; before there is any, that is the first of all.
        let farthest = (0..count).rev().max_by_key(|&position| distance(position).unwrap_or(usize::MAX));
        chosen.extend(farthest);
    }
    chosen
}

/// A member of the explorer, not packed yet.
struct Shown<'a> {
    position: usize,
    measured: &'a Measured<'a>,
    vae: &'a Vae,
}

/// A grid of pictures, and where they are computed.
struct Grid<'a> {
    side: usize,
    /// Height and width of a picture.
    size: [usize; 2],
    device: &'a Device,
}

impl Shown<'_> {
    fn pack(&self, picked: &[usize], every: usize, grid: Option<Grid<'_>>) -> ExplorerMember {
        let mut dimensions = dimensions_by_kl(&self.measured.kl_per_dim());
        dimensions.truncate(2);
        dimensions.sort_unstable();
        let all: Vec<usize> = (0..self.vae.latent()).collect();
        let encoded = self.measured.encoded;
        ExplorerMember {
            member: self.position,
            run: self.measured.run_position,
            c: self.measured.c(),
            seed: self.measured.member.id.seed,
            codes: encoded.map(|EncodedImages { means, .. }| {
                let rows: Vec<usize> = (0..means.nrows()).step_by(every).collect();
                Columns::new(means, &rows, &dimensions)
            }),
            posteriors: encoded.map(|EncodedImages { means, log_vars }| PickedPosteriors {
                mean: Columns::new(means, picked, &all),
                log_var: Columns::new(log_vars, picked, &all),
            }),
            decoder: grid.is_none().then(|| layers(self.vae)),
            tiles: grid.map(|grid| grid.png(self.vae, &dimensions)),
            dimensions,
        }
    }
}

impl Grid<'_> {
    /// The first dimension grows to the right, the second upwards; the others are 0.
    fn png(&self, vae: &Vae, dimensions: &[usize]) -> String {
        let values = evenly_spaced(self.side);
        let rows: Vec<f64> =
            if dimensions.len() == 2 { values.iter().rev().copied().collect() } else { vec![0.0] };
        let mut codes = Vec::with_capacity(rows.len() * values.len() * vae.latent());
        for &y in &rows {
            for &x in &values {
                let mut code = vec![0.0; vae.latent()];
                for (&dimension, value) in dimensions.iter().zip([x, y]) {
                    code[dimension] = value as f32;
                }
                codes.extend(code);
            }
        }
        let image = Tiles::decode(vae, &codes, self.size, self.device).mosaic(values.len(), 0);
        BASE64_STANDARD.encode(image.to_png())
    }
}

fn layers(vae: &Vae) -> Vec<Layer> {
    let linears = vae.decoder.hidden.iter().chain([&vae.decoder.logits]);
    let pack = |linear: &burn::nn::Linear| {
        let [inputs, outputs] = linear.weight.dims();
        let weight = numbers(linear.weight.val());
        let bias = linear.bias.as_ref().map_or_else(|| vec![0.0; outputs], |bias| numbers(bias.val()));
        Layer::new(inputs, outputs, &weight, &bias)
    };
    linears.map(pack).collect()
}

/// Bytes of a decoder in the page.
fn bytes_of_decoder(vae: &Vae) -> usize {
    let linears = vae.decoder.hidden.iter().chain([&vae.decoder.logits]);
    let bytes: usize = linears
        .map(|linear| {
            let [inputs, outputs] = linear.weight.dims();
            2 * inputs * outputs + 8 * outputs
        })
        .sum();
    // Base64 writes three bytes as four.
    bytes * 4 / 3
}

impl Layer {
    fn new(inputs: usize, outputs: usize, weight: &[f32], bias: &[f32]) -> Self {
        let mut scale = vec![f32::MIN_POSITIVE; outputs];
        for row in weight.chunks_exact(outputs) {
            for (scale, weight) in scale.iter_mut().zip(row) {
                *scale = scale.max(weight.abs() / f32::from(i16::MAX));
            }
        }
        let integers = weight.chunks_exact(outputs).flat_map(|row| {
            row.iter().zip(&scale).map(|(weight, scale)| (weight / scale).round() as i16).collect::<Vec<_>>()
        });
        let weight = base64(integers.flat_map(i16::to_le_bytes));
        Self { inputs, outputs, scale: singles(&scale), weight, bias: singles(bias) }
    }
}

impl Columns {
    fn new(array: &Array2<f64>, rows: &[usize], columns: &[usize]) -> Self {
        let range = |&column: &usize| {
            let values = rows.iter().map(|&row| array[[row, column]]);
            let (low, high) =
                values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            let scale = 0.5 * (high - low) / f64::from(i16::MAX);
            (0.5 * (low + high), scale.max(f64::from(f32::MIN_POSITIVE)))
        };
        let ranges: Vec<(f64, f64)> = columns.iter().map(range).collect();
        let integers = rows.iter().flat_map(|&row| {
            let of_column = |(&column, (offset, scale)): (&usize, &(f64, f64))| {
                ((array[[row, column]] - offset) / scale).round() as i16
            };
            columns.iter().zip(&ranges).map(of_column).collect::<Vec<_>>()
        });
        let values = base64(integers.flat_map(i16::to_le_bytes));
        let single = |of: fn(&(f64, f64)) -> f64| {
            singles(&ranges.iter().map(|range| of(range) as f32).collect::<Vec<_>>())
        };
        Self { offset: single(|range| range.0), scale: single(|range| range.1), values }
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn base64(bytes: impl Iterator<Item = u8>) -> String {
    BASE64_STANDARD.encode(bytes.collect::<Vec<u8>>())
}

fn singles(values: &[f32]) -> String {
    base64(values.iter().flat_map(|value| value.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(base64: &str) -> Vec<u8> {
        BASE64_STANDARD.decode(base64).unwrap()
    }

    fn floats(base64: &str) -> Vec<f32> {
        bytes(base64).chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    }

    fn integers(base64: &str) -> Vec<f32> {
        let pairs = bytes(base64);
        pairs.chunks_exact(2).map(|two| f32::from(i16::from_le_bytes(two.try_into().unwrap()))).collect()
    }

    #[test]
    fn weights_come_back_within_2_to_the_minus_16_of_the_greatest_of_their_output() {
        let (inputs, outputs) = (40, 3);
        let weight: Vec<f32> = (0..inputs * outputs)
            .map(|i| 10f32.powi((i % outputs) as i32 * 3 - 4) * (i as f32).sin())
            .collect();
        let layer = Layer::new(inputs, outputs, &weight, &[1.0, 2.0, 3.0]);
        let (scale, found) = (floats(&layer.scale), integers(&layer.weight));
        for (i, (integer, expected)) in found.iter().zip(&weight).enumerate() {
            let column = i % outputs;
            let greatest =
                weight.iter().skip(column).step_by(outputs).fold(0f32, |most, w| most.max(w.abs()));
            let error = (integer * scale[column] - expected).abs();
            // Half an integer, and the rounding of a 32-bit product.
            assert!(error <= 1.01 * greatest / 65536.0, "{expected} comes back wrong by {error}");
        }
        assert_eq!(floats(&layer.bias), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn an_output_without_weights_divides_by_nothing() {
        let layer = Layer::new(2, 1, &[0.0, 0.0], &[0.5]);
        assert_eq!(integers(&layer.weight), [0.0, 0.0]);
    }

    #[test]
    fn columns_come_back_within_half_a_step_of_their_range() {
        let array = Array2::from_shape_fn((5, 3), |(i, j)| (i as f64 - 1.5) * 100f64.powi(j as i32) + 7.0);
        let packed = Columns::new(&array, &[0, 2, 4], &[0, 2]);
        let (offset, scale, found) =
            (floats(&packed.offset), floats(&packed.scale), integers(&packed.values));
        for (k, (row, column)) in [(0, 0), (0, 2), (2, 0), (2, 2), (4, 0), (4, 2)].into_iter().enumerate() {
            let at = k % 2;
            let error = (f64::from(offset[at] + scale[at] * found[k]) - array[[row, column]]).abs();
            assert!(error <= f64::from(scale[at]), "{row}, {column} comes back wrong by {error}");
        }
    }

    #[test]
    fn decoders_go_to_what_is_recommended_and_then_all_over_the_list() {
        assert_eq!(spread_out(10, &[6, 6, 2], 4), [6, 2, 9, 0]);
        assert_eq!(spread_out(3, &[], 7), [0, 2, 1]);
        assert_eq!(spread_out(5, &[4, 1], 1), [4]);
        assert_eq!(spread_out(5, &[4, 1], 0), [0; 0]);
    }
}
