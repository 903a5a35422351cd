//! Which columns of a table are numbers, which one is the label, and which one says the part.

use std::path::Path;

use record::{DataConfig, nearest};

use crate::error::{DataError, Result};

/// Names by which a column of labels is known where none is named.
const LABELS: [&str; 6] = ["label", "labels", "class", "target", "species", "y"];
/// What stands for a missing number.
const MISSING: [&str; 7] = ["", "na", "nan", "n/a", "null", "none", "?"];

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// A number, finite or infinite.
    Number(f64),
    /// Nothing, or what is written for a missing number.
    Missing,
    /// Anything else.
    Word(&'a str),
}

/// What a column holds, by its first cell that is not missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColumnKind {
    #[default]
    Missing,
    Numbers,
    Words(Word),
}

/// A cell that is no number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    /// Where it stands, in words such as `line 3`.
    pub place: String,
}

/// The columns by their use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Those that a network sees.
    pub numbers: Vec<usize>,
    /// The one of labels.
    pub labels: Option<usize>,
    /// The one of parts.
    pub split: Option<usize>,
    /// What was decided without being told, in sentences.
    pub notes: Vec<String>,
}

/// Whether a column of this name is a pixel of an image.
pub fn is_pixel(name: &str) -> bool {
    name.to_lowercase().starts_with("pixel")
}

impl<'a> Cell<'a> {
    /// What these bytes hold; what is no UTF-8 is a word.
    pub fn read(bytes: &'a [u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap_or("\u{fffd}");
        match text.parse() {
            Ok(number) if !f64::is_nan(number) => Self::Number(number),
            _ if MISSING.iter().any(|missing| text.eq_ignore_ascii_case(missing)) => Self::Missing,
            _ => Self::Word(text),
        }
    }
}

impl ColumnKind {
    /// Sees the next cell, which stands at a place such as `line 3`.
    pub fn see(&mut self, cell: &Cell<'_>, place: impl FnOnce() -> String) {
        if *self == Self::Missing {
            *self = match cell {
                Cell::Number(_) => Self::Numbers,
                Cell::Missing => Self::Missing,
                Cell::Word(text) => Self::Words(Word { text: text.to_string(), place: place() }),
            };
        }
    }

    fn word(&self) -> Option<&Word> {
        match self {
            Self::Words(word) => Some(word),
            Self::Missing | Self::Numbers => None,
        }
    }
}

impl Word {
    /// How it would have to be written to be a number, as the end of a sentence; empty where it looks like none.
    pub fn advice(text: &str) -> &'static str {
        let is_number = |text: &str| text.trim().parse::<f64>().is_ok_and(f64::is_finite);
        match text {
            _ if text.strip_suffix('%').is_some_and(|number| is_number(&number.replace(',', "."))) => {
                "; numbers are written without a percent sign"
            }
            _ if text.contains(',') && is_number(&text.replace(',', "")) => {
                "; decimals are written with a point, and thousands without a comma"
            }
            _ => "",
        }
    }

    /// It and its place, in a column of this name.
    fn in_words(&self, column: &str) -> String {
        let Self { text, place } = self;
        format!("{text:?} in {place}, column {column:?}{}", Self::advice(text))
    }
}

