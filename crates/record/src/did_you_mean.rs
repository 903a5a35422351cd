//! The known name that a mistyped one was probably meant to be.

/// How alike two names must be, from 0 to 1, for one to be offered instead of the other.
const LEAST_SIMILARITY: f64 = 0.7;

/// Of the known names the one most like `unknown`, by Jaro-Winkler similarity; `None` if none is like it.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(unknown, known), known))
        .filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// From serde's "unknown field `epoch`, expected one of `name`, `epochs`, …", the known key most like the unknown one.
pub fn nearest_known_key(message: &str) -> Option<&str> {
    let message =
        message.strip_prefix("unknown field ").or_else(|| message.strip_prefix("unknown variant "))?;
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    nearest(unknown, quoted)
}
