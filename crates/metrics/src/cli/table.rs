//! Tables of numbers from CSV and NPY files and from standard input, read as they come.

use std::fs::File;
use std::io::{BufReader, Read, stdin};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Array2;

use super::npy;

/// Rows of numbers, with their labels where the file has a column of that name.
pub struct Table {
    pub labels: Option<Vec<String>>,
    pub values: Array2<f64>,
}

/// A source of bytes that shows on a terminal how much of them has been read.
pub struct Source {
    pub bytes: Box<dyn Read>,
    /// How errors call it.
    name: String,
    bar: ProgressBar,
}

impl Source {
    /// Opens a file, or standard input where the path is `-`.
    pub fn open(path: &Path) -> Result<Self> {
        if path.as_os_str() == "-" {
            let bytes = Box::new(stdin().lock());
            return Ok(Self { bytes, name: "standard input".into(), bar: ProgressBar::hidden() });
        }
        let cannot_read = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(cannot_read)?;
        let length = file.metadata().with_context(cannot_read)?.len();
        let bar = if length < WORTH_A_BAR { ProgressBar::hidden() } else { ProgressBar::new(length) };
        let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} read, {eta} to go");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let bytes = Box::new(BufReader::with_capacity(1 << 20, bar.wrap_read(file)));
        Ok(Self { bytes, name: path.display().to_string(), bar })
    }

    /// Reads with `read`, and names the source where that fails.
    pub fn read<T>(self, read: impl FnOnce(Box<dyn Read>) -> Result<T>) -> Result<T> {
        let read = read(self.bytes).with_context(|| format!("in {}", self.name));
        self.bar.finish_and_clear();
        read
    }
}

/// Bytes that take long enough to read.
const WORTH_A_BAR: u64 = 1 << 24;

impl Table {
    /// Reads an `.npy` file, or anything else as CSV.
    pub fn read(path: &Path) -> Result<Self> {
        let is_npy = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"));
        let table = Source::open(path)?.read(|bytes| match is_npy {
            true => Ok(Self { labels: None, values: npy::read(bytes)? }),
            false => read_csv(bytes),
        })?;
        if table.values.is_empty() {
            bail!("{} holds no numbers", path.display());
        }
        Ok(table)
    }
}

/// Numbers separated by commas, a row on each line. A first line with something else is a header; a column that it calls
/// `label` names the rows.
fn read_csv(bytes: impl Read) -> Result<Table> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).has_headers(false).from_reader(bytes);
    let mut record = csv::StringRecord::new();
    let (mut values, mut rows) = (Vec::new(), 0);
    let mut header: Option<csv::StringRecord> = None;
    let mut label: Option<usize> = None;
    let mut labels = Vec::new();
    while reader.read_record(&mut record).context("cannot read a row")? {
        let line = record.position().map_or(0, csv::Position::line);
        if line == 1 && record.iter().any(|field| field.parse::<f64>().is_err()) {
            label = record.iter().position(|name| name.eq_ignore_ascii_case("label"));
            header = Some(record.clone());
            continue;
        }
        for (column, field) in record.iter().enumerate() {
            if Some(column) == label {
                labels.push(field.to_owned());
                continue;
            }
            values.push(field.parse().with_context(|| {
                let name = header.as_ref().and_then(|header| header.get(column));
                let column = name.map_or(format!("column {}", column + 1), str::to_owned);
                format!("line {line}: {column} is '{field}', which is not a number")
            })?);
        }
        rows += 1;
    }
    let columns = values.len().checked_div(rows).unwrap_or(0);
    Ok(Table { labels: label.map(|_| labels), values: Array2::from_shape_vec((rows, columns), values)? })
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_header_is_what_holds_no_numbers() {
        let plain = read_csv("1, 2\n3,4e-1\n".as_bytes()).unwrap();
        assert_eq!((plain.values, plain.labels), (array![[1.0, 2.0], [3.0, 0.4]], None));
        let named = read_csv("x,label,y\n1,a b,2\n3,,4\n".as_bytes()).unwrap();
        assert_eq!(named.values, array![[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(named.labels, Some(vec!["a b".to_owned(), String::new()]));
    }

    #[test]
    fn what_is_no_number_is_named() {
        let refused = |text: &str| format!("{:#}", read_csv(text.as_bytes()).err().unwrap());
        assert!(refused("x,y\n1,2\n3,z\n").contains("line 3: y is 'z', which is not a number"));
        assert!(refused("1,2\n3,z\n").contains("line 2: column 2 is 'z'"));
        assert!(refused("1,2\n3\n").contains("cannot read a row"));
    }
}
