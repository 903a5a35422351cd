//! Arrays of the explorer as text in the page: base64, their numbers little-endian.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ndarray::{Array2, Axis};
use record::{DenseDecoder, DenseLayer, Grid, Link};
use serde::Serialize;

use crate::figures::Tiles;

/// What a decoder makes of a grid of codes.
#[derive(Debug, Serialize)]
pub struct PackedGrid {
    /// The values along each axis.
    pub values: Vec<f32>,
    /// A PNG file of all pictures, the second dimension growing upwards.
    png: String,
}

/// A matrix as 16-bit integers: the value in a column is `offset + scale * integer`.
#[derive(Debug, Serialize)]
pub struct Columns {
    /// `f32`, `[columns]`.
    offset: String,
    scale: String,
    /// `i16`, `[rows, columns]`.
    values: String,
}

/// A decoder of dense layers.
#[derive(Debug, Serialize)]
pub struct PackedDecoder {
    layers: Vec<Layer>,
    /// What makes means of the last layer's outputs.
    link: Link,
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

impl PackedGrid {
    /// At most so many pictures along each side, evenly chosen with both ends.
    pub fn new(grid: &Grid, channels: usize, most: usize) -> Self {
        let (rows, columns) = (grid.images.shape()[0], grid.values.len());
        let side = columns.min(most);
        let chosen = |of: usize| -> Vec<usize> {
            let count = of.min(side);
            (0..count)
                .map(|i| if count > 1 { (2 * i * (of - 1) + count - 1) / (2 * (count - 1)) } else { 0 })
                .collect()
        };
        let size = [grid.images.shape()[2], grid.images.shape()[3] / channels];
        let mut levels = Vec::new();
        for row in chosen(rows) {
            for column in chosen(columns) {
                levels.extend(grid.images.index_axis(Axis(0), row).index_axis(Axis(0), column));
            }
        }
        let image = Tiles { size, channels, levels }.mosaic(side, 0);
        Self {
            values: chosen(columns).into_iter().map(|column| grid.values[column]).collect(),
            png: BASE64_STANDARD.encode(image.to_png()),
        }
    }
}

impl PackedDecoder {
    pub fn new(decoder: &DenseDecoder) -> Self {
        Self { layers: decoder.layers.iter().map(Layer::new).collect(), link: decoder.link }
    }
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
    pub fn new(array: &Array2<f32>, rows: &[usize], columns: &[usize]) -> Self {
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

/// Bytes of a decoder in the page.
pub fn bytes_of_decoder(decoder: &DenseDecoder) -> usize {
    let bytes: usize = decoder.layers.iter().map(|layer| 2 * layer.weight.len() + 8 * layer.bias.len()).sum();
    // Base64 writes three bytes as four.
    bytes * 4 / 3
}

pub fn base64(bytes: impl Iterator<Item = u8>) -> String {
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
    fn a_grid_keeps_its_ends_where_pictures_are_left_out() {
        let grid = crate::for_tests::grid(2, 8);
        let all = PackedGrid::new(&grid, 1, 9);
        assert_eq!(all.values.len(), 8);
        let some = PackedGrid::new(&grid, 1, 3);
        assert_eq!([some.values[0], some.values[2]], [-3.0, 3.0]);
        assert!(some.png.len() < all.png.len());
        assert_eq!(
            PackedGrid::new(&crate::for_tests::grid(1, 5), 1, 9).values.len(),
            5,
            "a line of pictures"
        );
    }
}
