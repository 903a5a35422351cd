//! Convolutions, forward and backward, as products of patches.
//!
//! Images are stored channels last, so that a line of a patch is one run of memory. With AVX-512, products read the patches
//! where they are. Otherwise, and where vectors would be mostly empty, the patches of some hundred positions are copied together
//! at a time, to where they stay in the second-level cache, and multiplied with the weights; a transposed convolution then
//! multiplies first and adds the lines of its patches to the image after.

#[cfg(target_arch = "x86_64")]
mod direct;

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;

use crate::KernelSet;
use crate::activation::{Activation, add_bias_and_activate, multiply_by_slopes};
use crate::dense::add_rows;
use crate::helper::in_halves;
use crate::memory::{Parts, as_uninit, written};
use crate::product::{Matrix, add_product, multiply_with};
use crate::vectors::{Arithmetic, for_each_set};

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

/// Patches of images at regular distances.
struct Windows {
    /// The lines of the patches of one image, patch after patch.
    lines: Vec<Line>,
    lines_of_a_patch: usize,
    numbers_of_a_line: usize,
    numbers_of_an_image: usize,
}

/// A line of a patch, as far as it lies in its image.
#[derive(Clone, Copy)]
struct Line {
    /// Where that part begins in the line, and in the image.
    in_line: usize,
    in_image: usize,
    /// Its numbers; 0 where no part lies in the image.
    length: usize,
}

impl Windows {
    fn new(convolution: &Convolution) -> Self {
        let Convolution { image: [height, width], channels, kernel, stride, padding, .. } = *convolution;
        let [rows, columns] = convolution.positions();
        let mut lines = Vec::with_capacity(rows * columns * kernel[0]);
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            let left = x * stride[1];
            // The columns of the patch that lie within the image.
            let first = padding[1].saturating_sub(left).min(kernel[1]);
            let last = (width + padding[1]).saturating_sub(left).clamp(first, kernel[1]);
            for line in y * stride[0]..y * stride[0] + kernel[0] {
                let inside = (padding[0]..padding[0] + height).contains(&line) && first < last;
                lines.push(if inside {
                    let pixel = (line - padding[0]) * width + left + first - padding[1];
                    let length = (last - first) * channels;
                    Line { in_line: first * channels, in_image: pixel * channels, length }
                } else {
                    Line { in_line: 0, in_image: 0, length: 0 }
                });
            }
        }
        Self {
            lines,
            lines_of_a_patch: kernel[0],
            numbers_of_a_line: kernel[1] * channels,
            numbers_of_an_image: convolution.numbers_of_image(),
        }
    }

    fn of_an_image(&self) -> usize {
        self.lines.len() / self.lines_of_a_patch
    }

    fn taps(&self) -> usize {
        self.lines_of_a_patch * self.numbers_of_a_line
    }

    /// How many patches are copied together at a time: half a megabyte, a whole number of tiles.
    fn at_a_time(&self) -> usize {
        const NUMBERS: usize = 131_072;
        (NUMBERS / self.taps().max(1)).next_multiple_of(ROWS_OF_A_TILE)
    }

    /// The lines of some patches, image after image, each with where the image begins.
    fn parts(&self, range: Range<usize>) -> impl Iterator<Item = (usize, &[Line])> {
        let (of_an_image, mut start) = (self.of_an_image(), range.start);
        std::iter::from_fn(move || {
            let (image, first) = (start / of_an_image, start % of_an_image);
            let count = (of_an_image - first).min(range.end - start);
            start += count;
            let lines = &self.lines[first * self.lines_of_a_patch..][..count * self.lines_of_a_patch];
            (count > 0).then_some((image * self.numbers_of_an_image, lines))
        })
    }
}

for_each_set! {
    /// Copies patches together, line after line, with 0 beyond the edges.
    fn gather(windows: &Windows, images: &[f32], range: Range<usize>, patches: &mut [f32]) = gather_body
}

