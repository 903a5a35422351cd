//! `metrics matrix`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use metrics::discrete::{pairwise, pairwise_symmetric};
use metrics::{Base, DivergenceError};
use ndarray::{Array2, ArrayView2};
use serde_json::json;

use super::output::{Format, json as json_number, number};
use super::table::Table;

/// Print the divergences of every row of a table from every other one.
///
/// A row is a distribution: CSV, with a header or without, where a column `label` names the rows, or NumPy's .npy.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Distributions, one on each row; - reads CSV from standard input.
    file: PathBuf,
    /// What is computed. Of one with a direction the column is the reference.
    #[arg(long, value_enum, default_value_t)]
    divergence: Divergence,
    /// Divide each row by its sum first. Without it, sums other than 1 are refused.
    #[arg(long)]
    normalize: bool,
    /// Unit: nats, bits, or a number as the base of the logarithm.
    #[arg(long, default_value_t)]
    base: Base,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, ValueEnum)]
enum Divergence {
    /// Kullback-Leibler, of the row from the column.
    Kl,
    /// Jensen-Shannon.
    #[default]
    Js,
    /// The square root of Jensen-Shannon.
    JsDistance,
    /// Total variation, without a unit.
    TotalVariation,
    /// Hellinger, without a unit.
    Hellinger,
}

impl Divergence {
    fn matrix(self, rows: ArrayView2<'_, f64>, base: Base) -> Result<Array2<f64>, DivergenceError> {
        Ok(match self {
            Self::Kl => pairwise(rows, rows, metrics::kl_divergence)?.mapv(|kl| base.from_nats(kl)),
            Self::Js => {
                pairwise_symmetric(rows, metrics::jensen_shannon_divergence)?.mapv(|js| base.from_nats(js))
            }
            Self::JsDistance => {
                pairwise_symmetric(rows, |p, q| metrics::jensen_shannon_distance(p, q, base))?
            }
            Self::TotalVariation => pairwise_symmetric(rows, metrics::total_variation)?,
            Self::Hellinger => pairwise_symmetric(rows, metrics::hellinger)?,
        })
    }

    fn unit(self, base: Base) -> String {
        match self {
            Self::Kl | Self::Js => base.to_string(),
            Self::JsDistance => format!("√{base}"),
            Self::TotalVariation | Self::Hellinger => "no unit".to_owned(),
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<String> {
    let Table { labels, mut values } = Table::read(&arguments.file)?;
    if arguments.normalize {
        for (number, mut row) in values.rows_mut().into_iter().enumerate() {
            let normalized = metrics::normalized(&row).with_context(|| format!("row {number}"))?;
            row.iter_mut().zip(normalized).for_each(|(slot, p)| *slot = p);
        }
    }
    let matrix = arguments.divergence.matrix(values.view(), arguments.base)?;
    let labels = labels.unwrap_or_else(|| (0..matrix.nrows()).map(|row| row.to_string()).collect());
    let unit = arguments.divergence.unit(arguments.base);
    match arguments.format {
        Format::Table => Ok(table(&labels, &matrix, &unit)),
        Format::Json => {
            let rows = matrix.rows();
            let values: Vec<Vec<_>> =
                rows.into_iter().map(|row| row.iter().copied().map(json_number).collect()).collect();
            let object = json!({ "unit": unit, "labels": labels, "values": values });
            Ok(serde_json::to_string_pretty(&object)? + "\n")
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["label"].into_iter().chain(labels.iter().map(String::as_str)))?;
            for (label, row) in labels.iter().zip(matrix.rows()) {
                writer
                    .write_record([label.clone()].into_iter().chain(row.iter().map(|v| format!("{v:?}"))))?;
            }
            Ok(String::from_utf8(writer.into_inner()?)?)
        }
    }
}

fn table(labels: &[String], matrix: &Array2<f64>, unit: &str) -> String {
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    let column = width.max(12);
    let mut out = format!("{:width$}", "");
    for label in labels {
        let _ = write!(out, " {label:>column$}");
    }
    for (label, row) in labels.iter().zip(matrix.rows()) {
        let _ = write!(out, "\n{label:<width$}");
        for value in row {
            let _ = write!(out, " {:>column$}", number(*value));
        }
    }
    out + &format!("\nin {unit}\n")
}
