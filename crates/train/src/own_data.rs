//! What is trained on data of which nothing is said but where it is.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor};
use data::{Dataset, Progress, Split, suggest};
use model::Batch;
use record::{
    Binarise, DataConfig, DataRecord, Likelihood, RunConfig, RunDir, Scale, Scaling, Shape, Variance,
};

use crate::image_tensors::ImageTensors;
use crate::network::initial_vae;
use crate::state::TrainState;

/// The coefficients that are tried.
const COEFFICIENTS: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];
/// Networks of other seeds, since one can name no winner.
const SEEDS: u64 = 3;
/// Epochs at least, and steps at least.
const LEAST_EPOCHS: usize = 40;
const LEAST_STEPS: usize = 4000;
/// Units of the hidden layers for images and, much narrower, for rows of a table.
const HIDDEN: usize = 256;
const HIDDEN_OF_TABLE: usize = 64;
/// Latent dimensions of tables and of grey images of up to so many pixels, of which a plane shows all; and of others.
const SMALL: usize = 1024;
const LATENT: usize = 2;
const LATENT_OF_LARGE: usize = 16;
/// Classes that are named.
const NAMED: usize = 10;
/// Examples looked at at a time.
const BATCH: usize = 1000;
/// Steps by whose median the time of all is estimated.
const TIMED_STEPS: usize = 9;

/// What was found and what is to be trained on it.
pub struct Understood {
    /// The whole configuration.
    pub config: RunConfig,
    /// The data set that it names.
    pub dataset: Dataset,
}

/// Looks at the data at a path and chooses everything that `overrides` does not say.
///
/// # Errors
///
/// Fails when the data cannot be read, or an override does not fit.
pub fn understand(path: &Path, overrides: &[String], progress: &dyn Progress) -> Result<Understood> {
    let base = RunConfig {
        name: name_of(path),
        kl_coefficients: COEFFICIENTS.to_vec(),
        seeds: (0..SEEDS).collect(),
        data: DataConfig { path: path.to_path_buf(), ..DataConfig::default() },
        ..RunConfig::default()
    };
    let asked = base.with_overrides(overrides)?;
    let data = suggest(asked.data).context("cannot read the data")?;
    let seen = data::load(&data, progress).context("cannot read the data")?;
    let seen_as = data.clone();
    let mut config = RunConfig { data, ..base };
    fit(&mut config, &seen, overrides)?;
    config = config.with_overrides(overrides)?;
    let dataset = match config.data == seen_as {
        true => seen,
        false => data::load(&config.data, progress).context("cannot read the data")?,
    };
    Ok(Understood { config, dataset })
}

/// Chooses the likelihood, the network and the length of the training.
fn fit(config: &mut RunConfig, dataset: &Dataset, overrides: &[String]) -> Result<()> {
    let train = &dataset.train;
    let is_table = train.shape().image().is_none();
    config.model.likelihood = likelihood(dataset)?;
    // What is chosen beside it depends on it, and it may be asked for.
    let likelihood = config.with_overrides(overrides)?.model.likelihood;
    if likelihood == Likelihood::Gaussian {
        config.model.variance = Variance::Optimal;
        if is_table {
            config.data.scale = Scale::Standardise;
        }
    }
    let hidden = if is_table { HIDDEN_OF_TABLE } else { HIDDEN };
    (config.model.encoder_hidden, config.model.decoder_hidden) = (vec![hidden], vec![hidden]);
    config.model.latent = match train.shape().image() {
        Some([height, width, channels]) if channels > 1 || height * width > SMALL => LATENT_OF_LARGE,
        _ => LATENT,
    };
    config.batch_size = config.batch_size.min(train.count());
    config.epochs = LEAST_EPOCHS.max(LEAST_STEPS.div_ceil(train.count().div_ceil(config.batch_size)));
    Ok(())
}

fn parts(dataset: &Dataset) -> impl Iterator<Item = &Split> {
    [Some(&dataset.train), dataset.validation.as_ref(), Some(&dataset.test)].into_iter().flatten()
}

