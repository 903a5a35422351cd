//! What was measured after each epoch: `history.csv`.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{RecordError, Result};
use crate::files::write_atomically;
use crate::member_id::MemberId;
use crate::terms::{LatentUse, Terms};
use crate::warnings::Warning;

/// The column of [`EpochRow::clamped_log_vars`], and its name in format 1.
const CLAMPED: &str = "clamped_log_vars";
const CLAMPED_BEFORE: &str = "saturated_log_vars";

/// A finished epoch: terms in nats per image.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochRow {
    /// Counted from 1.
    pub epoch: usize,
    /// Over the training images, as the weights were when each was seen.
    pub train: Terms,
    /// Over the test images, after the epoch.
    pub test: Terms,
    /// The use of the latent dimensions for the test images.
    pub test_latent: LatentUse,
    /// Log-variances clamped to their bounds during the epoch.
    pub clamped_log_vars: u64,
}

impl EpochRow {
    /// Whether a network that was trained with this coefficient can be trained further.
    pub fn objective_is_finite(&self, kl_coefficient: f64) -> bool {
        [self.train, self.test].iter().all(|terms| terms.objective(kl_coefficient).is_finite())
    }
}

/// A member's `history.csv` in writing: a row is appended after each epoch.
#[derive(Clone, Debug)]
pub struct HistoryFile {
    path: PathBuf,
    member: MemberId,
}

impl HistoryFile {
    pub(crate) fn new(path: PathBuf, member: MemberId) -> Self {
        Self { path, member }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an epoch with the warnings that it gave reason for, and syncs it to disk; the first one begins the file anew.
    pub fn append(&self, row: &EpochRow, warnings: &[Warning]) -> Result<()> {
        let line = self.line(row, warnings).map_err(RecordError::damaged(&self.path))?;
        if row.epoch == 1 {
            let header = header(row).map_err(RecordError::damaged(&self.path))?;
            return write_atomically(&self.path, &[header, line].concat());
        }
        let append = || {
            let mut file = OpenOptions::new().append(true).open(&self.path)?;
            file.write_all(&line)?;
            file.sync_all()
        };
        append().map_err(RecordError::io("write", &self.path))
    }

    /// Cuts off what was written after so many epochs, and gives back the rows that are left: a process that was killed
    /// may have written a row that its last checkpoint does not know, and will write it again.
    ///
    /// # Errors
    ///
    /// Fails when the file holds fewer epochs, or cannot be read.
    pub fn cut_back(&self, epochs: usize) -> Result<Vec<EpochRow>> {
        if epochs == 0 {
            // Where no epoch is finished, the first row will begin the file anew.
            return Ok(Vec::new());
        }
        let text = fs::read_to_string(&self.path).map_err(RecordError::io("read", &self.path))?;
        let kept: usize = text.split_inclusive('\n').take(1 + epochs).map(str::len).sum();
        let rows = parse(&text[..kept]).map_err(RecordError::damaged(&self.path))?;
        if rows.len() < epochs || !text[..kept].ends_with('\n') {
            let reason = format!("it holds {} epochs, the member's checkpoint {epochs}", rows.len());
            return Err(RecordError::Damaged { path: self.path.clone(), reason });
        }
        if kept < text.len() {
            let cut = || OpenOptions::new().write(true).open(&self.path)?.set_len(kept as u64);
            cut().map_err(RecordError::io("write", &self.path))?;
        }
        Ok(rows)
    }

    fn line(&self, row: &EpochRow, warnings: &[Warning]) -> csv::Result<Vec<u8>> {
        let EpochRow { epoch, train, test, test_latent, clamped_log_vars } = row;
        let c = self.member.kl_coefficient;
        let terms = |terms: &Terms| terms.named(c).map(|(_, value)| value);
        let warnings: Vec<String> = warnings.iter().map(|warning| warning.kind.to_string()).collect();
        let mut table = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        table.serialize((
            (c, self.member.seed, epoch, terms(train), terms(test), clamped_log_vars),
            (test_latent.active_units, &test_latent.kl_per_dim, warnings.join(" ")),
        ))?;
        table.into_inner().map_err(|error| error.into_error().into())
    }
}

fn header(row: &EpochRow) -> csv::Result<Vec<u8>> {
    let of = |split: &str| row.train.named(1.0).map(|(term, _)| format!("{split}_{term}"));
    let of_dimensions =
        (0..row.test_latent.kl_per_dim.len()).map(|dimension| format!("test_kl_dim_{dimension}"));
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(
        ["c", "seed", "epoch"]
            .map(String::from)
            .into_iter()
            .chain(of("train"))
            .chain(of("test"))
            .chain([CLAMPED, "test_active_units"].map(String::from))
            .chain(of_dimensions)
            .chain(["warnings".to_string()]),
    )?;
    table.into_inner().map_err(|error| error.into_error().into())
}

/// The epochs of a `history.csv`; none if it is not there. A last row that is being written is left out.
///
/// # Errors
///
/// Fails when the file cannot be read or is damaged.
pub fn read_history(path: &Path) -> Result<Vec<EpochRow>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(RecordError::io("read", path)(error)),
    };
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    parse(&text[..whole]).map_err(RecordError::damaged(path))
}

