//! Convolutions, forward and backward, as products of patches.
//!
//! Images are stored channels last, so that a line of a patch is one run of memory. With AVX-512, products read the patches
//! where they are; otherwise, and where vectors would be mostly empty, patches are gathered first.

#[cfg(target_arch = "x86_64")]
mod direct;
mod gathered;

use std::ops::Range;

use crate::KernelSet;
use crate::activation::{Activation, add_bias_and_activate, multiply_by_slopes};
use crate::dense::add_rows;
use crate::helper::in_halves;
use crate::memory::Parts;
use crate::product::Matrix;

/// The sizes of a two-dimensional convolution, which maps images `[batch, height, width, channels]` to
/// `[batch, rows, columns, filters]`, with weights `[kernel height, kernel width, channels, filters]`:
///
/// `output[y, x, f] = Σ image[s_y y + i - p_y, s_x x + j - p_x, c] weight[i, j, c, f]`
///
/// with 0 beyond the edges of the image. It is what neural networks call a convolution, the kernel not mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Height and width of an image.
    pub image: [usize; 2],
    /// Numbers of each pixel of an image.
    pub channels: usize,
    /// Numbers of each position of the output.
    pub filters: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Pixels from one position of the output to the next, at least 1.
    pub stride: [usize; 2],
    /// Rows and columns of zeros on each side of an image.
    pub padding: [usize; 2],
}

/// The gradients of a convolution, each with as many numbers as what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionGradients {
    /// `None` where it was not asked for.
    pub input: Option<Vec<f32>>,
    /// `[kernel height, kernel width, channels, filters]`.
    pub weight: Vec<f32>,
    /// One for each number of a position of the output.
    pub bias: Vec<f32>,
}

impl Convolution {
    /// Rows and columns of the output; `None` if the kernel is larger than an image with its padding, or empty, or the stride
    /// is 0.
    pub fn output(&self) -> Option<[usize; 2]> {
        let Self { image, kernel, stride, padding, .. } = self;
        let along = |axis: usize| {
            let places = (image[axis] + 2 * padding[axis]).checked_sub(kernel[axis])?;
            (kernel[axis] > 0).then_some(places)?.checked_div(stride[axis]).map(|steps| steps + 1)
        };
        Some([along(0)?, along(1)?])
    }

    fn numbers_of_image(&self) -> usize {
        self.image[0] * self.image[1] * self.channels
    }

    fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels
    }

    /// As [`output`](Self::output), of sizes that a caller has checked.
    fn positions(&self) -> [usize; 2] {
        self.output().unwrap_or_else(|| panic!("{self:?} has no output"))
    }

    /// Panics if the numbers are not those of whole images.
    fn batch(&self, images: &[f32]) -> usize {
        whole(images, self.numbers_of_image(), "an image")
    }

    /// Panics if the numbers are not those of whole outputs.
    fn batch_of_outputs(&self, outputs: &[f32]) -> usize {
        let [rows, columns] = self.positions();
        whole(outputs, rows * columns * self.filters, "an output")
    }

    fn weight<'a>(&self, weight: &'a [f32]) -> Matrix<'a> {
        Matrix::new(weight, self.taps(), self.filters)
    }
}

fn whole(numbers: &[f32], of_one: usize, what: &str) -> usize {
    if numbers.is_empty() {
        return 0;
    }
    assert!(
        of_one > 0 && numbers.len().is_multiple_of(of_one),
        "{} numbers, where {what} has {of_one}",
        numbers.len()
    );
    numbers.len() / of_one
}

/// `activation(convolution of the images + bias)`, `[batch, rows, columns, filters]`.
///
/// # Panics
///
/// Panics if the sizes do not fit each other, or the convolution has no output.
pub fn convolve(
    convolution: &Convolution,
    images: &[f32],
    weight: &[f32],
    bias: &[f32],
    activation: Activation,
) -> Vec<f32> {
    let Convolution { filters, .. } = *convolution;
    assert_eq!(bias.len(), filters, "biases of a convolution with {filters} filters");
    let set = KernelSet::active();
    convolve_with(set, convolution, images, weight, |rows| add_bias_and_activate(set, rows, bias, activation))
}