/// The likelihood that the numbers call for: of black and white pixels Bernoulli, of grey ones its continuous form, of
/// colours and tables a Gaussian of the variance that fits best.
fn likelihood(dataset: &Dataset) -> Result<Likelihood> {
    let binary =
        || parts(dataset).map(is_binary).try_fold(true, |all, part| Ok::<_, anyhow::Error>(all && part?));
    match dataset.train.shape() {
        Shape::Table { .. } => Ok(Likelihood::Gaussian),
        _ if binary()? => Ok(Likelihood::Bernoulli),
        Shape::Image { channels: 1, .. } => Ok(Likelihood::ContinuousBernoulli),
        Shape::Image { .. } => Ok(Likelihood::Gaussian),
    }
}

/// Refuses data that the likelihood does not know.
pub fn check_values(config: &RunConfig, dataset: &Dataset) -> Result<()> {
    let RunConfig { data, model, .. } = config;
    ensure!(
        data.binarise == Binarise::None || model.likelihood == Likelihood::Bernoulli,
        "data.binarise makes pixels of 0 and 1 for the likelihood \"bernoulli\", and model.likelihood is \"{}\"",
        model.likelihood
    );
    ensure!(
        data.scale == Scale::Unit || model.likelihood == Likelihood::Gaussian,
        "model.likelihood = \"{}\" is of values from 0 to 1, which data.scale = \"unit\" makes; values on another scale need the \
         likelihood \"gaussian\"",
        model.likelihood
    );
    match model.likelihood {
        Likelihood::Bernoulli if data.binarise == Binarise::None => {
            for part in parts(dataset) {
                ensure!(
                    is_binary(part)?,
                    "model.likelihood = \"bernoulli\" is of pixels that are 0 or 1, and the data has others: make them so with \
                     data.binarise = \"dynamic\", \"static\" or a threshold such as 0.5, or choose \"continuous_bernoulli\""
                );
            }
        }
        Likelihood::DiscretisedLogistic => {
            for part in parts(dataset) {
                ensure!(
                    has_levels(part)?,
                    "model.likelihood = \"discretised_logistic\" is of the 256 levels of bytes, and the data has other values: \
                     choose \"gaussian\" or \"continuous_bernoulli\""
                );
            }
        }
        _ => {}
    }
    Ok(())
}

/// Whether every number is 0 or 1.
fn is_binary(split: &Split) -> Result<bool> {
    all_numbers(split, |number| number == 0.0 || number == 1.0)
}

/// Whether every number is a 255th.
fn has_levels(split: &Split) -> Result<bool> {
    all_numbers(split, |number| {
        (0.0..=1.0).contains(&number) && ((255.0 * number).round() / 255.0 - number).abs() < 1e-6
    })
}

