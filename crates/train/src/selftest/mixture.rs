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
use spec_math::cephes64::{ndtr, ndtri};

use super::check::{Case, Check};
use super::linear_network::{dataset, linear_config, network_of};
use super::piecewise_linear::{PiecewiseLinear, Unit};
use crate::device::any_device;
use crate::diagnostics::{
    DataReference, EncodedImages, Integrands, OnDevice, Subset, integrated_likelihoods, sampled_likelihoods,
};
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

/// In nats: at which an integral counts as settled.
const INTEGRATION: f64 = 0.01;
/// Points of each part that density and coverage are measured with, and their standard deviation around the modes, which then
/// have nothing to do with each other.
const POINTS: usize = 1000;
const SPREAD: f64 = 0.3;
/// The neighbour to which the ball around a point reaches.
const NEIGHBOUR: usize = 5;
/// 4.5 standard deviations of density and coverage, of points from all modes and from half of them, over sixty simulations
/// in NumPy of as many points.
const DENSITY: [f64; 2] = [0.083, 0.11];
const COVERAGE: [f64; 2] = [0.032, 0.07];

/// The likelihood of images of the ring, and how points from it cover others.
pub fn case() -> Result<Case> {
    let device = any_device()?;
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
    let pixels: Vec<f32> = images.iter().map(|&value| value as f32).collect();
    let integrands =
        Integrands { images: &pixels, means: encoded.means.view(), reconstruction: &vec![0.0; IMAGES] };
    let integrated = integrated_likelihoods(&decoder, &integrands)?;
    let integrated = -integrated.iter().map(|image| image.log_likelihood).sum::<f64>() / IMAGES as f64;
    let mut checks = vec![
        Check::value("-log p(x) by integration", exact, INTEGRATION, integrated),
        Check::value("-log p(x) by importance sampling", exact, IMPORTANCE, sampled),
    ];
    checks.extend(covered()?);
    Ok(Case {
        title: format!(
            "A ring of {MODES} modes under a decoder with hidden units: {IMAGES} images, nats an image; {POINTS} points beside others"
        ),
        checks,
    })
}

/// How points from all modes, and from half of them, lie beside other points from all.
///
/// By symmetry a ball that reaches to the `k`-th of `n - 1` other points holds `k / n` of whatever else is drawn alike: the
/// density is 1. It holds none of `m` such points if the `k` nearest of all are others of its own kind. In half of the modes
/// lie twice as many points to a mode, which make up in the density for those that the other modes lack, but not in the
/// coverage.
fn covered() -> Result<Vec<Check>> {
    let missed = |own: usize, drawn: usize| -> f64 {
        (1..=NEIGHBOUR).map(|near| (own - near) as f64 / (own + drawn - near) as f64).product()
    };
    let mut streams = 6..;
    let mut points = |count: usize, modes: usize| {
        let stream = streams.next().expect("there are more numbers");
        let drawn = noise(stream, Purpose::SelfTestData, 0, 0, 3 * count);
        let rows = drawn.chunks_exact(3).flat_map(|drawn| {
            let [z, noise_x, noise_y] = [0, 1, 2].map(|at| f64::from(drawn[at]));
            let mode = (MODES as f64 * ndtr(z)) as usize % modes;
            let [x, y] = point(mode);
            [x + SPREAD * noise_x, y + SPREAD * noise_y]
        });
        Array2::from_shape_vec((count, 2), rows.collect())
    };
    let reference = DataReference::of(&dataset(&points(POINTS, MODES)?, &points(2 * POINTS, MODES)?))?;
    let in_mode = POINTS / MODES;
    let mut checks = Vec::new();
    for (at, (name, modes, coverage)) in [
        ("all modes", MODES, 1.0 - missed(POINTS, POINTS)),
        ("half of the modes", MODES / 2, 0.5 * (1.0 - missed(in_mode, 2 * in_mode))),
    ]
    .into_iter()
    .enumerate()
    {
        let drawn: Vec<f32> = points(POINTS, modes)?.iter().map(|&value| value as f32).collect();
        let found = reference.generated(&reference.components.project(&drawn))?.choose;
        checks.push(Check::value(format!("density, {name}"), 1.0, DENSITY[at], found.density.value));
        checks.push(Check::value(format!("coverage, {name}"), coverage, COVERAGE[at], found.coverage.value));
    }
    Ok(checks)
}

/// The middle of a mode.
fn point(mode: usize) -> [f64; 2] {
    let angle = TAU * mode as f64 / MODES as f64;
    [RADIUS * angle.cos(), RADIUS * angle.sin()]
}

fn ring() -> PiecewiseLinear {
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