/// Whether [`direct`] can be used.
#[cfg(target_arch = "x86_64")]
fn has_avx512(set: KernelSet) -> bool {
    matches!(set, KernelSet::Avx512 | KernelSet::Avx512Packed)
}

fn convolve_with(
    set: KernelSet,
    convolution: &Convolution,
    images: &[f32],
    weight: &[f32],
    finish: impl Fn(&mut [f32]) + Sync,
) -> Vec<f32> {
    #[cfg(target_arch = "x86_64")]
    if has_avx512(set) {
        return direct::convolve(convolution, images, weight, finish);
    }
    gathered::convolve(set, convolution, images, weight, finish)
}

/// The gradients of [`convolve`] from the gradient with respect to its output, which is lost.
///
/// `output` is what [`convolve`] gave; an identity does not need it.
///
/// # Panics
///
/// Panics if the sizes do not fit each other, or the convolution has no output.
pub fn convolve_backward(
    convolution: &Convolution,
    images: &[f32],
    weight: &[f32],
    output: Option<&[f32]>,
    activation: Activation,
    gradient: &mut [f32],
    with_input: bool,
) -> ConvolutionGradients {
    let set = KernelSet::active();
    let bias = pass_activation_and_sum(set, gradient, output, activation, convolution.filters);
    ConvolutionGradients {
        input: with_input.then(|| convolve_transposed_with(set, convolution, gradient, weight, |_| {})),
        weight: gradient_of_weight(set, convolution, images, gradient),
        bias,
    }
}

/// Turns the gradient with respect to the outputs of an activation into that with respect to its sums, and adds up the columns
/// of it, some rows at a time, while they are in the cache: each half of the rows by itself, on however many threads.
fn pass_activation_and_sum(
    set: KernelSet,
    gradient: &mut [f32],
    output: Option<&[f32]>,
    activation: Activation,
    columns: usize,
) -> Vec<f32> {
    const TOGETHER: usize = 4096;
    let kept = (activation != Activation::Identity).then(|| output.expect("what an activation gave"));
    if let Some(kept) = kept {
        assert_eq!(kept.len(), gradient.len(), "outputs and gradients");
    }
    let rows = gradient.len() / columns.max(1);
    let middle = rows / 2 * columns;
    let ends = [0..middle, middle..rows * columns];
    let together = TOGETHER.div_ceil(columns.max(1)) * columns.max(1);
    let mut sums = vec![0.0; 2 * columns];
    let (parts, gradients) = (Parts::new(&mut sums), Parts::new(gradient));
    in_halves(2, 1, |halves| {
        for half in halves {
            // SAFETY: both are borrowed for as long, and the halves do not overlap.
            let (sums, gradient) = unsafe {
                (parts.part(half * columns..(half + 1) * columns), gradients.part(ends[half].clone()))
            };
            let starts = (0..gradient.len()).step_by(together);
            for (start, gradient) in starts.zip(gradient.chunks_mut(together)) {
                if let Some(kept) = kept {
                    let kept = &kept[ends[half].start + start..][..gradient.len()];
                    multiply_by_slopes(set, gradient, kept, activation);
                }
                add_rows(set, sums, gradient, columns, 0);
            }
        }
    });
    let (first, second) = sums.split_at(columns);
    first.iter().zip(second).map(|(first, second)| first + second).collect()
}

