//! The likelihood of images by integration over a latent space of one or two dimensions.
//!
//! `p(x) = ∫ p(z) p(x|z) dz` is summed over the midpoints of cells. All images share a coarse lattice; after that the cells
//! that matter to an image are split in halves along each axis, until its sum has settled. Images look at the same cells of
//! a finer lattice, so that a cell is decoded once for all of them, and what remains is one product of matrices for each
//! tile of cells and the images that look at it.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

/// Dimensions that are integrated over at most.
pub const MOST_DIMENSIONS: usize = 2;
/// Cells along an axis of the coarse lattice, in one and in two dimensions.
pub(super) const COARSE: [u32; MOST_DIMENSIONS] = [1024, 64];
/// Cells of a tile along each axis, in one and in two dimensions.
const TILES: [[u32; 2]; MOST_DIMENSIONS] = [[64, 1], [8, 8]];
/// Tiles that are decoded together.
const TILES_TOGETHER: usize = 16;
/// Images whose coarse lattice is in memory at a time.
const IMAGES_TOGETHER: usize = 256;
/// Nats below an image's greatest cell beyond which a cell is not split, level by level. The coarse lattice may miss a narrow
/// peak by many; once it is found, what lies 12 nats below adds less than a thousandth.
const THRESHOLDS: [f32; 3] = [30.0, 20.0, 12.0];
/// Up to so many cells that matter may be those of peaks narrower than a cell, of which a neighbour with a low middle can
/// hold a part: their neighbours are split as well.
const FEW: usize = 16;
/// Nats below the greatest cell at which a cell adds nothing that a sum would keep.
const NOTHING: f32 = -50.0;
/// Cells of an image that are split at most on one level, those that matter most: a bound on memory.
const MOST_SPLIT: usize = 512;
/// How often cells are halved at most.
const MOST_LEVELS: usize = 8;
/// The error of `log p(x)` at which an image has settled, in nats.
const SETTLED: f64 = 0.01;

/// Cells of the coarse lattice in so many dimensions.
pub fn coarse_cells(dimensions: usize) -> usize {
    (COARSE[dimensions - 1] as usize).pow(dimensions as u32)
}

/// The decoder's output for some codes.
pub trait Decoded: Sync {
    /// `log p(x|z)` of some of the images for a range of the codes, `[images, codes]`.
    fn log_likelihoods(&self, codes: Range<usize>, images: &[u32]) -> Vec<f32>;
}

/// The part of the latent space that is integrated over.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// The lower end of each axis.
    pub low: Vec<f64>,
    /// The upper end of each axis.
    pub high: Vec<f64>,
}

/// The integral of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Integral {
    /// `log p(x)`.
    pub log_likelihood: f64,
    /// How far it may be off, in nats.
    pub error: f64,
}

/// `log ∫ N(z; 0, I) p(x|z) dz` of each of so many images over a region.
///
/// The midpoints of a lattice whose cells were split are those of four lattices (two in one dimension) of twice the step. How far
/// the sums over these differ, over the root of their number times two, is taken for the error of their mean. Of an
/// integrand that is smooth it is far less: there a sum over a lattice converges faster than any power of the step.
///
/// # Panics
///
/// Panics unless the region has one or two dimensions.
pub fn integrate<D: Decoded>(
    region: &Region,
    images: usize,
    decode: impl Fn(Vec<f32>) -> D,
) -> Vec<Integral> {
    let mut level = Level::coarse(region);
    let mut sums = coarse_sums(&level, images, &decode(level.codes(level.all_cells())));
    for depth in 0..MOST_LEVELS {
        let tiles = split(&mut sums, &level, THRESHOLDS[depth.min(THRESHOLDS.len() - 1)]);
        if tiles.is_empty() {
            break;
        }
        level = level.halved();
        let tiles: Vec<(&[u32; 2], &Vec<Wanted>)> = tiles.iter().collect();
        for tiles in tiles.chunks(TILES_TOGETHER) {
            let cells = tiles.iter().flat_map(|(tile, _)| level.cells_of_tile(**tile));
            let decoded = decode(level.codes(cells));
            let found: Vec<Vec<(u32, Point)>> = tiles
                .par_iter()
                .enumerate()
                .map(|(place, (tile, wanted))| level.points(&decoded, place, **tile, wanted))
                .collect();
            for (image, point) in found.into_iter().flatten() {
                sums[image as usize].points.push(point);
            }
        }
        sums.par_iter_mut().filter(|sum| !sum.points.is_empty()).for_each(|sum| sum.update(&level));
    }
    sums.into_iter().map(|sum| sum.integral).collect()
}

