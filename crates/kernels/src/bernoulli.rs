//! The cross-entropy of pixels with Bernoulli distributions, and its gradient in one pass over the logits.

use crate::KernelSet;
use crate::helper::in_halves;
use crate::logistic::{Logistic, logistic};
use crate::memory::Parts;
use crate::vectors::{Arithmetic, for_each_set};

/// Pixels summed side by side, in as many lanes: the order of summation, the same for every width of vectors.
const LANES: usize = 16;

/// The negative log-likelihood of each image, in nats, summed over its pixels:
///
/// `Σ softplus(l) - x l`.
///
/// An image's sum has the same bits beside any others.
///
/// # Panics
///
/// Panics if there are not as many logits as grey levels, or they are no whole number of images.
pub fn bernoulli_nll(logits: &[f32], images: &[f32], pixels: usize) -> Vec<f32> {
    bernoulli_nll_with(KernelSet::active(), logits, images, pixels)
}

fn bernoulli_nll_with(set: KernelSet, logits: &[f32], images: &[f32], pixels: usize) -> Vec<f32> {
    let count = count(logits, images, pixels);
    let mut sums = vec![0.0; count];
    let parts = Parts::new(&mut sums);
    in_halves(count, 1, |range| {
        // SAFETY: `sums` is borrowed for as long, and the halves do not overlap.
        let sums = unsafe { parts.part(range.clone()) };
        let values = range.start * pixels..range.end * pixels;
        nll(set, &logits[values.clone()], &images[values], pixels, sums);
    });
    sums
}

/// The same as [`bernoulli_nll`], bit for bit, of one image under the logits that each of several codes was decoded to.
///
/// # Panics
///
/// Panics if the logits are no whole number of images of this size.
pub fn bernoulli_nll_of_codes(logits: &[f32], image: &[f32]) -> Vec<f32> {
    if image.is_empty() {
        assert!(logits.is_empty(), "{} logits of an image without pixels", logits.len());
        return Vec::new();
    }
    let codes = logits.len() / image.len();
    assert_eq!(logits.len(), codes * image.len(), "logits of {codes} images of {} pixels", image.len());
    let set = KernelSet::active();
    let mut sums = vec![0.0; codes];
    for (logits, sum) in logits.chunks_exact(image.len()).zip(&mut sums) {
        nll(set, logits, image, image.len(), std::slice::from_mut(sum));
    }
    sums
}

/// The same as [`bernoulli_nll`], bit for bit; the logits are replaced by the gradient of each image's sum with respect to
/// them:
///
/// `σ(l) - x`.
///
/// # Panics
///
/// As [`bernoulli_nll`].
pub fn bernoulli_nll_and_gradient(logits: &mut [f32], images: &[f32], pixels: usize) -> Vec<f32> {
    bernoulli_nll_and_gradient_with(KernelSet::active(), logits, images, pixels)
}

fn bernoulli_nll_and_gradient_with(
    set: KernelSet,
    logits: &mut [f32],
    images: &[f32],
    pixels: usize,
) -> Vec<f32> {
    let count = count(logits, images, pixels);
    let mut sums = vec![0.0; count];
    let (logits, sum_parts) = (Parts::new(logits), Parts::new(&mut sums));
    in_halves(count, 1, |range| {
        let values = range.start * pixels..range.end * pixels;
        // SAFETY: the slices are borrowed for as long, and the halves do not overlap.
        let (logits, sums) = unsafe { (logits.part(values.clone()), sum_parts.part(range)) };
        nll_and_gradient(set, logits, &images[values], pixels, sums);
    });
    sums
}

fn count(logits: &[f32], images: &[f32], pixels: usize) -> usize {
    assert_eq!(logits.len(), images.len(), "logits and grey levels");
    if pixels == 0 {
        return 0;
    }
    assert_eq!(logits.len() % pixels, 0, "{} logits are no whole number of images of {pixels}", logits.len());
    logits.len() / pixels
}

for_each_set! {
    fn nll(logits: &[f32], images: &[f32], pixels: usize, sums: &mut [f32]) = nll_body
}

for_each_set! {
    fn nll_and_gradient(
        logits: &mut [f32], images: &[f32], pixels: usize, sums: &mut [f32],
    ) = nll_and_gradient_body
}

#[inline(always)]
fn nll_body<A: Arithmetic>(logits: &[f32], images: &[f32], pixels: usize, sums: &mut [f32]) {
    let images = logits.chunks_exact(pixels).zip(images.chunks_exact(pixels));
    for ((logits, image), total) in images.zip(sums) {
        let mut sums = [0.0; LANES];
        let (logits, last_logits) = logits.as_chunks::<LANES>();
        let (image, last_image) = image.as_chunks::<LANES>();
        for (logits, image) in logits.iter().zip(image) {
            for lane in 0..LANES {
                sums[lane] += pixel::<A>(logits[lane], image[lane]).0;
            }
        }
        for (lane, (&logit, &grey)) in last_logits.iter().zip(last_image).enumerate() {
            sums[lane] += pixel::<A>(logit, grey).0;
        }
        *total = sums.iter().sum();
    }
}

