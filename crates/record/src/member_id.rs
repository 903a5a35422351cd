//! Which networks a sweep trains.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// One network to be trained: one coefficient, one seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemberId {
    /// The coefficient of the KL term.
    pub kl_coefficient: f64,
    /// The seed of its random streams.
    pub seed: u64,
}

impl MemberId {
    /// The member's directory, relative to that of its run.
    pub fn dir(&self) -> PathBuf {
        PathBuf::from(format!("c={}", self.kl_coefficient)).join(format!("seed={}", self.seed))
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c={} seed={}", self.kl_coefficient, self.seed)
    }
}

/// A part of a sweep, `2/5` for the second of five.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which part, counted from 1.
    pub index: usize,
    /// How many parts there are.
    pub of: usize,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |text: &str| text.trim().parse::<usize>().ok();
        text.split_once('/')
            .and_then(|(index, of)| Some(Part { index: parse(index)?, of: parse(of)? }))
            .filter(|part| (1..=part.of).contains(&part.index))
            .ok_or_else(|| {
                format!("{text:?} is no part of a sweep: write K/N with K from 1 to N, for example 2/5")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_written_k_of_n() {
        assert_eq!("2/5".parse(), Ok(Part { index: 2, of: 5 }));
        for wrong in ["0/5", "6/5", "2", "a/b", "1/0", "-1/3"] {
            assert!(wrong.parse::<Part>().unwrap_err().contains("K/N"), "{wrong}");
        }
    }
}
