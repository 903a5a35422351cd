//! Convolutions that read the patches where they are, with AVX-512.
//!
//! A few images at a time are copied to where there are zeros around them. A patch is then some runs of memory, which a product
//! reads without their being copied together. A transposed convolution is, for each place between two steps of the stride, a
//! convolution of its own with the weights that reach that place: no patch is ever added to an image.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;

use super::Convolution;
use crate::helper::in_halves;
use crate::memory::{Line, Parts, written};
use crate::product::Matrix;
use crate::product::gathered::{self, BLOCK, COLUMNS, Columns, Rows, Segment};

/// Numbers of a row of patches that are multiplied before the next panel: with all columns, it stays in the first-level cache.
const DEPTH: usize = 128;
/// Numbers of the images that are computed together: they stay in the second-level cache.
const TOGETHER: usize = 65_536;
/// Lanes of a vector: with fewer columns, it would be mostly empty.
pub(super) const LANES: usize = Line::NUMBERS;

thread_local! {
    /// Images with zeros around them. Taken out for the time of one, and not borrowed: a thread that waits may be given another
    /// one to compute.
    static PADDED: Cell<Vec<Line>> = Cell::default();
}

/// Images with rows and columns of zeros around them.
#[derive(Clone, Copy, Debug)]
struct Padded {
    rows: usize,
    /// Numbers of a row of an image.
    row: usize,
    /// Rows above and below, numbers to the left and to the right.
    above: usize,
    below: usize,
    left: usize,
    right: usize,
}

impl Padded {
    fn row(&self) -> usize {
        self.left + self.row + self.right
    }

    fn numbers(&self) -> usize {
        (self.above + self.rows + self.below) * self.row()
    }

    fn numbers_of_image(&self) -> usize {
        self.rows * self.row
    }

    /// Images that are computed together.
    fn together(&self) -> usize {
        (TOGETHER / self.numbers().max(1)).max(1)
    }

    /// Does something with the images of a range, some at a time, as they are within their zeros.
    fn for_each(&self, images: &[f32], range: Range<usize>, mut work: impl FnMut(&[f32], Range<usize>)) {
        let mut lines = PADDED.take();
        lines.clear();
        lines.resize((self.together().min(range.len()) * self.numbers()).div_ceil(Line::NUMBERS), Line::ZERO);
        let padded = Line::numbers_mut(&mut lines);
        for start in range.clone().step_by(self.together()) {
            let images_together = start..(start + self.together()).min(range.end);
            let places = padded.chunks_exact_mut(self.numbers().max(1));
            for (image, place) in images_together.clone().zip(places) {
                let image = &images[image * self.numbers_of_image()..][..self.numbers_of_image()];
                let rows = place.chunks_exact_mut(self.row().max(1)).skip(self.above);
                for (from, to) in image.chunks_exact(self.row.max(1)).zip(rows) {
                    to[self.left..][..self.row].copy_from_slice(from);
                }
            }
            work(&padded[..images_together.len() * self.numbers()], images_together);
        }
        PADDED.set(lines);
    }
}

/// A product of the patches of an image with weights.
struct Product {
    /// Where each patch begins in an image with its zeros, and its row of the product in the output of an image.
    places: Vec<[usize; 2]>,
    panels: Vec<Panel>,
    columns: usize,
}

/// Some numbers of every patch, and the weights that they are multiplied with.
struct Panel {
    segments: Vec<Segment>,
    /// For each [`COLUMNS`] columns, one row of whole vectors after another.
    weights: Vec<Vec<Line>>,
}

/// A run of numbers of a patch and the rows of the weights for it.
struct Run<'a> {
    offset: usize,
    weights: Matrix<'a>,
}

