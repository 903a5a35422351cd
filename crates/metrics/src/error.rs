//! What can be wrong with the numbers that a divergence is asked of.

use std::fmt;

use thiserror::Error;

use crate::readable::Readable;

/// The argument that an error speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Argument {
    /// The first distribution, `p`.
    P,
    /// The second distribution, `q`: the reference, where the divergence has a direction.
    Q,
    /// The weights of a mixture.
    Weights,
    /// The table of a joint distribution, counted row by row.
    Joint,
    /// The distribution at this position of a list.
    Distribution(usize),
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::P => f.write_str("p"),
            Self::Q => f.write_str("q"),
            Self::Weights => f.write_str("weights"),
            Self::Joint => f.write_str("joint"),
            Self::Distribution(index) => write!(f, "distributions[{index}]"),
        }
    }
}

/// Why a divergence of discrete distributions has no value.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum DivergenceError {
    /// An argument has no entries, and no distribution has none.
    #[error("{argument} is empty: a distribution has at least one probability")]
    Empty {
        /// The empty argument.
        argument: Argument,
    },
    /// Two arguments that have to pair up, entry by entry, have different lengths.
    #[error("{argument} has {found} entries where {expected} are needed: one for each of the same outcomes")]
    LengthMismatch {
        /// The argument of the wrong length.
        argument: Argument,
        /// The length of what it is paired with.
        expected: usize,
        /// Its own length.
        found: usize,
    },
    /// An entry is below zero.
    #[error("{argument}[{index}] is {}: a probability is at least 0", Readable(*value))]
    Negative {
        /// The argument that holds the entry.
        argument: Argument,
        /// The position of the entry, from 0.
        index: usize,
        /// The entry.
        value: f64,
    },
    /// An entry is NaN.
    #[error("{argument}[{index}] is NaN: a probability is a number from 0 to 1")]
    NotANumber {
        /// The argument that holds the entry.
        argument: Argument,
        /// The position of the entry, from 0.
        index: usize,
    },
    /// An entry is infinite.
    #[error("{argument}[{index}] is infinite: a probability is a number from 0 to 1")]
    Infinite {
        /// The argument that holds the entry.
        argument: Argument,
        /// The position of the entry, from 0.
        index: usize,
    },
    /// The entries of an argument do not add up to 1.
    #[error(
        "{argument} sums to {}, which is not 1 within {}: normalise it first if it holds weights or counts",
        Readable(*sum), Readable(*tolerance)
    )]
    SumNotOne {
        /// The argument.
        argument: Argument,
        /// What its entries sum to.
        sum: f64,
        /// How far from 1 the sum may lie.
        tolerance: f64,
    },
    /// Weights whose sum is zero or overflows cannot be normalised.
    #[error("{argument} sums to {}: only weights with a positive, finite sum can be normalised", Readable(*sum))]
    NotNormalizable {
        /// The argument.
        argument: Argument,
        /// What its entries sum to.
        sum: f64,
    },
    /// The order of a Rényi or Tsallis divergence is negative or NaN, or infinite where that has no limit.
    #[error("the order is {}: it has to be {expected}", Readable(*alpha))]
    InvalidOrder {
        /// The order asked for.
        alpha: f64,
        /// The orders that have a value.
        expected: &'static str,
    },
    /// The base of a logarithm is not a finite number above 1.
    #[error("the base is {}: a base of logarithms is a finite number above 1", Readable(*base))]
    InvalidBase {
        /// The base asked for.
        base: f64,
    },
    /// A text names no base.
    #[error("'{text}' is no base: use nats, bits, or a number above 1")]
    UnknownBase {
        /// The text.
        text: String,
    },
    /// What is wrong with one lane of a call along an axis.
    #[error("lane {lane}")]
    Lane {
        /// The position of the lane, in the order in which the result is laid out.
        lane: usize,
        /// What was wrong with it.
        source: Box<DivergenceError>,
    },
    /// What is wrong with one pair of rows.
    #[error("row {p} of p with row {q} of q")]
    Pair {
        /// The row of `p`, from 0.
        p: usize,
        /// The row of `q`, from 0.
        q: usize,
        /// What was wrong with them.
        source: Box<DivergenceError>,
    },
    /// Two arrays have different shapes.
    #[error("p has the shape {p:?} and q {q:?}: they have to be the same")]
    ShapeMismatch {
        /// The shape of `p`.
        p: Vec<usize>,
        /// The shape of `q`.
        q: Vec<usize>,
    },
    /// An array lacks the axis asked for.
    #[error("axis {axis} of an array with {dimensions} dimensions: they count from 0")]
    NoAxis {
        /// The axis asked for.
        axis: usize,
        /// How many there are.
        dimensions: usize,
    },
}