/// The use of each column of a table with these names, by the configuration and, where it does not say, by what they hold.
pub fn chosen(
    path: &Path,
    names: &[String],
    kinds: &[ColumnKind],
    labelled_elsewhere: bool,
    config: &DataConfig,
) -> Result<Chosen> {
    if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return Err(DataError::content(path, format!("has two columns that are called {:?}", twice.1)));
    }
    let place = |key: &'static str, name: &str| {
        names.iter().position(|known| known == name).ok_or_else(|| {
            let meant = nearest(name, names.iter().map(String::as_str));
            let meant = meant.map(|meant| format!("; did you mean {meant:?}?")).unwrap_or_default();
            let reason =
                format!("names the column {name:?}, and {} has {}{meant}", path.display(), names.join(", "));
            DataError::Setting { key, reason }
        })
    };
    let ignored: Vec<usize> =
        config.ignore.iter().map(|name| place("ignore", name)).collect::<Result<_>>()?;
    let split = match config.split.as_str() {
        "" => None,
        name => Some(place("split", name)?),
    };
    let free = |column: &usize| !ignored.contains(column) && Some(*column) != split;
    let of_words: Vec<usize> =
        (0..names.len()).filter(free).filter(|&column| kinds[column].word().is_some()).collect();
    let mut notes = Vec::new();
    let labels = match config.labels.as_str() {
        "none" => None,
        "" => {
            let named = || {
                (0..names.len())
                    .filter(free)
                    .find(|&column| LABELS.contains(&names[column].to_lowercase().as_str()))
            };
            let is_other = |column: &usize| !is_pixel(&names[*column]);
            let others: Vec<usize> = (0..names.len()).filter(free).filter(is_other).collect();
            let found = match (&of_words[..], &others[..]) {
                ([only], _) => Some(*only),
                // Beside pixels.
                ([], [only]) if names.iter().any(|name| is_pixel(name)) => Some(*only),
                _ => named(),
            };
            notes.extend(found.map(|column| {
                let name = &names[column];
                match kinds[column].word() {
                    None => format!(
                        "The column {name:?} is taken as the label; data.labels = \"none\" makes it one of the numbers."
                    ),
                    Some(Word { text, place }) => format!(
                        "The column {name:?} is taken as the label: it holds words, such as {text:?} in {place}{}.",
                        Word::advice(text)
                    ),
                }
            }));
            found
        }
        _ if labelled_elsewhere => None,
        name => Some(place("labels", name)?),
    };
    let numbers: Vec<usize> =
        (0..names.len()).filter(free).filter(|&column| Some(column) != labels).collect();
    let words: Vec<usize> =
        numbers.iter().copied().filter(|&column| kinds[column].word().is_some()).collect();
    // The one that was taken for a label may have been meant to be a number.
    let first = words.first().copied().or(labels);
    let first = first.and_then(|column| Some(kinds[column].word()?.in_words(&names[column])));
    if words.len() == numbers.len() {
        let first = first.map(|first| format!(": it holds {first}")).unwrap_or_default();
        return Err(DataError::content(path, format!("has no column of numbers{first}")));
    }
    if let (false, Some(first)) = (words.is_empty(), first) {
        let names: Vec<String> = words.iter().map(|&column| format!("{:?}", names[column])).collect();
        let reason = format!(
            "cannot be trained on as it is: its columns {} hold words: {first}; name the one of labels with --set \
             'data.labels=\"NAME\"', one of parts with data.split, and leave out others with --set 'data.ignore=[\"NAME\"]'",
            names.join(", ")
        );
        return Err(DataError::content(path, reason));
    }
    if let Some(empty) = numbers.iter().find(|&&column| kinds[column] == ColumnKind::Missing) {
        let reason = format!(
            "has no number in its column {0:?}: leave it out with --set 'data.ignore=[{0:?}]'",
            names[*empty]
        );
        return Err(DataError::content(path, reason));
    }
    Ok(Chosen { numbers, labels, split, notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_numbers_missing_or_words() {
        assert_eq!(Cell::read(b"-1.5e3"), Cell::Number(-1500.0));
        assert_eq!(Cell::read(b"inf"), Cell::Number(f64::INFINITY));
        for missing in ["", "NA", "NaN", "nan", "?", "null"] {
            assert_eq!(Cell::read(missing.as_bytes()), Cell::Missing, "{missing}");
        }
        assert_eq!(Cell::read(b"1,5"), Cell::Word("1,5"));
        assert_eq!(Cell::read(b"\xff"), Cell::Word("\u{fffd}"));
    }

    #[test]
    fn words_that_were_meant_to_be_numbers_are_told_how_to_be() {
        for (text, expected) in [
            ("12%", "without a percent sign"),
            ("1,5 %", "without a percent sign"),
            ("1,000.5", "thousands without a comma"),
            ("-1,5", "decimals are written with a point"),
        ] {
            assert!(Word::advice(text).contains(expected), "{text}");
        }
        for text in ["red", "a,b", "%", ",", "1 2"] {
            assert_eq!(Word::advice(text), "");
        }
    }

    #[test]
    fn the_only_column_beside_pixels_is_the_label() {
        let names = ["pixel_0", "digit", "Pixel_1"].map(str::to_string);
        let kinds = [const { ColumnKind::Numbers }; 3];
        let found = chosen(Path::new("a.csv"), &names, &kinds, false, &DataConfig::default()).unwrap();
        assert_eq!((found.labels, found.numbers), (Some(1), vec![0, 2]));
    }

    #[test]
    fn a_column_without_a_number_or_an_unknown_one_is_refused() {
        let names = ["alcohol", "ash"].map(str::to_string);
        let kinds = [ColumnKind::Numbers, ColumnKind::Missing];
        let with = |config: DataConfig| chosen(Path::new("a.csv"), &names, &kinds, false, &config);
        let text = with(DataConfig::default()).unwrap_err().to_string();
        assert!(text.contains("no number in its column \"ash\""), "{text}");
        let text = with(DataConfig { labels: "alcohl".to_string(), ..DataConfig::default() })
            .unwrap_err()
            .to_string();
        assert!(text.contains("did you mean \"alcohol\"?"), "{text}");
        let ignored = with(DataConfig { ignore: vec!["ash".to_string()], ..DataConfig::default() }).unwrap();
        assert_eq!(ignored.numbers, [0]);
    }
}
