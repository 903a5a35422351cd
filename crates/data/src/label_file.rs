//! Files of labels beside the data.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{DataError, Result};
use crate::labels::{Labels, Words};
use crate::npy;

/// The path of a file that is named beside the data: in the data's folder, or from here.
pub fn beside(data: &Path, named: &str) -> PathBuf {
    let folder = if data.is_dir() { data } else { data.parent().unwrap_or(Path::new("")) };
    let inside = folder.join(named);
    if inside.is_file() { inside } else { PathBuf::from(named) }
}

/// The labels of so many examples in their order: an array, or the last column of a CSV file.
pub fn read(path: &Path, data: &Path, count: usize) -> Result<Labels> {
    let labels = if path.extension().is_some_and(|extension| extension == "npy") {
        npy::read_labels(path)?
    } else {
        let mut words = Words::default();
        for row in rows(path)? {
            words.push(row.last().map_or("", String::as_str));
        }
        Labels::Words(words)
    };
    if labels.count() != count {
        let reason = format!(
            "holds {} labels, and {} {count} examples: every example has one label",
            labels.count(),
            data.display()
        );
        return Err(DataError::content(path, reason));
    }
    Ok(labels)
}

/// The labels of files by their names: the first column names the file, the last one its label.
pub fn by_name(path: &Path) -> Result<HashMap<String, String>> {
    let mut labels = HashMap::new();
    for row in rows(path)? {
        let [file, .., label] = &row[..] else {
            return Err(DataError::content(path, "has one column: it needs one of files and one of labels"));
        };
        if labels.insert(file.clone(), label.clone()).is_some() {
            return Err(DataError::content(path, format!("labels {file:?} twice")));
        }
    }
    Ok(labels)
}

/// The rows after the header.
fn rows(path: &Path) -> Result<Vec<Vec<String>>> {
    let refused = |error: csv::Error| DataError::content(path, format!("is no CSV file: {error}"));
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(refused)?;
    let cells = |record: csv::StringRecord| record.iter().map(str::to_string).collect();
    reader.records().map(|record| record.map(cells).map_err(refused)).collect()
}
