//! Sums over all pairs of samples, in memory that grows with the samples and not with the pairs.
//!
//! A pair counts for both of its samples and is looked at once. Rows of samples are taken in stripes, a fixed number of
//! stripes at a time, and put together in order: the number of threads changes no bit.

use kernels::{Vectorized, vectorized};
use rayon::prelude::*;

use super::points::Points;

/// Samples whose distances from one are computed together: few enough for the first-level cache.
pub(super) const BLOCK: usize = 512;
/// Samples whose pairs one task of a thread pool takes.
const STRIPE: usize = 128;
/// Stripes whose sums are kept until they are added up.
const ROUND: usize = 16;
/// Partial sums, so that additions do not wait for each other.
const LANES: usize = 16;

/// What a pair adds to the sums of either of its samples.
pub(super) trait Terms<const N: usize>: Sync {
    /// The terms of sample `i` with the samples from `first` on, from their squared distances. To be inlined always.
    fn of(&self, i: usize, first: usize, squared_distances: &[f64], values: &mut [[f64; BLOCK]; N]);
}

/// For each sample the sums over all other samples.
pub(super) fn within<const N: usize>(points: &Points, terms: &impl Terms<N>) -> Sums<N> {
    let mut sums = Sums::zeros(points.len());
    for round in rounds(points.len()) {
        let stripes: Vec<_> = round
            .into_par_iter()
            .map(|start| {
                let end = points.len().min(start + STRIPE);
                let stripe = |columns, both| {
                    vectorized(Stripe { x: points, y: points, terms, rows: start..end, columns, both })
                };
                // Among themselves the samples of a stripe see every pair from both sides.
                let [mut rows, _] = stripe(start..end, false);
                let [beyond, columns] = stripe(end..points.len(), true);
                rows.add(0, &beyond);
                (start, rows, columns)
            })
            .collect();
        for (start, rows, columns) in stripes {
            sums.add(start, &rows);
            sums.add(points.len().min(start + STRIPE), &columns);
        }
    }
    sums
}

/// For each sample of `x` the sum over those of `y`, and for each of `y` that over those of `x`.
pub(super) fn across<const N: usize>(x: &Points, y: &Points, terms: &impl Terms<N>) -> [Sums<N>; 2] {
    let mut sums = [x, y].map(|points| Sums::zeros(points.len()));
    for round in rounds(x.len()) {
        let stripes: Vec<_> = round
            .into_par_iter()
            .map(|start| {
                let rows = start..x.len().min(start + STRIPE);
                (start, vectorized(Stripe { x, y, terms, rows, columns: 0..y.len(), both: true }))
            })
            .collect();
        for (start, [rows, columns]) in stripes {
            sums[0].add(start, &rows);
            sums[1].add(0, &columns);
        }
    }
    sums
}

/// The first samples of the stripes of each round.
fn rounds(samples: usize) -> impl Iterator<Item = Vec<usize>> {
    let starts: Vec<usize> = (0..samples).step_by(STRIPE).collect();
    (0..starts.len().div_ceil(ROUND))
        .map(move |round| starts[round * ROUND..starts.len().min((round + 1) * ROUND)].to_vec())
}

/// A sum of each term for each sample.
pub(super) struct Sums<const N: usize>(pub(super) [Vec<f64>; N]);

impl<const N: usize> Sums<N> {
    fn zeros(samples: usize) -> Self {
        Self(std::array::from_fn(|_| vec![0.0; samples]))
    }

    /// Adds the sums of the samples from `first` on.
    fn add(&mut self, first: usize, part: &Self) {
        for (sums, part) in self.0.iter_mut().zip(&part.0) {
            sums[first..].iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
    }
}

/// The pairs of some samples of `x` with some of `y`.
struct Stripe<'a, const N: usize, T: Terms<N>> {
    x: &'a Points,
    y: &'a Points,
    terms: &'a T,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    /// Whether a pair counts for its sample of `y` too. If not, the samples are the same ones, and no pair with themselves.
    both: bool,
}

