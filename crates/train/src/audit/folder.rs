//! The folders of an audit: which members there are, and where the arrays of each are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use data::{NamedArray, arrays_in};
use record::{MemberId, nearest};

/// The arrays that are known, each also with `train_` and `validation_` before its name.
pub const ARRAYS: [&str; 6] = ["means", "log_vars", "labels", "losses", "decoded", "images"];
/// Before the names of arrays of other images than those that a member is judged by.
pub const TRAIN: &str = "train_";
pub const VALIDATION: &str = "validation_";

/// The endings of files that hold the arrays of a member.
const ENDINGS: [&str; 2] = [".npz", ".safetensors"];

/// A folder with members.
pub struct AuditFolder {
    /// By rising coefficients and seeds.
    pub members: Vec<MemberArrays>,
}

/// The arrays of a member, with those that stand above it for several members.
pub struct MemberArrays {
    /// Whose they are.
    pub id: MemberId,
    /// The folder that is the member's own.
    pub dir: PathBuf,
    /// By their names.
    pub arrays: BTreeMap<String, NamedArray>,
}

impl AuditFolder {
    /// Looks at a folder: its members are in `c=0.1/seed=1/`, or where there is one seed in `c=0.1/`; each may be an `.npz` or
    /// safetensors file instead. Arrays that stand higher are of all members below.
    ///
    /// # Errors
    ///
    /// Fails when there is no member, or one lacks posteriors.
    pub fn open(dir: &Path) -> Result<Self> {
        ensure!(dir.is_dir(), "{} is no folder", dir.display());
        let of_all = arrays_in(dir)?;
        let mut members = Vec::new();
        for (kl_coefficient, path) in numbered(dir, "c=", coefficient)? {
            let of_coefficient = arrays_in(&path)?;
            let seeds = if path.is_dir() { numbered(&path, "seed=", seed)? } else { Vec::new() };
            let shared: BTreeMap<_, _> = of_all.clone().into_iter().chain(of_coefficient).collect();
            if seeds.is_empty() {
                let id = MemberId { kl_coefficient, seed: 0 };
                members.push(MemberArrays { id, dir: own_folder(&path), arrays: shared });
                continue;
            }
            for (seed, path) in seeds {
                let arrays = shared.clone().into_iter().chain(arrays_in(&path)?).collect();
                let id = MemberId { kl_coefficient, seed };
                members.push(MemberArrays { id, dir: own_folder(&path), arrays });
            }
        }
        ensure!(
            !members.is_empty(),
            "{} holds no member: put the arrays of each network into a folder of its coefficient, such as {}",
            dir.display(),
            dir.join("c=1/means.npy").display()
        );
        members.iter().try_for_each(MemberArrays::check_names)?;
        Ok(Self { members })
    }
}

impl MemberArrays {
    /// The array of a name; an error that names what there is if it is not there.
    pub fn require(&self, name: &str) -> Result<&NamedArray> {
        let known: Vec<&str> = self.arrays.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_string() } else { known.join(", ") };
        self.arrays.get(name).with_context(|| format!("{} has no array {name}; it has: {known}", self.id))
    }

    fn check_names(&self) -> Result<()> {
        let all =
            || ["", TRAIN, VALIDATION].iter().flat_map(|part| ARRAYS.map(|name| format!("{part}{name}")));
        // Parameters of networks, whose file may stand beside the arrays, have dots in their names.
        if self.arrays.keys().any(|name| name.contains('.')) {
            return Ok(());
        }
        for name in self.arrays.keys() {
            // By its own name, or for --variances.
            if all().any(|known| known == *name) || name.ends_with("variances") {
                continue;
            }
            let known: Vec<String> = all().collect();
            let meant = nearest(name, known.iter().map(String::as_str));
            let meant = meant.map(|meant| format!(": did you mean {meant}?")).unwrap_or_default();
            bail!(
                "{} has an array {name}, which is none of {} (each also with train_ or validation_ before it){meant}",
                self.id,
                ARRAYS.join(", ")
            );
        }
        Ok(())
    }
}

/// The folder of a member, which where its arrays are one file is called as that without its ending.
fn own_folder(path: &Path) -> PathBuf {
    ENDINGS
        .iter()
        .find_map(|end| Some(PathBuf::from(path.to_str()?.strip_suffix(end)?)))
        .filter(|_| !path.is_dir())
        .unwrap_or_else(|| path.to_path_buf())
}

/// The folders and files whose names are a key and a value.
fn numbered<T: PartialOrd + Copy>(
    dir: &Path,
    key: &str,
    parse: fn(&str) -> Option<T>,
) -> Result<Vec<(T, PathBuf)>> {
    let mut found: Vec<(T, PathBuf)> = Vec::new();
    let entries = dir.read_dir().with_context(|| format!("cannot read {}", dir.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", dir.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(value) = name.strip_prefix(key) else { continue };
        let value = ENDINGS.iter().find_map(|end| value.strip_suffix(end)).unwrap_or(value);
        let number = parse(value).with_context(|| {
            format!("{} should be named {key} and a number, such as {key}1", path.display())
        })?;
        if let Some((_, other)) = found.iter().find(|(known, _)| *known == number) {
            bail!("{} and {} are of the same member", other.display(), path.display());
        }
        found.push((number, path));
    }
    found.sort_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    Ok(found)
}

fn coefficient(text: &str) -> Option<f64> {
    text.parse().ok().filter(|c: &f64| c.is_finite() && *c >= 0.0)
}

fn seed(text: &str) -> Option<u64> {
    text.parse().ok()
}
