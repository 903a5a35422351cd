//! What the page needs to walk through the latent space: codes, test images, and the decoders themselves, or pictures of what
//! they make of a grid of codes where there is no room for all.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ndarray::{Array2, Axis};
use record::{DenseDecoder, DenseLayer, Encoded, Grid, ShownImages};
use serde::Serialize;

use crate::figures::{Tiles, on_axes};
use crate::report::ReportMember;

/// Bytes of the page for decoders, at most: six of the classic network.
const DECODER_BYTES: usize = 3_300_000;
/// Codes of all members together, at most: of more members, each shows every n-th image.
const CODES: usize = 600_000;
/// Grey levels of the grids of all members together, at most. As PNG and base64 they take up to as many bytes.
const TILE_PIXELS: usize = 9_000_000;
/// Pictures along each side of a grid, at least.
const LEAST_TILES: usize = 3;

/// The latent explorer's data. Binary values are base64, their numbers little-endian.
#[derive(Debug, Serialize)]
pub struct Explorer {
    height: usize,
    width: usize,
    latent: usize,
    /// Every so many test images have a code.
    every: usize,
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
    tiles: Option<usize>,
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
    /// Instead of the decoder.
    tiles: Option<PackedGrid>,
}

/// What a decoder makes of a grid of codes.
#[derive(Debug, Serialize)]
struct PackedGrid {
    /// The values along each axis.
    values: Vec<f32>,
    /// A PNG file of all pictures, the second dimension growing upwards.
    png: String,
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
    /// The explorer of one member for each coefficient, the first seed that has a decoder or pictures; `None` where none
    /// has. The coefficients in `kept` have their decoders before others.
    pub fn new(members: &[ReportMember<'_>], kept: &[f64]) -> Option<Self> {
        let mut shown: Vec<Shown<'_>> = Vec::new();
        for (position, &of) in members.iter().enumerate() {
            let Some(outputs) = &of.member.outputs else { continue };
            let (decoder, grid) = (outputs.decoder.as_ref(), outputs.manifold.as_ref());
            let usable = decoder.is_some() || grid.is_some();
            if usable && shown.iter().all(|other| other.of.c() != of.c()) {
                shown.push(Shown { position, of, decoder, grid });
            }
        }
        shown.sort_by(|a, b| a.of.c().total_cmp(&b.of.c()));
        let run = shown.first()?.of.run;
        let [height, width] = run.image_size()?;
        let test = run.examples.as_ref().map(|examples| &examples.test);

        // A member without pictures has its decoder, if it has one, whatever the others have.
        let of_kept: Vec<usize> =
            kept.iter().filter_map(|c| shown.iter().position(|shown| shown.of.c() == *c)).collect();
        let largest = shown.iter().filter_map(|shown| shown.decoder).map(bytes_of_decoder).max().unwrap_or(1);
        let chosen = spread_out(shown.len(), &of_kept, DECODER_BYTES / largest.max(1));
        let live = |i: usize| shown[i].decoder.is_some() && (chosen.contains(&i) || shown[i].grid.is_none());
        let pictured = (0..shown.len()).filter(|&i| !live(i)).count();
        let most = (TILE_PIXELS / (pictured.max(1) * height * width)).isqrt().max(LEAST_TILES);
        let every = (shown.len() * test.map_or(0, |test| test.positions.len())).div_ceil(CODES).max(1);

        let picked = run.examples.as_ref().and_then(|examples| examples.picked.as_ref());
        let rows: Vec<usize> = picked
            .iter()
            .flat_map(|picked| picked.examples.iter().map(|&example| example as usize))
            .collect();
        let packed: Vec<ExplorerMember> =
            (0..shown.len()).map(|i| shown[i].pack(&rows, every, live(i), most)).collect();
        let labels = test.and_then(|test| test.labels.as_ref());
        Some(Self {
            height,
            width,
            latent: run.config.model.latent,
            every,
            labels: labels.map(|labels| base64(labels.iter().copied())),
            images: picked.zip(test).map(|(picked, test)| PickedImages {
                positions: rows.iter().map(|&row| test.positions[row] as usize).collect(),
                labels: labels.map(|labels| rows.iter().map(|&row| labels[row]).collect()),
                pixels: pixels(picked),
            }),
            members: packed,
        })
    }

    /// What the page says about it.
    pub fn about(&self) -> About {
        let live = self.members.iter().filter(|member| member.decoder.is_some()).count();
        let tiles =
            self.members.iter().filter_map(|member| member.tiles.as_ref()).map(|grid| grid.values.len());
        About { members: self.members.len(), live, tiles: tiles.max(), every: self.every }
    }
}

fn pixels(images: &ShownImages) -> String {
    base64(images.pixels.iter().copied())
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
    /// Its position among all members of the report.
    position: usize,
    of: ReportMember<'a>,
    decoder: Option<&'a DenseDecoder>,
    grid: Option<&'a Grid>,
}

impl Shown<'_> {
    /// With the posteriors of the picked examples, every n-th code, and the decoder or at most so many pictures a side.
    fn pack(&self, picked: &[usize], every: usize, live: bool, most: usize) -> ExplorerMember {
        let latent = self.of.run.config.model.latent;
        let grid = self.grid.filter(|_| !live);
        let dimensions = match grid {
            Some(grid) => grid.dimensions.iter().map(|&dimension| dimension as usize).collect(),
            None => on_axes(&self.of.kl_per_dim()),
        };
        let all: Vec<usize> = (0..latent).collect();
        let encoded = self.of.encoded();
        ExplorerMember {
            member: self.position,
            run: self.of.run_position,
            c: self.of.c(),
            seed: self.of.member.id.seed,
            codes: encoded.map(|Encoded { mean, .. }| {
                let rows: Vec<usize> = (0..mean.nrows()).step_by(every).collect();
                Columns::new(mean, &rows, &dimensions)
            }),
            posteriors: encoded.filter(|_| !picked.is_empty()).map(|Encoded { mean, log_var, .. }| {
                PickedPosteriors {
                    mean: Columns::new(mean, picked, &all),
                    log_var: Columns::new(log_var, picked, &all),
                }
            }),
            decoder: self
                .decoder
                .filter(|_| live)
                .map(|decoder| decoder.layers.iter().map(Layer::new).collect()),
            tiles: grid.map(|grid| PackedGrid::new(grid, most)),
            dimensions,
        }
    }
}

