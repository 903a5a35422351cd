//! What can be wrong with a named family's parameters, or with a pair of families.

use std::fmt;

use thiserror::Error;

use super::space::Space;
use crate::readable::Readable;

/// Why a distribution could not be built, or why a pair has no divergence here.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum FamilyError {
    /// A parameter lies outside the range that its family allows.
    #[error("{family}: {parameter} is {}, and has to be {requirement}", Readable(*value))]
    Parameter {
        /// Name of the family as the parser knows it.
        family: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// The value that was given.
        value: f64,
        /// The range that would be right.
        requirement: &'static str,
    },
    /// An entry of a vector or of a matrix lies outside the range that its family allows.
    #[error("{family}: entry {index} of {parameter} is {}, and has to be {requirement}", Readable(*value))]
    Entry {
        /// Name of the family as the parser knows it.
        family: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// Position of the entry, from 0; row-major in a matrix.
        index: usize,
        /// The value that was given.
        value: f64,
        /// The range that would be right.
        requirement: &'static str,
    },
    /// The bounds of an interval are equal or the wrong way round.
    #[error(
        "uniform: low is {} and high is {}; low has to be below high, and their distance finite",
        Readable(*low), Readable(*high)
    )]
    EmptyInterval {
        /// Lower bound.
        low: f64,
        /// Upper bound.
        high: f64,
    },
    /// The probabilities of a categorical distribution, or the weights of a mixture, do not sum to 1.
    #[error("the probabilities sum to {}, and have to sum to 1 within {tolerance:e}", Readable(*sum))]
    SumNotOne {
        /// Their sum.
        sum: f64,
        /// The distance from 1 that is let pass.
        tolerance: f64,
    },
    /// A vector or a matrix has the wrong number of entries.
    #[error("{family}: {parameter} has {actual} entries, and has to have {expected}")]
    Length {
        /// Name of the family as the parser knows it.
        family: &'static str,
        /// Name of the parameter.
        parameter: &'static str,
        /// The number of entries given.
        actual: usize,
        /// The number that would be right.
        expected: Length,
    },
    /// A covariance matrix is not symmetric.
    #[error(
        "multivariate_normal: the covariance is not symmetric: entry ({row}, {column}) is {}, \
         entry ({column}, {row}) is {}", Readable(*upper), Readable(*lower)
    )]
    NotSymmetric {
        /// Row of the first entry that differs from its mirror image, from 0.
        row: usize,
        /// Its column.
        column: usize,
        /// The entry.
        upper: f64,
        /// Its mirror image.
        lower: f64,
    },
    /// A covariance matrix is not positive definite: the Cholesky factorisation met a pivot that is not positive.
    #[error(
        "multivariate_normal: the covariance is not positive definite: the Cholesky pivot of row {row} is {}, \
         and has to be above 0", Readable(*pivot)
    )]
    NotPositiveDefinite {
        /// Row of the pivot, from 0.
        row: usize,
        /// The pivot.
        pivot: f64,
    },
    /// Two distributions of one family live in spaces of different size.
    #[error("{family}: P has {p} dimensions and Q has {q}; they have to have the same number")]
    Dimensions {
        /// Name of the family as the parser knows it.
        family: &'static str,
        /// Dimensions (or outcomes) of P.
        p: usize,
        /// Dimensions (or outcomes) of Q.
        q: usize,
    },
    /// The two families have no common space: counts, the line, the circle, a simplex and vectors do not mix.
    #[error(
        "{p} is a distribution over {p_space} and {q} one over {q_space}: KL compares distributions of one space"
    )]
    Spaces {
        /// Name of P's family.
        p: &'static str,
        /// What P is a distribution over.
        p_space: Space,
        /// Name of Q's family.
        q: &'static str,
        /// What Q is a distribution over.
        q_space: Space,
    },
    /// No closed form is known for the pair.
    #[error("no closed form for KL({p} ‖ {q}) is known here; ask for it numerically")]
    NoClosedForm {
        /// Name of P's family.
        p: &'static str,
        /// Name of Q's family.
        q: &'static str,
    },
    /// The order of a Rényi divergence is not above 0 or not finite.
    #[error("the order is {}, and has to be finite and above 0", Readable(*alpha))]
    Order {
        /// The order asked for.
        alpha: f64,
    },
    /// The parameters are at the limits of `f64`: two terms of the closed form overflowed, and their difference is unknown.
    #[error(
        "KL({p} ‖ {q}) has terms beyond the range of 64-bit floats: bring the parameters to a common scale"
    )]
    OutOfRange {
        /// Name of P's family.
        p: &'static str,
        /// Name of Q's family.
        q: &'static str,
    },
    /// The text names no family.
    #[error("{}", unknown_family(name, *nearest, known))]
    UnknownFamily {
        /// The name that was given.
        name: String,
        /// The nearest known name, where one is near.
        nearest: Option<&'static str>,
        /// The names of all families.
        known: Vec<&'static str>,
    },
    /// The text does not follow `family(number, ...)`.
    #[error("'{text}' at character {position}: {problem}")]
    Syntax {
        /// The text.
        text: String,
        /// Where in it, from 1.
        position: usize,
        /// What is wrong there.
        problem: Problem,
    },
    /// The text gives a parameter under a name that the family does not have.
    #[error("{family} has no parameter '{name}'; it has {}", parameters.join(", "))]
    UnknownParameter {
        /// Name of the family.
        family: &'static str,
        /// The name that was given.
        name: String,
        /// The family's parameters, in order.
        parameters: &'static [&'static str],
    },
    /// The text gives fewer or more parameters than the family has.
    #[error(
        "{family}: the list of parameters has {actual} entries, and has to have {} ({})", parameters.len(),
        parameters.join(", ")
    )]
    ParameterCount {
        /// Name of the family.
        family: &'static str,
        /// The family's parameters, in order.
        parameters: &'static [&'static str],
        /// How many the text gives.
        actual: usize,
    },
}

