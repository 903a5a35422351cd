//! Whether generated samples lie where real ones do, and everywhere that they do.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::error::SampleError;
use super::estimate::Estimate;
use super::points::Points;
use super::tree::{Euclidean, Tree};

/// Samples whose distances are computed together.
const BLOCK: usize = 256;

/// Fidelity and diversity of generated samples beside real ones.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct DensityCoverage {
    /// How many neighbourhoods of real samples a generated one lies in, over how many it would if it were real: about 1 of samples that
    /// are as the real ones, less where they lie beside them, more where they crowd where the real ones are dense.
    pub density: Estimate,
    /// The share of real samples in whose neighbourhood a generated one lies: of samples that are as the real ones, and as
    /// many, `1 - 2^-k`; less where some kind of real sample is never generated.
    pub coverage: Estimate,
}

/// Real samples with their neighbourhoods: balls that reach to the `neighbours`-th nearest other real sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbourhoods {
    /// The samples less their mean, which the squares of distances would lose digits to.
    samples: Array2<f64>,
    mean: Array1<f64>,
    squared_radii: Vec<f64>,
    neighbours: usize,
}

impl Neighbourhoods {
    /// Of these real samples, `[samples, dimensions]`.
    ///
    /// # Errors
    ///
    /// [`SampleError`] if there are not more samples than neighbours, no dimensions, a coordinate that is not finite, or no
    /// neighbours.
    pub fn new(real: ArrayView2<'_, f64>, neighbours: usize) -> Result<Self, SampleError> {
        if neighbours == 0 {
            return Err(SampleError::NoNeighbours);
        }
        let squared_radii = Tree::<Euclidean>::new(&Points::new(real, neighbours.saturating_add(1))?)
            .kth_distances(neighbours);
        let mean = real.mean_axis(Axis(0)).expect("there are samples");
        Ok(Self { samples: &real - &mean, mean, squared_radii, neighbours })
    }

    /// How generated samples lie in them,
    ///
    /// ```text
    /// density = 1/(k M) sum_j |{i: y_j in ball_i}|,    coverage = 1/N |{i: some y_j in ball_i}|
    /// ```
    ///
    /// for `M` generated samples `y` and `N` balls. Standard errors are over the generated samples for the density and over
    /// the real ones for the coverage, each for the others given.
    ///
    /// # Shapes
    ///
    /// - generated: `[samples, dimensions]`
    ///
    /// # Errors
    ///
    /// [`SampleError`] if there are no samples, other dimensions than the real ones have, or a coordinate that is not finite.
    ///
    /// # Source
    ///
    /// Naeem, Oh, Uh, Choi and Yoo, *Reliable Fidelity and Diversity Metrics for Generative Models*, ICML 2020.
    ///
    /// ```
    /// use metrics::samples::coverage::Neighbourhoods;
    /// use ndarray::array;
    ///
    /// // Two groups of real samples; what is generated lies in one of them.
    /// let real = array![[0.0], [0.1], [9.0], [9.1]];
    /// let found = Neighbourhoods::new(real.view(), 1)?.of_generated(array![[0.05], [0.03]].view())?;
    /// assert_eq!((found.density.value, found.coverage.value), (2.0, 0.5));
    /// # Ok::<(), metrics::samples::SampleError>(())
    /// ```
    pub fn of_generated(&self, generated: ArrayView2<'_, f64>) -> Result<DensityCoverage, SampleError> {
        let (expected, found) = (self.samples.ncols(), generated.ncols());
        if expected != found {
            return Err(SampleError::Dimensions { expected, found });
        }
        Points::check(generated, 1)?;
        let generated = &generated - &self.mean;
        let squares = |samples: ArrayView2<'_, f64>| -> Vec<f64> {
            samples.axis_iter(Axis(0)).map(|sample| sample.dot(&sample)).collect()
        };
        let of_generated = squares(generated.view());
        let of_real = squares(self.samples.view());
        // Of each block of real samples: how many balls each generated one lies in, and which balls hold one.
        let blocks: Vec<(Vec<u32>, Vec<bool>)> = self
            .samples
            .axis_chunks_iter(Axis(0), BLOCK)
            .into_par_iter()
            .enumerate()
            .map(|(block, real)| {
                let products = real.dot(&generated.t());
                let mut inside = vec![0; generated.nrows()];
                let mut covered = vec![false; real.nrows()];
                for (row, products) in products.axis_iter(Axis(0)).enumerate() {
                    let i = block * BLOCK + row;
                    // |x - y|² < r²
                    let limit = self.squared_radii[i] - of_real[i];
                    for ((product, square), inside) in products.iter().zip(&of_generated).zip(&mut inside) {
                        let is_inside = square - 2.0 * product < limit;
                        *inside += u32::from(is_inside);
                        covered[row] |= is_inside;
                    }
                }
                (inside, covered)
            })
            .collect();
        let inside = |j: usize| blocks.iter().map(|(inside, _)| inside[j]).sum::<u32>();
        let densities = (0..generated.nrows()).map(|j| f64::from(inside(j)) / self.neighbours as f64);
        let covered =
            blocks.iter().flat_map(|(_, covered)| covered).map(|covered| f64::from(u8::from(*covered)));
        Ok(DensityCoverage { density: Estimate::of_mean(densities), coverage: Estimate::of_mean(covered) })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::samples::draws::Draws;

