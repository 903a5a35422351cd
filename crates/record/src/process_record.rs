//! The processes that work on a run, one or many: `processes/`.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::claim::{Claim, Claims, Owner, Taken, owner};
use crate::error::{RecordError, Result};
use crate::files::create_dir;
use crate::run_dir::RunDir;
use crate::run_record::{RunRecord, Status};
use crate::schema::{read_json, write_json};

/// A process that works or worked on a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Where it ran, and since when.
    pub owner: Owner,
    /// What computed.
    pub backend: String,
    /// The device, as Burn names it.
    pub device: String,
    /// The instruction set of the kernels; `None` where the backend has none.
    #[serde(default)]
    pub kernels: Option<String>,
    /// Members that trained at the same time.
    pub workers: usize,
    /// When it ended, RFC 3339; `None` while it runs or if it was killed.
    #[serde(default)]
    pub ended: Option<String>,
    /// How it ended.
    pub status: Status,
}

/// This process among those of a run.
pub struct Process {
    dir: PathBuf,
    record: ProcessRecord,
    /// By which the others see that it lives.
    _claim: Claim,
}

impl RunDir {
    /// Enters this process, as its part of the record of the run says, into the list of those that work on the run.
    pub fn begin_process(&self, claims: &Claims, run: &RunRecord) -> Result<Process> {
        let owner = Owner::this_process();
        // On some systems a name can hold no colon.
        let name = format!("{}-{}-{}", owner.since.replace(':', ""), owner.host, owner.process);
        let dir = self.processes_path().join(name);
        create_dir(&dir)?;
        let Taken::Ours(claim) = claims.take(&dir)? else {
            let reason = "another process has the same name, number and time".to_string();
            return Err(RecordError::Damaged { path: dir, reason });
        };
        let RunRecord { backend, device, kernels, workers, status, .. } = run.clone();
        let record = ProcessRecord { owner, backend, device, kernels, workers, ended: None, status };
        write_json(&dir.join("process.json"), &record)?;
        Ok(Process { dir, record, _claim: claim })
    }

    /// The processes that work or worked on the run, and whether each is at work as far as can be seen at once.
    pub fn processes(&self) -> Result<Vec<(ProcessRecord, bool)>> {
        let path = self.processes_path();
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(RecordError::io("read", &path))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let dir = entry.map_err(RecordError::io("read", &path))?.path();
            if let Some(record) = read_json::<ProcessRecord>(&dir.join("process.json"))? {
                let at_work = record.ended.is_none() && owner(&dir)?.is_some();
                found.push((record, at_work));
            }
        }
        found.sort_by(|(a, _), (b, _)| a.owner.since.cmp(&b.owner.since));
        Ok(found)
    }

    fn processes_path(&self) -> PathBuf {
        self.path().join("processes")
    }
}

impl Process {
    /// Enters how the process ended, and when.
    pub fn end(mut self, status: Status, ended: String) -> Result<()> {
        (self.record.status, self.record.ended) = (status, Some(ended));
        write_json(&self.dir.join("process.json"), &self.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;
    use crate::data_record::DataRecord;
    use crate::run_record::now;
    use crate::shape::Shape;
    use tempfile::TempDir;

    #[test]
    fn a_process_is_at_work_from_its_beginning_to_its_end() {
        let root = TempDir::new().unwrap();
        let dir = RunDir::create(root.path(), &RunConfig::default()).unwrap();
        assert!(dir.processes().unwrap().is_empty());
        let run = RunRecord {
            backend: "flex".into(),
            device: "Flex".into(),
            kernels: None,
            workers: 2,
            data: DataRecord { train: 1, test: 1, ..DataRecord::of_shape(&Shape::grey(1, 1)) },
            distortion_floor: None,
            started: now(),
            ended: None,
            status: Status::Running,
            audited: None,
            files: Default::default(),
        };
        let claims = Claims::new(false);
        let process = dir.begin_process(&claims, &run).unwrap();
        let found = dir.processes().unwrap();
        assert!(found[0].1 && found[0].0.owner.process == std::process::id());
        process.end(Status::Partial, now()).unwrap();
        let found = dir.processes().unwrap();
        assert_eq!((found.len(), found[0].1, found[0].0.status), (1, false, Status::Partial));

        // One that was killed has no end, and is not at work.
        let killed = RunDir::open(root.path()).unwrap();
        let record = ProcessRecord { ended: None, ..found[0].0.clone() };
        let path = killed.processes_path().join("killed");
        create_dir(&path).unwrap();
        write_json(&path.join("process.json"), &record).unwrap();
        assert!(dir.processes().unwrap().iter().all(|(_, at_work)| !at_work));
    }
}
