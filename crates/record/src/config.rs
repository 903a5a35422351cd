//! The configuration: as written in a TOML file and on the command line, then as checked.
//!
//! Everything is checked before a device is touched or a file is written.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::data_config::DataConfig;
use crate::did_you_mean::nearest_known_key;
use crate::error::{RecordError, Result};
use crate::member_id::{MemberId, Part};
use crate::network_config::{NetworkConfig, Norm};

/// What a run trains, with every default filled in and every value checked.
///
/// Its fields are the keys of a configuration file; all but `kl_coefficients` have defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// The run directory is `runs/<name>`; the configuration file's name if not given.
    pub name: String,
    /// The coefficients of the KL term, one member of the sweep for each and each seed.
    pub kl_coefficients: Vec<f64>,
    /// Seeds of the initial weights, the order of the images and the noise.
    pub seeds: Vec<u64>,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images a step; the last batch of an epoch may be shorter.
    pub batch_size: usize,
    /// Steps between the checkpoints within an epoch; 0 for none but at the end of each epoch.
    pub checkpoint_every_steps: usize,
    /// What computes.
    pub backend: Backend,
    /// Members that train at the same time; 0 for one on each physical core. Does not change any result.
    pub workers: usize,
    /// Differences between coefficients that do not matter. Changes no training.
    pub margin: Margin,
    /// The data set.
    pub data: DataConfig,
    /// The network.
    pub model: NetworkConfig,
    /// The optimiser, Adam.
    pub optimizer: OptimizerConfig,
}

/// Differences between coefficients that do not matter to whoever chooses one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Margin {
    /// In a loss such as `-log p(x)`, as a share of the leader's.
    pub loss: f64,
    /// In the accuracy of a classifier.
    pub accuracy: f64,
}

impl Default for Margin {
    /// A thousandth, and one point.
    fn default() -> Self {
        Self { loss: 1e-3, accuracy: 0.01 }
    }
}

/// The constants of Adam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the average of the gradient.
    pub beta_1: f64,
    /// Decay of the average of the squared gradient.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
}

impl Default for RunConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            kl_coefficients: Vec::new(),
            seeds: vec![0],
            epochs: 40,
            batch_size: 128,
            checkpoint_every_steps: 0,
            backend: Backend::Flex,
            workers: 0,
            margin: Margin::default(),
            data: DataConfig::default(),
            model: NetworkConfig::default(),
            optimizer: OptimizerConfig::default(),
        }
    }
}

