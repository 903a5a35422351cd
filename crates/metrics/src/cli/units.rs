//! The bases that the user asked for, and numbers as they are printed.

use anyhow::{Result, bail};
use metrics::Base;

/// A base with the name of its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    pub name: String,
    pub base: Base,
}

/// Reads `nats`, `bits` or a number above 1.
pub fn parse(text: &str) -> Result<Unit> {
    let base = match text {
        "nats" | "e" => Base::Nats,
        "bits" => Base::Bits,
        _ => match text.parse::<f64>() {
            Ok(base) if base > 1.0 && base.is_finite() => Base::Of(base),
            _ => bail!("'{text}' is no base: use nats, bits, or a number above 1"),
        },
    };
    let name = match base {
        Base::Nats => "nats".to_owned(),
        Base::Bits => "bits".to_owned(),
        Base::Of(base) => format!("base {base}"),
    };
    Ok(Unit { name, base })
}

/// Six decimals, of a smaller number six significant digits and of a larger one seven: enough to recognise a number and few
/// enough to compare columns.
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let magnitude = value.abs();
    if !(1e-4..1e6).contains(&magnitude) {
        return format!("{value:.5e}");
    }
    // The exponent after rounding: 0.09999999 is printed as 0.100000.
    let rounded = format!("{magnitude:.5e}");
    let exponent: i32 = rounded.split_once('e').and_then(|(_, digits)| digits.parse().ok()).unwrap_or(0);
    if exponent >= 6 {
        return format!("{value:.5e}");
    }
    let decimals = if exponent < 0 { 5 - exponent } else { (6 - exponent).max(1) };
    format!("{value:.*}", decimals as usize)
}

/// Every digit, with an exponent where plain notation would be a row of zeros.
pub fn exact(value: f64) -> String {
    let magnitude = value.abs();
    let plain = magnitude == 0.0 || !magnitude.is_finite() || (1e-4..1e16).contains(&magnitude);
    if plain { value.to_string() } else { format!("{value:e}") }
}

/// As JSON: a number, or the string that [`number`] prints where JSON has no number.
pub fn json(value: f64) -> serde_json::Value {
    if value.is_finite() { value.into() } else { number(value).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_wherever_the_point_is() {
        for (value, expected) in [
            (0.0, "0"),
            (0.000123456789, "0.000123457"),
            (0.0999999999, "0.100000"),
            (0.05, "0.0500000"),
            (0.291260716, "0.291261"),
            (1.3356801, "1.335680"),
            (13.3068528, "13.30685"),
            (123456.789, "123456.8"),
            (999999.9, "1.00000e6"),
            (1e162, "1.00000e162"),
            (-0.5, "-0.500000"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(number(value), expected, "{value}");
        }
    }

    #[test]
    fn every_digit_without_a_row_of_zeros() {
        let texts = [0.1, 1e162, 1.25e-300, f64::INFINITY].map(exact);
        assert_eq!(texts, ["0.1", "1e162", "1.25e-300", "inf"]);
    }
}
