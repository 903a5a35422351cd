//! The directory of a run: `config.toml`, `run.json`, the initial weights, and what all members add up to.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use model::{NamedTensor, named_parameters};
use serde::{Deserialize, Serialize};

use crate::config::RunConfig;
use crate::data::{Dataset, Images};
use crate::diagnostics::Diagnostics;
use crate::files::{create_dir, write_atomically};
use crate::member::{MemberResult, initial_vae, read_result, write_weights};

/// What was run, where and when: `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Of klsweep.
    pub version: String,
    /// What computed.
    pub backend: String,
    /// The device, as Burn names it.
    pub device: String,
    /// Members that trained at the same time.
    pub workers: usize,
    /// The images, for readers that do not have them.
    pub images: ImageCounts,
    /// When the latest process began, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339; nothing while it runs or if it was killed.
    pub ended: Option<String>,
    /// How it ended.
    pub status: Status,
}

/// How many images of which size a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageCounts {
    /// Images that are trained on.
    pub train: usize,
    /// Images that are measured on.
    pub test: usize,
    /// Rows of pixels of an image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
}

impl ImageCounts {
    /// Those of a data set.
    pub fn of(dataset: &Dataset) -> Self {
        let Images { height, width, .. } = dataset.test;
        Self { train: dataset.train.count(), test: dataset.test.count(), height, width }
    }
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A process trains, or was killed.
    Running,
    /// A signal stopped it.
    Interrupted,
    /// This process trained its part; members of other parts are missing.
    Partial,
    /// At least one member could not be trained to its end.
    Failed,
    /// All members are trained.
    Finished,
}

impl Status {
    /// Its name in `run.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }
}

/// The current time, RFC 3339 in UTC.
pub fn now() -> String {
    let seconds = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(seconds).expect("the present is in range").to_string()
}

/// Opens the directory of a run: a new one, or one of the same configuration to go on with.
///
/// # Errors
///
/// Fails when the directory holds another configuration, is not empty and no run, or cannot be written.
pub fn open(dir: &Path, config: &RunConfig) -> Result<()> {
    let path = dir.join("config.toml");
    if path.exists() {
        let found = RunConfig::load(&path, &[])?;
        if let Some(difference) = first_difference(&found, config) {
            bail!(
                "{} already holds another run ({difference}): give this one another name with --set 'name=\"…\"', or \
                 move the directory away",
                dir.display()
            );
        }
        return Ok(());
    }
    create_dir(dir)?;
    let foreign = fs::read_dir(dir)
        .with_context(|| format!("cannot read {}", dir.display()))?
        .filter_map(Result::ok)
        .find(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    if let Some(entry) = foreign.filter(|_| !path.exists()) {
        bail!(
            "{} is not empty but holds no config.toml ({} is in it): it is no run's; give this run another name with \
             --set 'name=\"…\"'",
            dir.display(),
            entry.file_name().display()
        );
    }
    write_atomically(&path, config.to_toml().as_bytes())
}

/// The first line in which two configurations differ; nothing where they train the same.
fn first_difference(found: &RunConfig, wanted: &RunConfig) -> Option<String> {
    let [found, wanted] = [found, wanted].map(|config| config.without_scheduling().to_toml());
    found
        .lines()
        .zip(wanted.lines())
        .find(|(found, wanted)| found != wanted)
        .map(|(found, wanted)| format!("there: {found}, here: {wanted}"))
}

/// Creates the members' directories and writes the weights that they start from.
pub fn prepare(dir: &Path, config: &RunConfig, pixels: usize, device: &burn::tensor::Device) -> Result<()> {
    for member in config.members() {
        create_dir(&dir.join(member.dir()))?;
    }
    let path = dir.join("init.safetensors");
    if path.exists() {
        return Ok(());
    }
    let weights: Vec<NamedTensor> = config
        .seeds
        .iter()
        .flat_map(|&seed| {
            named_parameters(&initial_vae(config, pixels, seed, device)).into_iter().map(
                move |NamedTensor { name, data }| NamedTensor { name: format!("seed={seed}/{name}"), data },
            )
        })
        .collect();
    write_weights(&path, &weights)
}

/// Writes `run.json`.
pub fn write_record(dir: &Path, record: &RunRecord) -> Result<()> {
    let json = serde_json::to_string_pretty(record).context("cannot write the run's record as JSON")?;
    write_atomically(&dir.join("run.json"), (json + "\n").as_bytes())
}

/// The results of all members that are finished, in the order of the configuration.
pub fn results(dir: &Path, config: &RunConfig) -> Result<Vec<MemberResult>> {
    config.members().iter().filter_map(|member| read_result(&dir.join(member.dir())).transpose()).collect()
}

/// What `run.json` says.
pub fn read_record(dir: &Path) -> Result<RunRecord> {
    let path = dir.join("run.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
}

/// Writes `summary.csv`, and with several seeds `summary_over_seeds.csv`.
pub fn write_summary(dir: &Path, config: &RunConfig, results: &[MemberResult]) -> Result<Vec<PathBuf>> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let columns =
        ["c", "seed", "epochs", "reconstruction", "kl", "objective", "elbo_loss", "saturated_log_vars"];
    let of_diagnostics = Diagnostics::columns(config.model.latent);
    table.write_record(columns.into_iter().map(String::from).chain(of_diagnostics))?;
    for r in results {
        let terms = (r.test.reconstruction, r.test.kl, r.objective, r.elbo_loss);
        let diagnostics = (r.diagnostics.active_units, r.diagnostics.values());
        table.serialize((r.c, r.seed, r.epochs, terms, r.saturated_log_vars, diagnostics))?;
    }
    let summary = dir.join("summary.csv");
    write_atomically(&summary, &table.into_inner()?)?;
    if config.seeds.len() == 1 {
        return Ok(vec![summary]);
    }

    let mut table = csv::Writer::from_writer(Vec::new());
    let quantities = ["reconstruction", "kl", "objective", "elbo_loss"].into_iter().map(String::from);
    let quantities = quantities.chain(Diagnostics::columns(config.model.latent));
    let columns = quantities.flat_map(|name| [format!("{name}_mean"), format!("{name}_std")]);
    table.write_record(["c".to_string(), "seeds".to_string()].into_iter().chain(columns))?;
    for SeedStatistics { c, seeds, reconstruction, kl, objective, elbo_loss, diagnostics } in
        over_seeds(config, results)
    {
        let terms = [reconstruction, kl, objective, elbo_loss].map(|Spread { mean, std }| (mean, std));
        let diagnostics: Vec<_> = diagnostics
            .into_iter()
            .map(|spread| spread.map_or((None, None), |s| (Some(s.mean), Some(s.std))))
            .collect();
        table.serialize((c, seeds, terms, diagnostics))?;
    }
    let path = dir.join("summary_over_seeds.csv");
    write_atomically(&path, &table.into_inner()?)?;
    Ok(vec![summary, path])
}

/// A quantity over the seeds of a coefficient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The arithmetic mean.
    pub mean: f64,
    /// The standard deviation of the sample, with n - 1 in the denominator; NaN for a single seed.
    pub std: f64,
}

