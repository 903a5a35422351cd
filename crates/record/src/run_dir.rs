//! The directory of a run: which file is where, and what is in it.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::baselines::Baselines;
use crate::claim::{self, Claim, Claims, Owner};
use crate::collapse;
use crate::config::RunConfig;
use crate::error::{RecordError, Result};
use crate::examples::Examples;
use crate::files::{create_dir, remove_temporary_files, write_atomically, write_first};
use crate::member_dir::MemberDir;
use crate::member_id::MemberId;
use crate::result::MemberResult;
use crate::run_record::RunRecord;
use crate::schema::{read_json, write_json, write_json_lines};
use crate::stamp::stamp;
use crate::summary::{over_seeds_csv, summary_csv};

/// The directory of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// A new directory for a run, or one of the same configuration to go on with.
    ///
    /// # Errors
    ///
    /// Fails when the directory holds another configuration, is not empty and no run, or cannot be written.
    pub fn create(path: &Path, config: &RunConfig) -> Result<Self> {
        let dir = Self { path: path.to_path_buf() };
        if dir.config_path().exists() {
            return dir.of_same_configuration(config);
        }
        create_dir(path)?;
        let visible = fs::read_dir(path)
            .map_err(RecordError::io("read", path))?
            .filter_map(|entry| Some(entry.ok()?.file_name().display().to_string()))
            .find(|name| !name.starts_with('.'));
        // Another process may have made it a run's meanwhile.
        if let Some(file) = visible.filter(|_| !dir.config_path().exists()) {
            return Err(RecordError::NotEmpty { dir: dir.path, file });
        }
        match write_first(&dir.config_path(), config.to_toml().as_bytes()) {
            // Whoever was first may also have cleared away what this process had begun to write.
            Err(_) if dir.config_path().exists() => dir.of_same_configuration(config),
            written => written.map(|()| dir),
        }
    }

    fn of_same_configuration(self, config: &RunConfig) -> Result<Self> {
        match RunConfig::load(&self.config_path(), &[])?.difference(config) {
            Some([there, here]) => Err(RecordError::OtherRun { dir: self.path, there, here }),
            None => Ok(self),
        }
    }

    /// A number that changes with what is recorded of the run and of its members.
    pub fn stamp(&self, members: &[MemberId]) -> u64 {
        let mut hasher = DefaultHasher::new();
        stamp(&self.path).hash(&mut hasher);
        members.iter().for_each(|&id| self.member(id).stamp().hash(&mut hasher));
        hasher.finish()
    }

    /// The directory of a run that is there.
    ///
    /// # Errors
    ///
    /// Fails when the directory is no run's.
    pub fn open(path: &Path) -> Result<Self> {
        let dir = Self { path: path.to_path_buf() };
        if dir.config_path().is_file() {
            return Ok(dir);
        }
        let reason = if path.exists() { "it holds no config.toml" } else { "there is no such directory" };
        Err(RecordError::NoRun { dir: dir.path, reason })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn config_path(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// What it trains.
    pub fn config(&self) -> Result<RunConfig> {
        RunConfig::load(&self.config_path(), &[])
    }

    /// The weights that the members of each seed start from.
    pub fn initial_weights(&self) -> PathBuf {
        self.path.join("init.safetensors")
    }

    /// The examples by which members are shown; `None` if none are recorded.
    pub fn examples(&self) -> Result<Option<Examples>> {
        Examples::read(&self.examples_path()).map_err(RecordError::with_remedy(
            "delete it, and `klsweep report` or the next training writes it anew",
        ))
    }

    /// Writes the examples.
    pub fn write_examples(&self, examples: &Examples) -> Result<()> {
        examples.write(&self.examples_path())
    }

    fn examples_path(&self) -> PathBuf {
        self.path.join("examples.safetensors")
    }

    /// The coefficients at which the latent dimensions of a linear decoder would collapse, the greatest first; `None` if
    /// that was not computed.
    pub fn collapse(&self) -> Result<Option<Vec<f64>>> {
        collapse::read(&self.path.join("collapse.csv"))
    }

    /// Writes them.
    pub fn write_collapse(&self, coefficients: &[f64]) -> Result<()> {
        collapse::write(&self.path.join("collapse.csv"), coefficients)
    }

    /// What can be had of the data without a network; `None` if that was not measured.
    pub fn baselines(&self) -> Result<Option<Baselines>> {
        read_json(&self.baselines_path())
    }

    /// Writes it.
    pub fn write_baselines(&self, baselines: &Baselines) -> Result<()> {
        write_json(&self.baselines_path(), baselines)
    }

    fn baselines_path(&self) -> PathBuf {
        self.path.join("baselines.json")
    }

    /// The directory of a member.
    pub fn member(&self, id: MemberId) -> MemberDir {
        MemberDir::new(self.path.join(id.dir()), id)
    }

    /// Waits until no other process writes the files that all members share, and claims them.
    pub fn claim(&self, claims: &Claims) -> Result<Claim> {
        let claim = claims.wait(&self.path)?;
        remove_temporary_files(&self.path)?;
        Ok(claim)
    }

    /// Whoever trains a member, as far as can be seen at once.
    pub fn owner(&self, id: MemberId) -> Result<Option<Owner>> {
        let member = self.member(id);
        let dir = member.path();
        if dir.is_dir() { claim::owner(dir) } else { Ok(None) }
    }

    /// Writes `run.json`.
    pub fn write_record(&self, record: &RunRecord) -> Result<()> {
        write_json(&self.path.join("run.json"), record)
    }

    /// What `run.json` says; `None` if it is not there.
    pub fn record(&self) -> Result<Option<RunRecord>> {
        read_json(&self.path.join("run.json"))
            .map_err(RecordError::with_remedy("delete it, and the next training writes it anew"))
    }

    /// The results of all members that are finished, in the order of the configuration.
    pub fn results(&self, config: &RunConfig) -> Result<Vec<MemberResult>> {
        config.members().into_iter().filter_map(|id| self.member(id).result().transpose()).collect()
    }

    /// Writes `summary.csv`, with several seeds `summary_over_seeds.csv`, and the results as they are, a line each, as
    /// `results.jsonl`.
    pub fn write_summary(&self, config: &RunConfig, results: &[MemberResult]) -> Result<Vec<PathBuf>> {
        let latent = config.model.latent;
        let path = self.path.join("summary.csv");
        let table = summary_csv(latent, results).map_err(RecordError::damaged(&path))?;
        write_atomically(&path, &table)?;
        write_json_lines(&self.path.join("results.jsonl"), results)?;
        let mut written = vec![path];
        if config.seeds.len() > 1 {
            let path = self.path.join("summary_over_seeds.csv");
            let table = over_seeds_csv(latent, &config.kl_coefficients, results);
            write_atomically(&path, &table.map_err(RecordError::damaged(&path))?)?;
            written.push(path);
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_record::DataRecord;
    use crate::for_tests::finished;
    use crate::run_record::{Status, now};
    use crate::shape::Shape;
    use std::thread;
    use tempfile::TempDir;

    fn config() -> RunConfig {
        RunConfig { name: "a".to_string(), kl_coefficients: vec![1.0, 2.0], ..RunConfig::default() }
    }

    #[test]
    fn a_directory_is_opened_again_by_the_same_configuration_only() {
        let root = TempDir::new().unwrap();
        let path = root.path().join("runs/a");
        RunDir::create(&path, &config()).unwrap();
        let dir = RunDir::create(&path, &RunConfig { workers: 7, ..config() }).unwrap();
        let error = RunDir::create(&path, &RunConfig { epochs: 3, ..config() }).unwrap_err().to_string();
        assert!(
            error.contains("already holds another run (there: epochs = 40, here: epochs = 3)"),
            "{error}"
        );
        assert_eq!(dir.config().unwrap(), config());
        assert_eq!(RunDir::open(&path).unwrap(), dir);
    }

    /// As the tasks of a job array do, which a scheduler starts at the same moment.
    #[test]
    fn of_processes_that_begin_a_run_at_once_all_join_it_and_none_of_another_configuration() {
        for attempt in 0..100 {
            let root = TempDir::new().unwrap();
            let path = root.path().join("runs/a");
            let begin = |epochs| {
                let dir = RunDir::create(&path, &RunConfig { epochs, ..config() })?;
                drop(dir.claim(&Claims::new(false))?);
                Ok::<_, RecordError>(epochs)
            };
            let begun: Vec<Result<usize>> = thread::scope(|scope| {
                let threads = [3, 3, 3, 4].map(|epochs| scope.spawn(move || begin(epochs)));
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let chosen = RunDir::open(&path).unwrap().config().unwrap().epochs;
            for (begun, epochs) in begun.into_iter().zip([3, 3, 3, 4]) {
                match begun {
                    Ok(_) => assert_eq!(epochs, chosen, "attempt {attempt}"),
                    Err(RecordError::OtherRun { .. }) => assert_ne!(epochs, chosen, "attempt {attempt}"),
                    Err(error) => panic!("attempt {attempt}: {error}"),
                }
            }
        }
    }

    #[test]
    fn a_directory_that_is_no_runs_is_left_alone() {
        let root = TempDir::new().unwrap();
        fs::write(root.path().join("thesis.tex"), "").unwrap();
        let error = RunDir::create(root.path(), &config()).unwrap_err().to_string();
        assert!(error.contains("thesis.tex is in it"), "{error}");
        assert!(!root.path().join("config.toml").exists());
        let error = RunDir::open(root.path()).unwrap_err().to_string();
        assert!(error.ends_with("is no run directory: it holds no config.toml"), "{error}");
    }

    #[test]
    fn what_was_written_is_read() {
        let root = TempDir::new().unwrap();
        let dir = RunDir::create(root.path(), &config()).unwrap();
        assert_eq!(dir.record().unwrap(), None);
        let record = RunRecord {
            backend: "flex".into(),
            device: "Flex".into(),
            kernels: Some("avx2".into()),
            workers: 2,
            data: DataRecord { train: 60_000, test: 10_000, ..DataRecord::of_shape(&Shape::grey(28, 28)) },
            distortion_floor: Some(45.53),
            started: now(),
            ended: None,
            status: Status::Running,
            audited: None,
            files: [("c=1/seed=0/history.csv".to_string(), "00".to_string())].into(),
        };
        dir.write_record(&record).unwrap();
        assert_eq!(dir.record().unwrap(), Some(record));

        let [first, second] = [1.0, 2.0].map(|c| dir.member(MemberId { kl_coefficient: c, seed: 0 }));
        first.create().unwrap();
        first.write_result(&finished(1.0, 0, |_| ())).unwrap();
        assert_eq!(second.result().unwrap(), None);
        assert_eq!(dir.results(&config()).unwrap(), [finished(1.0, 0, |_| ())]);
        fs::write(first.path().join("result.json"), "{").unwrap();
        let error = first.result().unwrap_err().to_string();
        assert!(
            error.contains("result.json is damaged") && error.ends_with("train this member again"),
            "{error}"
        );
    }

    /// A `run.json` and a `result.json` as version 0.1.0 wrote them before there were numbers of formats.
    #[test]
    fn a_run_from_before_formats_had_numbers_is_read() {
        let root = TempDir::new().unwrap();
        let dir = RunDir::create(root.path(), &config()).unwrap();
        let record = r#"{"version": "0.1.0", "backend": "flex", "device": "Flex", "workers": 2, "images": {"train": 60000,
            "test": 10000, "height": 28, "width": 28}, "started": "2026-11-24T10:00:00Z", "ended": null, "status": "finished"}"#;
        fs::write(root.path().join("run.json"), record).unwrap();
        assert_eq!(dir.record().unwrap().unwrap().kernels, None);

        let member = dir.member(config().members()[0]);
        member.create().unwrap();
        let mut result = serde_json::to_value(finished(1.0, 0, |_| ())).unwrap();
        result.as_object_mut().unwrap().remove("total_correlation");
        fs::write(member.path().join("result.json"), result.to_string()).unwrap();
        assert_eq!(member.result().unwrap().unwrap().diagnostics.total_correlation, None);
    }
}
