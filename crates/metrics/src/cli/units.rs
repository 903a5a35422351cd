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

/// Six significant digits, enough to recognise a number and few enough to compare columns.
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
    let digits_before = if magnitude < 1.0 { 1 } else { magnitude.log10() as usize + 1 };
    format!("{value:.*}", 7 - digits_before.min(6))
}

/// As JSON: a number, or the string that [`number`] prints where JSON has no number.
pub fn json(value: f64) -> serde_json::Value {
    if value.is_finite() { value.into() } else { number(value).into() }
}