impl Spread {
    /// The spread of some values.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, std: (squares / (count - 1.0)).sqrt() }
    }
}

/// A coefficient's numbers over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedStatistics {
    /// The coefficient.
    pub c: f64,
    /// Seeds that are finished.
    pub seeds: usize,
    /// `-E[log p(x|z)]`.
    pub reconstruction: Spread,
    /// `KL(q(z|x) ‖ p(z))`.
    pub kl: Spread,
    /// `reconstruction + c * kl`.
    pub objective: Spread,
    /// `reconstruction + kl`.
    pub elbo_loss: Spread,
    /// Of each of [`Diagnostics::columns`]; nothing where no seed has it.
    pub diagnostics: Vec<Option<Spread>>,
}

/// The statistics of every coefficient that has a finished member.
pub fn over_seeds(config: &RunConfig, results: &[MemberResult]) -> Vec<SeedStatistics> {
    config
        .kl_coefficients
        .iter()
        .filter_map(|&c| {
            let of_c: Vec<&MemberResult> = results.iter().filter(|result| result.c == c).collect();
            let spread = |value: fn(&MemberResult) -> f64| {
                Spread::of(&of_c.iter().map(|result| value(result)).collect::<Vec<_>>())
            };
            let of_seeds: Vec<Vec<Option<f64>>> = of_c
                .iter()
                .map(|result| {
                    let active_units = Some(result.diagnostics.active_units as f64);
                    [active_units].into_iter().chain(result.diagnostics.values()).collect()
                })
                .collect();
            let diagnostic = |column: usize| {
                let values: Vec<f64> = of_seeds.iter().filter_map(|values| values[column]).collect();
                (!values.is_empty()).then(|| Spread::of(&values))
            };
            (!of_c.is_empty()).then(|| SeedStatistics {
                diagnostics: (0..of_seeds[0].len()).map(diagnostic).collect(),
                c,
                seeds: of_c.len(),
                reconstruction: spread(|result| result.test.reconstruction),
                kl: spread(|result| result.test.kl),
                objective: spread(|result| result.objective),
                elbo_loss: spread(|result| result.elbo_loss),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn config() -> RunConfig {
        RunConfig { name: "a".to_string(), kl_coefficients: vec![1.0, 2.0], ..RunConfig::default() }
    }

    #[test]
    fn a_directory_is_opened_again_by_the_same_configuration_only() {
        let root = TempDir::new().unwrap();
        let dir = root.path().join("runs/a");
        open(&dir, &config()).unwrap();
        open(&dir, &RunConfig { workers: 7, ..config() }).unwrap();
        let error = open(&dir, &RunConfig { epochs: 3, ..config() }).unwrap_err().to_string();
        assert!(
            error.contains("already holds another run (there: epochs = 40, here: epochs = 3)"),
            "{error}"
        );
        assert_eq!(RunConfig::load(&dir.join("config.toml"), &[]).unwrap(), config());
    }

    #[test]
    fn a_directory_that_is_no_runs_is_left_alone() {
        let root = TempDir::new().unwrap();
        fs::write(root.path().join("thesis.tex"), "").unwrap();
        let error = open(root.path(), &config()).unwrap_err().to_string();
        assert!(error.contains("thesis.tex is in it"), "{error}");
        assert!(!root.path().join("config.toml").exists());
    }

    #[test]
    fn the_spread_is_that_of_a_sample() {
        assert_eq!(Spread::of(&[1.0, 2.0, 3.0]), Spread { mean: 2.0, std: 1.0 });
        assert!(Spread::of(&[1.0]).std.is_nan());
    }
}