impl Product {
    fn new(places: Vec<[usize; 2]>, runs: &[Run<'_>], columns: usize) -> Self {
        let mut panels: Vec<Panel> = Vec::new();
        let mut left = 0;
        for &Run { offset, weights } in runs {
            let mut first = 0;
            while first < weights.rows() {
                if left == 0 {
                    let blocks = columns.div_ceil(COLUMNS);
                    panels.push(Panel { segments: Vec::new(), weights: vec![Vec::new(); blocks] });
                    left = DEPTH;
                }
                let count = (weights.rows() - first).min(left);
                let panel = panels.last_mut().expect("it was just pushed");
                panel.segments.push(Segment { offset: offset + first, count });
                for (block, packed) in panel.weights.iter_mut().enumerate() {
                    let range = block * COLUMNS..((block + 1) * COLUMNS).min(columns);
                    pack(
                        weights.rows_between(first, first + count).columns_between(range.start, range.end),
                        packed,
                    );
                }
                first += count;
                left -= count;
            }
        }
        Self { places, panels, columns }
    }

    /// Writes the products of some images, each `numbers` long in `array` and its output `outputs`.
    fn run(&self, array: &[f32], numbers: usize, output: &mut [MaybeUninit<f32>], outputs: usize) {
        let images = array.len() / numbers.max(1);
        let count = images * self.places.len();
        if self.panels.is_empty() {
            for image in 0..images {
                for [_, to] in &self.places {
                    output[image * outputs + to..][..self.columns].fill(MaybeUninit::new(0.0));
                }
            }
        }
        for (number, Panel { segments, weights }) in self.panels.iter().enumerate() {
            for (block, weights) in weights.iter().enumerate() {
                let first = block * COLUMNS;
                let columns = (self.columns - first).min(COLUMNS);
                for start in (0..count).step_by(BLOCK) {
                    let mut places = [[0; 2]; BLOCK];
                    let rows = (count - start).min(BLOCK);
                    for (place, row) in places.iter_mut().zip(start..start + rows) {
                        let (image, position) = (row / self.places.len(), row % self.places.len());
                        let [from, to] = self.places[position];
                        *place = [image * numbers + from, image * outputs + to + first];
                    }
                    let rows = Rows { places: &places[..rows], segments, columns };
                    // SAFETY: this module is used where the processor has AVX-512; the first panel initialises what the
                    // others add to.
                    unsafe { gathered::multiply(array, &rows, Line::numbers(weights), output, number > 0) };
                }
            }
        }
    }
}

/// Appends rows with zeros up to whole vectors.
fn pack(weights: Matrix<'_>, packed: &mut Vec<Line>) {
    let (start, width) = (packed.len(), weights.columns().next_multiple_of(LANES));
    packed.resize(start + weights.rows() * width / Line::NUMBERS, Line::ZERO);
    let places = Line::numbers_mut(&mut packed[start..]);
    if weights.is_by_rows() {
        for (row, place) in places.chunks_exact_mut(width).enumerate() {
            place[..weights.columns()].copy_from_slice(weights.row(row));
        }
    } else {
        let by_columns = weights.transposed();
        for column in 0..weights.columns() {
            let values = by_columns.row(column);
            places[column..].iter_mut().step_by(width).zip(values).for_each(|(place, value)| *place = *value);
        }
    }
}

/// The sums of a convolution, of which `finish` is given some rows at a time.
pub(super) fn convolve(
    convolution: &Convolution,
    images: &[f32],
    weight: &[f32],
    finish: impl Fn(&mut [f32]) + Sync,
) -> Vec<f32> {
    let Convolution { channels, filters, kernel: [height, width], .. } = *convolution;
    let (padded, starts) = patches(convolution);
    let places =
        starts.into_iter().enumerate().map(|(place, from)| [from, place * filters]).collect::<Vec<_>>();
    let outputs = places.len() * filters;
    let weights = Matrix::new(weight, height * width * channels, filters);
    let runs: Vec<Run<'_>> = (0..height)
        .map(|line| Run {
            offset: line * padded.row(),
            weights: weights.rows_between(line * width * channels, (line + 1) * width * channels),
        })
        .collect();
    let product = Product::new(places, &runs, filters);
    computed(convolution.batch(images), outputs, |range, output| {
        padded.for_each(images, range.clone(), |array, images| {
            let part = (images.start - range.start) * outputs..(images.end - range.start) * outputs;
            let output = &mut output[part];
            product.run(array, padded.numbers(), output, outputs);
            // SAFETY: the product initialised them.
            finish(unsafe { output.assume_init_mut() });
        });
    })
}

/// Outputs of a batch, `outputs` for each image, of which each half of the images is computed by itself.
fn computed(
    batch: usize,
    outputs: usize,
    work: impl Fn(Range<usize>, &mut [MaybeUninit<f32>]) + Sync,
) -> Vec<f32> {
    let write = |output: &mut [MaybeUninit<f32>]| {
        let parts = Parts::new(output);
        in_halves(batch, 1, |range| {
            // SAFETY: `output` is borrowed for as long, and the halves do not overlap.
            let output = unsafe { parts.part(range.start * outputs..range.end * outputs) };
            work(range, output);
        });
    };
    // SAFETY: the halves together are all images, and `work` initialises the outputs of each.
    unsafe { written(batch * outputs, write) }
}

/// The images of a convolution with their zeros, and where in one of them each patch begins.
fn patches(convolution: &Convolution) -> (Padded, Vec<usize>) {
    let Convolution { image: [height, width], channels, kernel, stride, padding, .. } = *convolution;
    let [rows, columns] = convolution.positions();
    // What the last patch reaches beyond the image.
    let beyond = |positions: usize, axis: usize, size: usize| {
        ((positions - 1) * stride[axis] + kernel[axis]).saturating_sub(padding[axis] + size)
    };
    let padded = Padded {
        rows: height,
        row: width * channels,
        above: padding[0],
        below: beyond(rows, 0, height),
        left: padding[1] * channels,
        right: beyond(columns, 1, width) * channels,
    };
    let start = |y: usize, x: usize| y * stride[0] * padded.row() + x * stride[1] * channels;
    let starts =
        (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))).map(|(y, x)| start(y, x)).collect();
    (padded, starts)
}