/// `[taps, filters]`: each half of the images is summed by itself, on however many threads, and transposed: the few rows of
/// the gradient are what a product collects.
fn gradient_of_weight(
    set: KernelSet,
    convolution: &Convolution,
    images: &[f32],
    gradient: &[f32],
) -> Vec<f32> {
    let batch = convolution.batch(images);
    assert_eq!(batch, convolution.batch_of_outputs(gradient), "images and their gradients");
    let (taps, filters) = (convolution.taps(), convolution.filters);
    let numbers = taps * filters;
    let mut sums = vec![0.0; 2 * numbers];
    let parts = Parts::new(&mut sums);
    in_halves(2, 1, |halves| {
        for half in halves {
            // SAFETY: `sums` is borrowed for as long, and the halves do not overlap.
            let sum = unsafe { parts.part(half * numbers..(half + 1) * numbers) };
            let range = [0..batch / 2, batch / 2..batch][half].clone();
            add_gradient_of_weight(set, convolution, images, gradient, range, sum);
        }
    });
    let (first, second) = sums.split_at(numbers);
    let mut turned = vec![0.0; numbers];
    for (filter, (first, second)) in first.chunks(taps.max(1)).zip(second.chunks(taps.max(1))).enumerate() {
        let places = turned[filter..].iter_mut().step_by(filters.max(1));
        places.zip(first.iter().zip(second)).for_each(|(place, (first, second))| *place = first + second);
    }
    turned
}

/// Adds the gradients of the weights over some images, `[filters, taps]`.
fn add_gradient_of_weight(
    set: KernelSet,
    convolution: &Convolution,
    images: &[f32],
    gradient: &[f32],
    range: Range<usize>,
    sum: &mut [f32],
) {
    #[cfg(target_arch = "x86_64")]
    if has_avx512(set) && convolution.kernel[1] * convolution.channels >= direct::LANES {
        return direct::add_gradient_of_weight(convolution, images, gradient, range, sum);
    }
    gathered::add_gradient_of_weight(set, convolution, images, gradient, range, sum);
}

/// `activation(transposed convolution + bias)`, which maps `[batch, rows, columns, filters]` to images
/// `[batch, height, width, channels]`, with a bias for each channel.
///
/// It is the map by which the gradient of [`convolve`] goes from outputs to images. The sizes of images that a stride skips
/// are those of `convolution`, which other libraries ask for as output padding.
///
/// # Panics
///
/// Panics if the sizes do not fit each other, or the convolution has no output.
pub fn convolve_transposed(
    convolution: &Convolution,
    inputs: &[f32],
    weight: &[f32],
    bias: &[f32],
    activation: Activation,
) -> Vec<f32> {
    let Convolution { channels, .. } = *convolution;
    assert_eq!(bias.len(), channels, "biases of a transposed convolution to {channels} channels");
    let set = KernelSet::active();
    let finish = |images: &mut [f32]| add_bias_and_activate(set, images, bias, activation);
    convolve_transposed_with(set, convolution, inputs, weight, finish)
}

fn convolve_transposed_with(
    set: KernelSet,
    convolution: &Convolution,
    inputs: &[f32],
    weight: &[f32],
    finish: impl Fn(&mut [f32]) + Sync,
) -> Vec<f32> {
    #[cfg(target_arch = "x86_64")]
    if has_avx512(set) && convolution.channels >= direct::LANES {
        return direct::convolve_transposed(convolution, inputs, weight, finish);
    }
    gathered::convolve_transposed(set, convolution, inputs, weight, finish)
}

/// The gradients of [`convolve_transposed`] from the gradient with respect to its output, which is lost.
///
/// `output` is what [`convolve_transposed`] gave; an identity does not need it.
///
/// # Panics
///
/// Panics if the sizes do not fit each other, or the convolution has no output.
pub fn convolve_transposed_backward(
    convolution: &Convolution,
    inputs: &[f32],
    weight: &[f32],
    output: Option<&[f32]>,
    activation: Activation,
    gradient: &mut [f32],
    with_input: bool,
) -> ConvolutionGradients {
    let set = KernelSet::active();
    let bias = pass_activation_and_sum(set, gradient, output, activation, convolution.channels);
    ConvolutionGradients {
        input: with_input.then(|| convolve_with(set, convolution, gradient, weight, |_| {})),
        weight: gradient_of_weight(set, convolution, gradient, inputs),
        bias,
    }
}

#[cfg(test)]
mod tests;
