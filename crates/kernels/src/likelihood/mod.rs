//! The negative log-likelihood of values under what a decoder gives out for them, and its gradients in the same pass.

mod bernoulli;
mod continuous_bernoulli;
mod discretised_logistic;
mod gaussian;

use crate::KernelSet;
use crate::helper::in_halves;
use crate::memory::Parts;
use crate::vectors::{Arithmetic, for_each_set};
use bernoulli::Bernoulli;
use continuous_bernoulli::ContinuousBernoulli;
use discretised_logistic::{DiscretisedLogistic, LogisticScale};
use gaussian::{Gaussian, GaussianScale};

/// Pixels summed side by side, in as many lanes: the order of summation, the same for every width of vectors.
const LANES: usize = 16;

/// The distribution of a pixel's value `x`, given the decoder's output of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Of values 0 and 1, the output being a logit `l`: `-log p(x) = softplus(l) - x l`. Of a value between them it is the
    /// cross-entropy, which is no likelihood.
    Bernoulli,
    /// Of values from 0 to 1, the output being a logit `l`: `-log p(x) = log((exp(l) - 1) / l) - x l`.
    ContinuousBernoulli,
    /// Of any values, the output being the mean `m`, the logarithm of the scale that of the variance `v`:
    /// `-log p(x) = (x - m)² / 2v + log(2πv) / 2`.
    Gaussian,
    /// Of the 256 levels from 0 to 1, the output being the location `m` of a logistic distribution of scale `s`, of which a
    /// level has what lies nearer to it than to any other: `p(x) = σ((x + h - m) / s) - σ((x - h - m) / s)` with
    /// `h = 1/510`, the first level reaching down and the last one up without end.
    DiscretisedLogistic,
}

/// A [`Family`] with its scales, in the form in which its kernels take them.
#[derive(Clone, Debug, PartialEq)]
pub struct Likelihood {
    pixels: usize,
    scales: Scales,
}

/// Of each pixel.
#[derive(Clone, Debug, PartialEq)]
enum Scales {
    Bernoulli(Vec<()>),
    ContinuousBernoulli(Vec<()>),
    Gaussian(Vec<GaussianScale>),
    DiscretisedLogistic(Vec<LogisticScale>),
}

/// What [`Likelihood::nll_and_gradients`] gives beside the gradient with respect to the outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct NllGradients {
    /// The negative log-likelihood of each image.
    pub nll: Vec<f32>,
    /// Its derivative with respect to the logarithm of each pixel's scale, `[images, pixels]`.
    pub of_log_scales: Vec<f32>,
}

/// A family as its kernels see it.
trait Pixel {
    /// What a pixel's scale comes to in the formulas; `()` where there is none.
    type Scale: Copy + Sync;

    fn term<A: Arithmetic>(output: f32, value: f32, scale: Self::Scale) -> Term;
}

/// The negative log-likelihood of a pixel, in nats, and its derivatives.
struct Term {
    nll: f32,
    of_output: f32,
    of_log_scale: f32,
}

/// Calls a function with the likelihood's scales, for its family.
macro_rules! of_family {
    ($likelihood:ident, $function:ident($set:expr, $($argument:expr),*)) => {
        match &$likelihood.scales {
            Scales::Bernoulli(scales) => $function::<Bernoulli>($set, scales, $($argument),*),
            Scales::ContinuousBernoulli(scales) => $function::<ContinuousBernoulli>($set, scales, $($argument),*),
            Scales::Gaussian(scales) => $function::<Gaussian>($set, scales, $($argument),*),
            Scales::DiscretisedLogistic(scales) => $function::<DiscretisedLogistic>($set, scales, $($argument),*),
        }
    };
}

impl Family {
    /// Whether the distribution has a scale besides the decoder's output.
    pub const fn has_scale(self) -> bool {
        matches!(self, Self::Gaussian | Self::DiscretisedLogistic)
    }
}