#[inline(always)]
fn gather_body<A: Arithmetic>(windows: &Windows, images: &[f32], range: Range<usize>, patches: &mut [f32]) {
    let mut rest = patches;
    for (image, lines) in windows.parts(range) {
        let image = &images[image..][..windows.numbers_of_an_image];
        let (part, after) = rest.split_at_mut(lines.len() * windows.numbers_of_a_line);
        rest = after;
        for (line, to) in lines.iter().zip(part.chunks_exact_mut(windows.numbers_of_a_line)) {
            let from = &image[line.in_image..][..line.length];
            // Without a call for the few numbers of a grey image.
            if let (Ok(to), Ok(from)) = (<&mut [f32; 4]>::try_from(&mut *to), <&[f32; 4]>::try_from(from)) {
                *to = *from;
            } else if from.len() == to.len() {
                to.copy_from_slice(from);
            } else {
                to.fill(0.0);
                to[line.in_line..][..from.len()].copy_from_slice(from);
            }
        }
    }
}

for_each_set! {
    /// Adds patches to the images that they are of, line after line, and forgets what lies beyond the edges.
    fn add_patches(windows: &Windows, patches: &[f32], range: Range<usize>, images: &mut [f32]) = add_patches_body
}

#[inline(always)]
fn add_patches_body<A: Arithmetic>(
    windows: &Windows,
    patches: &[f32],
    range: Range<usize>,
    images: &mut [f32],
) {
    let mut rest = patches;
    for (image, lines) in windows.parts(range) {
        let image = &mut images[image..][..windows.numbers_of_an_image];
        let (part, after) = rest.split_at(lines.len() * windows.numbers_of_a_line);
        rest = after;
        for (line, from) in lines.iter().zip(part.chunks_exact(windows.numbers_of_a_line)) {
            let (from, to) =
                (&from[line.in_line..][..line.length], &mut image[line.in_image..][..line.length]);
            if let (Ok(to), Ok(from)) = (<&mut [f32; 4]>::try_from(&mut *to), <&[f32; 4]>::try_from(from)) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            } else {
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
        }
    }
}

/// Positions are shared where tiles of products end.
const ROWS_OF_A_TILE: usize = 12;
/// Positions of a batch that are computed before a second thread could begin.
const POSITIONS_OF_A_HALF: usize = 48;

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
    let windows = Windows::new(convolution);
    let positions = convolution.batch(images) * windows.of_an_image();
    let weight = convolution.weight(weight);
    let filters = convolution.filters;
    let write = |output: &mut [MaybeUninit<f32>]| {
        let parts = Parts::new(output);
        in_halves(positions, POSITIONS_OF_A_HALF, |range| {
            // SAFETY: `output` is borrowed for as long, and the halves do not overlap.
            let output = unsafe { parts.part(range.start * filters..range.end * filters) };
            let mut patches = PATCHES.take();
            let outputs = output.chunks_mut(windows.at_a_time() * filters.max(1));
            for (start, output) in range.step_by(windows.at_a_time()).zip(outputs) {
                let count = output.len() / filters;
                let patches = gathered(set, &windows, images, start..start + count, &mut patches);
                multiply_with(set, patches, weight, output);
                // SAFETY: the product initialised them.
                finish(unsafe { output.assume_init_mut() });
            }
            PATCHES.set(patches);
        });
    };
    // SAFETY: the halves together are all positions.
    unsafe { written(positions * filters, write) }
}

thread_local! {
    /// Patches, kept from one convolution to the next. Taken out for the time of one, and not borrowed: a thread that waits may
    /// be given another one to compute.
    static PATCHES: Cell<Vec<f32>> = Cell::default();
}

/// So many patches, whatever they hold.
fn room<'a>(patches: &'a mut Vec<f32>, windows: &Windows, count: usize) -> &'a mut [f32] {
    let length = count * windows.taps();
    if patches.len() < length {
        patches.resize(length, 0.0);
    }
    &mut patches[..length]
}

