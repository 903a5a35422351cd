//! `klsweep model`: the layers of a network.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use data::in_gigabytes;
use model::Layer;
use record::{RunConfig, Shape};

use crate::network::vae_config;
use crate::network_check::{bytes_in_training, check_network};
use crate::own_data::understand;
use crate::progress::{ReadingProgress, Style};
use crate::sweep;

/// Which network.
#[derive(Args, Debug)]
pub(super) struct ModelArgs {
    /// A configuration file, or data itself
    #[arg(value_name = "CONFIG")]
    path: PathBuf,

    /// Put a value over the configuration's
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
}

/// Prints the layers of a network: what each computes, its outputs, parameters and multiply-adds.
pub(super) fn run(ModelArgs { path, overrides }: &ModelArgs) -> Result<ExitCode> {
    let progress = ReadingProgress::new(Style::detect(false));
    let (config, dataset) = if path.extension().is_some_and(|extension| extension == "toml") {
        let config = RunConfig::load(path, overrides)?;
        let dataset = data::load(&config.data, &progress).context("cannot read the data")?;
        (config, dataset)
    } else {
        let understood = understand(path, overrides, &progress)?;
        (understood.config, understood.dataset)
    };
    drop(progress);
    print!("{}", table(&config, dataset.train.shape())?);
    check_network(&config, &dataset, sweep::worker_count(config.workers, config.members().len()))?;
    Ok(ExitCode::SUCCESS)
}

fn table(config: &RunConfig, shape: &Shape) -> Result<String> {
    let layers = vae_config(&config.model, shape)?.layers(shape.numbers());
    let sum = |of: fn(&Layer) -> f64| layers.iter().map(of).sum::<f64>();
    let mut rows = vec![["layer", "computes", "output", "parameters", "multiply-adds"].map(str::to_string)];
    let input = shape.image().map_or_else(|| vec![shape.numbers()], |image| image.to_vec());
    rows.push(["input".to_string(), String::new(), sizes(&input), String::new(), String::new()]);
    rows.extend(layers.iter().map(|layer| {
        let numbers = [layer.parameters, layer.multiply_adds].map(in_groups);
        let [parameters, multiply_adds] = numbers;
        [layer.name.clone(), layer.what.clone(), sizes(&layer.output), parameters, multiply_adds]
    }));
    let [parameters, multiply_adds] =
        [sum(|layer| layer.parameters), sum(|layer| layer.multiply_adds)].map(in_groups);
    rows.push(["sum".to_string(), String::new(), String::new(), parameters, multiply_adds]);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths = [0, 1, 2, 3, 4].map(width);
    let mut text = String::new();
    for [layer, what, output, parameters, multiply_adds] in &rows {
        let [a, b, c, d, e] = widths;
        let line = format!("{layer:<a$}  {what:<b$}  {output:>c$}  {parameters:>d$}  {multiply_adds:>e$}");
        text += line.trim_end();
        text.push('\n');
    }
    // Forward once, and backward twice: for the inputs and for the weights.
    let step = 3.0 * 2.0 * sum(|layer| layer.multiply_adds) * config.batch_size as f64;
    let memory = in_gigabytes(bytes_in_training(&layers, config.batch_size));
    let settings = &config.model;
    text += &format!(
        "\nhidden layers: {}\na training step of {} images: {:.2} GFLOP, a multiply-add counted as two; a member in training \
         takes about {memory}\n",
        settings.hidden_in_words(),
        config.batch_size,
        step / 1e9,
    );
    Ok(text)
}

fn sizes(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

/// A whole number with a comma before every three digits.
fn in_groups(number: f64) -> String {
    let digits = format!("{number:.0}");
    let first = digits.len() % 3;
    let groups =
        digits.as_bytes()[first..].chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let first = Some(digits[..first].to_string()).filter(|first| !first.is_empty());
    first.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0.0, 12.0, 999.0, 1000.0, 1_688_289.0].map(in_groups),
            ["0", "12", "999", "1,000", "1,688,289"]
        );
    }
}
