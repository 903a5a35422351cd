//! A ring of eight modes with a known decoder, whose likelihood has a closed form.
//!
//! The one latent dimension is cut at its octiles into eight equal parts; the decoder sends each to a point of the ring, with a
//! short ramp from one to the next, by two hidden units for each ramp. Images are points of the plane with noise of variance 1.

use std::f64::consts::TAU;

use anyhow::Result;
use burn::tensor::{Device, TensorData};
use model::Vae;
use ndarray::Array2;
use record::{MemberId, NetworkConfig};
use spec_math::cephes64::ndtri;

use super::check::{Case, Check};
use super::linear_network::{dataset, linear_config, network_of};
use super::piecewise_linear::{PiecewiseLinear, Unit};
use crate::diagnostics::{EncodedImages, OnDevice, Subset, sampled_likelihoods};
use crate::random::{Purpose, noise};

const MODES: usize = 8;
/// Between neighbours lie 4.6 standard deviations of the noise.
const RADIUS: f64 = 6.0;
/// The length of a ramp is a twentieth.
const STEEPNESS: f64 = 20.0;
const IMAGES: usize = 400;
/// Codes an image, from the prior: an eighth of them falls to the mode of the image.
const SAMPLES: usize = 4000;
/// In nats: the logarithm of a mean over 4,000 weights of which an eighth counts is too small by 0.0009 on the average, and the
/// mean of 400 of them varies by 0.002.
const IMPORTANCE: f64 = 0.01;

/// The likelihood of images of the ring.
pub fn case() -> Result<Case> {
    let device = Device::flex();
    let decoder = ring();
    let drawn = noise(5, Purpose::SelfTestData, 0, 0, 3 * IMAGES);
    let rows = drawn.chunks_exact(3).flat_map(|drawn| {
        let [z, noise_x, noise_y] = [0, 1, 2].map(|at| f64::from(drawn[at]));
        let image = decoder.image(z);
        // As the network sees them, in 32 bits.
        [image[0] + noise_x, image[1] + noise_y].map(|value| f64::from(value as f32))
    });
    let images = Array2::from_shape_vec((IMAGES, 2), rows.collect())?;
    let exact = images.rows().into_iter().map(|row| decoder.log_likelihood(&row.to_vec()));
    let exact = -exact.sum::<f64>() / IMAGES as f64;
    let dataset = dataset(&images, &images);
    let vae = network(&decoder, &device)?;
    let subset = Subset::evenly_spaced(&dataset.test, IMAGES);
    let encoded = EncodedImages::encode(&vae, &dataset.test, &device)?;
    let (decoder, member) =
        (OnDevice { vae: &vae, device: &device }, MemberId { kl_coefficient: 1.0, seed: 0 });
    let sampled = sampled_likelihoods(&decoder, &subset, &encoded, member, SAMPLES)?;
    let sampled = -sampled.iter().map(|image| image.log_likelihood).sum::<f64>() / IMAGES as f64;
    Ok(Case {
        title: format!(
            "A ring of {MODES} modes under a decoder with hidden units: {IMAGES} images; nats an image"
        ),
        checks: vec![Check::value("-log p(x) by importance sampling", exact, IMPORTANCE, sampled)],
    })
}

fn ring() -> PiecewiseLinear {
    let point = |mode: usize| {
        let angle = TAU * mode as f64 / MODES as f64;
        [RADIUS * angle.cos(), RADIUS * angle.sin()]
    };
    let mut units = Vec::new();
    for mode in 1..MODES {
        let octile = ndtri(mode as f64 / MODES as f64);
        let ([x, y], [next_x, next_y]) = (point(mode - 1), point(mode));
        let step = [next_x - x, next_y - y];
        // The ramp begins half its length before the octile, and what the first unit gives beyond its end the second one takes.
        for (sign, offset) in [(1.0, 0.5), (-1.0, -0.5)] {
            units.push(Unit {
                slope: STEEPNESS,
                offset: offset - STEEPNESS * octile,
                weights: step.map(|step| sign * step).to_vec(),
            });
        }
    }
    PiecewiseLinear { units, bias: point(0).to_vec() }
}

/// The network with this decoder, in 32 bits, and an encoder that gives out the prior.
fn network(decoder: &PiecewiseLinear, device: &Device) -> Result<Vae> {
    let (hidden, pixels) = (decoder.units.len(), decoder.bias.len());
    let mut config = linear_config(1);
    config.model = NetworkConfig { decoder_hidden: vec![hidden], ..config.model };
    let of_units = |value: fn(&Unit) -> f64| decoder.units.iter().map(|unit| value(unit) as f32).collect();
    let numbers = |values: Vec<f32>, shape: &[usize]| TensorData::new(values, shape.to_vec());
    let weights = decoder.units.iter().flat_map(|unit| &unit.weights).map(|&weight| weight as f32).collect();
    let zeros = |shape: &[usize]| numbers(vec![0.0; shape.iter().product()], shape);
    let parameters = [
        ("encoder.mean.weight", zeros(&[pixels, 1])),
        ("encoder.mean.bias", zeros(&[1])),
        ("encoder.log_var.weight", zeros(&[pixels, 1])),
        ("encoder.log_var.bias", zeros(&[1])),
        ("decoder.hidden.0.weight", numbers(of_units(|unit| unit.slope), &[1, hidden])),
        ("decoder.hidden.0.bias", numbers(of_units(|unit| unit.offset), &[hidden])),
        ("decoder.logits.weight", numbers(weights, &[hidden, pixels])),
        ("decoder.logits.bias", numbers(decoder.bias.iter().map(|&value| value as f32).collect(), &[pixels])),
    ];
    network_of(&config, pixels, parameters, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimates_are_the_closed_form() {
        let case = case().unwrap();
        assert!(case.passed(), "{case}");
    }

    #[test]
    fn the_decoder_goes_around_the_ring() {
        for (quantile, angle) in [(0.06, 0.0), (0.3, 0.25), (0.55, 0.5), (0.95, 0.875)] {
            let image = ring().image(ndtri(quantile));
            let expected = [RADIUS * (TAU * angle).cos(), RADIUS * (TAU * angle).sin()];
            assert!(image.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9));
        }
    }
}