fn gathered<'a>(
    set: KernelSet,
    windows: &Windows,
    images: &[f32],
    range: Range<usize>,
    patches: &'a mut Vec<f32>,
) -> Matrix<'a> {
    let (count, patches) = (range.len(), room(patches, windows, range.len()));
    if !patches.is_empty() {
        gather(set, windows, images, range, patches);
    }
    Matrix::new(patches, count, windows.taps())
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
    let Convolution { filters, .. } = *convolution;
    #[cfg(target_arch = "x86_64")]
    if has_avx512(set) && convolution.kernel[1] * convolution.channels >= direct::LANES {
        return direct::add_gradient_of_weight(convolution, images, gradient, range, sum);
    }
    let windows = Windows::new(convolution);
    let positions = range.start * windows.of_an_image()..range.end * windows.of_an_image();
    let mut patches = PATCHES.take();
    for start in positions.clone().step_by(windows.at_a_time()) {
        let end = (start + windows.at_a_time()).min(positions.end);
        let patches = gathered(set, &windows, images, start..end, &mut patches);
        let gradient = &gradient[start * filters..end * filters];
        add_product(set, Matrix::new(gradient, end - start, filters).transposed(), patches, sum);
    }
    PATCHES.set(patches);
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
    let windows = Windows::new(convolution);
    let batch = convolution.batch_of_outputs(inputs);
    let weight = convolution.weight(weight).transposed();
    let (filters, numbers_of_image) = (convolution.filters, convolution.numbers_of_image());
    let of_an_image = windows.of_an_image();
    let mut images = vec![0.0; batch * numbers_of_image];
    let parts = Parts::new(&mut images);
    in_halves(batch, 1, |range| {
        // SAFETY: `images` is borrowed for as long, and the halves do not overlap.
        let images = unsafe { parts.part(range.start * numbers_of_image..range.end * numbers_of_image) };
        let inputs = &inputs[range.start * of_an_image * filters..range.end * of_an_image * filters];
        let positions = range.len() * of_an_image;
        let mut patches = PATCHES.take();
        for start in (0..positions).step_by(windows.at_a_time()) {
            let end = (start + windows.at_a_time()).min(positions);
            let patches = room(&mut patches, &windows, end - start);
            let inputs = Matrix::new(&inputs[start * filters..end * filters], end - start, filters);
            multiply_with(set, inputs, weight, as_uninit(patches));
            add_patches(set, &windows, patches, start..end, images);
        }
        PATCHES.set(patches);
        finish(images);
    });
    images
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
mod tests {
    use super::*;
    use crate::assisted;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// Of sums of up to 500 products of numbers below 1.
    const ABSOLUTE: f64 = 3e-5;

    fn convolution(
        image: [usize; 2],
        channels: usize,
        filters: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
    ) -> Convolution {
        Convolution { image, channels, filters, kernel, stride, padding }
    }

    /// Odd and even sizes, one channel and several, strides that skip pixels, kernels that are smaller than the stride or
    /// as large as the image.
    fn cases() -> Vec<Convolution> {
        vec![
            convolution([1, 1], 1, 1, [1, 1], [1, 1], [0, 0]),
            convolution([8, 8], 1, 5, [4, 4], [2, 2], [1, 1]),
            convolution([7, 9], 3, 4, [3, 3], [2, 2], [1, 1]),
            convolution([5, 6], 2, 3, [3, 2], [1, 1], [0, 1]),
            convolution([10, 7], 2, 7, [5, 3], [3, 2], [2, 0]),
            convolution([9, 9], 4, 2, [1, 1], [2, 2], [0, 0]),
            convolution([6, 5], 3, 2, [6, 5], [1, 1], [0, 0]),
            convolution([4, 4], 2, 3, [3, 3], [1, 1], [2, 2]),
            convolution([28, 28], 1, 32, [4, 4], [2, 2], [1, 1]),
            // With so many channels, patches are read where they are.
            convolution([7, 9], 17, 20, [3, 3], [2, 2], [1, 1]),
            convolution([6, 5], 16, 70, [4, 4], [2, 2], [1, 1]),
            convolution([9, 7], 33, 5, [2, 3], [3, 2], [0, 1]),
            convolution([4, 4], 20, 3, [3, 3], [1, 1], [2, 2]),
            convolution([8, 6], 130, 2, [1, 2], [3, 1], [0, 1]),
        ]
    }

    struct Work {
        convolution: Convolution,
        batch: usize,
        images: Vec<f32>,
        weight: Vec<f32>,
        outputs: Vec<f32>,
    }