/// One lattice of cells.
#[derive(Clone, Debug)]
struct Level {
    dimensions: usize,
    low: [f64; 2],
    step: [f64; 2],
    cells: [u32; 2],
}

/// A cell, and the logarithm of the integrand in its middle.
#[derive(Clone, Copy, Debug)]
struct Point {
    cell: [u32; 2],
    value: f32,
}

/// An image that looks at a tile, and which of the cells that make up the tile it has split.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    image: u32,
    split: u32,
}

/// What is known of an image's integral.
#[derive(Clone, Debug)]
struct Sum {
    /// The logarithm of what the cells add that were not split.
    left: f64,
    /// The cells of the present level.
    points: Vec<Point>,
    integral: Integral,
}

impl Level {
    fn coarse(region: &Region) -> Self {
        let dimensions = region.low.len();
        assert!(
            (1..=MOST_DIMENSIONS).contains(&dimensions) && region.high.len() == dimensions,
            "a region of one or two dimensions, not {dimensions}"
        );
        let along = COARSE[dimensions - 1];
        // In one dimension the second axis has one cell of width 1.
        let mut level = Self {
            dimensions,
            low: [0.0; 2],
            step: [1.0; 2],
            cells: if dimensions == 1 { [along, 1] } else { [along; 2] },
        };
        for axis in 0..dimensions {
            level.low[axis] = region.low[axis];
            level.step[axis] = (region.high[axis] - region.low[axis]) / f64::from(along);
        }
        level
    }

    fn halved(&self) -> Self {
        let mut halved = self.clone();
        for axis in 0..self.dimensions {
            halved.step[axis] /= 2.0;
            halved.cells[axis] *= 2;
        }
        halved
    }

    /// Into how many cells a split cuts along each axis.
    fn parts(&self) -> [u32; 2] {
        if self.dimensions == 1 { [2, 1] } else { [2, 2] }
    }

    fn tile(&self) -> [u32; 2] {
        TILES[self.dimensions - 1]
    }

    fn log_area(&self) -> f64 {
        self.step.iter().map(|step| step.ln()).sum()
    }

    fn middle(&self, cell: [u32; 2], axis: usize) -> f64 {
        self.low[axis] + self.step[axis] * (f64::from(cell[axis]) + 0.5)
    }

    fn log_prior(&self, cell: [u32; 2]) -> f64 {
        let squares: f64 = (0..self.dimensions).map(|axis| self.middle(cell, axis).powi(2)).sum();
        -0.5 * (squares + self.dimensions as f64 * std::f64::consts::TAU.ln())
    }

    fn all_cells(&self) -> impl Iterator<Item = [u32; 2]> + use<> {
        let [across, along] = self.cells;
        (0..along).flat_map(move |y| (0..across).map(move |x| [x, y]))
    }

    /// The cells of a tile, in the order of their codes.
    fn cells_of_tile(&self, tile: [u32; 2]) -> impl Iterator<Item = [u32; 2]> + use<> {
        let [across, along] = self.tile();
        (0..along).flat_map(move |y| (0..across).map(move |x| [tile[0] * across + x, tile[1] * along + y]))
    }

    /// The middles of cells, `[cells, dimensions]`.
    fn codes(&self, cells: impl Iterator<Item = [u32; 2]>) -> Vec<f32> {
        cells.flat_map(|cell| (0..self.dimensions).map(move |axis| self.middle(cell, axis) as f32)).collect()
    }