impl Default for OptimizerConfig {
    /// Those of the classic experiment.
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(RecordError::Config(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

/// Between these are coefficients above 0.
const LEAST_COEFFICIENT: f64 = 1e-30;
const GREATEST_COEFFICIENT: f64 = 1e30;

impl RunConfig {
    /// Reads a configuration file, puts `key=value` overrides over it in their order, and checks the result.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).map_err(RecordError::io("read the configuration file", path))?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&text, &stem, overrides)
            .map_err(|error| RecordError::Config(format!("in {}: {error}", path.display())))
    }

    /// The same with `key=value` overrides put over it in their order, checked.
    pub fn with_overrides(&self, overrides: &[String]) -> Result<Self> {
        Self::parse(&self.to_toml(), &self.name, overrides)
    }

    fn parse(text: &str, default_name: &str, overrides: &[String]) -> Result<Self> {
        parse_toml::<Self>(text)?;
        let mut table: toml::Table = parse_toml(text)?;
        for written in overrides {
            let in_override = |explanation: &str, error: RecordError| {
                RecordError::Config(format!("in --set {written}{explanation}: {error}"))
            };
            parse_toml::<Self>(written).map_err(|error| {
                in_override(
                    ": write key=value in TOML's syntax, for example --set epochs=3 or --set 'backend=\"wgpu\"'",
                    error,
                )
            })?;
            merge(&mut table, parse_toml(written).map_err(|error| in_override("", error))?);
        }
        let mut config: Self =
            table.try_into().map_err(|error: toml::de::Error| RecordError::Config(error.to_string()))?;
        if config.name.is_empty() {
            config.name = default_name.to_string();
        }
        config.check()?;
        Ok(config)
    }

    /// The members of the sweep: seeds vary fastest.
    pub fn members(&self) -> Vec<MemberId> {
        let of_coefficient =
            |&kl_coefficient: &f64| self.seeds.iter().map(move |&seed| MemberId { kl_coefficient, seed });
        self.kl_coefficients.iter().flat_map(of_coefficient).collect()
    }

    /// The members of one part of the sweep.
    ///
    /// Neighbouring members go to different parts, so that each has its share of every coefficient.
    pub fn members_of(&self, part: Part) -> Vec<MemberId> {
        self.members().into_iter().skip(part.index - 1).step_by(part.of).collect()
    }

    /// The first line in which this configuration and another one differ, as both write it; `None` if they train the same.
    pub fn difference(&self, other: &Self) -> Option<[String; 2]> {
        // The number of workers changes no result.
        let [ours, theirs] = [self, other].map(|config| Self { workers: 0, ..config.clone() }.to_toml());
        ours.lines()
            .zip(theirs.lines())
            .find(|(ours, theirs)| ours != theirs)
            .map(|(ours, theirs)| [ours.to_string(), theirs.to_string()])
    }

    /// The same for configurations of which a report compares the members: they may differ in name, coefficients and seeds.
    pub fn difference_beside_members(&self, other: &Self) -> Option<[String; 2]> {
        let [ours, theirs] = [self, other].map(|config| Self {
            name: String::new(),
            kl_coefficients: Vec::new(),
            seeds: Vec::new(),
            ..config.clone()
        });
        ours.difference(&theirs)
    }

    /// Refuses a batch size that the data cannot fill.
    pub fn check_batch_size(&self, training_images: usize) -> Result<()> {
        ensure!(
            self.batch_size <= training_images,
            "batch_size = {}, but there are only {training_images} training images: use at most that many",
            self.batch_size
        );
        Ok(())
    }

    /// The whole configuration as a TOML document.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every configuration can be written as TOML")
    }

    fn check(&self) -> Result<()> {
        let Self { name, kl_coefficients, seeds, model, optimizer, .. } = self;
        ensure!(
            !name.is_empty() && !name.contains(['/', '\\']) && name != "." && name != "..",
            "name = {name:?} cannot be the name of a directory under runs/: use letters, digits, '.', '_' and '-'"
        );
        ensure!(
            !kl_coefficients.is_empty(),
            "kl_coefficients is missing: list at least one coefficient, for example kl_coefficients = [1.0]"
        );
        for &c in kl_coefficients {
            ensure!(
                c.is_finite() && c >= 0.0,
                "kl_coefficients holds {c}: a coefficient is a finite number, 0 or greater"
            );
            // Numbers of 32 bits are trained with, and the digits name a directory.
            ensure!(
                c == 0.0 || (LEAST_COEFFICIENT..=GREATEST_COEFFICIENT).contains(&c),
                "kl_coefficients holds {c:e}: one above 0 is from {LEAST_COEFFICIENT:e} to {GREATEST_COEFFICIENT:e}"
            );
        }
        ensure_distinct("kl_coefficients", kl_coefficients)?;
        ensure!(!seeds.is_empty(), "seeds is empty: list at least one, for example seeds = [0]");
        // TOML's integers are signed: a greater seed could not be written back.
        ensure!(
            seeds.iter().all(|&seed| seed <= i64::MAX as u64),
            "seeds holds a number above {}, the greatest that TOML can write",
            i64::MAX
        );
        ensure_distinct("seeds", seeds)?;
        ensure!(self.epochs > 0, "epochs = 0: at least one pass over the training images is needed");
        ensure!(self.batch_size > 0, "batch_size = 0: a batch holds at least one image");
        model.check()?;
        ensure!(
            model.norm != Norm::Batch || self.batch_size > 1,
            "model.norm = \"batch\" needs batches of at least two images, and batch_size is 1"
        );
        self.data.check()?;
        let OptimizerConfig { learning_rate, beta_1, beta_2, epsilon } = *optimizer;
        for (key, value) in [("learning_rate", learning_rate), ("epsilon", epsilon)] {
            ensure!(
                value.is_finite() && value > 0.0,
                "optimizer.{key} = {value}: it must be a finite number above 0"
            );
        }
        for (key, value) in [("loss", self.margin.loss), ("accuracy", self.margin.accuracy)] {
            ensure!(
                (0.0..1.0).contains(&value),
                "margin.{key} = {value}: it must be a share, from 0 to less than 1"
            );
        }
        for (key, value) in [("beta_1", beta_1), ("beta_2", beta_2)] {
            ensure!((0.0..1.0).contains(&value), "optimizer.{key} = {value}: it must lie in [0, 1)");
        }
        Ok(())
    }
}

fn ensure_distinct<T: PartialEq + fmt::Debug>(key: &str, values: &[T]) -> Result<()> {
    for (position, value) in values.iter().enumerate() {
        ensure!(
            !values[..position].contains(value),
            "{key} holds {value:?} twice: members of the same coefficient and seed would be the same network"
        );
    }
    Ok(())
}

/// Puts the values of `over` into `base`, table by table.
fn merge(base: &mut toml::Table, over: toml::Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(base)), toml::Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Parses a TOML document; an unknown key's message names the nearest known one.
fn parse_toml<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| {
        let message = error.to_string();
        let meant = nearest_known_key(error.message()).map(|known| format!("\ndid you mean `{known}`?"));
        RecordError::Config(message.trim_end().to_string() + &meant.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binarise::Binarise;
    use crate::likelihood::Variance;

    fn parse(text: &str, overrides: &[&str]) -> Result<RunConfig> {
        let overrides: Vec<String> = overrides.iter().map(|s| s.to_string()).collect();
        RunConfig::parse(text, "run", &overrides)
    }

    fn message(text: &str, overrides: &[&str]) -> String {
        parse(text, overrides).unwrap_err().to_string()
    }

    #[test]
    fn a_file_names_only_what_differs_from_the_defaults() {
        let config = parse("name = \"a\"\nkl_coefficients = [1.0]", &[]).unwrap();
        let expected =
            RunConfig { name: "a".to_string(), kl_coefficients: vec![1.0], ..RunConfig::default() };
        assert_eq!(config, expected);
    }

    #[test]
    fn the_name_of_the_file_is_the_default_name() {
        assert_eq!(parse("kl_coefficients = [1]", &[]).unwrap().name, "run");
    }

    #[test]
    fn what_was_written_back_reads_the_same() {
        let config = parse("kl_coefficients = [0, 0.02]\n[model]\nlatent = 3", &[]).unwrap();
        assert_eq!(parse(&config.to_toml(), &[]).unwrap(), config);
    }

    #[test]
    fn grey_levels_are_made_binary_by_a_name_or_a_threshold() {
        let binarise = |written: &str| {
            let text = format!("kl_coefficients = [1]\n[data]\nbinarise = {written}");
            parse(&text, &[]).map(|config| {
                assert_eq!(parse(&config.to_toml(), &[]).unwrap(), config);
                config.data.binarise
            })
        };
        assert_eq!(binarise("\"none\"").unwrap(), Binarise::None);
        assert_eq!(binarise("\"dynamic\"").unwrap(), Binarise::Dynamic);
        assert_eq!(binarise("0.5").unwrap(), Binarise::Fixed(0.5));
        let error = binarise("1.5").unwrap_err().to_string();
        assert!(error.contains("data.binarise = 1.5"), "{error}");
        let error = binarise("\"sometimes\"").unwrap_err().to_string();
        assert!(error.contains("\"dynamic\", or a threshold such as 0.5"), "{error}");
    }

    #[test]
    fn the_variance_is_a_number_or_how_it_is_found_and_only_of_the_gaussian() {
        let variance = |written: &str| {
            let text =
                format!("kl_coefficients = [1]\n[model]\nlikelihood = \"gaussian\"\nvariance = {written}");
            parse(&text, &[]).map(|config| {
                assert_eq!(parse(&config.to_toml(), &[]).unwrap(), config);
                config.model.variance
            })
        };
        assert_eq!(variance("2").unwrap(), Variance::Fixed(2.0));
        assert_eq!(variance("0.25").unwrap(), Variance::Fixed(0.25));
        assert_eq!(variance("\"learned_per_pixel\"").unwrap(), Variance::LearnedPerPixel);
        for wrong in ["0", "-1.5", "inf", "\"lerned\"", "true"] {
            let error = variance(wrong).unwrap_err().to_string();
            let expected =
                "a finite number above 0, or one of \"learned\", \"learned_per_pixel\", \"optimal\"";
            assert!(error.contains(expected), "{error}");
        }
        let error = message("kl_coefficients = [1]\n[model]\nvariance = 0.5", &[]);
        assert!(error.contains("model.likelihood is \"grey_bernoulli\""), "{error}");
        let error = message("kl_coefficients = [1]\n[model]\nlikelihood = \"normal\"", &[]);
        assert!(error.contains("`gaussian`"), "{error}");
    }

    #[test]
    fn overrides_go_over_the_file_in_their_order() {
        let file = "kl_coefficients = [1.0]\nepochs = 5\n[optimizer]\nlearning_rate = 0.1\nbeta_1 = 0.5";
        let config =
            parse(file, &["epochs=3", "epochs=4", "kl_coefficients=[0,1]", "optimizer.learning_rate=0.2"])
                .unwrap();
        assert_eq!(config.epochs, 4);
        assert_eq!(config.kl_coefficients, [0.0, 1.0]);
        assert_eq!((config.optimizer.learning_rate, config.optimizer.beta_1), (0.2, 0.5));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let text = message("kl_coefficients = [1.0]\nepoch = 3", &[]);
        assert!(text.contains("unknown field `epoch`") && text.contains("line 2"), "{text}");
        assert!(text.ends_with("did you mean `epochs`?"), "{text}");
        let text = message("kl_coefficients = [1.0]", &["optimizer.learning_rat=1"]);
        assert!(text.contains("--set") && text.ends_with("did you mean `learning_rate`?"), "{text}");
        let text = message("kl_coefficients = [1.0]\nzzz = 3", &[]);
        assert!(!text.contains("did you mean"), "{text}");
    }

    #[test]
    fn values_that_cannot_be_trained_with_are_refused() {
        let one = "kl_coefficients = [1.0]\n";
        for (text, expected) in [
            (String::new(), "kl_coefficients is missing"),
            ("kl_coefficients = []".into(), "kl_coefficients is missing"),
            ("kl_coefficients = [-1.0]".into(), "kl_coefficients holds -1: a coefficient is a finite number"),
            ("kl_coefficients = [nan]".into(), "kl_coefficients holds NaN"),
            ("kl_coefficients = [inf]".into(), "kl_coefficients holds inf"),
            (
                "kl_coefficients = [1e300]".into(),
                "kl_coefficients holds 1e300: one above 0 is from 1e-30 to 1e30",
            ),
            ("kl_coefficients = [1.0, 2.0, 1]".into(), "kl_coefficients holds 1.0 twice"),
            (format!("{one}epochs = 0"), "epochs = 0"),
            (format!("{one}batch_size = 0"), "batch_size = 0"),
            (format!("{one}seeds = []"), "seeds is empty"),
            (format!("{one}seeds = [1, 1]"), "seeds holds 1 twice"),
            (format!("{one}seeds = [-1]"), "invalid value"),
            (format!("{one}name = \"a/b\""), "cannot be the name of a directory"),
            (format!("{one}backend = \"tpu\""), "unknown variant `tpu`"),
            (format!("{one}[data]\nshares = [0.9, 0.2, 0.1]"), "data.shares = [0.9, 0.2, 0.1]"),
            (format!("{one}[data]\nmemory_mib = 0"), "data.memory_mib = 0"),
            (format!("{one}[data]\nimage_shape = [28]"), "data.image_shape = [28]"),
            (format!("{one}[data]\nchannels = 2"), "data.channels = 2"),
            (format!("{one}[model]\nlatent = 0"), "model.latent = 0"),
            (format!("{one}[model]\nencoder_hidden = [4, 0]"), "model.encoder_hidden = [4, 0]"),
            (
                format!("{one}batch_size = 1\n[model]\nnorm = \"batch\""),
                "needs batches of at least two images",
            ),
            (format!("{one}[model]\ndropout = 1"), "model.dropout = 1"),
            (format!("{one}[model]\nresidual_blocks = 1"), "model.convolutions lists none"),
            (format!("{one}[model]\nactivation = \"rellu\""), "did you mean `relu`?"),
            (
                format!("{one}[model]\nconvolutions = [{{ filters = 8 }}, {{ filters = 8, stride = 0 }}]"),
                "the stride of convolution 2 is 0",
            ),
            (format!("{one}[optimizer]\nlearning_rate = nan"), "optimizer.learning_rate = NaN"),
            (format!("{one}[margin]\naccuracy = 1"), "margin.accuracy = 1: it must be a share"),
            (format!("{one}[margin]\nloss = -0.1"), "margin.loss = -0.1"),
            (format!("{one}[optimizer]\nbeta_2 = 1.0"), "optimizer.beta_2 = 1"),
        ] {
            let text = message(&text, &[]);
            assert!(text.contains(expected), "expected {expected:?} in {text:?}");
        }
    }

    #[test]
    fn a_coefficient_of_minus_zero_is_the_same_as_zero() {
        assert!(message("kl_coefficients = [0.0, -0.0]", &[]).contains("twice"));
    }

    #[test]
    fn the_parts_of_a_sweep_hold_every_member_once() {
        let config = parse("kl_coefficients = [0, 1, 2]\nseeds = [0, 1]", &[]).unwrap();
        let mut members: Vec<_> =
            (1..=4).flat_map(|index| config.members_of(Part { index, of: 4 })).collect();
        members.sort_by(|a, b| a.kl_coefficient.total_cmp(&b.kl_coefficient).then(a.seed.cmp(&b.seed)));
        assert_eq!(members, config.members());
    }

    #[test]
    fn configurations_are_compared_in_what_changes_a_result() {
        let config = parse("kl_coefficients = [1.0]", &[]).unwrap();
        assert_eq!(config.difference(&RunConfig { workers: 7, ..config.clone() }), None);
        let lines = |ours: &str, theirs: &str| Some([ours.to_string(), theirs.to_string()]);
        let other = RunConfig { seeds: vec![0, 1], epochs: 3, ..config.clone() };
        assert_eq!(config.difference(&other), lines("seeds = [0]", "seeds = [0, 1]"));
        assert_eq!(config.difference_beside_members(&other), lines("epochs = 40", "epochs = 3"));
    }
}
