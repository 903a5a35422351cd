//! Divergences as lines: with what they are taken of, in every unit that was asked for.

use std::fmt::Write as _;

use anyhow::Result;
use metrics::Base;
use metrics::samples::Estimate;
use serde_json::{Map, Value as Json, json};

use super::output::{Format, json as json_number, number};

/// A line of the output.
pub struct Row {
    pub name: &'static str,
    /// What it is taken of, with the reference second.
    pub of: String,
    /// In nats, or without a unit.
    pub value: Value,
    pub kind: Kind,
}

/// What a line says.
pub enum Value {
    Exact(f64),
    Estimated(Estimate),
    /// Why there is no value.
    Missing(String),
}

/// How a value changes with the base of the logarithm.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// In units of information.
    Information,
    /// The square root of one.
    Root,
    /// Not at all.
    Pure,
}

impl Kind {
    /// The unit of a value of this kind.
    fn unit(self, base: Base) -> String {
        match self {
            Self::Information => base.to_string(),
            Self::Root => format!("√{base}"),
            Self::Pure => "no unit".to_owned(),
        }
    }

    /// The bases in which a value of this kind is printed.
    fn bases(self, bases: &[Base]) -> &[Base] {
        if self == Self::Pure { &bases[..1] } else { bases }
    }

    fn convert(self, value: f64, base: Base) -> f64 {
        match self {
            Self::Information => base.from_nats(value),
            Self::Root => base.from_nats(value * value).sqrt(),
            Self::Pure => value,
        }
    }
}

/// A number with what is known of its error.
struct Shown {
    value: f64,
    standard_error: Option<f64>,
}

impl Row {
    pub fn exact(name: &'static str, of: impl Into<String>, value: f64, kind: Kind) -> Self {
        Self { name, of: of.into(), value: Value::Exact(value), kind }
    }

    fn shown(&self, base: Base) -> Result<Shown, &str> {
        let convert = |value| self.kind.convert(value, base);
        match &self.value {
            Value::Exact(value) => Ok(Shown { value: convert(*value), standard_error: None }),
            Value::Estimated(found) => {
                let standard_error = Some(convert(found.standard_error));
                Ok(Shown { value: convert(found.value), standard_error })
            }
            Value::Missing(reason) => Err(reason),
        }
    }
}

/// The rows as a table below `head`, as a JSON object with the fields of `object` besides, or as CSV.
pub fn print(
    format: Format,
    rows: &[Row],
    bases: &[Base],
    head: impl FnOnce() -> String,
    object: Map<String, Json>,
) -> Result<String> {
    match format {
        Format::Table => Ok(head() + &table(rows, bases)),
        Format::Json => as_json(rows, bases, object),
        Format::Csv => as_csv(rows, bases),
    }
}

fn table(rows: &[Row], bases: &[Base]) -> String {
    let mut out = String::new();
    let name_width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let of_width = rows.iter().map(|row| row.of.chars().count()).max().unwrap_or(0);
    for kind in [Kind::Information, Kind::Root, Kind::Pure] {
        let rows: Vec<&Row> = rows.iter().filter(|row| row.kind == kind).collect();
        if rows.is_empty() {
            continue;
        }
        let bases = kind.bases(bases);
        let with_errors = rows.iter().any(|row| matches!(row.value, Value::Estimated(_)));
        let mut line = |name: &str, of: &str, values: &[[String; 2]]| {
            let mut text = format!("{name:<name_width$}  {of:<of_width$}");
            for [value, error] in values {
                let _ = write!(text, " {value:>12}");
                if with_errors {
                    let _ = write!(text, " {error:<12}");
                }
            }
            let _ = writeln!(out, "{}", text.trim_end());
        };
        line("", "", &[]);
        line("", "", &bases.iter().map(|base| [kind.unit(*base), String::new()]).collect::<Vec<_>>());
        for row in rows {
            let values: Result<Vec<_>, _> = bases.iter().map(|base| row.shown(*base)).collect();
            match values {
                Ok(values) => {
                    let cell = |shown: &Shown| {
                        let error =
                            shown.standard_error.map_or(String::new(), |e| format!("± {}", number(e)));
                        [number(shown.value), error]
                    };
                    line(row.name, &row.of, &values.iter().map(cell).collect::<Vec<_>>());
                }
                Err(reason) => line(row.name, &format!("{:<of_width$}  {reason}", row.of), &[]),
            }
        }
    }
    out
}

fn as_json(rows: &[Row], bases: &[Base], mut object: Map<String, Json>) -> Result<String> {
    let rows = rows.iter().map(|row| {
        let mut entry = json!({ "name": row.name, "of": row.of });
        let (mut values, mut errors) = (Map::new(), Map::new());
        for base in row.kind.bases(bases) {
            let unit = row.kind.unit(*base);
            match row.shown(*base) {
                Ok(shown) => {
                    if let Some(error) = shown.standard_error {
                        errors.insert(unit.clone(), json_number(error));
                    }
                    values.insert(unit, json_number(shown.value));
                }
                Err(reason) => entry["missing"] = reason.into(),
            }
        }
        entry["values"] = values.into();
        if !errors.is_empty() {
            entry["standard_errors"] = errors.into();
        }
        entry
    });
    object.insert("divergences".to_owned(), rows.collect());
    Ok(serde_json::to_string_pretty(&object)? + "\n")
}

fn as_csv(rows: &[Row], bases: &[Base]) -> Result<String> {
    let with_errors = rows.iter().any(|row| matches!(row.value, Value::Estimated(_)));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["name", "of", "unit", "value", "standard_error"];
    let columns = if with_errors { 5 } else { 4 };
    writer.write_record(&header[..columns])?;
    for row in rows {
        for base in row.kind.bases(bases) {
            // Debug's form is the shortest that reads back to the same bits.
            let [value, error] = row.shown(*base).map_or([String::new(), String::new()], |shown| {
                let error = shown.standard_error.map_or(String::new(), |error| format!("{error:?}"));
                [format!("{:?}", shown.value), error]
            });
            let record = [row.name, &row.of, &row.kind.unit(*base), &value, &error];
            writer.write_record(&record[..columns])?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
