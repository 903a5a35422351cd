//! The configuration of `metrics fit`: as written, then as checked.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use metrics::normal_fit::Settings;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// What the `fit` command is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FitConfig {
    /// Folder for the results.
    pub output: PathBuf,
    /// Backend that the graph runs on.
    pub backend: String,
    /// A file of weights, one for each point of the grid, in place of `target`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_file: Option<PathBuf>,
    /// The fit itself. Its keys stand beside those above.
    #[serde(flatten)]
    pub settings: Settings,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            output: PathBuf::from("runs/normal_fit"),
            backend: "flex".to_owned(),
            target_file: None,
            settings: Settings::default(),
        }
    }
}

impl FitConfig {
    /// Reads a file, if one is given, and applies `key=value` changes on top.
    pub fn load(path: Option<&Path>, changes: &[String]) -> Result<Self> {
        let mut table = match path {
            None => Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                text.parse().with_context(|| format!("in {}", path.display()))?
            }
        };
        for change in changes {
            set(&mut table, change).with_context(|| format!("--set {change}"))?;
        }
        let place = || path.map_or("the configuration".into(), |p| p.display().to_string());
        Self::from_table(table).with_context(|| format!("in {}", place()))
    }

    fn from_table(mut table: Table) -> Result<Self> {
        // The settings refuse unknown keys, so what is not theirs is taken out first.
        let mut outer = Table::new();
        for key in OUTER_KEYS {
            if let Some(value) = table.remove(key) {
                outer.insert(key.to_owned(), value);
            }
        }
        let settings = table.try_into().map_err(with_nearest_key)?;
        let outer: Self = outer.try_into()?;
        Ok(Self { settings, ..outer })
    }

    /// Every value, defaults too.
    pub fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string(self)?)
    }
}

/// The keys beside those of the fit itself.
const OUTER_KEYS: [&str; 3] = ["output", "backend", "target_file"];

/// Adds to serde's "unknown field `step`, expected one of `steps`, ..." the known key that is most like the unknown one.
fn with_nearest_key(error: toml::de::Error) -> anyhow::Error {
    let message = error.to_string().trim_end().replace('\n', ", ");
    let mut quoted = error.message().split('`').skip(1).step_by(2);
    let nearest = quoted.next().filter(|_| message.starts_with("unknown field")).and_then(|unknown| {
        let known = quoted.chain(OUTER_KEYS).map(|known| (strsim::jaro_winkler(unknown, known), known));
        // Below this likeness a suggestion helps nobody.
        known.filter(|(likeness, _)| *likeness > 0.7).max_by(|a, b| a.0.total_cmp(&b.0))
    });
    match nearest {
        Some((_, nearest)) => anyhow!("{message}: did you mean `{nearest}`?"),
        None => anyhow!(message),
    }
}

/// Applies `key=value`, the key dotted and the value in TOML's syntax; a bare word is a string.
fn set(table: &mut Table, change: &str) -> Result<()> {
    let Some((path, text)) = change.split_once('=') else { bail!("expected key=value") };
    let (path, text) = (path.trim(), text.trim());
    let value = match format!("value = {text}").parse::<Table>() {
        Ok(mut parsed) => parsed.remove("value").context("expected one value")?,
        Err(_) if !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c)) => {
            Value::String(text.to_owned())
        }
        Err(error) => return Err(error).context(format!("'{text}' is no TOML value")),
    };
    let mut keys: Vec<&str> = path.split('.').collect();
    let last = keys.pop().unwrap_or_default();
    let mut place = table;
    for key in keys {
        let entry = place.entry(key).or_insert_with(|| Value::Table(Table::new()));
        place = entry.as_table_mut().with_context(|| format!("'{key}' is not a table"))?;
    }
    place.insert(last.to_owned(), value);
    Ok(())
}

/// The first key in which two configurations differ, with both values.
pub fn difference(before: &Table, after: &Table) -> Option<String> {
    let keys = before.keys().chain(after.keys());
    let shown = |value: Option<&Value>| value.map_or("not set".into(), ToString::to_string);
    keys.filter(|key| before.get(*key) != after.get(*key))
        .map(|key| format!("{key} was {} and is {}", shown(before.get(key)), shown(after.get(key))))
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut config = FitConfig::default();
        config.settings.start.seed = Some(3);
        config.settings.steps = 7;
        let table: Table = config.to_toml().unwrap().parse().unwrap();
        assert_eq!(FitConfig::from_table(table).unwrap(), config);
    }

    #[test]
    fn changes_take_dotted_keys_and_bare_words() {
        let changes =
            ["grid.step=0.5", "objective=reverse_kl", "target=[{ mean = 1, sd = 2.5 }]"].map(String::from);
        let config = FitConfig::load(None, &changes).unwrap();
        assert_eq!(config.settings.grid.step, 0.5);
        assert_eq!(config.settings.grid.low, -10.0);
        assert_eq!(config.settings.objective, metrics::normal_fit::Objective::ReverseKl);
        assert_eq!(config.settings.target[0].sd, 2.5);
    }
}