    /// What the images want of a tile that was decoded as one of several.
    fn points(
        &self,
        decoded: &impl Decoded,
        place: usize,
        tile: [u32; 2],
        wanted: &[Wanted],
    ) -> Vec<(u32, Point)> {
        let cells: Vec<[u32; 2]> = self.cells_of_tile(tile).collect();
        let prior: Vec<f32> = cells.iter().map(|cell| self.log_prior(*cell) as f32).collect();
        let images: Vec<u32> = wanted.iter().map(|wanted| wanted.image).collect();
        let values = decoded.log_likelihoods(place * cells.len()..(place + 1) * cells.len(), &images);
        let ([across, along], parts) = (self.tile(), self.parts());
        let parents_across = across / parts[0];
        let mut points = Vec::new();
        for (Wanted { image, split }, values) in wanted.iter().zip(values.chunks(cells.len())) {
            for ((cell, value), prior) in cells.iter().zip(values).zip(&prior) {
                let parent = (cell[1] % along) / parts[1] * parents_across + (cell[0] % across) / parts[0];
                if split >> parent & 1 == 1 {
                    points.push((*image, Point { cell: *cell, value: value + prior }));
                }
            }
        }
        points
    }
}

/// The coarse lattice of every image.
fn coarse_sums(level: &Level, images: usize, decoded: &impl Decoded) -> Vec<Sum> {
    let cells: Vec<[u32; 2]> = level.all_cells().collect();
    let prior: Vec<f32> = cells.iter().map(|cell| level.log_prior(*cell) as f32).collect();
    let numbers: Vec<u32> = (0..images as u32).collect();
    let of_chunk = |chunk: &[u32]| -> Vec<Sum> {
        let values = decoded.log_likelihoods(0..cells.len(), chunk);
        let of_image = |values: &[f32]| {
            let joint = values.iter().zip(&prior).map(|(value, prior)| value + prior);
            let points = cells.iter().zip(joint).map(|(&cell, value)| Point { cell, value }).collect();
            let integral = Integral { log_likelihood: f64::NAN, error: f64::INFINITY };
            let mut sum = Sum { left: f64::NEG_INFINITY, points, integral };
            sum.update(level);
            // What can matter; of all cells of all images there would be too many to keep.
            sum.leave(level, THRESHOLDS[0]);
            sum
        };
        values.chunks(cells.len()).map(of_image).collect()
    };
    numbers.par_chunks(IMAGES_TOGETHER).flat_map_iter(of_chunk).collect()
}

/// Leaves the cells of every image that do not matter to it, and gives the rest, split, to the tiles that they lie in.
fn split(sums: &mut [Sum], level: &Level, threshold: f32) -> BTreeMap<[u32; 2], Vec<Wanted>> {
    sums.par_iter_mut().for_each(|sum| sum.leave(level, threshold));
    let (parts, tile) = (level.parts(), level.tile());
    let parents = [tile[0] / parts[0], tile[1] / parts[1]];
    let mut tiles: BTreeMap<[u32; 2], Vec<Wanted>> = BTreeMap::new();
    for (image, sum) in sums.iter_mut().enumerate() {
        let image = image as u32;
        for Point { cell, .. } in sum.points.drain(..) {
            let place = [cell[0] / parents[0], cell[1] / parents[1]];
            let split = 1 << (cell[1] % parents[1] * parents[0] + cell[0] % parents[0]);
            let wanted = tiles.entry(place).or_default();
            match wanted.last_mut() {
                Some(last) if last.image == image => last.split |= split,
                _ => wanted.push(Wanted { image, split }),
            }
        }
    }
    tiles
}