impl PackedGrid {
    /// At most so many pictures along each side, evenly chosen with both ends.
    fn new(grid: &Grid, most: usize) -> Self {
        let (rows, columns) = (grid.images.shape()[0], grid.values.len());
        let side = columns.min(most);
        let chosen = |of: usize| -> Vec<usize> {
            let count = of.min(side);
            (0..count)
                .map(|i| if count > 1 { (2 * i * (of - 1) + count - 1) / (2 * (count - 1)) } else { 0 })
                .collect()
        };
        let size = [grid.images.shape()[2], grid.images.shape()[3]];
        let mut grey = Vec::new();
        for row in chosen(rows) {
            for column in chosen(columns) {
                grey.extend(grid.images.index_axis(Axis(0), row).index_axis(Axis(0), column));
            }
        }
        let image = Tiles { size, grey }.mosaic(side, 0);
        Self {
            values: chosen(columns).into_iter().map(|column| grid.values[column]).collect(),
            png: BASE64_STANDARD.encode(image.to_png()),
        }
    }
}

/// Bytes of a decoder in the page.
fn bytes_of_decoder(decoder: &DenseDecoder) -> usize {
    let bytes: usize = decoder.layers.iter().map(|layer| 2 * layer.weight.len() + 8 * layer.bias.len()).sum();
    // Base64 writes three bytes as four.
    bytes * 4 / 3
}

