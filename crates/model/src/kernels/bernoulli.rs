//! The Bernoulli reconstruction and its gradient in one pass over the logits.

use super::logistic::{Logistic, logistic};
use super::simd::{Arithmetic, widest_vectors};

/// Pixels summed side by side, in as many lanes: the order of summation, the same for every width of vectors.
const LANES: usize = 16;

widest_vectors! {
    /// The cross-entropy of some images with their logits, in nats, summed over pixels and images; the logits are replaced
    /// by its gradient with respect to them, times `scale`:
    ///
    /// `sum = Σ softplus(l) - x l`, `gradient = scale (σ(l) - x)`.
    ///
    /// Every image is summed on its own, so that the sum of an image has the same bits beside any others.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many logits as grey levels.
    pub(crate) fn reconstruction_and_gradient(
        logits: &mut [f32], images: &[f32], pixels: usize, scale: f32,
    ) -> f64 = sum_and_gradient
}

widest_vectors! {
    /// The sum that [`reconstruction_and_gradient`] gives, bit for bit, and no gradient.
    pub(crate) fn reconstruction(logits: &[f32], images: &[f32], pixels: usize) -> f64 = sum
}

#[inline(always)]
fn sum_and_gradient<A: Arithmetic>(logits: &mut [f32], images: &[f32], pixels: usize, scale: f32) -> f64 {
    assert_eq!(logits.len(), images.len(), "logits and grey levels");
    let mut total = 0.0;
    for (logits, image) in logits.chunks_exact_mut(pixels).zip(images.chunks_exact(pixels)) {
        let mut sums = [0.0; LANES];
        let (logits, last_logits) = logits.as_chunks_mut::<LANES>();
        let (image, last_image) = image.as_chunks::<LANES>();
        for (logits, image) in logits.iter_mut().zip(image) {
            for lane in 0..LANES {
                let (term, slope) = pixel::<A>(logits[lane], image[lane]);
                sums[lane] += term;
                logits[lane] = scale * slope;
            }
        }
        for (lane, (logit, &grey)) in last_logits.iter_mut().zip(last_image).enumerate() {
            let (term, slope) = pixel::<A>(*logit, grey);
            sums[lane] += term;
            *logit = scale * slope;
        }
        total += f64::from(sums.iter().sum::<f32>());
    }
    total
}

#[inline(always)]
fn sum<A: Arithmetic>(logits: &[f32], images: &[f32], pixels: usize) -> f64 {
    assert_eq!(logits.len(), images.len(), "logits and grey levels");
    let mut total = 0.0;
    for (logits, image) in logits.chunks_exact(pixels).zip(images.chunks_exact(pixels)) {
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
        total += f64::from(sums.iter().sum::<f32>());
    }
    total
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
    use crate::bernoulli_reconstruction;
    use burn::tensor::{Device, Tensor, TensorData};
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// The plain form sums whole batches in 32 bits: some roundings, 6e-8 each.
    const RELATIVE: f64 = 2e-6;
    /// Of gradients, which are differences of numbers between 0 and 1.
    const ABSOLUTE: f32 = 3e-7;

    fn devices() -> Vec<Device> {
        vec![
            Device::flex(),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated)]
            Device::ndarray(),
        ]
    }

    #[test]
    fn the_sum_and_the_gradient_are_those_of_the_plain_form() {
        let mut rng = StdRng::seed_from_u64(5);
        for (images, pixels) in [(1, 1), (3, 15), (2, 16), (5, 17), (128, 784), (0, 7)] {
            let count = images * pixels;
            let logits: Vec<f32> = (0..count).map(|_| 200.0 * rng.random::<f32>() - 100.0).collect();
            let grey: Vec<f32> = (0..count).map(|_| rng.random()).collect();
            let mut gradient = logits.clone();
            let sum = reconstruction_and_gradient(&mut gradient, &grey, pixels, 1.0 / images as f32);
            assert_eq!(sum, reconstruction(&logits, &grey, pixels));
            if images == 0 {
                assert_eq!(sum, 0.0);
                continue;
            }
            for device in devices() {
                let tensor = |values: &Vec<f32>| {
                    Tensor::<2>::from_data(TensorData::new(values.clone(), [images, pixels]), &device)
                };
                let plain_logits = tensor(&logits).autodiff().require_grad();
                let plain = bernoulli_reconstruction(plain_logits.clone(), tensor(&grey).autodiff());
                let expected = f64::from(plain.clone().inner().into_scalar::<f32>());
                let found = sum / images as f64;
                assert!((found - expected).abs() <= RELATIVE * expected, "{found}, plain {expected}");
                let plain_gradient = plain_logits.grad(&plain.backward()).unwrap().into_data();
                for (found, expected) in gradient.iter().zip(plain_gradient.iter::<f32>()) {
                    assert!((found - expected).abs() <= ABSOLUTE, "{found}, plain {expected}");
                }
            }
        }
    }

    #[test]
    fn an_image_has_the_same_bits_beside_any_others() {
        let mut rng = StdRng::seed_from_u64(6);
        let logits: Vec<f32> = (0..4 * 50).map(|_| 8.0 * rng.random::<f32>() - 4.0).collect();
        let grey: Vec<f32> = (0..4 * 50).map(|_| rng.random()).collect();
        let each: f64 = logits.chunks(50).zip(grey.chunks(50)).map(|(l, x)| reconstruction(l, x, 50)).sum();
        assert_eq!(reconstruction(&logits, &grey, 50), each);
    }

    #[test]
    #[should_panic(expected = "logits and grey levels")]
    fn images_of_another_size_are_refused() {
        reconstruction(&[0.0; 6], &[0.0; 4], 2);
    }
}
