//! `klsweep verify`: whether a finished run is still what was trained, and whether training gives it again.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use record::{Change, Claims, FileHashes, MemberDir, MemberId, MemberResult, RunConfig, RunDir};

use crate::run_context::RunContext;

/// Members that are to be trained again: all seeds of a coefficient, `c=1`, or one, `c=1,seed=0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    kl_coefficient: f64,
    seed: Option<u64>,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (c, seed) = match text.split_once(',') {
                Some((c, seed)) => (c, Some(seed.trim().strip_prefix("seed=")?.parse().ok()?)),
                None => (text, None),
            };
            let c: f64 = c.trim().strip_prefix("c=")?.parse().ok()?;
            Some(Self { kl_coefficient: c, seed })
        };
        parse().ok_or_else(|| {
            format!("{text:?} names no member: write c=1 for all seeds of a coefficient, or c=1,seed=0")
        })
    }
}

impl Choice {
    /// The members of a configuration that are meant.
    ///
    /// # Errors
    ///
    /// Fails when it has none of them.
    pub fn of(&self, config: &RunConfig) -> Result<Vec<MemberId>> {
        let is_meant = |id: &MemberId| {
            id.kl_coefficient == self.kl_coefficient && self.seed.is_none_or(|seed| seed == id.seed)
        };
        let found: Vec<MemberId> = config.members().into_iter().filter(is_meant).collect();
        if found.is_empty() {
            bail!(
                "the run has no such member: its coefficients are {:?}, its seeds {:?}",
                config.kl_coefficients,
                config.seeds
            );
        }
        Ok(found)
    }
}

/// Says which files of a run are no longer as they were written; none where the answer is empty.
pub fn check_hashes(dir: &RunDir, config: &RunConfig) -> Result<Vec<String>> {
    let files = dir.record()?.map(|record| record.files).unwrap_or_default();
    let finished: Vec<MemberId> =
        config.members().into_iter().filter(|&id| dir.member(id).is_finished()).collect();
    let unknown: Vec<&MemberId> = finished.iter().filter(|id| !has_hashes(&files, **id)).collect();
    for id in &unknown {
        println!(
            "{id} has no hashes yet: the process that trained it was killed, or of an older version; --resume adds them"
        );
    }
    let of_change = |(file, change): (String, Change)| {
        let what = match change {
            Change::Differs => "is not as it was written",
            Change::Missing => "is missing",
        };
        let folder = Path::new(&file).parent().unwrap_or(Path::new(""));
        format!(
            "{file} {what}; to train that member again: rm -r {} and --resume {}",
            dir.path().join(folder).display(),
            dir.path().display()
        )
    };
    let changes: Vec<String> = dir.changes(&files)?.into_iter().map(of_change).collect();
    println!(
        "{} files of {} finished members compared with their hashes: {} differ",
        files.len(),
        finished.len() - unknown.len(),
        changes.len()
    );
    Ok(changes)
}

fn has_hashes(files: &FileHashes, id: MemberId) -> bool {
    files.contains_key(&format!("{}/result.json", id.dir().display()))
}

/// Trains members again, apart from the run, and says in what they differ from those of the run.
pub fn retrain(
    run: &RunContext<'_>,
    members: &[MemberId],
    train: impl FnOnce(&RunContext<'_>) -> Result<()>,
) -> Result<Vec<String>> {
    for &id in members {
        let result = run.dir.member(id).result()?;
        let MemberResult { kernels, .. } = result.with_context(|| format!("{id} is not finished"))?;
        if kernels.as_deref() != run.kernels {
            let [before, now] = [kernels.as_deref(), run.kernels].map(|set| set.unwrap_or("none"));
            bail!(
                "{id} was trained with the kernels {before}, and this processor takes {now}, which round otherwise: choose \
                 the same where the processor has them ({}={before})",
                kernels::VARIABLE
            );
        }
    }
    let apart = tempfile::tempdir().context("cannot make a temporary directory")?;
    let dir = RunDir::create(&apart.path().join("run"), run.config)?;
    let claims = Claims::new(false);
    train(&RunContext { dir: &dir, claims: &claims, ..*run })?;
    let mut differences = Vec::new();
    for &id in members {
        let [before, now] = [run.dir.member(id), dir.member(id)];
        differences.extend(
            difference(&before, &now)?
                .into_iter()
                .map(|file| format!("{} of {id} has other bits when it is trained again", file)),
        );
    }
    Ok(differences)
}

/// The files in which two members differ. `outputs.safetensors` is left out: it follows from the weights, and `klsweep report
/// --grid` writes it anew.
fn difference(before: &MemberDir, now: &MemberDir) -> Result<Vec<&'static str>> {
    let mut differences = Vec::new();
    for file in ["history.csv", "weights.safetensors"] {
        let read = |dir: &MemberDir| {
            let path = dir.path().join(file);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        if read(before)? != read(now)? {
            differences.push(file);
        }
    }
    // All but what it took.
    let numbers = |dir: &MemberDir| -> Result<Option<MemberResult>> {
        Ok(dir.result()?.map(|result| MemberResult { seconds: None, diagnostics_seconds: None, ..result }))
    };
    if numbers(before)? != numbers(now)? {
        differences.push("result.json");
    }
    Ok(differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coefficient_means_all_its_seeds() {
        let config = RunConfig { kl_coefficients: vec![0.5, 1.0], seeds: vec![0, 1], ..RunConfig::default() };
        let of = |text: &str| text.parse::<Choice>().unwrap().of(&config);
        assert_eq!(of("c=1").unwrap(), config.members()[2..]);
        assert_eq!(of("c=0.50,seed=1").unwrap(), config.members()[1..2]);
        assert!(of("c=2").unwrap_err().to_string().contains("its coefficients are [0.5, 1.0]"));
        for wrong in ["1", "c=x", "c=1,0", "seed=1"] {
            assert!(wrong.parse::<Choice>().unwrap_err().contains("c=1,seed=0"), "{wrong}");
        }
    }
}