impl Sum {
    /// The integral from the cells of a level and those that were left before.
    fn update(&mut self, level: &Level) {
        let parts = level.parts();
        let lattices = (parts[0] * parts[1]) as usize;
        let greatest = self.points.iter().map(|point| point.value).fold(f32::NEG_INFINITY, f32::max);
        let mut of_lattices = [0.0; 4];
        for Point { cell, value } in &self.points {
            let relative = value - greatest;
            // What is nothing, but not NaN, is not worth an exponential.
            if relative < NOTHING {
                continue;
            }
            let lattice = cell[1] % parts[1] * parts[0] + cell[0] % parts[0];
            of_lattices[lattice as usize] += f64::from(relative).exp();
        }
        let of_lattices = &of_lattices[..lattices];
        let log = |sum: f64| log_sum(self.left, f64::from(greatest) + sum.ln() + level.log_area());
        let ends = of_lattices.iter().map(|sum| log(lattices as f64 * sum));
        let [low, high] =
            ends.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], end| [low.min(end), high.max(end)]);
        self.integral = Integral {
            log_likelihood: log(of_lattices.iter().sum()),
            error: (high - low) / (2.0 * (lattices as f64).sqrt()),
        };
    }

    /// Takes up into what is left the cells that are so many nats below the greatest, or all of them if the integral has
    /// settled.
    fn leave(&mut self, level: &Level, threshold: f32) {
        // NaN has not settled, and never will.
        let settled = self.integral.error <= SETTLED || self.integral.log_likelihood.is_nan();
        if settled {
            self.points = Vec::new();
            return;
        }
        let greatest = self.points.iter().map(|point| point.value).fold(f32::NEG_INFINITY, f32::max);
        let mut limit = greatest - threshold;
        if self.points.len() > MOST_SPLIT {
            let mut values: Vec<f32> = self.points.iter().map(|point| point.value).collect();
            let (_, &mut least, _) = values.select_nth_unstable_by(MOST_SPLIT, |a, b| b.total_cmp(a));
            limit = limit.max(least);
        }
        let mut few: Vec<[u32; 2]> = self
            .points
            .iter()
            .filter(|point| point.value > limit)
            .map(|point| point.cell)
            .take(FEW + 1)
            .collect();
        if few.len() > FEW {
            few.clear();
        }
        let beside =
            |cell: [u32; 2]| few.iter().any(|other| (0..2).all(|axis| cell[axis].abs_diff(other[axis]) <= 1));
        let stays = |point: &Point| point.value > limit || beside(point.cell);
        let left = self.points.iter().filter(|point| !stays(point)).map(|point| point.value - greatest);
        let left: f64 =
            left.filter(|relative| *relative >= NOTHING).map(|relative| f64::from(relative).exp()).sum();
        self.points.retain(stays);
        self.points.shrink_to_fit();
        self.left = log_sum(self.left, f64::from(greatest) + left.ln() + level.log_area());
    }
}