fn all_numbers(split: &Split, holds: impl Fn(f32) -> bool) -> Result<bool> {
    for start in (0..split.count()).step_by(BATCH) {
        let numbers = split.rows(start..(start + BATCH).min(split.count()))?;
        if !numbers.iter().all(|&number| holds(number)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The name of a run on the data at a path: its last part, without the ending.
pub fn name_of(path: &Path) -> String {
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = absolute.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = match absolute.is_dir() {
        true => name,
        false => name.split('.').find(|part| !part.is_empty()).unwrap_or_default().to_string(),
    };
    let safe = |character: char| character.is_alphanumeric() || matches!(character, '.' | '_' | '-');
    let name: String = name.chars().map(|character| if safe(character) { character } else { '-' }).collect();
    if name.trim_matches('.').is_empty() { "data".to_string() } else { name }
}

/// Gives the run the first name of `NAME`, `NAME-2`, `NAME-3`, … under which there is no other run.
pub fn name_run(config: &mut RunConfig, runs: &Path) -> PathBuf {
    let name = config.name.clone();
    for number in 1.. {
        config.name = if number == 1 { name.clone() } else { format!("{name}-{number}") };
        let path = runs.join(&config.name);
        let found = RunDir::open(&path).and_then(|run| run.config());
        let is_this = found.is_ok_and(|found| found.difference(config).is_none());
        if is_this || !path.exists() {
            return path;
        }
    }
    unreachable!("some number is free")
}

/// What the data is, in lines; `scale` is what became of its numbers.
pub fn describe_data(dataset: &Dataset, scale: Scale) -> Vec<String> {
    let DataRecord { kind, source, classes, scaling, notes, .. } = &dataset.record;
    let splits = [Some(&dataset.train), dataset.validation.as_ref(), Some(&dataset.test)];
    let counts = splits.map(|split| split.map_or(0, Split::count));
    let mut lines = vec![format!(
        "data: {kind}, {source}: {} examples of {}",
        counts.iter().sum::<usize>(),
        dataset.train.shape()
    )];
    let named = classes.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    lines.push(match (&dataset.train.labels, classes.len()) {
        (None, _) => "classes: no labels".to_string(),
        (Some(labels), 0) => {
            format!(
                "classes: {}, by their numbers",
                labels.iter().max().map_or(0, |&last| usize::from(last) + 1)
            )
        }
        (Some(_), count) => format!("classes: {count}: {named}{}", if count > NAMED { ", …" } else { "" }),
    });
    lines.push(match counts {
        [train, 0, test] => format!("parts: {train} training, {test} test"),
        [train, validation, test] => format!("parts: {train} training, {validation} validation, {test} test"),
    });
    let numbers = describe_scaling(scaling, scale);
    let numbers = numbers.unwrap_or_else(|| {
        "each column less its shift, divided by its scale; both are in run.json".to_string()
    });
    lines.push(format!("numbers: {numbers}"));
    if let Some(plan) = dataset.train.block_plan() {
        lines.push(format!(
            "memory: read in blocks of {} examples, shuffled within {} of them",
            plan.examples, plan.group
        ));
    }
    lines.extend(notes.iter().map(|note| format!("note: {note}")));
    lines
}

/// How numbers are seen of which all have the same shift and scale; `None` where each column of a table has its own.
pub fn describe_scaling(scaling: &Scaling, scale: Scale) -> Option<String> {
    match (&scaling.shift[..], &scaling.scale[..]) {
        ([], _) | (_, []) => Some("as they are".to_string()),
        ([_], [_]) if scale == Scale::None => Some("as they are".to_string()),
        ([shift], [by]) if scale == Scale::Unit => {
            Some(format!("{shift} to {} are seen as 0 to 1", shift + by))
        }
        ([shift], [by]) => Some(format!("less {shift}, divided by {by}")),
        _ => None,
    }
}

/// What is to be trained on it, in lines.
pub fn describe_training(config: &RunConfig, dataset: &Dataset) -> Vec<String> {
    let RunConfig { model, kl_coefficients, seeds, epochs, batch_size, .. } = config;
    let network = model.in_words(dataset.train.shape());
    let list = |numbers: Vec<String>| numbers.join(", ");
    let coefficients = list(kl_coefficients.iter().map(f64::to_string).collect());
    let steps = dataset.train.count().div_ceil(*batch_size);
    let variance = match model.variance {
        _ if model.likelihood != Likelihood::Gaussian => String::new(),
        Variance::Fixed(variance) => format!(", of variance {variance}"),
        Variance::Learned => ", of one learnt variance".to_string(),
        Variance::LearnedPerPixel => ", of a learnt variance for each number".to_string(),
        Variance::Optimal => ", of the variance that fits best".to_string(),
    };
    vec![
        format!("likelihood: {}{variance}", model.likelihood),
        format!("network: {network}"),
        format!(
            "training: coefficients {coefficients}, {} seeds, {epochs} epochs of {steps} steps",
            seeds.len()
        ),
    ]
}

/// What the columns of a table are like, in lines.
pub fn describe_columns(dataset: &Dataset) -> Vec<String> {
    let of_column = |(name, &[least, greatest]): (&String, &[f64; 2])| match least <= greatest {
        true => format!("  {name}: {} to {}", digits(least), digits(greatest)),
        false => format!("  {name}: no number in the training examples"),
    };
    dataset.train.shape().columns().iter().zip(&dataset.ranges).map(of_column).collect()
}

/// A number in as few digits as tell it from others: of 32 bits where it has no more, and with an exponent where it is long.
fn digits(number: f64) -> String {
    let short = number as f32;
    match number.abs() {
        0.0 => "0".to_string(),
        1e-5..1e15 if f64::from(short) == number => short.to_string(),
        1e-5..1e15 => number.to_string(),
        _ if f64::from(short) == number => format!("{short:e}"),
        _ => format!("{number:e}"),
    }
}

/// How long so many members will take, one after another, by some steps of a network that is thrown away.
///
/// # Errors
///
/// Fails when a file that the examples are read from has changed.
pub fn estimated_time(
    config: &RunConfig,
    dataset: &Dataset,
    members: f64,
    device: &Device,
) -> Result<Duration> {
    let train = &dataset.train;
    let size = config.batch_size.min(train.count());
    let vae = initial_vae(config, train.shape(), 0, device)?;
    let mut state = TrainState::start(vae, config, device);
    let mut times = Vec::with_capacity(TIMED_STEPS);
    for _ in 0..TIMED_STEPS {
        let started = Instant::now();
        let noise = Tensor::zeros([size, config.model.latent], device);
        let batch = Batch::new(train.range(0..size, device)?, noise);
        let stepped = state.step(batch, 1.0);
        // Reading it back waits for the device.
        stepped.terms.kl.into_data();
        state = stepped.state;
        times.push(started.elapsed());
    }
    times.sort();
    let steps = train.count().div_ceil(size) * config.epochs;
    Ok(times[TIMED_STEPS / 2].mul_f64(steps as f64 * members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::LEAST_FOR_VERDICT;
    use tempfile::TempDir;

    /// A table of so many rows of two columns.
    fn table(dir: &TempDir, rows: usize) -> PathBuf {
        let path = dir.path().join("my table.v2.csv");
        let text: String = (0..rows).map(|row| format!("{row},{}\n", row * row % 7)).collect();
        std::fs::write(&path, format!("a,b\n{text}")).unwrap();
        path
    }

    fn config(path: &Path, overrides: &[&str]) -> RunConfig {
        let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
        understand(path, &overrides, &()).unwrap().config
    }

    #[test]
    fn a_table_is_standardised_for_a_gaussian_and_trained_for_enough_steps() {
        let dir = TempDir::new().unwrap();
        let path = table(&dir, 1000);
        let Understood { config, dataset } = understand(&path, &[], &()).unwrap();
        assert_eq!(config.name, "my-table");
        assert_eq!((config.model.likelihood, config.data.scale), (Likelihood::Gaussian, Scale::Standardise));
        assert_eq!((config.seeds.len(), config.batch_size), (3, 128));
        // 800 rows are 7 steps.
        assert_eq!(config.epochs, 4000usize.div_ceil(7));
        let column: Vec<f32> = dataset.train.rows(0..800).unwrap().into_iter().step_by(2).collect();
        assert!(column.iter().sum::<f32>().abs() < 1e-2);
        // What was chosen reads back as it is.
        assert_eq!(config.with_overrides(&[]).unwrap(), config);
    }

    #[test]
    fn what_is_asked_for_is_done_and_what_hangs_on_it_follows() {
        let dir = TempDir::new().unwrap();
        let path = table(&dir, 100);
        let asked = config(&path, &["model.likelihood=\"grey_bernoulli\"", "epochs=3", "name=\"other\""]);
        assert_eq!((asked.data.scale, asked.epochs, asked.name.as_str()), (Scale::Unit, 3, "other"));
        assert_eq!(asked.batch_size, 80);
        let one = config(&path, &["data.ignore=[\"b\"]"]);
        assert_eq!(one.data.ignore, ["b"]);
    }

    #[test]
    fn the_name_of_a_run_is_the_first_that_no_other_run_has() {
        let dir = TempDir::new().unwrap();
        let path = table(&dir, 100);
        let runs = dir.path().join("runs");
        let mut first = config(&path, &["epochs=1"]);
        for _ in 0..2 {
            assert_eq!(name_run(&mut first, &runs), runs.join("my-table"));
            RunDir::create(&runs.join("my-table"), &first).unwrap();
        }
        let mut second = config(&path, &["epochs=2"]);
        assert_eq!(name_run(&mut second, &runs), runs.join("my-table-2"));
        RunDir::create(&runs.join("my-table-2"), &second).unwrap();
        let mut third = config(&path, &["epochs=3"]);
        assert_eq!(name_run(&mut third, &runs), runs.join("my-table-3"));
        let mut again = config(&path, &["epochs=2"]);
        assert_eq!(name_run(&mut again, &runs), runs.join("my-table-2"));
    }

    /// The lines of `klsweep data` on a table of this text.
    fn described(text: &str, overrides: &[&str]) -> Vec<String> {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
        let Understood { dataset, config } = understand(&path, &overrides, &()).unwrap();
        [describe_data(&dataset, config.data.scale), describe_columns(&dataset)].concat()
    }

    #[test]
    fn columns_have_the_ranges_that_the_file_has() {
        // All rows but the last two are trained on.
        let rows = |row: u32| format!("{row},{},{}e-9,train\n", 1e15 + 0.125 * f64::from(row), row + 1);
        let text = "a,b,c,part\n".to_string()
            + &(0..400).map(rows).collect::<String>()
            + "9,1e16,1,val\n9,1e16,1,test\n";
        let lines = described(&text, &["data.split=\"part\""]);
        let ranges = ["  a: 0 to 399", "  b: 1e15 to 1.0000000000000499e15", "  c: 1e-9 to 4e-7"];
        assert_eq!(lines[lines.len() - 3..], ranges, "{lines:?}");
        assert_eq!([0.1, f64::from(0.1f32), -0.5, 1e-300].map(digits), ["0.1", "0.1", "-0.5", "1e-300"]);
    }

    #[test]
    fn one_shift_and_one_scale_are_said_to_be_what_they_are() {
        let text = "a\n".to_string() + &"-1\n1\n".repeat(200);
        for (scale, expected) in [
            ("standardise", "numbers: less "),
            ("unit", "numbers: -1 to 1 are seen as 0 to 1"),
            ("none", "numbers: as they are"),
        ] {
            let lines = described(&text, &[&format!("data.scale=\"{scale}\"")]);
            assert!(lines[3].starts_with(expected), "{lines:?}");
        }
        let images = Dataset {
            record: DataRecord {
                scaling: Scaling { shift: vec![0.25], scale: vec![0.5], fill: Vec::new() },
                pixels: Some(record::Pixels::Numbers([0.0, 1.0])),
                ..DataRecord::of_shape(&Shape::grey(1, 1))
            },
            ..Dataset::new(one_pixel(), None, one_pixel())
        };
        assert_eq!(describe_data(&images, Scale::Standardise)[3], "numbers: less 0.25, divided by 0.5");
    }

    fn one_pixel() -> Split {
        Split::of_bytes(Shape::grey(1, 1), vec![0], None)
    }

    #[test]
    fn few_examples_are_said_to_be_few() {
        let dir = TempDir::new().unwrap();
        let lines = describe_data(
            &understand(&table(&dir, LEAST_FOR_VERDICT - 1), &[], &()).unwrap().dataset,
            Scale::Unit,
        );
        assert!(lines.iter().any(|line| line.contains("199 examples, and a verdict needs 200")), "{lines:?}");
        assert_eq!(lines[2], "parts: 159 training, 20 validation, 20 test");
        let lines = describe_data(
            &understand(&table(&dir, LEAST_FOR_VERDICT), &[], &()).unwrap().dataset,
            Scale::Unit,
        );
        assert!(lines.iter().all(|line| !line.contains("verdict")), "{lines:?}");
    }
}
