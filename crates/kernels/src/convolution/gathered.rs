//! Convolutions of patches that are copied together first, some hundred positions at a time, to where they stay in the
//! second-level cache. A transposed convolution multiplies first and adds the lines of its patches to the image after.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::Convolution;
use crate::KernelSet;
use crate::helper::in_halves;
use crate::memory::{Parts, as_uninit, written};
use crate::product::{Matrix, add_product, multiply_with};
use crate::vectors::{Arithmetic, for_each_set};

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

/// The sums of a convolution, of which `finish` is given some rows at a time.
pub(super) fn convolve(
    set: KernelSet,
    convolution: &Convolution,
    images: &[f32],
    weight: &[f32],
    finish: impl Fn(&mut [f32]) + Sync,
) -> Vec<f32> {
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

/// Adds the gradients of the weights over some images, `[filters, taps]`.
pub(super) fn add_gradient_of_weight(
    set: KernelSet,
    convolution: &Convolution,
    images: &[f32],
    gradient: &[f32],
    range: Range<usize>,
    sum: &mut [f32],
) {
    let Convolution { filters, .. } = *convolution;
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

/// The images of a transposed convolution, of which `finish` is given whole ones.
pub(super) fn convolve_transposed(
    set: KernelSet,
    convolution: &Convolution,
    inputs: &[f32],
    weight: &[f32],
    finish: impl Fn(&mut [f32]) + Sync,
) -> Vec<f32> {
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
