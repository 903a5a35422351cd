//! The finished epochs of a member in training, and what they gave reason to warn of.

use anyhow::Result;
use record::{EpochRow, HistoryFile, MemberDir, Warning, WarningWatch};

/// A member's finished epochs.
pub struct FinishedEpochs {
    file: HistoryFile,
    rows: Vec<EpochRow>,
    watch: WarningWatch,
    warnings: Vec<Warning>,
}

impl FinishedEpochs {
    /// The history of a member whose checkpoint knows so many epochs; what was written after them is cut off.
    pub fn resume(dir: &MemberDir, epochs: usize) -> Result<Self> {
        let file = dir.history_file();
        let rows = file.cut_back(epochs)?;
        let mut watch = WarningWatch::new(dir.id().kl_coefficient);
        let warnings = rows.iter().flat_map(|row| watch.epoch(row)).collect();
        Ok(Self { file, rows, watch, warnings })
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

    /// All warnings up to now.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Log-variances that were clamped in all epochs.
    pub fn saturated_log_vars(&self) -> u64 {
        self.rows.iter().map(|row| row.saturated_log_vars).sum()
    }
}
