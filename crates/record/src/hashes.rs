//! SHA-256 of the files that training wrote, by which a later change of any of them is noticed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::config::RunConfig;
use crate::error::{RecordError, Result};
use crate::member_id::MemberId;
use crate::run_dir::RunDir;

/// Hashes in hexadecimal digits, by the paths of the files in the directory of their run, with `/` between the parts.
pub type FileHashes = BTreeMap<String, String>;

/// What of a run was changed since it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The file has other content.
    Differs,
    /// It is gone.
    Missing,
}

impl RunDir {
    /// The hashes of a run: `known` ones, and those of the members that are finished and have none yet or were `trained`
    /// just now.
    pub fn hashes(
        &self,
        config: &RunConfig,
        mut known: FileHashes,
        trained: &[MemberId],
    ) -> Result<FileHashes> {
        for id in config.members() {
            let member = self.member(id);
            let result = name(&id.dir().join("result.json"));
            if !member.is_finished() || known.contains_key(&result) && !trained.contains(&id) {
                continue;
            }
            forget(&mut known, id);
            for entry in fs::read_dir(member.path()).map_err(RecordError::io("read", member.path()))? {
                let file = entry.map_err(RecordError::io("read", member.path()))?.file_name();
                let path = Path::new(&file);
                let extension = path.extension().and_then(|extension| extension.to_str());
                if path == Path::new("result.json") || matches!(extension, Some("csv" | "safetensors")) {
                    let path = id.dir().join(path);
                    known.insert(name(&path), hash(&self.path().join(path))?);
                }
            }
        }
        Ok(known)
    }

    /// Those of some hashes that are not of members which are to be trained, anew where they were finished once.
    pub fn hashes_of_finished(&self, config: &RunConfig, mut known: FileHashes) -> FileHashes {
        let unfinished = config.members().into_iter().filter(|&id| !self.member(id).is_finished());
        unfinished.for_each(|id| forget(&mut known, id));
        known
    }

    /// The files whose hashes are no longer these.
    pub fn changes(&self, hashes: &FileHashes) -> Result<Vec<(String, Change)>> {
        let mut changes = Vec::new();
        for (file, expected) in hashes {
            let path = self.path().join(file);
            match hash(&path) {
                Ok(found) if found == *expected => {}
                Ok(_) => changes.push((file.clone(), Change::Differs)),
                Err(_) if !path.exists() => changes.push((file.clone(), Change::Missing)),
                Err(error) => return Err(error),
            }
        }
        Ok(changes)
    }

    /// Takes up that files were written anew on purpose, where the run has hashes of them; the run is claimed.
    pub fn rehash(&self, files: &[PathBuf]) -> Result<()> {
        let Some(mut record) = self.record()? else { return Ok(()) };
        for file in files {
            if let Some(known) = record.files.get_mut(&name(file)) {
                *known = hash(&self.path().join(file))?;
            }
        }
        self.write_record(&record)
    }
}

/// Removes what is known of a member.
fn forget(known: &mut FileHashes, id: MemberId) {
    let folder = name(&id.dir()) + "/";
    let of_member = known.range(folder.clone()..).map(|(path, _)| path);
    let of_member: Vec<String> = of_member.take_while(|path| path.starts_with(&folder)).cloned().collect();
    of_member.iter().for_each(|path| drop(known.remove(path)));
}

/// A relative path as it stands in `run.json`, on every system.
fn name(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn hash(path: &Path) -> Result<String> {
    let read = || -> io::Result<String> {
        let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(format!("{:x}", hasher.finalize())),
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    read().map_err(RecordError::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::for_tests::finished;
    use tempfile::TempDir;

    #[test]
    fn a_file_that_changes_after_its_member_is_finished_is_named() {
        let root = TempDir::new().unwrap();
        let config = RunConfig { kl_coefficients: vec![1.0, 2.0], ..RunConfig::default() };
        let dir = RunDir::create(root.path(), &config).unwrap();
        let [one, two] = [0, 1].map(|index| dir.member(config.members()[index]));
        for (member, weights) in [(&one, "abc"), (&two, "")] {
            member.create().unwrap();
            fs::write(member.weights(), weights).unwrap();
        }
        one.write_result(&finished(1.0, 0, |_| ())).unwrap();
        let hashes = dir.hashes(&config, FileHashes::new(), &[]).unwrap();
        // Of "abc", from the standard, FIPS 180-4.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hashes["c=1/seed=0/weights.safetensors"], expected);
        assert_eq!(hashes.len(), 2, "the other member is not finished: {hashes:?}");
        assert_eq!(dir.changes(&hashes).unwrap(), []);

        fs::write(one.weights(), "abd").unwrap();
        let weights = "c=1/seed=0/weights.safetensors".to_string();
        assert_eq!(dir.changes(&hashes).unwrap(), [(weights.clone(), Change::Differs)]);
        assert_eq!(dir.hashes(&config, hashes.clone(), &[]).unwrap(), hashes, "a known hash stays");
        fs::remove_file(one.weights()).unwrap();
        assert_eq!(dir.changes(&hashes).unwrap(), [(weights, Change::Missing)]);
        let again = dir.hashes(&config, hashes, &[one.id()]).unwrap();
        assert_eq!(again.len(), 1, "what was trained anew is hashed anew");
        assert_eq!(dir.hashes_of_finished(&config, again.clone()), again);
        fs::remove_file(one.path().join("result.json")).unwrap();
        assert!(dir.hashes_of_finished(&config, again).is_empty(), "it will be finished another time");
    }
}