/// The places of an image that lie equally far between two steps of the stride, along one axis.
struct Phase {
    /// The first of the kernel's places that reach them, of which every `stride`-th does.
    first: usize,
    /// How many do.
    taps: usize,
    /// The places, each with the output position that the first tap takes there.
    places: Vec<[usize; 2]>,
}

/// The phases of an image along an axis.
fn phases(size: usize, kernel: usize, stride: usize, padding: usize) -> Vec<Phase> {
    (0..stride)
        .map(|first| Phase {
            first,
            taps: kernel.saturating_sub(first).div_ceil(stride),
            places: (0..size)
                .filter(|place| (place + padding) % stride == first)
                .map(|place| [place, (place + padding) / stride])
                .collect(),
        })
        .collect()
}

/// The images of a transposed convolution, of which `finish` is given whole ones.
pub(super) fn convolve_transposed(
    convolution: &Convolution,
    inputs: &[f32],
    weight: &[f32],
    finish: impl Fn(&mut [f32]) + Sync,
) -> Vec<f32> {
    let Convolution { image: [height, width], channels, filters, kernel, stride, padding } = *convolution;
    let [rows, columns] = convolution.positions();
    // Every tap but the first of a place reaches to an earlier position, and the last places beyond the last position.
    let before = |axis: usize| kernel[axis].div_ceil(stride[axis]) - 1;
    let after = |axis: usize, size: usize, positions: usize| {
        ((size - 1 + padding[axis]) / stride[axis]).saturating_sub(positions - 1)
    };
    let padded = Padded {
        rows,
        row: columns * filters,
        above: before(0),
        below: after(0, height, rows),
        left: before(1) * filters,
        right: after(1, width, columns) * filters,
    };
    let of_tap = |y: usize, x: usize| {
        let numbers = channels * filters;
        let weights = &weight[(y * kernel[1] + x) * numbers..][..numbers];
        Matrix::new(weights, channels, filters).transposed()
    };
    let mut products = Vec::new();
    for down in phases(height, kernel[0], stride[0], padding[0]) {
        for across in phases(width, kernel[1], stride[1], padding[1]) {
            let start = |y: usize, x: usize| {
                // From the last tap on, which reaches the earliest position.
                let (y, x) =
                    (y + padded.above + 1 - down.taps.max(1), x + before(1) + 1 - across.taps.max(1));
                y * padded.row() + x * filters
            };
            let places = down.places.iter().flat_map(|&[to_y, y]| {
                across.places.iter().map(move |&[to_x, x]| [start(y, x), (to_y * width + to_x) * channels])
            });
            let places: Vec<[usize; 2]> = places.collect();
            if places.is_empty() {
                continue;
            }
            let mut runs = Vec::new();
            for y in (0..down.taps).rev() {
                for x in (0..across.taps).rev() {
                    runs.push(Run {
                        offset: (down.taps - 1 - y) * padded.row() + (across.taps - 1 - x) * filters,
                        weights: of_tap(down.first + y * stride[0], across.first + x * stride[1]),
                    });
                }
            }
            products.push(Product::new(places, &runs, channels));
        }
    }
    let outputs = height * width * channels;
    computed(convolution.batch_of_outputs(inputs), outputs, |range, output| {
        padded.for_each(inputs, range.clone(), |array, images| {
            let part = (images.start - range.start) * outputs..(images.end - range.start) * outputs;
            let output = &mut output[part];
            products.iter().for_each(|product| product.run(array, padded.numbers(), output, outputs));
            // SAFETY: the places of all phases are all of an image.
            finish(unsafe { output.assume_init_mut() });
        });
    })
}

/// Adds the gradients of the weights over some images, `[filters, taps]`.
pub(super) fn add_gradient_of_weight(
    convolution: &Convolution,
    images: &[f32],
    gradient: &[f32],
    range: Range<usize>,
    sums: &mut [f32],
) {
    let Convolution { channels, filters, kernel: [height, width], .. } = *convolution;
    let (padded, starts) = patches(convolution);
    let (line, taps) = (width * channels, height * width * channels);
    padded.for_each(images, range, |array, images| {
        for (image, array) in images.zip(array.chunks_exact(padded.numbers().max(1))) {
            let left = &gradient[image * starts.len() * filters..][..starts.len() * filters];
            for number in 0..height {
                let array = &array[number * padded.row()..];
                let sum = Columns { left, starts: &starts, columns: line };
                // SAFETY: this module is used where the processor has AVX-512.
                unsafe { gathered::add_sums(array, &sum, &mut sums[number * line..], taps) };
            }
        }
    });
}
