//! What every family with plain numbers as parameters has in common: checked construction, reading, printing.

use super::error::FamilyError;
use crate::readable::Readable;

/// The range of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    Finite,
    Positive,
    NonNegative,
    /// `[0, 1]`
    Probability,
    /// `(0, 1)`
    OpenProbability,
    /// `(0, 1]`
    PositiveProbability,
    /// A whole number, 0 or more, that a double holds exactly.
    Count,
}

impl Range {
    fn contains(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Range::Finite => true,
                Range::Positive => value > 0.0,
                Range::NonNegative => value >= 0.0,
                Range::Probability => (0.0..=1.0).contains(&value),
                Range::OpenProbability => 0.0 < value && value < 1.0,
                Range::PositiveProbability => 0.0 < value && value <= 1.0,
                Range::Count => (0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0,
            }
    }

    fn requirement(self) -> &'static str {
        match self {
            Range::Finite => "finite",
            Range::Positive => "finite and above 0",
            Range::NonNegative => "finite and at least 0",
            Range::Probability => "between 0 and 1",
            Range::OpenProbability => "above 0 and below 1",
            Range::PositiveProbability => "above 0 and at most 1",
            Range::Count => "a whole number between 0 and 2^53",
        }
    }

    pub(super) fn check(
        self,
        family: &'static str,
        parameter: &'static str,
        value: f64,
    ) -> Result<(), FamilyError> {
        if self.contains(value) {
            return Ok(());
        }
        Err(FamilyError::Parameter { family, parameter, value, requirement: self.requirement() })
    }

    pub(super) fn check_entries(
        self,
        family: &'static str,
        parameter: &'static str,
        values: &[f64],
    ) -> Result<(), FamilyError> {
        match values.iter().position(|&value| !self.contains(value)) {
            None => Ok(()),
            Some(index) => Err(FamilyError::Entry {
                family,
                parameter,
                index,
                value: values[index],
                requirement: self.requirement(),
            }),
        }
    }
}

/// Defines a family whose parameters are plain numbers: the struct, its checked constructor, a getter for each
/// parameter, and the form that [`Distribution`](super::Distribution) reads and prints.
macro_rules! family {
    (
        $(#[$meta:meta])*
        $name:ident, $text:literal {
            $($(#[$field_meta:meta])* $field:ident: $range:ident),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $name {
            $($field: f64,)*
        }

        impl $name {
            pub(super) const NAME: &'static str = $text;
            pub(super) const PARAMETERS: &'static [&'static str] = &[$(stringify!($field)),*];

            /// Takes the parameters in the order of the fields.
            ///
            /// # Errors
            ///
            /// [`FamilyError::Parameter`](super::FamilyError::Parameter) for one that is outside its range, NaN or infinite.
            pub fn new($($field: f64),*) -> Result<Self, super::FamilyError> {
                $(super::parameters::Range::$range.check($text, stringify!($field), $field)?;)*
                Ok(Self { $($field),* })
            }

            pub(super) fn from_call(call: &super::parse::Call) -> Result<Self, super::FamilyError> {
                let [$($field),*] = call.numbers($text, Self::PARAMETERS)?;
                Self::new($($field),*)
            }

            $(
                $(#[$field_meta])*
                pub fn $field(&self) -> f64 {
                    self.$field
                }
            )*
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let values: &[f64] = &[$(self.$field),*];
                super::parameters::write_call(f, $text, values)
            }
        }
    };
}
pub(super) use family;

pub(super) fn write_call(f: &mut std::fmt::Formatter<'_>, name: &str, values: &[f64]) -> std::fmt::Result {
    write!(f, "{name}(")?;
    write_list(f, values)?;
    write!(f, ")")
}

pub(super) fn write_list(f: &mut std::fmt::Formatter<'_>, values: &[f64]) -> std::fmt::Result {
    for (i, value) in values.iter().enumerate() {
        let separator = if i == 0 { "" } else { ", " };
        write!(f, "{separator}{}", Readable(*value))?;
    }
    Ok(())
}
