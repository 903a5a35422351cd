//! What the page needs to walk through the latent space: codes, test images, and the decoders themselves.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use burn::tensor::Tensor;
use ndarray::Array2;
use record::dimensions_by_kl;
use serde::Serialize;

use super::Measured;
use crate::diagnostics::EncodedImages;

/// Test images to pick from at most, evenly spaced.
const PICKED_IMAGES: usize = 100;

/// The latent explorer's data. Binary values are base64, their numbers little-endian.
#[derive(Debug, Serialize)]
pub struct Explorer {
    height: usize,
    width: usize,
    latent: usize,
    /// The class of each test image, `u8`.
    labels: Option<String>,
    images: Option<PickedImages>,
    members: Vec<ExplorerMember>,
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
    codes: Option<Codes>,
    posteriors: Option<PickedPosteriors>,
    layers: Vec<Layer>,
}

/// The means of all test images in the dimensions shown: `offset + scale * value`.
#[derive(Debug, Serialize)]
struct Codes {
    offset: Vec<f64>,
    scale: Vec<f64>,
    /// `i16`, `[images, dimensions]`.
    values: String,
}

/// The posteriors of the picked images, `f32`, `[images, latent]` each.
#[derive(Debug, Serialize)]
struct PickedPosteriors {
    mean: String,
    log_var: String,
}

/// A layer of the decoder, in 24-bit numbers: see [`upper_bytes`].
#[derive(Debug, Serialize)]
struct Layer {
    inputs: usize,
    outputs: usize,
    /// `[inputs, outputs]`.
    weight: String,
    /// `[outputs]`.
    bias: String,
}

impl Explorer {
    /// The explorer of one member for each coefficient, the first seed that has a network; nothing where none has.
    pub(super) fn new(measured: &[Measured<'_>]) -> Option<Self> {
        let mut shown: Vec<(usize, &Measured<'_>)> = Vec::new();
        for (position, member) in
            measured.iter().enumerate().filter(|(_, member)| member.member.vae.is_some())
        {
            if shown.iter().all(|(_, other)| other.c() != member.c()) {
                shown.push((position, member));
            }
        }
        shown.sort_by(|(_, a), (_, b)| a.c().total_cmp(&b.c()));
        let (_, first) = shown.first()?;
        let vae = first.member.vae.as_ref()?;
        let [height, width] = first.run.image_size(vae.decoder.logits.weight.dims()[1]);

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
        let members =
            shown.iter().map(|(position, member)| ExplorerMember::new(*position, member, &positions));
        Some(Self {
            height,
            width,
            latent: vae.latent(),
            labels: test.and_then(|test| test.labels.as_ref()).map(|labels| base64(labels.iter().copied())),
            images,
            members: members.collect(),
        })
    }
}

impl ExplorerMember {
    fn new(position: usize, measured: &Measured<'_>, picked: &[usize]) -> Self {
        let vae = measured.member.vae.as_ref().expect("only members with a network are shown");
        let mut dimensions = dimensions_by_kl(&measured.kl_per_dim());
        dimensions.truncate(2);
        dimensions.sort_unstable();
        let encoded = measured.encoded.as_ref();
        let layers = vae.decoder.hidden.iter().chain([&vae.decoder.logits]).map(|linear| {
            let [inputs, outputs] = linear.weight.dims();
            let bias = linear.bias.as_ref().expect("every layer has a bias");
            Layer { inputs, outputs, weight: weights(linear.weight.val()), bias: weights(bias.val()) }
        });
        Self {
            member: position,
            run: measured.run_position,
            c: measured.c(),
            seed: measured.member.id.seed,
            codes: encoded.map(|encoded| Codes::new(encoded, &dimensions)),
            posteriors: encoded.map(|EncodedImages { means, log_vars }| PickedPosteriors {
                mean: singles(means, picked),
                log_var: singles(log_vars, picked),
            }),
            dimensions,
            layers: layers.collect(),
        }
    }
}

impl Codes {
    fn new(encoded: &EncodedImages, dimensions: &[usize]) -> Self {
        let range = |&dimension: &usize| {
            let column = encoded.means.column(dimension);
            let (low, high) =
                column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
            (0.5 * (low + high), (0.5 * (high - low) / f64::from(i16::MAX)).max(f64::MIN_POSITIVE))
        };
        let (offset, scale): (Vec<f64>, Vec<f64>) = dimensions.iter().map(range).unzip();
        let values = encoded.means.rows().into_iter().flat_map(|row| {
            let quantised = |(at, &dimension): (usize, &usize)| {
                ((row[dimension] - offset[at]) / scale[at]).round() as i16
            };
            dimensions.iter().enumerate().map(quantised).collect::<Vec<_>>()
        });
        let values = base64(values.flat_map(i16::to_le_bytes));
        Self { offset, scale, values }
    }
}

fn base64(bytes: impl Iterator<Item = u8>) -> String {
    BASE64_STANDARD.encode(bytes.collect::<Vec<u8>>())
}

fn weights<const D: usize>(tensor: Tensor<D>) -> String {
    base64(tensor.into_data().iter::<f32>().flat_map(upper_bytes))
}

/// Sign, exponent and 15 bits of the mantissa, rounded to nearest, little-endian.
///
/// Half precision would save another byte of three, and puts grey levels of the five MNIST members wrong by up to 0.004 at
/// the codes of the test images, but by up to 0.085 where a code has values of 100, as those of c = 0 come near. With
/// these three bytes it is 0.0002 and 0.004.
fn upper_bytes(value: f32) -> [u8; 3] {
    let [_, low, middle, high] = value.to_bits().saturating_add(0x80).to_le_bytes();
    [low, middle, high]
}

fn singles(array: &Array2<f64>, rows: &[usize]) -> String {
    base64(
        rows.iter().flat_map(|&row| array.row(row).to_vec()).flat_map(|value| (value as f32).to_le_bytes()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fifteen bits after the one that is not stored, and rounding: half a step of 2^-15.
    const RELATIVE_ERROR: f32 = 1.0 / 65536.0;

    fn restored(value: f32) -> f32 {
        let [low, middle, high] = upper_bytes(value);
        f32::from_le_bytes([0, low, middle, high])
    }

    #[test]
    fn three_bytes_hold_the_upper_bits() {
        assert_eq!(upper_bytes(1.0), [0x00, 0x80, 0x3f]);
        assert_eq!(upper_bytes(-2.5), [0x00, 0x20, 0xc0]);
        assert_eq!(
            restored(f32::from_bits(0x3f80_0080)),
            f32::from_bits(0x3f80_0100),
            "half a step is rounded up"
        );
    }

    #[test]
    fn weights_keep_sixteen_bits() {
        for value in (1..2000).map(|i| 1.7_f32.powi(i % 60 - 30) * (i as f32).sin()) {
            let error = (restored(value) - value).abs();
            assert!(error <= RELATIVE_ERROR * value.abs(), "{value} comes back wrong by {error}");
        }
    }
}
