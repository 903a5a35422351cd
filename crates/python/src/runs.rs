//! Sweeps, audits and what is made of them.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use numpy::{Element, IntoPyArray, PyArray2};
use pyo3::prelude::*;
use record::{Likelihood, Variance};
use report::{FigureSet, Report, ReportOptions};
use train::audit::{AuditOptions, Spread};
use train::device::any_device;
use train::diagnostics::Decode;
use train::own_data::{Understood, name_run, understand};
use train::progress::{ReadingProgress, Style};
use train::recording::make_report;
use train::rows::{Input, Seen};
use train::trained_member::TrainedMember;
use train::training::{Trained, Training, TrainingOptions, check_is_no_audit};

use crate::interrupt::interruptible;
use crate::value_error;

/// Trains on the data at a path into a directory of `runs`. Gives back that directory, and what was wrong with members that failed.
#[pyfunction]
pub fn sweep(
    py: Python<'_>,
    data: PathBuf,
    runs: PathBuf,
    overrides: Vec<String>,
    quiet: bool,
) -> PyResult<(PathBuf, Vec<String>)> {
    interruptible(py, || {
        let style = Style::detect(quiet);
        let Understood { mut config, dataset } = understand(&data, &overrides, &ReadingProgress::new(style))?;
        let dir = name_run(&mut config, &runs);
        check_is_no_audit(&dir)?;
        let options = TrainingOptions {
            share: None,
            take_over: false,
            allow_other_processor: false,
            tensorboard: false,
            style,
        };
        let Trained { outcome, .. } = Training::prepare(&config, &dataset, &dir, options)?.run()?;
        let failures = outcome.failures.iter().map(|(member, error)| format!("{member} failed: {error:#}"));
        let taken = outcome.taken.iter().map(|(member, _)| format!("{member} is trained by another process"));
        Ok((dir, failures.chain(taken).collect()))
    })
}

/// Judges the arrays in a folder. Gives back what was read, in lines.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are named in Python")]
pub fn audit_arrays(
    py: Python<'_>,
    folder: PathBuf,
    to: PathBuf,
    likelihood: Option<String>,
    variance: Option<f64>,
    optimal_variance: bool,
    logits: bool,
    variances: bool,
    log_variances: bool,
    quiet: bool,
) -> PyResult<Vec<String>> {
    interruptible(py, || {
        let options = AuditOptions {
            likelihood: likelihood.as_deref().map(likelihood_called).transpose()?,
            variance: if optimal_variance { Some(Variance::Optimal) } else { variance.map(Variance::Fixed) },
            logits,
            spread: match (variances, log_variances) {
                (true, _) => Spread::Variances,
                (_, true) => Spread::LogVariances,
                _ => Spread::Expected,
            },
            encoder: None,
            decoder: None,
        };
        let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let progress = ReadingProgress::new(Style::detect(quiet));
        Ok(train::audit::audit(&folder, &to, &name, &options, &any_device()?, &progress)?.lines)
    })
}

fn likelihood_called(name: &str) -> Result<Likelihood> {
    let known = || Likelihood::ALL.map(Likelihood::name).join(", ");
    Likelihood::ALL
        .into_iter()
        .find(|likelihood| likelihood.name() == name)
        .ok_or_else(|| anyhow!("no likelihood is called {name:?}: the known ones are {}", known()))
}

/// Makes the report and gives back where the page is.
#[pyfunction]
pub fn write_report(py: Python<'_>, run: PathBuf, figures: &str) -> PyResult<PathBuf> {
    let figures = FigureSet::ALL.into_iter().find(|set| set.name() == figures).ok_or_else(|| {
        let known = FigureSet::ALL.map(FigureSet::name).join(", ");
        value_error(anyhow!("no set of figures is called {figures:?}: the known ones are {known}"))
    })?;
    interruptible(py, || {
        let options = ReportOptions { figures, ..ReportOptions::default() };
        Ok(make_report(&[run], &options, None)?.page)
    })
}

/// Which coefficient to keep for what, as JSON.
#[pyfunction]
pub fn answers(py: Python<'_>, run: PathBuf) -> PyResult<String> {
    interruptible(py, || {
        let recommendation = Report::read(&[run])?.recommendation(None);
        Ok(serde_json::to_string(&recommendation.answers())?)
    })
}

/// Means and log-variances of the posteriors of the examples in a file, each `[examples, latent]`.
#[pyfunction]
pub fn encode_file<'py>(
    py: Python<'py>,
    run: PathBuf,
    c: f64,
    seed: Option<u64>,
    examples: PathBuf,
) -> PyResult<[Bound<'py, PyArray2<f32>>; 2]> {
    let (posteriors, latent) = interruptible(py, || {
        let member = TrainedMember::open(&run, c, seed, any_device()?)?;
        let mut posteriors = [Vec::new(), Vec::new()];
        for_each_block(&examples, &Seen::Examples(&member.data, member.units()), |block| {
            let encoded = member.encode(block);
            posteriors[0].extend(encoded.means);
            posteriors[1].extend(encoded.log_vars);
            Ok(())
        })?;
        Ok((posteriors, member.vae.latent()))
    })?;
    Ok(posteriors.map(|numbers| rows(py, numbers, latent)))
}

/// The decoder's means for the codes in a file, `[codes, numbers]`, in the units of the data, the shape of an example, and whether the
/// numbers need their 64 bits.
#[pyfunction]
pub fn decode_file<'py>(
    py: Python<'py>,
    run: PathBuf,
    c: f64,
    seed: Option<u64>,
    codes: PathBuf,
) -> PyResult<(Bound<'py, PyArray2<f64>>, Vec<usize>, bool)> {
    let (decoded, shape, is_wide) = interruptible(py, || {
        let member = TrainedMember::open(&run, c, seed, any_device()?)?;
        let shape = member.data.shape();
        let content = train::rows::Content::examples(&shape, member.units());
        let mut decoded = Vec::new();
        for_each_block(&codes, &Seen::Codes(member.vae.latent()), |block| {
            decoded.extend(content.in_units_of_data(&member.decoder().means(block)?));
            Ok(())
        })?;
        let shape = match shape.image() {
            Some([height, width, 1]) => vec![height, width],
            Some(image) => image.to_vec(),
            None => vec![shape.numbers()],
        };
        Ok((decoded, shape, content.is_wide()))
    })?;
    let numbers = shape.iter().product();
    Ok((rows(py, decoded, numbers), shape, is_wide))
}

fn for_each_block(path: &Path, seen: &Seen<'_>, each: impl FnMut(Vec<f32>) -> Result<()>) -> Result<()> {
    Input::open(path, None)?.for_each_block(seen, each)
}

fn rows<T: Element>(py: Python<'_>, numbers: Vec<T>, width: usize) -> Bound<'_, PyArray2<T>> {
    let rows = numbers.len() / width;
    let array = ndarray::Array2::from_shape_vec((rows, width), numbers);
    array.expect("whole rows were made").into_pyarray(py)
}