    /// The squares of coordinates far from 0 do not have the digits of the distances.
    #[test]
    fn samples_far_from_the_origin_are_as_near_to_each_other() {
        for shift in [0.0, 1e7, 1e8, -1e10, 1e12] {
            let real = array![[0.0], [0.125], [9.0], [9.125]] + shift;
            let generated = array![[0.0625], [0.03125]] + shift;
            let found = Neighbourhoods::new(real.view(), 1).unwrap().of_generated(generated.view()).unwrap();
            assert_eq!((found.density.value, found.coverage.value), (2.0, 0.5), "{shift}");
        }
    }

    fn measured(mean: f64, sd: f64) -> DensityCoverage {
        let mut draws = Draws::seeded(1);
        let real = draws.normals((1500, 5), 0.0, 1.0);
        let generated = draws.normals((1500, 5), mean, sd);
        Neighbourhoods::new(real.view(), 5).unwrap().of_generated(generated.view()).unwrap()
    }

    #[test]
    fn samples_of_the_same_distribution_come_to_what_is_expected() {
        let DensityCoverage { density, coverage } = measured(0.0, 1.0);
        // 1, and 1 - prod_{i<k} (M - i) / (M + N - i), which is 1 - 2^-5 but for a thousandth. The errors are those given the other
        // side, so twice as many of them.
        assert!((density.value - 1.0).abs() < 10.0 * density.standard_error, "{density:?}");
        let expected = 1.0 - 0.5f64.powi(5);
        assert!((coverage.value - expected).abs() < 10.0 * coverage.standard_error, "{coverage:?}");
        assert!(density.standard_error < 0.05 && coverage.standard_error < 0.01);
    }

    #[test]
    fn samples_beside_the_real_ones_have_no_density_and_crowded_ones_no_coverage() {
        let beside = measured(6.0, 1.0);
        assert!(beside.density.value < 0.01 && beside.coverage.value < 0.01, "{beside:?}");
        let crowded = measured(0.0, 0.1);
        assert!(crowded.density.value > 1.0 && crowded.coverage.value < 0.6, "{crowded:?}");
    }

    #[test]
    fn the_products_of_blocks_find_what_the_definition_finds() {
        let mut draws = Draws::seeded(3);
        let (real, generated) = (draws.normals((BLOCK + 40, 2), 0.0, 1.0), draws.normals((70, 2), 0.5, 1.0));
        let balls = Neighbourhoods::new(real.view(), 3).unwrap();
        let distance = |i: usize, y: ndarray::ArrayView1<'_, f64>| (&real.row(i) - &y).mapv(|d| d * d).sum();
        let radius = |i: usize| {
            let mut all: Vec<f64> =
                (0..real.nrows()).filter(|j| *j != i).map(|j| distance(i, real.row(j))).collect();
            all.sort_by(f64::total_cmp);
            all[2]
        };
        let inside = |i: usize, j: usize| distance(i, generated.row(j)) < radius(i);
        let counts: usize = (0..real.nrows()).map(|i| (0..70).filter(|j| inside(i, *j)).count()).sum();
        let covered = (0..real.nrows()).filter(|i| (0..70).any(|j| inside(*i, j))).count();
        let found = balls.of_generated(generated.view()).unwrap();
        assert!((found.density.value - counts as f64 / 210.0).abs() < 1e-12, "{found:?}");
        assert!((found.coverage.value - covered as f64 / real.nrows() as f64).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn too_few_samples_are_refused() {
        let real = ndarray::Array2::zeros((5, 1));
        let error = Neighbourhoods::new(real.view(), 5).unwrap_err();
        assert_eq!(error, SampleError::TooFew { needed: 6, found: 5 });
    }
}
