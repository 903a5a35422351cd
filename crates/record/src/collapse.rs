//! Where the latent dimensions of a linear decoder would collapse: `collapse.csv` of a run.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::error::{RecordError, Result};
use crate::files::write_atomically;

/// Writes the coefficients at which dimensions collapse, the greatest first: `dimension,c`, dimensions counted from 1.
pub(crate) fn write(path: &Path, coefficients: &[f64]) -> Result<()> {
    let rows = (1..).zip(coefficients).map(|(dimension, c)| format!("{dimension},{c}\n"));
    write_atomically(path, ("dimension,c\n".to_string() + &rows.collect::<String>()).as_bytes())
}

/// Reads them; `None` if the file is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<f64>>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RecordError::io("read", path)(error)),
    };
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let rows = table.deserialize().map(|row| row.map(|(_, c): (usize, f64)| c));
    rows.collect::<Result<_, _>>().map(Some).map_err(RecordError::damaged(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_come_back_bit_for_bit() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("collapse.csv");
        assert_eq!(read(&path).unwrap(), None);
        let coefficients = vec![24.123456789012345, 1.0 / 3.0, 1e-300];
        write(&path, &coefficients).unwrap();
        assert_eq!(read(&path).unwrap(), Some(coefficients));
        fs::write(&path, "dimension,c\n1,much\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("collapse.csv is damaged"));
    }
}