impl Likelihood {
    /// Of images of so many pixels, with the logarithm of each pixel's scale, or one for all; none where the family has no
    /// scale.
    ///
    /// # Panics
    ///
    /// Panics if there are neither as many logarithms as pixels nor one, or some where the family has none.
    pub fn new(family: Family, pixels: usize, log_scales: &[f32]) -> Self {
        let count = log_scales.len();
        assert!(
            if family.has_scale() { count == 1 || count == pixels } else { count == 0 },
            "{count} scales of {pixels} pixels for {family:?}"
        );
        let log_scale = |pixel: usize| log_scales[if count == 1 { 0 } else { pixel }];
        let log_scales = (0..pixels).map(log_scale);
        let scales = match family {
            Family::Bernoulli => Scales::Bernoulli(vec![(); pixels]),
            Family::ContinuousBernoulli => Scales::ContinuousBernoulli(vec![(); pixels]),
            Family::Gaussian => Scales::Gaussian(log_scales.map(GaussianScale::new).collect()),
            Family::DiscretisedLogistic => {
                Scales::DiscretisedLogistic(log_scales.map(LogisticScale::new).collect())
            }
        };
        Self { pixels, scales }
    }

    /// The negative log-likelihood of each image, in nats, summed over its pixels.
    ///
    /// An image's sum has the same bits beside any others.
    ///
    /// # Panics
    ///
    /// Panics if there are not as many outputs as values, or they are no whole number of images.
    pub fn nll(&self, outputs: &[f32], values: &[f32]) -> Vec<f32> {
        self.nll_with(KernelSet::active(), outputs, values)
    }

    fn nll_with(&self, set: KernelSet, outputs: &[f32], values: &[f32]) -> Vec<f32> {
        let (count, pixels) = (self.count(outputs, values), self.pixels);
        let mut sums = vec![0.0; count];
        let parts = Parts::new(&mut sums);
        in_halves(count, 1, |range| {
            // SAFETY: `sums` is borrowed for as long, and the halves do not overlap.
            let sums = unsafe { parts.part(range.clone()) };
            let range = range.start * pixels..range.end * pixels;
            self.sum(set, &outputs[range.clone()], &values[range], sums);
        });
        sums
    }

    /// The same as [`nll`](Self::nll), bit for bit, of one image under the outputs that each of several codes was decoded to.
    ///
    /// # Panics
    ///
    /// Panics if the image has another number of pixels, or the outputs are no whole number of images.
    pub fn nll_of_codes(&self, outputs: &[f32], image: &[f32]) -> Vec<f32> {
        assert_eq!(image.len(), self.pixels, "pixels of the image");
        if image.is_empty() {
            assert!(outputs.is_empty(), "{} outputs of an image without pixels", outputs.len());
            return Vec::new();
        }
        let codes = outputs.len() / image.len();
        assert_eq!(outputs.len(), codes * image.len(), "outputs of {codes} images of {} pixels", image.len());
        let set = KernelSet::active();
        let mut sums = vec![0.0; codes];
        for (outputs, sum) in outputs.chunks_exact(image.len()).zip(&mut sums) {
            self.sum(set, outputs, image, std::slice::from_mut(sum));
        }
        sums
    }

    /// The same as [`nll`](Self::nll), bit for bit; the outputs are replaced by the gradient of each image's sum with respect
    /// to them.
    ///
    /// # Panics
    ///
    /// As [`nll`](Self::nll).
    pub fn nll_and_gradient(&self, outputs: &mut [f32], values: &[f32]) -> Vec<f32> {
        self.nll_and_gradient_with(KernelSet::active(), outputs, values)
    }

    fn nll_and_gradient_with(&self, set: KernelSet, outputs: &mut [f32], values: &[f32]) -> Vec<f32> {
        let (count, pixels) = (self.count(outputs, values), self.pixels);
        let mut sums = vec![0.0; count];
        let (outputs, sum_parts) = (Parts::new(outputs), Parts::new(&mut sums));
        in_halves(count, 1, |range| {
            let pixels = range.start * pixels..range.end * pixels;
            // SAFETY: the slices are borrowed for as long, and the halves do not overlap.
            let (outputs, sums) = unsafe { (outputs.part(pixels.clone()), sum_parts.part(range)) };
            of_family!(self, nll_and_gradient(set, outputs, &values[pixels], sums));
        });
        sums
    }

    /// The same as [`nll_and_gradient`](Self::nll_and_gradient), and the gradient with respect to the scales.
    ///
    /// # Panics
    ///
    /// As [`nll`](Self::nll).
    pub fn nll_and_gradients(&self, outputs: &mut [f32], values: &[f32]) -> NllGradients {
        self.nll_and_gradients_with(KernelSet::active(), outputs, values)
    }

