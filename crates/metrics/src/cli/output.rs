//! The forms of what is printed.

use clap::ValueEnum;

/// Form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For reading.
    #[default]
    Table,
    /// One JSON object. An infinite value is the string "inf", as JSON has no number for it.
    Json,
    /// A header and a row for each value.
    Csv,
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
}