    impl Work {
        fn new(convolution: Convolution, batch: usize) -> Self {
            let mut rng = StdRng::seed_from_u64(3);
            let mut random =
                |count: usize| -> Vec<f32> { (0..count).map(|_| 2.0 * rng.random::<f32>() - 1.0).collect() };
            let [rows, columns] = convolution.output().unwrap();
            let images = random(batch * convolution.numbers_of_image());
            let weight = random(convolution.taps() * convolution.filters);
            let outputs = random(batch * rows * columns * convolution.filters);
            Self { convolution, batch, images, weight, outputs }
        }

        /// For each term of the definition: the places of output, image and weight.
        fn for_each_term(&self, mut visit: impl FnMut(usize, usize, usize)) {
            let Convolution { image: [height, width], channels, filters, kernel, stride, padding } =
                self.convolution;
            let [rows, columns] = self.convolution.output().unwrap();
            for b in 0..self.batch {
                for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
                    for (i, j) in (0..kernel[0]).flat_map(|i| (0..kernel[1]).map(move |j| (i, j))) {
                        let (row, column) = (stride[0] * y + i, stride[1] * x + j);
                        let inside = (padding[0]..padding[0] + height).contains(&row)
                            && (padding[1]..padding[1] + width).contains(&column);
                        if !inside {
                            continue;
                        }
                        let pixel = (b * height + row - padding[0]) * width + column - padding[1];
                        for (c, f) in (0..channels).flat_map(|c| (0..filters).map(move |f| (c, f))) {
                            visit(
                                ((b * rows + y) * columns + x) * filters + f,
                                pixel * channels + c,
                                ((i * kernel[1] + j) * channels + c) * filters + f,
                            );
                        }
                    }
                }
            }
        }

        /// Output, images and weights: the sums of products of the other two.
        fn expected(&self) -> [Vec<f64>; 3] {
            let zeros = |like: &[f32]| vec![0.0; like.len()];
            let [mut outputs, mut images, mut weight] =
                [zeros(&self.outputs), zeros(&self.images), zeros(&self.weight)];
            self.for_each_term(|o, i, w| {
                let [output, image, tap] = [self.outputs[o], self.images[i], self.weight[w]].map(f64::from);
                outputs[o] += image * tap;
                images[i] += output * tap;
                weight[w] += output * image;
            });
            [outputs, images, weight]
        }