/// How many entries a vector or a matrix has to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// This number.
    Exactly(usize),
    /// This number or more.
    AtLeast(usize),
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(length) => write!(f, "{length}"),
            Self::AtLeast(length) => write!(f, "at least {length}"),
        }
    }
}

/// Why a text does not follow `family(number, ...)`.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// It does not begin with a word.
    #[error("expected the name of a family, as in normal(0, 1)")]
    NoName,
    /// Another character stands where a bracket or a comma has to be.
    #[error("expected '{wanted}', found {}", found.map_or("the end".into(), |found| format!("'{found}'")))]
    Expected {
        /// What has to be there.
        wanted: char,
        /// What is there; nothing at the end of the text.
        found: Option<char>,
    },
    /// A number has to be there.
    #[error("expected a number, found {}", if found.is_empty() { "the end".into() } else { format!("'{found}'") })]
    NoNumber {
        /// What is there; nothing at the end of the text.
        found: String,
    },
    /// The text goes on.
    #[error("expected nothing after the closing parenthesis")]
    Trailing,
    /// A parameter is a vector or a matrix.
    #[error("expected numbers for {family}({})", parameters.join(", "))]
    NotNumbers {
        /// Name of the family.
        family: &'static str,
        /// The family's parameters, in order.
        parameters: &'static [&'static str],
    },
    /// The entries of a list have names.
    #[error("expected numbers without names for {family}")]
    Named {
        /// Name of the family.
        family: &'static str,
    },
    /// A parameter is given by its place and by its name.
    #[error("a parameter of {family} is given twice")]
    Twice {
        /// Name of the family.
        family: &'static str,
    },
    /// A multivariate Normal is given by something else than its mean and variances.
    #[error("expected ([mean...], [variances...]) or ([mean...], [[covariance...]...])")]
    NotMeanAndCovariance,
}

fn unknown_family(name: &str, nearest: Option<&str>, known: &[&str]) -> String {
    match nearest {
        Some(nearest) => format!("no family is called '{name}'; did you mean '{nearest}'?"),
        None => format!("no family is called '{name}'; the known ones are {}", known.join(", ")),
    }
}
