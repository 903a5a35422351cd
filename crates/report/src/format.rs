//! Numbers as a reader meets them, the same on the page, in figures and in sentences.

use record::Spread;

/// From this size on a number is written with a power of ten.
const LARGE: f64 = 1e6;

/// A coefficient as a person would write it: `0.02`, `1`, `2.5 · 10⁶`.
pub fn coefficient(c: f64) -> String {
    if c == 0.0 || (1e-3..1e5).contains(&c) {
        return c.to_string();
    }
    let scientific = format!("{c:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let power = format!("10{}", superscript(exponent));
    if digits == "1" { power } else { format!("{digits} · {power}") }
}

/// The longest name that a figure shows, in characters.
const LONGEST_NAME: usize = 24;

/// A name of a class or a column, cut where it is too long for a figure.
pub fn name(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_string(),
    }
}

/// Several coefficients as a sentence has them: `1`, `1 or 2`, `1, 2 or 20`.
pub fn alternatives(coefficients: &[f64], before_each: &str) -> String {
    let texts: Vec<String> =
        coefficients.iter().map(|&c| format!("{before_each}{}", coefficient(c))).collect();
    match texts.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// A number with so many digits after the point; an en dash where it is not finite.
///
/// What would round to less than one unit of the last place keeps two digits of its own.
pub fn number(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let size = value.abs();
    let text = if size >= LARGE || (digits > 0 && size > 0.0 && size < 1e-4) {
        let scientific = format!("{size:.1e}");
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        format!("{digits} · 10{}", superscript(exponent))
    } else if digits > 0 && size > 0.0 && size < 0.95 * 10f64.powi(-(digits as i32)) {
        let decimals = (1.0 - size.log10().floor()) as usize;
        format!("{size:.decimals$}")
    } else {
        format!("{size:.digits$}")
    };
    let zero = text.chars().all(|character| matches!(character, '0' | '.'));
    if value < 0.0 && !zero { format!("−{text}") } else { text }
}

/// Mean and standard deviation over the seeds; the mean alone for a single seed.
pub fn spread(spread: Spread, digits: usize) -> String {
    let mean = number(spread.mean, digits);
    if spread.std.is_nan() { mean } else { format!("{mean} ± {}", number(spread.std, digits)) }
}

/// A count with its thousands set apart.
pub fn count(count: usize) -> String {
    let digits = count.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn superscript(exponent: &str) -> String {
    let raised = |digit: char| match digit {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32(digit as u32 - '0' as u32 + '⁰' as u32).unwrap_or(digit),
    };
    exponent.chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coefficient_is_short_whatever_its_size() {
        let texts = [0.0, 0.02, 1.0, 250.0, 1e-7, 2.5e6].map(coefficient);
        assert_eq!(texts, ["0", "0.02", "1", "250", "10⁻⁷", "2.5 · 10⁶"]);
        assert_eq!(alternatives(&[1.0], "c = "), "c = 1");
        assert_eq!(alternatives(&[1.0, 2.0, 20.0], ""), "1, 2 or 20");
    }

    #[test]
    fn a_number_has_its_digits_and_a_small_one_two_of_its_own() {
        let two = |value| number(value, 2);
        assert_eq!([145.829, -0.5, 0.0, -0.0, 0.0096].map(two), ["145.83", "−0.50", "0.00", "0.00", "0.01"]);
        assert_eq!([0.0042, -0.00032, 4.2e-7].map(two), ["0.0042", "−0.00032", "4.2 · 10⁻⁷"]);
        assert_eq!([f64::NAN, f64::INFINITY, 12_345_678.0].map(two), ["–", "–", "1.2 · 10⁷"]);
        assert_eq!([number(2.0, 0), number(0.4, 0), number(1234.5, 1)], ["2", "0", "1234.5"]);
    }

    #[test]
    fn one_seed_has_no_deviation() {
        assert_eq!(spread(Spread { mean: 1.0, std: f64::NAN }, 1), "1.0");
        assert_eq!(spread(Spread { mean: 1.0, std: 0.25 }, 2), "1.00 ± 0.25");
    }

    #[test]
    fn a_count_has_its_thousands_set_apart() {
        assert_eq!([0, 999, 10_000, 1_234_567].map(count), ["0", "999", "10,000", "1,234,567"]);
    }
}