        fn found(&self, set: KernelSet) -> [Vec<f32>; 3] {
            let Self { convolution, images, weight, outputs, .. } = self;
            [
                convolve_with(set, convolution, images, weight, |_| {}),
                convolve_transposed_with(set, convolution, outputs, weight, |_| {}),
                gradient_of_weight(set, convolution, images, outputs),
            ]
        }
    }

    #[test]
    fn values_and_gradients_are_those_of_the_definition() {
        for convolution in cases() {
            let work = Work::new(convolution, 3);
            let expected = work.expected();
            for set in KernelSet::available() {
                for (found, expected) in work.found(set).iter().zip(&expected) {
                    assert_eq!(found.len(), expected.len());
                    for (&found, &expected) in found.iter().zip(expected) {
                        assert!(
                            (f64::from(found) - expected).abs() <= ABSOLUTE * expected.abs().max(1.0),
                            "{set}, {convolution:?}: {found}, expected {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_second_thread_changes_no_bit() {
        for convolution in cases() {
            let work = Work::new(convolution, 70);
            for set in KernelSet::available() {
                let alone = work.found(set);
                let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
                let (shared, ()) = pool.install(|| assisted(|| work.found(set), || ()));
                assert!(shared == alone, "{set}, {convolution:?}");
            }
        }
    }

    #[test]
    fn bias_and_activation_come_after_the_sum_and_stop_the_gradient_where_they_stop_the_value() {
        let work = Work::new(convolution([7, 9], 3, 4, [3, 3], [2, 2], [1, 1]), 2);
        let Work { convolution, images, weight, outputs, .. } = &work;
        let [sums, transposed, _] = work.expected();
        let of_filters = [0.5, -0.5, 0.0, 1.0];
        let forward = convolve(convolution, images, weight, &of_filters, Activation::Relu);
        for (place, (&found, sum)) in forward.iter().zip(sums).enumerate() {
            let expected = (sum + f64::from(of_filters[place % 4])).max(0.0);
            assert!((f64::from(found) - expected).abs() <= ABSOLUTE, "{found}, expected {expected}");
        }
        let of_channels = [0.25, -1.0, 0.0];
        let back = convolve_transposed(convolution, outputs, weight, &of_channels, Activation::Relu);
        for (place, (&found, sum)) in back.iter().zip(transposed).enumerate() {
            let expected = (sum + f64::from(of_channels[place % 3])).max(0.0);
            assert!((f64::from(found) - expected).abs() <= ABSOLUTE, "{found}, expected {expected}");
        }

        let through = |values: &[f32], gradient: &[f32]| -> Vec<f32> {
            values
                .iter()
                .zip(gradient)
                .map(|(&value, &slope)| if value > 0.0 { slope } else { 0.0 })
                .collect()
        };
        let sum_every = |values: &[f32], count: usize| -> Vec<f64> {
            (0..count)
                .map(|first| values.iter().skip(first).step_by(count).copied().map(f64::from).sum())
                .collect()
        };
        let mut gradient = outputs.clone();
        let found = convolve_backward(
            convolution,
            images,
            weight,
            Some(&forward),
            Activation::Relu,
            &mut gradient,
            true,
        );
        let masked = Work { outputs: through(&forward, outputs), ..Work::new(*convolution, 2) };
        let [_, of_images, of_weight] = masked.expected();
        assert_gradients(found, [of_images, of_weight, sum_every(&masked.outputs, 4)]);

        let mut gradient = images.clone();
        let found = convolve_transposed_backward(
            convolution,
            outputs,
            weight,
            Some(&back),
            Activation::Relu,
            &mut gradient,
            true,
        );
        let masked = Work { images: through(&back, images), ..Work::new(*convolution, 2) };
        let [of_inputs, _, of_weight] = masked.expected();
        assert_gradients(found, [of_inputs, of_weight, sum_every(&masked.images, 3)]);
    }

    /// Of input, weight and bias.
    fn assert_gradients(found: ConvolutionGradients, expected: [Vec<f64>; 3]) {
        let found = [found.input.unwrap(), found.weight, found.bias];
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!(found.len(), expected.len());
            for (&found, expected) in found.iter().zip(expected) {
                assert!(
                    (f64::from(found) - expected).abs() <= 2.0 * ABSOLUTE,
                    "{found}, expected {expected}"
                );
            }
        }
    }

    #[test]
    fn no_image_gives_no_output_and_gradients_of_zero() {
        let convolution = convolution([8, 8], 1, 5, [4, 4], [2, 2], [1, 1]);
        let weight = vec![1.0; convolution.taps() * 5];
        assert!(convolve(&convolution, &[], &weight, &[0.0; 5], Activation::Identity).is_empty());
        assert!(convolve_transposed(&convolution, &[], &weight, &[0.0], Activation::Identity).is_empty());
        let gradients =
            convolve_backward(&convolution, &[], &weight, None, Activation::Identity, &mut [], true);
        assert_eq!(gradients.input, Some(Vec::new()));
        assert!(gradients.weight == vec![0.0; weight.len()] && gradients.bias == [0.0; 5]);
    }

    #[test]
    fn the_sizes_of_outputs_are_those_of_whole_steps() {
        assert_eq!(convolution([28, 28], 1, 1, [4, 4], [2, 2], [1, 1]).output(), Some([14, 14]));
        assert_eq!(convolution([7, 9], 1, 1, [3, 3], [2, 2], [1, 1]).output(), Some([4, 5]));
        assert_eq!(convolution([2, 2], 1, 1, [5, 5], [1, 1], [1, 1]).output(), None);
        assert_eq!(convolution([4, 4], 1, 1, [0, 2], [1, 1], [0, 0]).output(), None);
        assert_eq!(convolution([4, 4], 1, 1, [2, 2], [0, 1], [0, 0]).output(), None);
    }

    #[test]
    #[should_panic(expected = "where an image has 64")]
    fn a_part_of_an_image_is_refused() {
        let convolution = convolution([8, 8], 1, 1, [4, 4], [2, 2], [1, 1]);
        convolve(&convolution, &[0.0; 65], &[0.0; 16], &[0.0], Activation::Identity);
    }
}