    fn nll_and_gradients_with(&self, set: KernelSet, outputs: &mut [f32], values: &[f32]) -> NllGradients {
        let (count, pixels) = (self.count(outputs, values), self.pixels);
        let (mut nll, mut of_log_scales) = (vec![0.0; count], vec![0.0; outputs.len()]);
        let parts = [outputs, &mut of_log_scales].map(Parts::new);
        let sum_parts = Parts::new(&mut nll);
        in_halves(count, 1, |range| {
            let pixels = range.start * pixels..range.end * pixels;
            // SAFETY: the slices are borrowed for as long, and the halves do not overlap.
            let [outputs, of_log_scales] = parts.map(|part| unsafe { part.part(pixels.clone()) });
            // SAFETY: as above.
            let sums = unsafe { sum_parts.part(range) };
            of_family!(self, nll_and_gradients(set, outputs, &values[pixels], of_log_scales, sums));
        });
        NllGradients { nll, of_log_scales }
    }

    fn sum(&self, set: KernelSet, outputs: &[f32], values: &[f32], sums: &mut [f32]) {
        of_family!(self, nll(set, outputs, values, sums));
    }

    fn count(&self, outputs: &[f32], values: &[f32]) -> usize {
        let (count, pixels) = (outputs.len(), self.pixels);
        assert_eq!(count, values.len(), "outputs and values");
        if pixels == 0 {
            return 0;
        }
        assert_eq!(count % pixels, 0, "{count} outputs are no whole number of images of {pixels}");
        count / pixels
    }
}

for_each_set! {
    fn nll<P: Pixel>(scales: &[P::Scale], outputs: &[f32], values: &[f32], sums: &mut [f32]) = nll_body
}

for_each_set! {
    fn nll_and_gradient<P: Pixel>(
        scales: &[P::Scale], outputs: &mut [f32], values: &[f32], sums: &mut [f32],
    ) = nll_and_gradient_body
}

for_each_set! {
    fn nll_and_gradients<P: Pixel>(
        scales: &[P::Scale], outputs: &mut [f32], values: &[f32], of_log_scales: &mut [f32], sums: &mut [f32],
    ) = nll_and_gradients_body
}

#[inline(always)]
fn nll_body<A: Arithmetic, P: Pixel>(scales: &[P::Scale], outputs: &[f32], values: &[f32], sums: &mut [f32]) {
    let pixels = scales.len();
    let (scales, last_scales) = scales.as_chunks::<LANES>();
    let images = outputs.chunks_exact(pixels).zip(values.chunks_exact(pixels));
    for ((outputs, values), total) in images.zip(sums) {
        let mut sums = [0.0; LANES];
        let (outputs, last_outputs) = outputs.as_chunks::<LANES>();
        let (values, last_values) = values.as_chunks::<LANES>();
        for ((outputs, values), scales) in outputs.iter().zip(values).zip(scales) {
            for lane in 0..LANES {
                sums[lane] += P::term::<A>(outputs[lane], values[lane], scales[lane]).nll;
            }
        }
        let last = last_outputs.iter().zip(last_values).zip(last_scales);
        for (lane, ((&output, &value), &scale)) in last.enumerate() {
            sums[lane] += P::term::<A>(output, value, scale).nll;
        }
        *total = sums.iter().sum();
    }
}

#[inline(always)]
fn nll_and_gradient_body<A: Arithmetic, P: Pixel>(
    scales: &[P::Scale],
    outputs: &mut [f32],
    values: &[f32],
    sums: &mut [f32],
) {
    let pixels = scales.len();
    let (scales, last_scales) = scales.as_chunks::<LANES>();
    let images = outputs.chunks_exact_mut(pixels).zip(values.chunks_exact(pixels));
    for ((outputs, values), total) in images.zip(sums) {
        let mut sums = [0.0; LANES];
        let (outputs, last_outputs) = outputs.as_chunks_mut::<LANES>();
        let (values, last_values) = values.as_chunks::<LANES>();
        for ((outputs, values), scales) in outputs.iter_mut().zip(values).zip(scales) {
            for lane in 0..LANES {
                let Term { nll, of_output, .. } = P::term::<A>(outputs[lane], values[lane], scales[lane]);
                sums[lane] += nll;
                outputs[lane] = of_output;
            }
        }
        let last = last_outputs.iter_mut().zip(last_values).zip(last_scales);
        for (lane, ((output, &value), &scale)) in last.enumerate() {
            let Term { nll, of_output, .. } = P::term::<A>(*output, value, scale);
            sums[lane] += nll;
            *output = of_output;
        }
        *total = sums.iter().sum();
    }
}

