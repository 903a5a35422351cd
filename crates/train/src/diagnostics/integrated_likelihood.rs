//! The likelihood of images under a network of one or two latent dimensions, exact but for the steps of a sum.

use std::cell::RefCell;
use std::ops::Range;

use anyhow::{Result, ensure};
use kernels::{Likelihood, Matrix, multiply};
use ndarray::{ArrayView2, Axis};

use super::decode::Decode;
use super::quadrature::{COARSE, Decoded, Integral, Region, integrate};

/// Images multiplied at a time: as many as fit into the second-level cache with what they are multiplied by.
const BATCH: usize = 256;
/// Standard deviations of the prior that are always integrated over: beyond lies less than 3e-9 of it.
const PRIOR_REACH: f64 = 6.0;
/// How far a first look for likely codes goes, in standard deviations of the prior, and its steps along an axis.
const FIRST_LOOK: f64 = 3.0;
const FIRST_STEPS: usize = 8;
/// Nats by which a code may be likelier than the one that the encoder gives the image.
const BETTER_THAN_ENCODED: f64 = 20.0;
/// Nats below what was found that can be left out.
const NEGLIGIBLE: f64 = 20.0;
/// Nats below an image's greatest value at which its integrand may end at an edge: what lies beyond adds some millionths.
const AT_EDGES: f64 = 12.0;
/// By which share of its length an axis grows where an integrand goes on, and how often at most.
const GROWTH: f64 = 0.125;
const MOST_GROWTHS: usize = 16;

/// Images to integrate over the codes of.
pub struct Integrands<'a> {
    /// Their pixels, `[images, pixels]`.
    pub images: &'a [f32],
    /// The means of their posteriors, `[images, latent]`.
    pub means: ArrayView2<'a, f64>,
    /// Their losses for a code drawn from the posterior.
    pub reconstruction: &'a [f32],
}

/// `log p(x) = log ∫ p(z) p(x|z) dz` of each image.
///
/// No encoder is involved but for the question how far to integrate: as far as the codes of the images and the prior do, and
/// on where an integrand does. Where codes are so far out that the prior there makes up for no likelihood, it ends before.
///
/// # Errors
///
/// Fails when the decoder does, or a likelihood is not finite.
pub fn integrated_likelihoods(decoder: &dyn Decode, of: &Integrands<'_>) -> Result<Vec<Integral>> {
    let likelihood = decoder.likelihood_on_host();
    let (count, pixels) = (of.reconstruction.len(), decoder.numbers());
    let failed = RefCell::new(None);
    let decode = |codes: Vec<f32>| {
        let count = codes.len() / decoder.latent();
        let outputs = decoder.outputs(codes).unwrap_or_else(|error| {
            failed.borrow_mut().get_or_insert(error);
            vec![0.0; count * pixels]
        });
        DecodedCodes::new(outputs, pixels, &likelihood, of.images)
    };
    let found = integrate(&region(of, decode), count, decode);
    if let Some(error) = failed.into_inner() {
        return Err(error);
    }
    for (image, integral) in found.iter().enumerate() {
        ensure!(integral.log_likelihood.is_finite(), "image {image} has no finite likelihood");
    }
    Ok(found)
}

/// How far to integrate.
///
/// At a code `z` an integrand is at most `p(z)` times the likelihood of the best code, and the encoder's is taken to be within
/// [`BETTER_THAN_ENCODED`] nats of that: far from the origin it is soon nothing against what a first look finds near it. An
/// encoder that has learnt little is farther off, and the outermost code has a posterior on both sides of it: where the
/// integrand of an image is not down at an edge, that moves outwards.
fn region<D: Decoded>(of: &Integrands<'_>, decode: impl Fn(Vec<f32>) -> D) -> Region {
    let Integrands { means, reconstruction, .. } = of;
    let latent = means.ncols();
    let step = 2.0 * FIRST_LOOK / (FIRST_STEPS - 1) as f64;
    let along = |i: usize| step * i as f64 - FIRST_LOOK;
    let codes: Vec<Vec<f64>> = (0..FIRST_STEPS.pow(latent as u32))
        .map(|i| (0..latent).map(|d| along(i / FIRST_STEPS.pow(d as u32) % FIRST_STEPS)).collect())
        .collect();
    let seen = greatest(&codes, reconstruction.len(), &decode);
    // The integral over one cell of the first look, without the constant of the prior's density.
    let log_cell = latent as f64 * step.ln();
    let farthest = |(seen, reconstruction): (&f64, &f32)| {
        let best = seen + log_cell;
        (2.0 * (BETTER_THAN_ENCODED + NEGLIGIBLE - f64::from(*reconstruction) - best)).max(0.0).sqrt()
    };
    let reach = seen.iter().zip(*reconstruction).map(farthest).fold(PRIOR_REACH, f64::max);
    let end = |extreme: fn(f64, f64) -> f64, sign: f64| {
        let of_axis = |means: ndarray::ArrayView1<'_, f64>| {
            extreme(means.iter().copied().fold(sign * PRIOR_REACH, extreme), -sign * reach)
                .clamp(-reach, reach)
        };
        means.axis_iter(Axis(1)).map(of_axis).collect()
    };
    let region = Region { low: end(f64::min, -1.0), high: end(f64::max, 1.0) };
    let at_means = means.axis_iter(Axis(0)).zip(*reconstruction);
    let at_means = at_means.map(|(mean, reconstruction)| -f64::from(*reconstruction) - exponent(mean));
    grown(region, at_means.zip(seen).map(|(encoded, seen)| seen.max(encoded)).collect(), decode)
}