impl<const N: usize, T: Terms<N>> Stripe<'_, N, T> {
    #[inline(always)]
    fn squared_distances(&self, i: usize, first: usize, length: usize) -> [f64; BLOCK] {
        let mut squared = [0.0; BLOCK];
        for dimension in 0..self.x.dimensions() {
            let origin = self.x.column(dimension)[i];
            let column = &self.y.column(dimension)[first..first + length];
            for (sum, value) in squared.iter_mut().zip(column) {
                let difference = value - origin;
                *sum += difference * difference;
            }
        }
        squared
    }
}

impl<const N: usize, T: Terms<N>> Vectorized for Stripe<'_, N, T> {
    type Output = [Sums<N>; 2];

    #[inline(always)]
    fn run(self) -> [Sums<N>; 2] {
        let mut rows = Sums::zeros(self.rows.len());
        let mut columns = Sums::zeros(self.columns.len());
        let mut values = [[0.0; BLOCK]; N];
        for first in self.columns.clone().step_by(BLOCK) {
            let length = BLOCK.min(self.columns.end - first);
            for i in self.rows.clone() {
                let squared = self.squared_distances(i, first, length);
                self.terms.of(i, first, &squared[..length], &mut values);
                if !self.both && (first..first + length).contains(&i) {
                    values.iter_mut().for_each(|values| values[i - first] = 0.0);
                }
                for n in 0..N {
                    let values = &values[n][..length];
                    rows.0[n][i - self.rows.start] += sum(values);
                    if self.both {
                        let start = first - self.columns.start;
                        let column_sums = &mut columns.0[n][start..start + length];
                        column_sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                    }
                }
            }
        }
        [rows, columns]
    }
}

#[inline(always)]
fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let chunks = values.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    lanes.iter().chain(rest).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::draws::Draws;

    struct Distance;

    impl Terms<2> for Distance {
        #[inline(always)]
        fn of(&self, i: usize, first: usize, squared: &[f64], values: &mut [[f64; BLOCK]; 2]) {
            for (j, squared) in squared.iter().enumerate() {
                values[0][j] = squared.sqrt();
                values[1][j] = *squared + (i + first + j) as f64;
            }
        }
    }

    /// Around the stripes, the rounds and the blocks.
    const COUNTS: [usize; 4] = [2, STRIPE + 1, BLOCK + 3, STRIPE * ROUND + 70];

    fn points(count: usize) -> Points {
        Points::new(Draws::seeded(count as u64).normals((count, 2), 0.0, 1.0).view(), 1).unwrap()
    }

    fn squared(x: &Points, i: usize, y: &Points, j: usize) -> f64 {
        x.sample(i).zip(y.sample(j)).map(|(x, y)| (x - y) * (x - y)).sum()
    }

    fn assert_close(found: &[Vec<f64>; 2], expected: impl Fn(usize) -> [f64; 2]) {
        for i in (0..found[0].len()).step_by(37) {
            let expected = expected(i);
            for n in 0..2 {
                let (found, expected) = (found[n][i], expected[n]);
                assert!((found - expected).abs() < 1e-12 * expected, "{i}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn every_pair_counts_once_for_both() {
        for count in COUNTS {
            let x = points(count);
            assert_close(&within(&x, &Distance).0, |i| {
                let others = (0..count).filter(|j| *j != i);
                others.fold([0.0, 0.0], |[a, b], j| {
                    let squared = squared(&x, i, &x, j);
                    [a + squared.sqrt(), b + squared + (i + j) as f64]
                })
            });
            let y = points(77);
            let [of_x, of_y] = across(&x, &y, &Distance);
            let pair = |[a, b]: [f64; 2], i, j| {
                let squared = squared(&x, i, &y, j);
                [a + squared.sqrt(), b + squared + (i + j) as f64]
            };
            assert_close(&of_x.0, |i| (0..77).fold([0.0, 0.0], |sums, j| pair(sums, i, j)));
            assert_close(&of_y.0, |j| (0..count).fold([0.0, 0.0], |sums, i| pair(sums, i, j)));
        }
    }
}