/// Why a row cannot be read.
type Reason = String;

fn parse(text: &str) -> Result<Vec<EpochRow>, Reason> {
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let columns = table.headers().map_err(|error| error.to_string())?.clone();
    let rows = table.records().map(|row| {
        let row = row.map_err(|error| error.to_string())?;
        let cell = |name: &str| {
            let at = columns.iter().position(|column| column == name);
            at.and_then(|at| row.get(at)).ok_or_else(|| format!("it has no column {name}"))
        };
        fn number<T: std::str::FromStr>(cell: Result<&str, Reason>, name: &str) -> Result<T, Reason> {
            let cell = cell?;
            cell.parse().map_err(|_| format!("{cell:?} in column {name} is no number"))
        }
        let float = |name: &str| number::<f64>(cell(name), name);
        let terms = |split: &str| -> Result<Terms, Reason> {
            Ok(Terms {
                reconstruction: float(&format!("{split}_reconstruction"))?,
                kl: float(&format!("{split}_kl"))?,
            })
        };
        let kl_per_dim = columns.iter().filter(|column| column.starts_with("test_kl_dim_")).map(float);
        Ok(EpochRow {
            epoch: number(cell("epoch"), "epoch")?,
            train: terms("train")?,
            test: terms("test")?,
            test_latent: LatentUse {
                kl_per_dim: kl_per_dim.collect::<Result<_, _>>()?,
                active_units: number(cell("test_active_units"), "test_active_units")?,
            },
            clamped_log_vars: number(cell(CLAMPED).or_else(|_| cell(CLAMPED_BEFORE)), CLAMPED)?,
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warnings::WarningKind;
    use tempfile::TempDir;

    fn row(epoch: usize, value: f64) -> EpochRow {
        let terms = Terms { reconstruction: value, kl: value / 3.0 };
        let test_latent = LatentUse { kl_per_dim: vec![value.sqrt(), 0.0], active_units: 1 };
        EpochRow { epoch, train: terms, test: terms, test_latent, clamped_log_vars: 7 }
    }

    /// Numbers of a real history that a careless reader misses by the last bit.
    fn rows() -> Vec<EpochRow> {
        let values = [233.41616821289062, 10.579077353212583, 218.34457397460938, f64::INFINITY];
        (1..).zip(values).map(|(epoch, value)| row(epoch, value)).collect()
    }

    fn file(dir: &TempDir) -> HistoryFile {
        HistoryFile::new(dir.path().join("history.csv"), MemberId { kl_coefficient: 0.5, seed: 3 })
    }

    #[test]
    fn epochs_come_back_bit_for_bit() {
        let dir = TempDir::new().unwrap();
        assert_eq!(read_history(&file(&dir).path).unwrap(), [], "no epoch is finished");
        for row in rows() {
            file(&dir).append(&row, &[]).unwrap();
        }
        assert_eq!(read_history(&file(&dir).path).unwrap(), rows());
    }

    #[test]
    fn a_history_of_format_1_is_read_and_appended_to() {
        let dir = TempDir::new().unwrap();
        let rows = rows();
        file(&dir).append(&rows[0], &[]).unwrap();
        let path = &file(&dir).path;
        let written = fs::read_to_string(path).unwrap();
        assert_eq!(written.matches("clamped_log_vars").count(), 1);
        fs::write(path, written.replace("clamped_log_vars", "saturated_log_vars")).unwrap();
        file(&dir).append(&rows[1], &[]).unwrap();
        assert_eq!(read_history(path).unwrap(), rows[..2]);
    }

    #[test]
    fn a_row_has_its_sums_and_its_warnings() {
        let dir = TempDir::new().unwrap();
        let warning = |kind| Warning { epoch: 1, kind, message: String::new() };
        let warnings = [WarningKind::ExplodingKl, WarningKind::CollapsedDimension(1)].map(warning);
        file(&dir).append(&row(1, 9.0), &warnings).unwrap();
        let text = fs::read_to_string(&file(&dir).path).unwrap();
        let expected = "c,seed,epoch,train_reconstruction,train_kl,train_objective,train_elbo_loss,test_reconstruction,\
                        test_kl,test_objective,test_elbo_loss,clamped_log_vars,test_active_units,test_kl_dim_0,\
                        test_kl_dim_1,warnings\n\
                        0.5,3,1,9.0,3.0,10.5,12.0,9.0,3.0,10.5,12.0,7,1,3.0,0.0,exploding_kl collapsed_dimension_1\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_the_checkpoint_does_not_know_is_cut_off_and_written_again() {
        let dir = TempDir::new().unwrap();
        for row in rows() {
            file(&dir).append(&row, &[]).unwrap();
        }
        let whole = fs::read(&file(&dir).path).unwrap();
        for kept in 1..=4 {
            // Killed in the middle of the row after.
            let mut torn = whole.clone();
            torn.extend(b"0.5,3,5,1");
            fs::write(&file(&dir).path, torn).unwrap();
            assert_eq!(file(&dir).cut_back(kept).unwrap(), rows()[..kept]);
            for row in &rows()[kept..] {
                file(&dir).append(row, &[]).unwrap();
            }
            assert_eq!(fs::read(&file(&dir).path).unwrap(), whole, "{kept}");
        }
        let error = file(&dir).cut_back(5).unwrap_err().to_string();
        assert!(error.contains("is damaged: it holds 4 epochs, the member's checkpoint 5"), "{error}");
        assert_eq!(file(&dir).cut_back(0).unwrap(), []);
        file(&dir).append(&rows()[0], &[]).unwrap();
        assert_eq!(read_history(&file(&dir).path).unwrap(), rows()[..1], "the first row begins anew");
    }

    #[test]
    fn a_row_in_writing_is_left_out_and_a_wrong_one_is_named() {
        let dir = TempDir::new().unwrap();
        file(&dir).append(&rows()[0], &[]).unwrap();
        let path = &file(&dir).path;
        let whole = fs::read_to_string(path).unwrap();
        fs::write(path, format!("{whole}0.5,3,2,12")).unwrap();
        assert_eq!(read_history(path).unwrap(), rows()[..1]);
        fs::write(path, whole.replace(",train_kl,", ",no_kl,")).unwrap();
        let error = read_history(path).unwrap_err().to_string();
        assert!(error.ends_with("is damaged: it has no column train_kl"), "{error}");
        fs::write(path, whole.replace("233.41616821289062", "much")).unwrap();
        let error = read_history(path).unwrap_err().to_string();
        assert!(error.ends_with("\"much\" in column train_reconstruction is no number"), "{error}");
    }
}