/// Moves the edges of a region outwards until the integrand of every image is down there, given a value of each that is
/// reached somewhere.
fn grown<D: Decoded>(mut region: Region, mut reached: Vec<f64>, decode: impl Fn(Vec<f32>) -> D) -> Region {
    for _ in 0..MOST_GROWTHS {
        let Region { low, high } = region.clone();
        for axis in 0..low.len() {
            let share = GROWTH * (high[axis] - low[axis]);
            for (end, outwards) in [(&mut region.low[axis], -share), (&mut region.high[axis], share)] {
                let edge = edge(&low, &high, axis, *end);
                let mut goes_on = false;
                for (at_edge, reached) in
                    greatest(&edge, reached.len(), &decode).into_iter().zip(&mut reached)
                {
                    goes_on |= at_edge > *reached - AT_EDGES;
                    *reached = reached.max(at_edge);
                }
                if goes_on {
                    *end += outwards;
                }
            }
        }
        if (&region.low, &region.high) == (&low, &high) {
            break;
        }
    }
    region
}

/// Codes along an edge, at which an axis ends, as close as those of the coarse lattice.
fn edge(low: &[f64], high: &[f64], axis: usize, end: f64) -> Vec<Vec<f64>> {
    let along = |other: usize| {
        let steps = COARSE[low.len() - 1];
        let step = (high[other] - low[other]) / f64::from(steps);
        (0..steps).map(move |i| {
            let mut code = vec![end; 2];
            code[other] = low[other] + step * (f64::from(i) + 0.5);
            code
        })
    };
    if low.len() == 1 { vec![vec![end]] } else { along(1 - axis).collect() }
}

/// The greatest value of the integrand of each of so many images among some codes, without the constant of the prior's density.
fn greatest<D: Decoded>(codes: &[Vec<f64>], images: usize, decode: impl Fn(Vec<f32>) -> D) -> Vec<f64> {
    let images: Vec<u32> = (0..images as u32).collect();
    let decoded = decode(codes.iter().flatten().map(|value| *value as f32).collect());
    let likelihoods = decoded.log_likelihoods(0..codes.len(), &images);
    let of_image = |likelihoods: &[f32]| {
        let joint = likelihoods.iter().zip(codes).map(|(value, code)| f64::from(*value) - exponent(code));
        joint.fold(f64::NEG_INFINITY, f64::max)
    };
    likelihoods.chunks(codes.len()).map(of_image).collect()
}

/// What the prior's density loses at a code.
fn exponent<'a>(code: impl IntoIterator<Item = &'a f64>) -> f64 {
    0.5 * code.into_iter().map(|value| value * value).sum::<f64>()
}

/// The decoder's outputs for some codes, on the host.
struct DecodedCodes<'a> {
    /// `[codes, pixels]`.
    outputs: Vec<f32>,
    /// `-log p(x|z)` of an image of zeros, where that of every image follows from it by a product.
    of_zero: Option<Vec<f32>>,
    pixels: usize,
    likelihood: &'a Likelihood,
    /// All images, `[images, pixels]`.
    images: &'a [f32],
}

impl<'a> DecodedCodes<'a> {
    fn new(outputs: Vec<f32>, pixels: usize, likelihood: &'a Likelihood, images: &'a [f32]) -> Self {
        let of_zero =
            likelihood.is_linear_in_values().then(|| likelihood.nll_of_codes(&outputs, &vec![0.0; pixels]));
        Self { outputs, of_zero, pixels, likelihood, images }
    }
}

