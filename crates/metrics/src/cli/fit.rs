//! `metrics fit`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use metrics::normal_fit::{NormalFit, Objective, Record, StopReason, Trajectory};

use super::config::{FitConfig, difference};
use super::output::number;
use super::{backend, curves, files};

/// Fit a Normal to a target by gradient descent on KL, and draw what happened.
///
/// Writes config.toml, trajectory.csv and the figures curves and kl, each as .svg and .png, into the output folder.
/// Results of the same configuration are replaced; a folder that holds another configuration is refused.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Configuration in TOML; every key has a default, and without a file the classic experiment runs.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Change a key, as in --set steps=50 --set grid.step=0.01.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Backend, in place of the configuration's.
    #[arg(long)]
    backend: Option<String>,
    /// Folder for the results, in place of the configuration's.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Write the fit as an animated picture too, animation.gif.
    #[arg(long)]
    animate: bool,
    /// Replace the results of another configuration.
    #[arg(long)]
    overwrite: bool,
    /// Print the configuration, defaults too, and do nothing.
    #[arg(long)]
    print_config: bool,
}

pub fn run(arguments: &Arguments) -> Result<String> {
    let mut config = FitConfig::load(arguments.config.as_deref(), &arguments.set)?;
    if let Some(backend) = &arguments.backend {
        config.backend.clone_from(backend);
    }
    if let Some(output) = &arguments.output {
        config.output.clone_from(output);
    }
    if arguments.print_config {
        return config.to_toml();
    }
    let fit = match &config.target_file {
        None => NormalFit::new(config.settings.clone())?,
        Some(path) => {
            let weights = read_weights(path)?;
            NormalFit::with_weights(config.settings.clone(), &weights)
                .with_context(|| format!("with the target of {}", path.display()))?
        }
    };
    if !arguments.overwrite {
        refuse_other_results(&config)?;
    }
    let device = backend::device(&config.backend)?;

    let bar = progress_bar(config.settings.steps);
    let mut updates = Vec::with_capacity(config.settings.steps + 1);
    let trajectory = fit.run(&device, |record| {
        bar.set_position(record.step as u64);
        bar.set_message(format!("KL {} nats", number(record.kl)));
        updates.push(*record);
    });
    bar.finish_and_clear();
    let trajectory = trajectory?;

    let written = write(&config, &fit, &trajectory, &updates, arguments.animate)?;
    Ok(report(&config, &trajectory, &written))
}

fn progress_bar(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} updates, {msg}, {elapsed}");
    ProgressBar::new(steps as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Numbers separated by commas, blanks or line ends; a first line that holds none is a header.
fn read_weights(path: &Path) -> Result<Vec<f64>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut weights = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let fields = content.split([',', ' ', '\t', ';']).filter(|field| !field.is_empty());
        let parsed: Result<Vec<f64>, _> =
            fields.map(|field| field.parse::<f64>().map_err(|_| field)).collect();
        match parsed {
            Ok(numbers) => weights.extend(numbers),
            Err(_) if line == 1 => {}
            Err(field) => bail!("{}, line {line}: '{field}' is not a number", path.display()),
        }
    }
    Ok(weights)
}

fn refuse_other_results(config: &FitConfig) -> Result<()> {
    let path = config.output.join("config.toml");
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(()) };
    let before = text.parse().with_context(|| format!("cannot read {} of an earlier fit", path.display()))?;
    match difference(&before, &config.to_toml()?.parse()?) {
        None => Ok(()),
        Some(difference) => bail!(
            "{} holds the results of another configuration ({difference}): choose another --output, or replace them \
             with --overwrite",
            config.output.display()
        ),
    }
}

fn write(
    config: &FitConfig,
    fit: &NormalFit,
    trajectory: &Trajectory,
    updates: &[Record],
    animate: bool,
) -> Result<Vec<PathBuf>> {
    let curves_scene = curves::curves(fit, &trajectory.records).scene();
    let kl_scene = curves::divergence(fit, updates, &trajectory.records).scene();
    let mut contents = vec![
        ("config.toml", config.to_toml()?.into_bytes()),
        ("trajectory.csv", trajectory_csv(fit, trajectory)?),
        ("curves.svg", curves_scene.to_svg().into_bytes()),
        ("curves.png", curves_scene.to_png(2.0)),
        ("kl.svg", kl_scene.to_svg().into_bytes()),
        ("kl.png", kl_scene.to_png(2.0)),
    ];
    if animate {
        contents.push(("animation.gif", curves::animation(fit, updates).to_gif()?));
    }
    let folder = &config.output;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut written = Vec::new();
    for (name, contents) in contents {
        let path = folder.join(name);
        files::write(&path, &contents)?;
        written.push(path);
    }
    Ok(written)
}

/// `step,kl,mean,variance`, and the objective where that is not KL(P ‖ Q).
fn trajectory_csv(fit: &NormalFit, trajectory: &Trajectory) -> Result<Vec<u8>> {
    let other_objective = fit.settings().objective != Objective::ForwardKl;
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut header = vec!["step", "kl", "mean", "variance"];
    header.extend(other_objective.then_some("objective"));
    writer.write_record(header)?;
    for r in &trajectory.records {
        // Debug's form is the shortest that reads back to the same bits, with an exponent where that is shorter.
        let mut row = vec![r.step.to_string()];
        row.extend([r.kl, r.mean, r.variance].map(|v| format!("{v:?}")));
        row.extend(other_objective.then(|| format!("{:?}", r.objective)));
        writer.write_record(row)?;
    }
    Ok(writer.into_inner()?)
}

fn report(config: &FitConfig, trajectory: &Trajectory, written: &[PathBuf]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{:>6} {:>14} {:>12} {:>12}", "step", "KL (nats)", "mean", "variance");
    for r in &trajectory.records {
        // A mean of -1e-17 is shown as 0, not as -0.
        let mean = if r.mean.abs() < 5e-7 { 0.0 } else { r.mean };
        let _ = writeln!(out, "{:>6} {:>14} {mean:>12.6} {:>12.6}", r.step, number(r.kl), r.variance);
    }
    for halving in &trajectory.halvings {
        let _ = writeln!(
            out,
            "update {} would have led to variance {}: halved {} time{}, to {}",
            halving.step,
            number(halving.refused_variance),
            halving.times,
            if halving.times == 1 { "" } else { "s" },
            number(halving.variance)
        );
    }
    if trajectory.stop == StopReason::GradientTolerance {
        let step = trajectory.records.last().map_or(0, |r| r.step);
        let _ = writeln!(
            out,
            "stopped after {step} updates: the gradient fell to {}",
            config.settings.gradient_tolerance
        );
    }
    for path in written {
        let _ = writeln!(out, "wrote {}", path.display());
    }
    out
}
