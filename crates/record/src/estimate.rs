//! A number with its standard error.

use serde::{Deserialize, Serialize};

/// An estimate, and how far it would scatter if images and noise were drawn again.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error, in the same unit; `None` where it is not known, as of a single image.
    pub standard_error: Option<f64>,
}

/// Runs from before there were errors hold plain numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Estimate { value: f64, standard_error: Option<f64> },
}

impl From<Written> for Estimate {
    fn from(written: Written) -> Self {
        match written {
            Written::Number(value) => value.into(),
            Written::Estimate { value, standard_error } => Self { value, standard_error },
        }
    }
}

impl From<f64> for Estimate {
    /// A number without a known error.
    fn from(value: f64) -> Self {
        Self { value, standard_error: None }
    }
}

impl Estimate {
    /// The mean of independent values, `None` of none: its standard error is their standard deviation over the root of
    /// their number.
    pub fn of_mean(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
        let standard_error = (count > 1.0).then(|| (squares / (count - 1.0) / count).sqrt());
        (count > 0.0).then_some(Self { value: mean, standard_error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_values_has_their_spread_over_the_root_of_their_number() {
        let found = Estimate::of_mean([1.0, 2.0, 3.0, 6.0].into_iter());
        // Squares 4 + 1 + 0 + 9, over 3 and over 4.
        let expected = Estimate { value: 3.0, standard_error: Some((14.0f64 / 12.0).sqrt()) };
        assert_eq!(found, Some(expected));
        assert_eq!(Estimate::of_mean([7.0].into_iter()), Some(7.0.into()));
        assert_eq!(Estimate::of_mean(std::iter::empty()), None);
    }

    #[test]
    fn a_plain_number_is_an_estimate_without_an_error() {
        let read = |text: &str| serde_json::from_str::<Estimate>(text).unwrap();
        assert_eq!(read("5.25"), 5.25.into());
        for estimate in [Estimate { value: 1.5, standard_error: Some(0.25) }, 2.0.into()] {
            assert_eq!(read(&serde_json::to_string(&estimate).unwrap()), estimate);
        }
    }
}
