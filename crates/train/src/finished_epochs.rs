//! The finished epochs of a member in training, and what they gave reason to warn of.

use anyhow::Result;
use record::{EpochRow, HistoryFile, MemberDir, Warning, WarningWatch, standing, still_improving};

/// A member's finished epochs.
pub struct FinishedEpochs {
    file: HistoryFile,
    rows: Vec<EpochRow>,
    kl_coefficient: f64,
    watch: WarningWatch,
    warnings: Vec<Warning>,
}

impl FinishedEpochs {
    /// The history of a member whose checkpoint knows so many epochs; what was written after them is cut off.
    pub fn resume(dir: &MemberDir, epochs: usize) -> Result<Self> {
        let file = dir.history_file();
        let rows = file.cut_back(epochs)?;
        let kl_coefficient = dir.id().kl_coefficient;
        let mut watch = WarningWatch::new(kl_coefficient);
        let warnings = rows.iter().flat_map(|row| watch.epoch(row)).collect();
        Ok(Self { file, rows, kl_coefficient, watch, warnings })
    }

    /// Takes up an epoch, and gives back what it gives reason to warn of.
    pub fn push(&mut self, row: EpochRow) -> Vec<Warning> {
        let warnings = self.watch.epoch(&row);
        self.warnings.extend(warnings.iter().cloned());
        self.rows.push(row);
        warnings
    }

    /// Where it is written.
    pub fn file(&self) -> &HistoryFile {
        &self.file
    }

    /// The last epoch; `None` before the first.
    pub fn last(&self) -> Option<&EpochRow> {
        self.rows.last()
    }

    /// The warnings of a member that is finished, with that of a training that was too short, without those that were
    /// withdrawn.
    pub fn final_warnings(&self) -> Vec<Warning> {
        let mut warnings = standing(self.warnings.clone());
        warnings.extend(self.still_improving());
        warnings
    }

    /// Whether training ended too early.
    pub fn still_improving(&self) -> Option<Warning> {
        still_improving(&self.rows, self.kl_coefficient)
    }

    /// Log-variances that were clamped in all epochs.
    pub fn clamped_log_vars(&self) -> u64 {
        self.rows.iter().map(|row| row.clamped_log_vars).sum()
    }
}
