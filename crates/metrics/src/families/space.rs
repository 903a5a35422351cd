//! What a family is a distribution over.

use std::fmt;

/// A space of outcomes. Distributions over different ones have no divergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Space {
    /// Whole numbers from 0.
    Counts,
    /// Real numbers, or a part of them.
    Line,
    /// Angles.
    Circle,
    /// Vectors of non-negative numbers that sum to 1.
    Simplex,
    /// Vectors of real numbers.
    Vectors,
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counts => "counts",
            Self::Line => "real numbers",
            Self::Circle => "the circle",
            Self::Simplex => "the simplex",
            Self::Vectors => "vectors",
        })
    }
}
