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

/// The share of `queries` whose class is that of most of their nearest neighbours in `reference`, by Euclidean distance.
///
/// Among classes with as many neighbours the smallest number wins, as in scikit-learn. Among samples at the same distance
/// it is not said which are neighbours, but it is always the same ones.
///
/// # Errors
///
/// [`SampleError`] if there are fewer reference samples than neighbours, no queries, dimensions that differ or none, a
/// coordinate that is not finite, not one label for each sample, or if `neighbours` is 0.
///
/// # Source
///
/// Cover and Hart, *Nearest Neighbor Pattern Classification*, IEEE Trans. Inf. Theory 13 (1967).
///
/// ```
/// use metrics::samples::classification::{Labelled, nearest_neighbour_accuracy};
/// use ndarray::array;
///
/// let samples = array![[0.0], [0.1], [5.0], [5.1]];
/// let reference = Labelled { samples: samples.view(), labels: &[3, 3, 7, 7] };
/// let samples = array![[-1.0], [6.0], [0.2]];
/// let queries = Labelled { samples: samples.view(), labels: &[3, 7, 7] };
/// assert_eq!(nearest_neighbour_accuracy(reference, queries, 1)?, 2.0 / 3.0);
/// # Ok::<(), metrics::samples::SampleError>(())
/// ```
pub fn nearest_neighbour_accuracy(
    reference: Labelled<'_>,
    queries: Labelled<'_>,
    neighbours: usize,
) -> Result<f64, SampleError> {
    if neighbours == 0 {
        return Err(SampleError::NoNeighbours);
    }
    let (expected, found) = (reference.samples.ncols(), queries.samples.ncols());
    if expected != found {
        return Err(SampleError::Dimensions { expected, found });
    }
    for (samples, labels) in
        [(reference.samples.nrows(), reference.labels.len()), (queries.samples.nrows(), queries.labels.len())]
    {
        if samples != labels {
            return Err(SampleError::Labels { samples, labels });
        }
    }
    let tree = Tree::<Euclidean>::new(&Points::new(reference.samples, neighbours)?);
    Points::check(queries.samples, 1)?;
    let count = queries.labels.len();
    let right = (0..count)
        .into_par_iter()
        .filter(|&i| {
            let nearest = tree.nearest(&queries.samples.row(i).to_vec(), neighbours);
            most_frequent(nearest.into_iter().map(|sample| reference.labels[sample])) == queries.labels[i]
        })
        .count();
    Ok(right as f64 / count as f64)
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
    use ndarray::{Array2, Axis, array};

    use super::*;
    use crate::samples::draws::Draws;

    /// By looking at every sample.
    fn plain(reference: Labelled<'_>, queries: Labelled<'_>, neighbours: usize) -> f64 {
        let right = queries.samples.axis_iter(Axis(0)).zip(queries.labels).filter(|(query, label)| {
            let squared_distance = |i: usize| -> f64 {
                reference.samples.row(i).iter().zip(query).map(|(x, y)| (x - y).powi(2)).sum()
            };
            let mut all: Vec<usize> = (0..reference.labels.len()).collect();
            all.sort_by(|a, b| squared_distance(*a).total_cmp(&squared_distance(*b)));
            most_frequent(all[..neighbours].iter().map(|i| reference.labels[*i])) == **label
        });
        right.count() as f64 / queries.labels.len() as f64
    }

    #[test]
    fn the_search_finds_what_looking_at_every_sample_finds() {
        for (dimensions, neighbours) in [(1, 1), (2, 10), (3, 2), (19, 5)] {
            let mut draws = Draws::seeded(dimensions as u64);
            let reference = draws.normals((700, dimensions), 0.0, 1.0);
            let queries = draws.normals((90, dimensions), 0.2, 1.5);
            let class = |samples: &Array2<f64>| -> Vec<u8> {
                samples.column(0).iter().map(|x| (x * 20.0 + 128.0) as u8).collect()
            };
            let (of_reference, of_queries) = (class(&reference), class(&queries));
            let reference = Labelled { samples: reference.view(), labels: &of_reference };
            let queries = Labelled { samples: queries.view(), labels: &of_queries };
            let found = nearest_neighbour_accuracy(reference, queries, neighbours).unwrap();
            assert_eq!(found, plain(reference, queries, neighbours), "{dimensions} dimensions");
            assert!(found > 0.0 && found < 1.0, "{found}: the test tells right from wrong");
        }
    }

    #[test]
    fn samples_that_all_coincide_are_found_at_once() {
        let (samples, labels) = (Array2::zeros((100_000, 2)), vec![4; 100_000]);
        let all = Labelled { samples: samples.view(), labels: &labels };
        assert_eq!(nearest_neighbour_accuracy(all, all, 10).unwrap(), 1.0);
    }

    #[test]
    fn the_smallest_class_wins_a_tie() {
        let samples = array![[1.0], [-1.1], [3.0], [-3.0]];
        let reference = Labelled { samples: samples.view(), labels: &[9, 5, 5, 9] };
        let query = Array2::zeros((1, 1));
        let accuracy = |label| {
            nearest_neighbour_accuracy(reference, Labelled { samples: query.view(), labels: &[label] }, 4)
        };
        assert_eq!((accuracy(5), accuracy(9)), (Ok(1.0), Ok(0.0)));
    }

    #[test]
    fn bad_samples_are_refused() {
        let (two, wide, nan) = (Array2::zeros((2, 1)), Array2::zeros((2, 3)), array![[0.0], [f64::NAN]]);
        let refused = |reference: Labelled<'_>, queries: Labelled<'_>, neighbours| {
            nearest_neighbour_accuracy(reference, queries, neighbours).unwrap_err()
        };
        let good = Labelled { samples: two.view(), labels: &[0, 1] };
        assert_eq!(refused(good, good, 0), SampleError::NoNeighbours);
        assert_eq!(refused(good, good, 3), SampleError::TooFew { needed: 3, found: 2 });
        let error = SampleError::Dimensions { expected: 1, found: 3 };
        assert_eq!(refused(good, Labelled { samples: wide.view(), ..good }, 1), error);
        let error = SampleError::Labels { samples: 2, labels: 1 };
        assert_eq!(refused(good, Labelled { labels: &[0], ..good }, 1), error);
        assert!(matches!(
            refused(good, Labelled { samples: nan.view(), ..good }, 1),
            SampleError::NotFinite { .. }
        ));
    }
}