#[inline(always)]
fn nll_and_gradients_body<A: Arithmetic, P: Pixel>(
    scales: &[P::Scale],
    outputs: &mut [f32],
    values: &[f32],
    of_log_scales: &mut [f32],
    sums: &mut [f32],
) {
    let pixels = scales.len();
    let (scales, last_scales) = scales.as_chunks::<LANES>();
    let images = outputs.chunks_exact_mut(pixels).zip(values.chunks_exact(pixels));
    for (((outputs, values), slopes), total) in images.zip(of_log_scales.chunks_exact_mut(pixels)).zip(sums) {
        let mut sums = [0.0; LANES];
        let (outputs, last_outputs) = outputs.as_chunks_mut::<LANES>();
        let (values, last_values) = values.as_chunks::<LANES>();
        let (slopes, last_slopes) = slopes.as_chunks_mut::<LANES>();
        for (((outputs, values), slopes), scales) in outputs.iter_mut().zip(values).zip(slopes).zip(scales) {
            for lane in 0..LANES {
                let term = P::term::<A>(outputs[lane], values[lane], scales[lane]);
                sums[lane] += term.nll;
                outputs[lane] = term.of_output;
                slopes[lane] = term.of_log_scale;
            }
        }
        let last = last_outputs.iter_mut().zip(last_values).zip(last_slopes).zip(last_scales);
        for (lane, (((output, &value), slope), &scale)) in last.enumerate() {
            let term = P::term::<A>(*output, value, scale);
            sums[lane] += term.nll;
            (*output, *slope) = (term.of_output, term.of_log_scale);
        }
        *total = sums.iter().sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Each of 16 partial sums of up to 49 pixels is rounded 49 times, by 6e-8 of the greatest terms.
    const RELATIVE: f64 = 3e-6;

    /// A pixel by its definition, in 64-bit numbers.
    fn defined(family: Family, output: f64, value: f64, log_scale: f64) -> f64 {
        match family {
            Family::Bernoulli => bernoulli::tests::defined(output, value),
            Family::ContinuousBernoulli => continuous_bernoulli::tests::defined(output, value),
            Family::Gaussian => gaussian::tests::defined(output, value, log_scale),
            Family::DiscretisedLogistic => discretised_logistic::tests::defined(output, value, log_scale),
        }
    }

    const FAMILIES: [Family; 4] =
        [Family::Bernoulli, Family::ContinuousBernoulli, Family::Gaussian, Family::DiscretisedLogistic];

    struct Case {
        outputs: Vec<f32>,
        values: Vec<f32>,
        log_scales: Vec<f32>,
    }

    fn case(family: Family, images: usize, pixels: usize, rng: &mut StdRng) -> Case {
        let reach = if family.has_scale() { 1.0 } else { 30.0 };
        let mut random = |count: usize, least: f32, most: f32| -> Vec<f32> {
            (0..count).map(|_| least + (most - least) * rng.random::<f32>()).collect()
        };
        Case {
            outputs: random(images * pixels, -reach, reach),
            values: random(images * pixels, 0.0, 255.0).into_iter().map(|x| x.round() / 255.0).collect(),
            log_scales: if family.has_scale() { random(pixels, -4.0, 1.0) } else { Vec::new() },
        }
    }

    #[test]
    fn sums_are_those_of_the_definition_and_alike_in_every_pass() {
        let mut rng = StdRng::seed_from_u64(5);
        for (set, family) in KernelSet::available().flat_map(|set| FAMILIES.map(|family| (set, family))) {
            for (images, pixels) in [(1, 1), (3, 15), (2, 16), (5, 17), (37, 784), (0, 7)] {
                let Case { outputs, values, log_scales } = case(family, images, pixels, &mut rng);
                let likelihood = Likelihood::new(family, pixels, &log_scales);
                let sums = likelihood.nll_with(set, &outputs, &values);
                assert_eq!(sums.len(), images);
                let (mut of_outputs, mut again) = (outputs.clone(), outputs.clone());
                assert_eq!(likelihood.nll_and_gradient_with(set, &mut of_outputs, &values), sums, "{set}");
                let NllGradients { nll, .. } = likelihood.nll_and_gradients_with(set, &mut again, &values);
                assert_eq!((nll, again), (sums.clone(), of_outputs), "{set}, {family:?}");
                for (image, sum) in sums.into_iter().enumerate() {
                    let terms: Vec<f64> = (0..pixels)
                        .map(|pixel| {
                            let at = image * pixels + pixel;
                            let log_scale = log_scales.get(pixel).copied().unwrap_or(0.0);
                            defined(family, outputs[at].into(), values[at].into(), log_scale.into())
                        })
                        .collect();
                    let size: f64 = terms.iter().map(|term| term.abs()).sum();
                    let expected: f64 = terms.iter().sum();
                    assert!(
                        (f64::from(sum) - expected).abs() <= RELATIVE * (size + pixels as f64),
                        "{set}, {family:?}: {sum}, expected {expected}"
                    );
                }
            }
        }
    }

    /// By central differences of the definition, whose error is a millionth of the third derivative.
    #[test]
    fn gradients_are_the_slopes_of_the_definition() {
        const STEP: f64 = 1e-3;
        let mut rng = StdRng::seed_from_u64(6);
        for (set, family) in KernelSet::available().flat_map(|set| FAMILIES.map(|family| (set, family))) {
            let Case { outputs, values, log_scales } = case(family, 4, 50, &mut rng);
            let mut of_outputs = outputs.clone();
            let NllGradients { of_log_scales, .. } = Likelihood::new(family, 50, &log_scales)
                .nll_and_gradients_with(set, &mut of_outputs, &values);
            for at in 0..outputs.len() {
                let log_scale = f64::from(log_scales.get(at % 50).copied().unwrap_or(0.0));
                let at_scale =
                    |output: f64, log_scale: f64| defined(family, output, values[at].into(), log_scale);
                let slope = |f: &dyn Fn(f64) -> f64| (f(STEP) - f(-STEP)) / (2.0 * STEP);
                let output = f64::from(outputs[at]);
                for (found, expected) in [
                    (
                        of_outputs[at],
                        slope(&|step| at_scale(output + step * log_scale.exp(), log_scale)) / log_scale.exp(),
                    ),
                    (of_log_scales[at], slope(&|step| at_scale(output, log_scale + step))),
                ] {
                    assert!(
                        (f64::from(found) - expected).abs() <= 2e-5 * (1.0 + expected.abs()),
                        "{set}, {family:?} of {output} and {}: {found}, expected {expected}",
                        values[at]
                    );
                }
            }
        }
    }

    #[test]
    fn an_image_has_the_same_bits_beside_any_others_and_under_the_outputs_of_many_codes() {
        for family in FAMILIES {
            let Case { outputs, values, log_scales } = case(family, 4, 50, &mut StdRng::seed_from_u64(7));
            let likelihood = Likelihood::new(family, 50, &log_scales);
            let together = likelihood.nll(&outputs, &values);
            let apart = outputs.chunks(50).zip(values.chunks(50)).flat_map(|(o, x)| likelihood.nll(o, x));
            assert!(together.into_iter().eq(apart));
            let repeated = values[..50].repeat(4);
            let of_codes = likelihood.nll_of_codes(&outputs, &values[..50]);
            assert_eq!(of_codes, likelihood.nll(&outputs, &repeated));
        }
    }

    #[test]
    fn one_scale_for_all_pixels_is_the_same_scale_for_each() {
        let one = Likelihood::new(Family::Gaussian, 3, &[0.5]);
        assert_eq!(one, Likelihood::new(Family::Gaussian, 3, &[0.5; 3]));
    }

    #[test]
    #[should_panic(expected = "2 scales of 3 pixels for Gaussian")]
    fn scales_of_another_number_of_pixels_are_refused() {
        Likelihood::new(Family::Gaussian, 3, &[0.0; 2]);
    }

    #[test]
    #[should_panic(expected = "outputs and values")]
    fn images_of_another_size_are_refused() {
        Likelihood::new(Family::Bernoulli, 2, &[]).nll(&[0.0; 6], &[0.0; 4]);
    }
}
