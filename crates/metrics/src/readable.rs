//! Numbers as an error or a distribution shows them.

use std::fmt;

/// Every digit of a number and no more: with an exponent where plain notation would be a row of zeros.
pub(crate) struct Readable(pub(crate) f64);

impl fmt::Display for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.abs();
        if magnitude == 0.0 || !magnitude.is_finite() || (1e-4..1e16).contains(&magnitude) {
            write!(f, "{}", self.0)
        } else {
            write!(f, "{:e}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponent_takes_the_place_of_zeros() {
        let texts = [0.0, -2.5, 1e15, 1e162, -3e-5, 0.0001, f64::INFINITY].map(|x| Readable(x).to_string());
        assert_eq!(texts, ["0", "-2.5", "1000000000000000", "1e162", "-3e-5", "0.0001", "inf"]);
    }
}