#[inline(always)]
fn nll_and_gradient_body<A: Arithmetic>(logits: &mut [f32], images: &[f32], pixels: usize, sums: &mut [f32]) {
    let images = logits.chunks_exact_mut(pixels).zip(images.chunks_exact(pixels));
    for ((logits, image), total) in images.zip(sums) {
        let mut sums = [0.0; LANES];
        let (logits, last_logits) = logits.as_chunks_mut::<LANES>();
        let (image, last_image) = image.as_chunks::<LANES>();
        for (logits, image) in logits.iter_mut().zip(image) {
            for lane in 0..LANES {
                let (term, slope) = pixel::<A>(logits[lane], image[lane]);
                sums[lane] += term;
                logits[lane] = slope;
            }
        }
        for (lane, (logit, &grey)) in last_logits.iter_mut().zip(last_image).enumerate() {
            let (term, slope) = pixel::<A>(*logit, grey);
            sums[lane] += term;
            *logit = slope;
        }
        *total = sums.iter().sum();
    }
}

/// A pixel's cross-entropy in nats, and its derivative with respect to the logit.
#[inline(always)]
fn pixel<A: Arithmetic>(logit: f32, grey: f32) -> (f32, f32) {
    let Logistic { sigmoid, softplus } = logistic::<A>(logit);
    (A::multiply_add(-grey, logit, softplus), sigmoid - grey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Each of 16 partial sums of up to 49 pixels is rounded 49 times, by 6e-8.
    const RELATIVE: f64 = 3e-6;
    /// Of gradients, which are differences of numbers between 0 and 1.
    const ABSOLUTE: f64 = 3e-7;

    fn random(count: usize, rng: &mut StdRng) -> (Vec<f32>, Vec<f32>) {
        let logits = (0..count).map(|_| 200.0 * rng.random::<f32>() - 100.0).collect();
        (logits, (0..count).map(|_| rng.random()).collect())
    }

    #[test]
    fn sums_and_gradients_are_those_of_the_definition() {
        let mut rng = StdRng::seed_from_u64(5);
        for set in KernelSet::available() {
            for (images, pixels) in [(1, 1), (3, 15), (2, 16), (5, 17), (37, 784), (0, 7)] {
                let (logits, grey) = random(images * pixels, &mut rng);
                let mut gradient = logits.clone();
                let sums = bernoulli_nll_and_gradient_with(set, &mut gradient, &grey, pixels);
                assert_eq!(sums, bernoulli_nll_with(set, &logits, &grey, pixels), "{set}");
                assert_eq!(sums.len(), images);
                for (image, sum) in sums.into_iter().enumerate() {
                    let pixels = image * pixels..(image + 1) * pixels;
                    let pairs = || {
                        let logits = logits[pixels.clone()].iter().map(|&l| f64::from(l));
                        logits.zip(grey[pixels.clone()].iter().map(|&x| f64::from(x)))
                    };
                    let expected: f64 =
                        pairs().map(|(l, x)| l.max(0.0) + (-l.abs()).exp().ln_1p() - x * l).sum();
                    assert!(
                        (f64::from(sum) - expected).abs() <= RELATIVE * expected,
                        "{set}: {sum}, {expected}"
                    );
                    for ((l, x), found) in pairs().zip(&gradient[pixels.clone()]) {
                        let expected = 1.0 / (1.0 + (-l).exp()) - x;
                        assert!(
                            (f64::from(*found) - expected).abs() <= ABSOLUTE,
                            "{set}: {found}, {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_image_has_the_same_bits_beside_any_others() {
        let (logits, grey) = random(4 * 50, &mut StdRng::seed_from_u64(6));
        let together = bernoulli_nll(&logits, &grey, 50);
        let apart = logits.chunks(50).zip(grey.chunks(50)).flat_map(|(l, x)| bernoulli_nll(l, x, 50));
        assert!(together.into_iter().eq(apart));
    }

    #[test]
    fn the_codes_of_an_image_have_the_bits_of_as_many_images() {
        let (logits, grey) = random(3 * 50, &mut StdRng::seed_from_u64(7));
        let repeated = grey[..50].repeat(3);
        assert_eq!(bernoulli_nll_of_codes(&logits, &grey[..50]), bernoulli_nll(&logits, &repeated, 50));
    }

    #[test]
    #[should_panic(expected = "logits and grey levels")]
    fn images_of_another_size_are_refused() {
        bernoulli_nll(&[0.0; 6], &[0.0; 4], 2);
    }
}
