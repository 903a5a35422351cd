//! How well classes can be told apart by where their samples lie.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::error::SampleError;
use super::points::Points;
use super::tree::{Euclidean, Tree};

/// Samples with a class each.
#[derive(Debug, Clone, Copy)]
pub struct Labelled<'a> {
    /// `[samples, dimensions]`.
    pub samples: ArrayView2<'a, f64>,
    /// The class of each sample.
    pub labels: &'a [u8],
}

/// The class of most of the nearest neighbours of each query in `reference`, by Euclidean distance.
///
/// Among classes with as many neighbours the smallest number wins, as in scikit-learn. Among samples at the same distance
/// it is not said which are neighbours, but it is always the same ones.
///
/// # Errors
///
/// [`SampleError`] if there are fewer reference samples than neighbours, no queries, dimensions that differ or none, a
/// coordinate that is not finite, not one label for each reference sample, or if `neighbours` is 0.
///
/// # Source
///
/// Cover and Hart, *Nearest Neighbor Pattern Classification*, IEEE Trans. Inf. Theory 13 (1967).
///
/// ```
/// use metrics::samples::classification::{Labelled, nearest_neighbour_classes};
/// use ndarray::array;
///
/// let samples = array![[0.0], [0.1], [5.0], [5.1]];
/// let reference = Labelled { samples: samples.view(), labels: &[3, 3, 7, 7] };
/// let queries = array![[-1.0], [6.0], [0.2]];
/// assert_eq!(nearest_neighbour_classes(reference, queries.view(), 1)?, [3, 7, 3]);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn nearest_neighbour_classes(
    reference: Labelled<'_>,
    queries: ArrayView2<'_, f64>,
    neighbours: usize,
) -> Result<Vec<u8>, SampleError> {
    if neighbours == 0 {
        return Err(SampleError::NoNeighbours);
    }
    reference.check()?;
    let (expected, found) = (reference.samples.ncols(), queries.ncols());
    if expected != found {
        return Err(SampleError::Dimensions { expected, found });
    }
    let tree = Tree::<Euclidean>::new(&Points::new(reference.samples, neighbours)?);
    Points::check(queries, 1)?;
    let classify = |i: usize| {
        let nearest = tree.nearest(&queries.row(i).to_vec(), neighbours);
        most_frequent(nearest.into_iter().map(|sample| reference.labels[sample]))
    };
    Ok((0..queries.nrows()).into_par_iter().map(classify).collect())
}

impl Labelled<'_> {
    pub(super) fn check(&self) -> Result<(), SampleError> {
        let (samples, labels) = (self.samples.nrows(), self.labels.len());
        if samples == labels { Ok(()) } else { Err(SampleError::Labels { samples, labels }) }
    }
}

fn most_frequent(classes: impl Iterator<Item = u8>) -> u8 {
    let mut votes = [0_u32; 256];
    for class in classes {
        votes[usize::from(class)] += 1;
    }
    let most = votes.iter().max().expect("there are 256");
    let class = votes.iter().position(|votes| votes == most).expect("the greatest is one of them");
    u8::try_from(class).expect("there are 256")
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayView1, Axis, array};

    use super::*;
    use crate::samples::draws::Draws;

    /// By looking at every sample.
    fn plain(reference: Labelled<'_>, queries: &Array2<f64>, neighbours: usize) -> Vec<u8> {
        let class = |query: ArrayView1<'_, f64>| {
            let squared_distance = |i: usize| -> f64 {
                reference.samples.row(i).iter().zip(query).map(|(x, y)| (x - y).powi(2)).sum()
            };
            let mut all: Vec<usize> = (0..reference.labels.len()).collect();
            all.sort_by(|a, b| squared_distance(*a).total_cmp(&squared_distance(*b)));
            most_frequent(all[..neighbours].iter().map(|i| reference.labels[*i]))
        };
        queries.axis_iter(Axis(0)).map(class).collect()
    }

    #[test]
    fn the_search_finds_what_looking_at_every_sample_finds() {
        for (dimensions, neighbours) in [(1, 1), (2, 10), (3, 2), (19, 5)] {
            let mut draws = Draws::seeded(dimensions as u64);
            let samples = draws.normals((700, dimensions), 0.0, 1.0);
            let queries = draws.normals((90, dimensions), 0.2, 1.5);
            let labels: Vec<u8> = samples.column(0).iter().map(|x| (x * 20.0 + 128.0) as u8).collect();
            let reference = Labelled { samples: samples.view(), labels: &labels };
            let found = nearest_neighbour_classes(reference, queries.view(), neighbours).unwrap();
            assert_eq!(found, plain(reference, &queries, neighbours), "{dimensions} dimensions");
        }
    }

    #[test]
    fn samples_that_all_coincide_are_found_at_once() {
        let (samples, labels) = (Array2::zeros((100_000, 2)), vec![4; 100_000]);
        let all = Labelled { samples: samples.view(), labels: &labels };
        assert_eq!(nearest_neighbour_classes(all, samples.view(), 10).unwrap(), labels);
    }

    #[test]
    fn the_smallest_class_wins_a_tie() {
        let samples = array![[1.0], [-1.1], [3.0], [-3.0]];
        let reference = Labelled { samples: samples.view(), labels: &[9, 5, 5, 9] };
        assert_eq!(nearest_neighbour_classes(reference, Array2::zeros((1, 1)).view(), 4).unwrap(), [5]);
    }

    #[test]
    fn bad_samples_are_refused() {
        let (two, wide, nan) = (Array2::zeros((2, 1)), Array2::zeros((2, 3)), array![[0.0], [f64::NAN]]);
        let refused = |reference: Labelled<'_>, queries: &Array2<f64>, neighbours| {
            nearest_neighbour_classes(reference, queries.view(), neighbours).unwrap_err()
        };
        let good = Labelled { samples: two.view(), labels: &[0, 1] };
        assert_eq!(refused(good, &two, 0), SampleError::NoNeighbours);
        assert_eq!(refused(good, &two, 3), SampleError::TooFew { needed: 3, found: 2 });
        assert_eq!(refused(good, &wide, 1), SampleError::Dimensions { expected: 1, found: 3 });
        let error = SampleError::Labels { samples: 2, labels: 1 };
        assert_eq!(refused(Labelled { labels: &[0], ..good }, &two, 1), error);
        assert!(matches!(refused(good, &nan, 1), SampleError::NotFinite { .. }));
    }
}