impl Layer {
    fn new(DenseLayer { weight, bias }: &DenseLayer) -> Self {
        let (inputs, outputs) = weight.dim();
        let mut scale = vec![f32::MIN_POSITIVE; outputs];
        for ((_, output), weight) in weight.indexed_iter() {
            scale[output] = scale[output].max(weight.abs() / f32::from(i16::MAX));
        }
        let integers =
            weight.indexed_iter().map(|((_, output), weight)| (weight / scale[output]).round() as i16);
        let weight = base64(integers.flat_map(i16::to_le_bytes));
        Self { inputs, outputs, scale: singles(&scale), weight, bias: singles(&bias.to_vec()) }
    }
}

impl Columns {
    fn new(array: &Array2<f32>, rows: &[usize], columns: &[usize]) -> Self {
        let range = |&column: &usize| {
            let values = rows.iter().map(|&row| array[[row, column]]);
            let (low, high) =
                values.fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            let scale = 0.5 * (high - low) / f32::from(i16::MAX);
            (0.5 * (low + high), scale.max(f32::MIN_POSITIVE))
        };
        let (offset, scale): (Vec<f32>, Vec<f32>) = columns.iter().map(range).unzip();
        let integers = rows.iter().flat_map(|&row| {
            let of_column = |(at, &column): (usize, &usize)| {
                ((array[[row, column]] - offset[at]) / scale[at]).round() as i16
            };
            columns.iter().enumerate().map(of_column).collect::<Vec<_>>()
        });
        let values = base64(integers.flat_map(i16::to_le_bytes));
        Self { offset: singles(&offset), scale: singles(&scale), values }
    }
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
        let array = Array2::from_shape_vec((inputs, outputs), weight.clone()).unwrap();
        let layer = Layer::new(&DenseLayer { weight: array, bias: vec![1.0, 2.0, 3.0].into() });
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
        let layer = Layer::new(&DenseLayer { weight: Array2::zeros((2, 1)), bias: vec![0.5].into() });
        assert_eq!(integers(&layer.weight), [0.0, 0.0]);
    }

    #[test]
    fn columns_come_back_within_half_a_step_of_their_range() {
        let array = Array2::from_shape_fn((5, 3), |(i, j)| (i as f32 - 1.5) * 100f32.powi(j as i32) + 7.0);
        let packed = Columns::new(&array, &[0, 2, 4], &[0, 2]);
        let (offset, scale, found) =
            (floats(&packed.offset), floats(&packed.scale), integers(&packed.values));
        for (k, (row, column)) in [(0, 0), (0, 2), (2, 0), (2, 2), (4, 0), (4, 2)].into_iter().enumerate() {
            let at = k % 2;
            let error = (offset[at] + scale[at] * found[k] - array[[row, column]]).abs();
            assert!(error <= scale[at], "{row}, {column} comes back wrong by {error}");
        }
    }

    #[test]
    fn decoders_go_to_what_is_recommended_and_then_all_over_the_list() {
        assert_eq!(spread_out(10, &[6, 6, 2], 4), [6, 2, 9, 0]);
        assert_eq!(spread_out(3, &[], 7), [0, 2, 1]);
        assert_eq!(spread_out(5, &[4, 1], 1), [4]);
        assert_eq!(spread_out(5, &[4, 1], 0), [0; 0]);
    }

    #[test]
    fn a_grid_keeps_its_ends_where_pictures_are_left_out() {
        let grid = crate::for_tests::grid(2, 8);
        let all = PackedGrid::new(&grid, 9);
        assert_eq!(all.values.len(), 8);
        let some = PackedGrid::new(&grid, 3);
        assert_eq!([some.values[0], some.values[2]], [-3.0, 3.0]);
        assert!(some.png.len() < all.png.len());
        assert_eq!(PackedGrid::new(&crate::for_tests::grid(1, 5), 9).values.len(), 5, "a line of pictures");
    }
}
