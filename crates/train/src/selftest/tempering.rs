//! Likelihoods by importance sampling from encoders that were trained with other coefficients than 1.
//!
//! The decoder is linear, so that its likelihood is known exactly, and the encoder is the optimal one for each coefficient: the
//! posterior of the decoder's likelihood to the power of `1/c`. Its samples alone miss most of the likelihood where `c` is
//! small. Untempered, they are those of the true posterior.

use std::f64::consts::TAU;

use anyhow::Result;
use record::{MemberId, Terms};

use super::check::{Case, Check};
use super::gaussian_data::exact_gaussian;
use super::linear_network::{DiagonalWeights, dataset};
use crate::device::any_device;
use crate::diagnostics::{Decode, EncodedImages, OnDevice, SampledLikelihood, Subset, sampled_likelihoods};
use crate::evaluate::evaluate;

const IMAGES: usize = 1000;
const EIGENVALUES: [f64; 6] = [9.0, 3.0, 0.5, 0.5, 0.5, 0.5];
/// The decoder's weights: those of the optimum at 1, whose dimensions write the first two pixels.
const SQUARED_WEIGHTS: [f64; 2] = [8.0, 2.0];
const COEFFICIENTS: [f64; 7] = [1e-3, 0.02, 0.25, 0.5, 1.0, 2.0, 20.0];
/// Codes an image.
const SAMPLES: usize = 100;
/// In nats. The codes that are drawn from the prior, one in twenty, make the weights vary by a few percent, and the logarithm
/// of their mean too small by half the square of that over the number of codes.
const IMPORTANCE: f64 = 0.02;
/// Four and a half standard errors of the mean, over a thousand images, of half a squared error of two dimensions: it varies
/// by less than a nat and a half.
const SAMPLED_TERMS: f64 = 0.2;

/// An estimator of the likelihoods of images.
type Sampler =
    fn(&dyn Decode, &Subset<'_>, &EncodedImages, MemberId, usize) -> Result<Vec<SampledLikelihood>>;

/// The likelihood of the same decoder by the encoders of several coefficients, beside the exact one; and the terms of each.
pub fn case() -> Result<Case> {
    case_of(sampled_likelihoods)
}

fn case_of(sampler: Sampler) -> Result<Case> {
    let device = any_device()?;
    let images = exact_gaussian(IMAGES, &EIGENVALUES, 4);
    let dataset = dataset(&images, &images);
    let subset = Subset::evenly_spaced(&dataset.test, IMAGES);
    let mut checks = Vec::new();
    for c in COEFFICIENTS {
        let vae = weights(c).network(EIGENVALUES.len(), &device)?;
        let Terms { reconstruction, kl } = evaluate(&vae, &dataset.test, 0, 0, &device)?.terms;
        let expected = terms(c);
        checks.push(Check::value(
            format!("c = {c}: reconstruction"),
            expected.reconstruction,
            SAMPLED_TERMS,
            reconstruction,
        ));
        checks.push(Check::value(format!("c = {c}: KL"), expected.kl, 1e-4, kl));
        let encoded = EncodedImages::encode(&vae, &dataset.test, &device)?;
        let decoder = OnDevice { vae: &vae, device: &device };
        let member = MemberId { kl_coefficient: c, seed: 0 };
        let found = sampler(&decoder, &subset, &encoded, member, SAMPLES)?;
        let nll = -found.iter().map(|image| image.log_likelihood).sum::<f64>() / IMAGES as f64;
        checks.push(Check::value(format!("c = {c}: -log p(x)"), exact_nll(), IMPORTANCE, nll));
    }
    let title = format!(
        "Importance sampling by encoders trained at other coefficients: {IMAGES} images, {SAMPLES} codes of each; nats an image"
    );
    Ok(Case { title, checks })
}

/// Precision `1 + w²/c` and mean `w x / c` over it.
fn weights(c: f64) -> DiagonalWeights {
    let precision = |square: &f64| 1.0 + square / c;
    DiagonalWeights {
        encoder: SQUARED_WEIGHTS.iter().map(|square| square.sqrt() / c / precision(square)).collect(),
        log_var: SQUARED_WEIGHTS.iter().map(|square| -precision(square).ln()).collect(),
        decoder: SQUARED_WEIGHTS.iter().map(|square| square.sqrt()).collect(),
    }
}

/// The terms of such an encoder. With the posterior's variance `v = c / (c + w²)`, what is left of a pixel has the variance
/// `λ v² + w² v`, and the means of the codes `λ (w / (c + w²))²`.
fn terms(c: f64) -> Terms {
    let (mut squared_error, mut kl) = (EIGENVALUES[SQUARED_WEIGHTS.len()..].iter().sum::<f64>(), 0.0);
    for (square, eigenvalue) in SQUARED_WEIGHTS.iter().zip(EIGENVALUES) {
        let variance = c / (c + square);
        squared_error += eigenvalue * variance * variance + square * variance;
        kl += 0.5 * (eigenvalue * square / (c + square).powi(2) + variance - 1.0 - variance.ln());
    }
    Terms { reconstruction: 0.5 * (squared_error + EIGENVALUES.len() as f64 * TAU.ln()), kl }
}

/// That of `N(0, diag(w² + 1))`.
fn exact_nll() -> f64 {
    let of_pixel = |(pixel, eigenvalue): (usize, f64)| {
        let variance = 1.0 + SQUARED_WEIGHTS.get(pixel).unwrap_or(&0.0);
        0.5 * ((TAU * variance).ln() + eigenvalue / variance)
    };
    EIGENVALUES.into_iter().enumerate().map(of_pixel).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimator_holds_and_one_that_takes_the_encoder_as_it_is_does_not() {
        let case = case().unwrap();
        assert!(case.passed(), "{case}");
        let tempered: Sampler = |decoder, subset, encoded, member, samples| {
            let member = MemberId { kl_coefficient: 1.0, ..member };
            sampled_likelihoods(decoder, subset, encoded, member, samples)
        };
        assert!(!case_of(tempered).unwrap().passed());
    }
}
