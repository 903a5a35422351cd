//! What can be wrong with samples.

use thiserror::Error;

use crate::readable::Readable;

/// Why an estimate from samples has no value.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SampleError {
    /// There are fewer samples than the estimator needs.
    #[error("{found} samples where at least {needed} are needed")]
    TooFew {
        /// How many would do.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// The samples have no dimensions.
    #[error("samples without a dimension: an array of samples has a column for each")]
    NoDimensions,
    /// Two sets of samples lie in different spaces.
    #[error("samples in {found} dimensions cannot be held against samples in {expected}")]
    Dimensions {
        /// The dimensions of the first set.
        expected: usize,
        /// The dimensions of the second.
        found: usize,
    },
    /// A coordinate is NaN or infinite.
    #[error(
        "sample {sample} has the coordinate {value} in dimension {dimension}: coordinates are finite numbers"
    )]
    NotFinite {
        /// The row of the sample, from 0.
        sample: usize,
        /// The column of the coordinate, from 0.
        dimension: usize,
        /// The coordinate.
        value: f64,
    },
    /// The reference has as many samples at one point as neighbours are looked at, so that it has no density there.
    #[error(
        "sample {sample} coincides with as many reference samples as neighbours are asked for: ask for more"
    )]
    Tied {
        /// The row of the sample, from 0.
        sample: usize,
    },
    /// There is not one label for each sample.
    #[error("{labels} labels for {samples} samples: every sample has one label")]
    Labels {
        /// How many samples there are.
        samples: usize,
        /// How many labels there are.
        labels: usize,
    },
    /// All samples are of one class.
    #[error("all samples are of class {class}: there is nothing to tell apart")]
    OneClass {
        /// That class.
        class: u8,
    },
    /// Two variables do not have as many samples each.
    #[error("{y} samples of y for {x} of x: the samples of two variables come in pairs")]
    Unpaired {
        /// How many samples of x there are.
        x: usize,
        /// How many samples of y there are.
        y: usize,
    },
    /// Posteriors do not have as many log-variances as means.
    #[error(
        "means of shape {means:?} and log-variances of shape {log_vars:?}: every mean has a log-variance"
    )]
    Posteriors {
        /// Rows and columns of the means.
        means: (usize, usize),
        /// Those of the log-variances.
        log_vars: (usize, usize),
    },
    /// The number of random deals is zero.
    #[error("0 permutations: a p-value is a share of random deals")]
    NoPermutations,
    /// The statistic of a permutation test is NaN, which is neither more nor less than another.
    #[error("the statistic of some deal of the samples is NaN: a p-value needs numbers that can be compared")]
    StatisticIsNan,
    /// There are fewer directions than a standard error needs.
    #[error("{directions} directions where at least 2 are needed")]
    TooFewDirections {
        /// The number asked for.
        directions: usize,
    },
    /// A list of bandwidths is empty.
    #[error("no bandwidth: a kernel has at least one")]
    NoBandwidth,
    /// The number of neighbours is zero.
    #[error("0 neighbours: the estimator looks at the distance to the first or a later one")]
    NoNeighbours,
    /// The width of a kernel is not a positive, finite number.
    #[error("the bandwidth is {}: it has to be a positive, finite number", Readable(*bandwidth))]
    InvalidBandwidth {
        /// The width asked for.
        bandwidth: f64,
    },
    /// A sample lies so many bandwidths away that the number has no `f64`.
    #[error("the samples reach beyond 1e308 bandwidths: bring the bandwidth to the scale of the samples")]
    BandwidthTooSmall,
    /// The edges of a grid are not in order, or not at a finite distance.
    #[error(
        "a grid from {} to {}: the edges have to be finite and in order, and their distance finite",
        Readable(*low), Readable(*high)
    )]
    InvalidEdges {
        /// Lower edge.
        low: f64,
        /// Upper edge.
        high: f64,
    },
    /// A grid has fewer than two bins.
    #[error("{bins} bins: a grid has an open bin at each end")]
    TooFewBins {
        /// The number asked for.
        bins: usize,
    },
    /// A grid has more cells than can be counted.
    #[error("{bins} bins on each of {dimensions} axes: more than {most} cells")]
    TooManyCells {
        /// Bins on each axis.
        bins: usize,
        /// The number of axes.
        dimensions: usize,
        /// The most cells that a grid may have.
        most: usize,
    },
}