impl Decoded for DecodedCodes<'_> {
    fn log_likelihoods(&self, codes: Range<usize>, images: &[u32]) -> Vec<f32> {
        let (pixels, count) = (self.pixels, codes.len());
        let outputs = &self.outputs[codes.start * pixels..codes.end * pixels];
        let mut found = Vec::with_capacity(images.len() * count);
        for batch in images.chunks(BATCH) {
            let image = |&image: &u32| &self.images[image as usize * pixels..][..pixels];
            let values: Vec<f32> = batch.iter().flat_map(image).copied().collect();
            match &self.of_zero {
                Some(of_zero) => {
                    let start = found.len();
                    found.resize(start + batch.len() * count, 0.0);
                    multiply(
                        Matrix::new(&values, batch.len(), pixels),
                        Matrix::new(outputs, count, pixels).transposed(),
                        &mut found[start..],
                    );
                    for row in found[start..].chunks_mut(count) {
                        row.iter_mut().zip(&of_zero[codes.clone()]).for_each(|(value, nll)| *value -= nll);
                    }
                }
                None => {
                    let of_image = |image| self.likelihood.nll_of_codes(outputs, image);
                    found.extend(values.chunks(pixels).flat_map(of_image).map(|nll| -nll));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{EncodedImages, OnDevice};
    use burn::module::Param;
    use burn::tensor::{Device, Tensor, TensorData};
    use data::Split;
    use model::{Vae, VaeConfig, Variance};
    use ndarray::Array2;
    use rand::{SeedableRng, rngs::StdRng};
    use record::Shape;

    const PIXELS: usize = 6;

    fn images() -> Split {
        let bytes = (0..40 * PIXELS).map(|i| (i * i * 31 % 256) as u8).collect();
        Split::of_bytes(Shape::grey(2, 3), bytes, None)
    }

    /// A decoder without a hidden layer.
    fn linear(latent: usize, likelihood: model::Likelihood) -> Vae {
        let config = VaeConfig {
            encoder_hidden: vec![],
            latent,
            decoder_hidden: vec![],
            likelihood,
            ..VaeConfig::default()
        };
        let mut vae = config.init(PIXELS, &mut StdRng::seed_from_u64(3), &Device::flex());
        let weight = TensorData::new(
            (0..latent * PIXELS).map(|i| ((i * 37 % 11) as f32 - 5.0) / 4.0).collect::<Vec<f32>>(),
            [latent, PIXELS],
        );
        vae.decoder.logits.as_mut().unwrap().weight = Param::from_data(weight, &Device::flex());
        vae
    }

    fn integrate_all(vae: &Vae, images: &Split) -> Vec<Integral> {
        let device = Device::flex();
        let means = EncodedImages::encode(vae, images, &device).unwrap().means;
        let (decoder, values) = (OnDevice { vae, device: &device }, images.rows(0..images.count()).unwrap());
        let outputs = decoder.outputs(means.iter().map(|mean| *mean as f32).collect()).unwrap();
        let likelihood = decoder.likelihood_on_host();
        let pairs = outputs.chunks(PIXELS).zip(values.chunks(PIXELS));
        let losses: Vec<f32> = pairs.map(|(output, image)| likelihood.nll(output, image)[0]).collect();
        let of = Integrands { images: &values, means: means.view(), reconstruction: &losses };
        integrated_likelihoods(&decoder, &of).unwrap()
    }

    /// `x ~ N(b, W W' + v I)`: `log p(x)` in closed form, with one latent dimension by the formula of Sherman and Morrison.
    #[test]
    fn probabilistic_pca_has_its_exact_likelihood() {
        const VARIANCE: f64 = 0.1;
        let vae = linear(1, model::Likelihood::Gaussian { variance: Variance::Fixed(VARIANCE) });
        let images = images();
        let weights: Vec<f64> =
            vae.decoder.logits.as_ref().unwrap().weight.val().into_data().iter::<f64>().collect();
        let squares: f64 = weights.iter().map(|w| w * w).sum();
        for (image, found) in integrate_all(&vae, &images).into_iter().enumerate() {
            let grey: Vec<f64> = images.gather(&[image as u32]).unwrap().into_iter().map(f64::from).collect();
            let along: f64 = grey.iter().zip(&weights).map(|(x, w)| x * w).sum();
            let distance = grey.iter().map(|x| x * x).sum::<f64>() / VARIANCE
                - along * along / (VARIANCE * (VARIANCE + squares));
            let log_determinant = PIXELS as f64 * VARIANCE.ln() + (1.0 + squares / VARIANCE).ln();
            let expected = -0.5 * (distance + log_determinant + PIXELS as f64 * std::f64::consts::TAU.ln());
            assert!((found.log_likelihood - expected).abs() < 1e-3, "{found:?}, not {expected}");
        }
    }

    /// Posteriors of standard deviation 0.6 around codes of up to 12, of which the encoder, which has learnt nothing, knows
    /// nothing: beyond the six standard deviations of the prior that are always integrated over.
    #[test]
    fn posteriors_beyond_the_codes_of_the_encoder_are_integrated_over_whole() {
        const VARIANCE: f64 = 0.01;
        for latent in [1, 2] {
            let mut vae = linear(latent, model::Likelihood::Gaussian { variance: Variance::Fixed(VARIANCE) });
            let layer = vae.decoder.logits.as_mut().unwrap();
            layer.weight = Param::from_tensor(Tensor::full(
                [latent, PIXELS],
                0.05 / (latent as f32).sqrt(),
                &Device::flex(),
            ));
            let squares = 0.05f64.powi(2) * PIXELS as f64;
            for (image, found) in integrate_all(&vae, &images()).into_iter().enumerate() {
                let grey = images().gather(&[image as u32]).unwrap();
                let along: f64 = 0.05 * grey.iter().map(|x| f64::from(*x)).sum::<f64>();
                let distance = grey.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / VARIANCE
                    - along * along / (VARIANCE * (VARIANCE + squares));
                let log_determinant = PIXELS as f64 * VARIANCE.ln() + (1.0 + squares / VARIANCE).ln();
                let expected =
                    -0.5 * (distance + log_determinant + PIXELS as f64 * std::f64::consts::TAU.ln());
                let error = (found.log_likelihood - expected).abs();
                // 32-bit logarithms of densities of some hundreds of nats.
                assert!(error < 2e-3, "{latent} dimensions, image {image}: {found:?}, not {expected}");
            }
        }
    }

    #[test]
    fn the_product_gives_what_the_definition_gives() {
        let vae = linear(2, model::Likelihood::ContinuousBernoulli);
        let images = images().rows(0..40).unwrap();
        let likelihood = vae.decoder.likelihood_on_host();
        let outputs: Vec<f32> = (0..5 * PIXELS).map(|i| (i as f32 * 0.7).sin() * 6.0).collect();
        let decoded = DecodedCodes::new(outputs.clone(), PIXELS, &likelihood, &images);
        let found = decoded.log_likelihoods(1..4, &[7, 3]);
        for (image, found) in [7, 3].into_iter().zip(found.chunks(3)) {
            let expected =
                likelihood.nll_of_codes(&outputs[PIXELS..4 * PIXELS], &images[image * PIXELS..][..PIXELS]);
            for (found, expected) in found.iter().zip(expected) {
                // Sums of six numbers of some size in 32 bits.
                assert!((found + expected).abs() < 1e-5, "{found}, not {expected}");
            }
        }
    }

    #[test]
    fn codes_beyond_every_likelihood_do_not_widen_the_plane() {
        let mut means = Array2::zeros((3, 2));
        means[[0, 0]] = 1e15;
        means[[1, 1]] = -9.0;
        let (vae, images) = (linear(2, model::Likelihood::GreyBernoulli), images().rows(0..40).unwrap());
        let likelihood = vae.decoder.likelihood_on_host();
        let device = Device::flex();
        let decode = |codes: Vec<f32>| {
            let shape = [codes.len() / 2, 2];
            let outputs = vae.decoder.forward(Tensor::from_data(TensorData::new(codes, shape), &device));
            DecodedCodes::new(outputs.into_data().iter::<f32>().collect(), PIXELS, &likelihood, &images)
        };
        let of = Integrands { images: &images[..3 * PIXELS], means: means.view(), reconstruction: &[2.0; 3] };
        let Region { low, high } = region(&of, decode);
        // Twice forty nats, and a few for what these images cost, have the root 9 to 11; the others grow a little, since these
        // images are likeliest some way from the origin.
        assert!((9.0..11.0).contains(&high[0]), "{low:?} {high:?}");
        for (end, least) in [(low[0], PRIOR_REACH), (low[1], 9.0), (high[1], PRIOR_REACH)] {
            assert!((least..1.5 * least).contains(&end.abs()), "{low:?} {high:?}");
        }
    }
}
