//! How well classes can be told apart by where their samples lie.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::error::SampleError;
use super::estimate::variance;
use super::points::Points;

/// Coordinates whose squared differences are added before it is seen whether a sample is still near enough.
const BLOCK: usize = 8;

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
    let points = Points::new(reference.samples, neighbours)?;
    Points::check(queries, 1)?;
    let search = Search::new(&points, reference.labels);
    let classify = |i: usize| {
        let query: Vec<f64> = search.order.iter().map(|&d| queries[[i, d]]).collect();
        search.classify(&query, neighbours)
    };
    Ok((0..queries.nrows()).into_par_iter().map(classify).collect())
}

impl Labelled<'_> {
    pub(super) fn check(&self) -> Result<(), SampleError> {
        let (samples, labels) = (self.samples.nrows(), self.labels.len());
        if samples == labels { Ok(()) } else { Err(SampleError::Labels { samples, labels }) }
    }
}

/// Samples sorted by the dimension in which they are spread most.
///
/// From a query's place the search goes outwards and ends where that dimension alone is farther than the neighbours found
/// so far: of 60,000 samples in two dimensions it looks at some hundred.
struct Search {
    /// The dimensions, the widest first.
    order: Vec<usize>,
    /// The samples with their coordinates in that order, sorted by the first.
    coordinates: Vec<f64>,
    labels: Vec<u8>,
}

/// A sample that is among the nearest so far.
#[derive(Clone, Copy)]
struct Neighbour {
    squared_distance: f64,
    label: u8,
}

impl Search {
    fn new(points: &Points, labels: &[u8]) -> Self {
        let spread: Vec<f64> = (0..points.dimensions()).map(|d| variance(points.column(d))).collect();
        let mut order: Vec<usize> = (0..points.dimensions()).collect();
        order.sort_by(|&a, &b| spread[b].total_cmp(&spread[a]));
        let widest = points.column(order[0]);
        let mut sorted: Vec<usize> = (0..points.len()).collect();
        sorted.sort_by(|&a, &b| widest[a].total_cmp(&widest[b]));
        Self {
            coordinates: sorted
                .iter()
                .flat_map(|&i| order.iter().map(move |&d| points.column(d)[i]))
                .collect(),
            labels: sorted.iter().map(|&i| labels[i]).collect(),
            order,
        }
    }

    fn sample(&self, i: usize) -> &[f64] {
        let dimensions = self.order.len();
        &self.coordinates[i * dimensions..(i + 1) * dimensions]
    }

    fn classify(&self, query: &[f64], neighbours: usize) -> u8 {
        let far = Neighbour { squared_distance: f64::INFINITY, label: 0 };
        let mut nearest = vec![far; neighbours];
        let count = self.labels.len();
        let (mut above, mut below) = (self.place(query[0]), self.place(query[0]));
        loop {
            let gap = |i: usize| (self.sample(i)[0] - query[0]).powi(2);
            let gap_above = if above < count { gap(above) } else { f64::INFINITY };
            let gap_below = if below > 0 { gap(below - 1) } else { f64::INFINITY };
            let limit = nearest[neighbours - 1].squared_distance;
            if gap_above.min(gap_below) >= limit {
                break;
            }
            let i = if gap_above <= gap_below {
                above += 1;
                above - 1
            } else {
                below -= 1;
                below
            };
            if let Some(squared_distance) = squared_distance_below(limit, self.sample(i), query) {
                let position = nearest.partition_point(|other| other.squared_distance <= squared_distance);
                nearest[position..].rotate_right(1);
                nearest[position] = Neighbour { squared_distance, label: self.labels[i] };
            }
        }
        most_frequent(&nearest)
    }

    /// The first sample that is not below `x` in the widest dimension.
    fn place(&self, x: f64) -> usize {
        let (mut low, mut high) = (0, self.labels.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.sample(middle)[0] < x { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// The squared distance, or nothing as soon as it is seen not to be below the limit.
fn squared_distance_below(limit: f64, x: &[f64], y: &[f64]) -> Option<f64> {
    let mut sum = 0.0;
    for (x, y) in x.chunks(BLOCK).zip(y.chunks(BLOCK)) {
        sum += x.iter().zip(y).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
        if sum >= limit {
            return None;
        }
    }
    Some(sum)
}

fn most_frequent(neighbours: &[Neighbour]) -> u8 {
    let mut votes = [0_u32; 256];
    for neighbour in neighbours {
        votes[usize::from(neighbour.label)] += 1;
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
            let mut all: Vec<Neighbour> = reference
                .samples
                .axis_iter(Axis(0))
                .zip(reference.labels)
                .map(|(sample, &label)| Neighbour {
                    squared_distance: sample.iter().zip(query).map(|(x, y)| (x - y).powi(2)).sum(),
                    label,
                })
                .collect();
            all.sort_by(|a, b| a.squared_distance.total_cmp(&b.squared_distance));
            most_frequent(&all[..neighbours])
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