/// `ln(exp(a) + exp(b))`.
pub(super) fn log_sum(a: f64, b: f64) -> f64 {
    let (greater, less) = if a > b { (a, b) } else { (b, a) };
    if less == f64::NEG_INFINITY { greater } else { greater + (less - greater).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images whose likelihood is known as a function of the code.
    struct Known<F> {
        codes: Vec<f32>,
        dimensions: usize,
        log_likelihood: F,
    }

    impl<F: Fn(u32, &[f32]) -> f64 + Sync> Decoded for Known<F> {
        fn log_likelihoods(&self, codes: Range<usize>, images: &[u32]) -> Vec<f32> {
            let codes = &self.codes[codes.start * self.dimensions..codes.end * self.dimensions];
            let of_image = |&image: &u32| {
                let value = move |code: &[f32]| (self.log_likelihood)(image, code) as f32;
                codes.chunks(self.dimensions).map(value)
            };
            images.iter().flat_map(of_image).collect()
        }
    }

    fn known(
        dimensions: usize,
        reach: f64,
        images: usize,
        log_likelihood: impl Fn(u32, &[f32]) -> f64 + Sync + Copy,
    ) -> Vec<Integral> {
        let region = Region { low: vec![-reach; dimensions], high: vec![reach; dimensions] };
        integrate(&region, images, |codes| Known { codes, dimensions, log_likelihood })
    }

    /// `log N(m; 0, 1 + v)`, the marginal of a linear decoder: `∫ N(z; 0, 1) N(m; z, v) dz`.
    fn log_marginal(m: f64, v: f64) -> f64 {
        -0.5 * (m * m / (1.0 + v) + (std::f64::consts::TAU * (1.0 + v)).ln())
    }

    fn log_normal(x: f64, mean: f64, v: f64) -> f64 {
        -0.5 * ((x - mean).powi(2) / v + (std::f64::consts::TAU * v).ln())
    }

    /// From wider than the prior to a thousandth of it, which is a hundredth of a coarse cell.
    const VARIANCES: [f64; 5] = [4.0, 0.3, 1e-2, 1e-4, 1e-6];

    #[test]
    fn a_linear_gaussian_decoder_has_its_exact_likelihood() {
        for dimensions in [1, 2] {
            let place = |image: u32| (f64::from(image) * 0.37 - 2.0, VARIANCES[image as usize % 5]);
            let found = known(dimensions, 7.0, 20, |image, code| {
                let (m, v) = place(image);
                let at = |z: &f32| log_normal(m, f64::from(*z), v);
                code.iter().map(at).sum()
            });
            for (image, Integral { log_likelihood, error }) in found.into_iter().enumerate() {
                let (m, v) = place(image as u32);
                let expected = dimensions as f64 * log_marginal(m, v);
                // Codes are rounded to 32 bits: 2e-7 of a code where the likelihood is a thousandth wide, squared and twice.
                assert!(
                    (log_likelihood - expected).abs() < 2e-3,
                    "{log_likelihood}, not {expected}, of variance {v}"
                );
                assert!(error <= SETTLED, "{error} of variance {v}");
            }
        }
    }

    #[test]
    fn several_peaks_along_a_bent_ridge_are_all_found() {
        // Ten peaks of different height and shape on a circle, narrow against the coarse cells of 0.19.
        let peak = |j: u32| {
            let angle = 0.7 * f64::from(j);
            (
                [2.0 * angle.cos(), 2.0 * angle.sin()],
                [0.03, 0.03 + 0.05 * f64::from(j % 3)],
                -0.4 * f64::from(j),
            )
        };
        let terms = |j: u32, code: &[f32]| {
            let (mean, std, height) = peak(j);
            (0..2).map(|d| log_normal(f64::from(code[d]), mean[d], std[d] * std[d])).sum::<f64>() + height
        };
        let found =
            known(2, 6.0, 1, |_, code| (0..10).map(|j| terms(j, code)).fold(f64::NEG_INFINITY, log_sum))[0];
        let exact = |j: u32| {
            let (mean, std, height) = peak(j);
            (0..2).map(|d| log_normal(mean[d], 0.0, 1.0 + std[d] * std[d])).sum::<f64>() + height
        };
        let expected = (0..10).map(exact).fold(f64::NEG_INFINITY, log_sum);
        assert!((found.log_likelihood - expected).abs() < 0.01, "{found:?}, not {expected}");
    }

    #[test]
    fn an_edge_converges_and_its_error_is_not_understated() {
        // A likelihood of 1 on one side of a line through the plane at an angle and of 0 on the other: half of the prior.
        let found = known(2, 6.5, 1, |_, code| if code[0] + 0.37 * code[1] > 0.0 { 0.0 } else { -60.0 })[0];
        let off = (found.log_likelihood - 0.5f64.ln()).abs();
        assert!(off < 0.01 && off <= found.error.max(1e-3) * 3.0, "{found:?}, off by {off}");
    }

    #[test]
    fn nan_stays_nan() {
        let found = known(2, 6.0, 2, |image, _| if image == 1 { f64::NAN } else { -3.0 });
        assert!((found[0].log_likelihood + 3.0).abs() < 1e-6, "{found:?}");
        assert!(found[1].log_likelihood.is_nan(), "{found:?}");
    }
}
