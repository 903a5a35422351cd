//! `klsweep sample`, `encode`, `decode` and `reconstruct`: what one does with a trained network.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use metrics::samples::mixture::GaussianMixture;
use ndarray::Array2;
use record::Backend;

use super::arguments::backend;
use super::member::MemberArgs;
use crate::device::{any_device, device};
use crate::diagnostics::Decode;
use crate::progress::{ReadingProgress, Style};
use crate::random::{Purpose, noise_of};
use crate::rows::{BLOCK, Content, Input, Output, Seen};
use crate::trained_member::{EncodedRows, TrainedMember};

/// Numbers of components of a mixture that are tried.
const COMPONENTS: [usize; 7] = [1, 2, 5, 10, 20, 50, 100];

/// More than this would take years.
const MOST_SAMPLES: u64 = 1 << 40;

/// Where what comes out goes, and what computes.
#[derive(Args, Debug)]
struct OutputArgs {
    /// Where to: a .png grid, pictures in a folder (an ending /), .npy, .csv, or - for CSV to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// What computes, instead of any processor's backend
    #[arg(long, value_parser = backend())]
    backend: Option<Backend>,

    /// Show no progress
    #[arg(long)]
    quiet: bool,
}

/// Which rows of a file are read.
#[derive(Args, Debug)]
struct ArrayArgs {
    /// The array of an .npz or .safetensors file, where it is not called images, data, x, X, arr_0 or codes
    #[arg(long, value_name = "NAME")]
    array: Option<String>,
}

/// What is drawn.
#[derive(Args, Debug)]
pub(super) struct SampleArgs {
    #[command(flatten)]
    member: MemberArgs,

    /// How many
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=MOST_SAMPLES))]
    count: u64,

    /// What codes are drawn from: the prior, or a mixture of Normals that is fitted to the codes of training examples
    #[arg(long, value_enum, default_value_t = From::Prior)]
    from: From,

    /// The seed of the codes
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    seed: u64,

    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    Prior,
    Mixture,
}

/// What is encoded.
#[derive(Args, Debug)]
pub(super) struct EncodeArgs {
    #[command(flatten)]
    member: MemberArgs,

    /// Examples: a folder of pictures, a picture, .npy, .npz, .csv, or - for CSV from standard input
    #[arg(value_name = "INPUT")]
    input: PathBuf,

    #[command(flatten)]
    array: ArrayArgs,

    /// Write the log-variances of the posteriors too, beside their means in the same row
    #[arg(long)]
    log_vars: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// What is decoded.
#[derive(Args, Debug)]
pub(super) struct DecodeArgs {
    #[command(flatten)]
    member: MemberArgs,

    /// Codes: .npy, .npz, .csv, or - for CSV from standard input
    #[arg(value_name = "CODES", required_unless_present = "code")]
    input: Option<PathBuf>,

    #[command(flatten)]
    array: ArrayArgs,

    /// A code, such as 0.5,-1; several if it is given several times
    #[arg(long, value_name = "CODE", allow_hyphen_values = true, conflicts_with_all = ["input", "array"])]
    code: Vec<String>,

    /// Decode so many codes at equal distances from each one to the next too, both ends counted
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "8")]
    between: Option<usize>,

    #[command(flatten)]
    output: OutputArgs,
}

/// What is encoded and decoded again.
#[derive(Args, Debug)]
pub(super) struct ReconstructArgs {
    #[command(flatten)]
    member: MemberArgs,

    /// Examples: a folder of pictures, a picture, .npy, .npz, .csv, or - for CSV from standard input
    #[arg(value_name = "INPUT")]
    input: PathBuf,

    #[command(flatten)]
    array: ArrayArgs,

    /// Write every example before its reconstruction
    #[arg(long)]
    beside: bool,

    #[command(flatten)]
    output: OutputArgs,
}

/// A network at work.
struct AtWork {
    member: TrainedMember,
    output: Output,
    progress: ReadingProgress,
    total: Option<usize>,
    done: usize,
}

/// What rows come out.
enum Rows {
    Examples,
    Codes { log_vars: bool },
}

impl AtWork {
    /// `together`: how many rows that follow each other belong into one row of a grid.
    fn begin(
        member: &MemberArgs,
        args: &OutputArgs,
        rows: Rows,
        together: usize,
        total: Option<usize>,
    ) -> Result<Self> {
        let device = match args.backend {
            Some(backend) => device(backend)?,
            None => any_device()?,
        };
        let member = member.open(device)?;
        let content = match rows {
            Rows::Examples => Content::examples(&member.data.shape(), member.units()),
            Rows::Codes { log_vars } => {
                let named = |what: &str| {
                    (0..member.vae.latent()).map(move |d| format!("{what}_{d}")).collect::<Vec<_>>()
                };
                let [means, spreads] = ["mean", "log_var"].map(named);
                Content::plain(if log_vars { [means, spreads].concat() } else { means })
            }
        };
        let pictures = matches!(content, Content::Images(..));
        let path =
            args.output.clone().unwrap_or_else(|| PathBuf::from(if pictures { "klsweep.png" } else { "-" }));
        let output = Output::begin(&path, content, together)?;
        let progress = ReadingProgress::new(Style::detect(args.quiet || output.is_standard()));
        Ok(Self { member, output, progress, total, done: 0 })
    }

    /// Decodes codes and writes the means.
    fn decode(&mut self, codes: Vec<f32>) -> Result<()> {
        let count = codes.len() / self.member.vae.latent();
        let means = self.member.decoder().means(codes)?;
        self.write(&means, count)
    }

    fn write(&mut self, rows: &[f32], count: usize) -> Result<()> {
        self.output.write(rows)?;
        self.done += count;
        let total = self.total.unwrap_or(self.done);
        data::Progress::at(&self.progress, "rows", self.done as u64, total as u64);
        Ok(())
    }

    fn finish(self, path: &OutputArgs) -> Result<ExitCode> {
        let quiet = path.quiet || self.output.is_standard();
        let id = self.member.id();
        drop(self.progress);
        let rows = self.output.finish()?;
        if !quiet {
            let path =
                path.output.as_ref().map_or("klsweep.png".to_string(), |path| path.display().to_string());
            println!("{rows} rows of {id} in {path}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Draws codes and decodes them.
pub(super) fn sample(SampleArgs { member, count, from, seed, output }: &SampleArgs) -> Result<ExitCode> {
    let count = usize::try_from(*count)?;
    let mut work = AtWork::begin(member, output, Rows::Examples, 1, Some(count))?;
    work.output.ensure_room(count)?;
    let latent = work.member.vae.latent();
    let mixture;
    let mut codes: Box<dyn Iterator<Item = f32>> = match from {
        From::Prior => Box::new(noise_of(*seed, Purpose::PriorSamples)),
        From::Mixture => {
            mixture = fitted_mixture(&work.member)?;
            if !output.quiet && !work.output.is_standard() {
                println!(
                    "mixture: {} components, by the likelihood of codes kept back",
                    mixture.components()
                );
            }
            Box::new(mixture.samples(*seed).flatten().map(|number| number as f32))
        }
    };
    for start in (0..count).step_by(BLOCK) {
        let size = (count - start).min(BLOCK);
        work.decode(codes.by_ref().take(size * latent).collect())?;
    }
    work.finish(output)
}

/// Fitted to the codes of training examples that the run has recorded.
fn fitted_mixture(member: &TrainedMember) -> Result<GaussianMixture> {
    let dir = member.run.member(member.id());
    let recorded = || -> Result<Option<Array2<f32>>> {
        let Some(examples) = member.run.examples()? else { return Ok(None) };
        let outputs = dir.outputs(&examples, member.config.model.latent)?;
        Ok(outputs.and_then(|outputs| outputs.train).and_then(|train| train.code))
    };
    let codes = recorded()?.with_context(|| {
        format!(
            "{} has no codes of training examples: `klsweep report {}` records them where the data is at hand",
            dir.path().display(),
            member.run.path().display()
        )
    })?;
    GaussianMixture::fit_best(codes.mapv(f64::from).view(), &COMPONENTS, 0).with_context(|| {
        format!(
            "cannot fit a mixture to the {} codes of training examples in {}",
            codes.nrows(),
            dir.path().display()
        )
    })
}

/// Encodes examples.
pub(super) fn encode(EncodeArgs { member, input, array, log_vars, output }: &EncodeArgs) -> Result<ExitCode> {
    let input = Input::open(input, array.array.as_deref())?;
    let mut work = AtWork::begin(member, output, Rows::Codes { log_vars: *log_vars }, 1, input.count())?;
    let (data, latent) = (work.member.data.clone(), work.member.vae.latent());
    let seen = Seen::Examples(&data, work.member.units());
    input.for_each_block(&seen, |block| {
        let EncodedRows { means, log_vars: spreads } = work.member.encode(block);
        let count = means.len() / latent;
        let rows: Vec<f32> = match log_vars {
            false => means,
            true => {
                let posteriors = means.chunks(latent).zip(spreads.chunks(latent));
                posteriors.flat_map(|(mean, spread)| [mean, spread].concat()).collect()
            }
        };
        work.write(&rows, count)
    })?;
    work.finish(output)
}

/// Decodes codes.
pub(super) fn decode(
    DecodeArgs { member, input, array, code, between, output }: &DecodeArgs,
) -> Result<ExitCode> {
    let input = input.as_ref().map(|input| Input::open(input, array.array.as_deref())).transpose()?;
    let total = input.as_ref().and_then(Input::count).filter(|_| between.is_none());
    let mut work = AtWork::begin(member, output, Rows::Examples, between.unwrap_or(1), total)?;
    let latent = work.member.vae.latent();
    if let Some(between) = between {
        ensure!(
            *between >= 2,
            "--between {between}: from one code to the next there are at least 2, both ends counted"
        );
    }
    let mut last: Option<Vec<f32>> = None;
    let mut decode = |codes: Vec<f32>| {
        let Some(steps) = *between else { return work.decode(codes) };
        for code in codes.chunks_exact(latent) {
            if let Some(from) = last.replace(code.to_vec()) {
                work.decode(interpolated(&from, code, steps))?;
            }
        }
        Ok(())
    };
    match input {
        Some(input) => input.for_each_block(&Seen::Codes(latent), &mut decode)?,
        None => decode(written_codes(code, latent)?)?,
    }
    if between.is_some() && work.done == 0 {
        bail!("--between is from one code to the next, and there are not two");
    }
    work.finish(output)
}

fn written_codes(written: &[String], latent: usize) -> Result<Vec<f32>> {
    let mut codes = Vec::new();
    for text in written {
        let numbers: Option<Vec<f32>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
        let numbers =
            numbers.filter(|numbers| numbers.len() == latent && numbers.iter().all(|n| n.is_finite()));
        codes.extend(numbers.with_context(|| {
            let example = vec!["0.5"; latent.min(4)].join(",");
            format!(
                "--code {text} is no code of {latent} dimensions: write {latent} numbers such as {example}"
            )
        })?);
    }
    Ok(codes)
}

/// Codes at equal distances, both ends counted.
fn interpolated(from: &[f32], to: &[f32], steps: usize) -> Vec<f32> {
    let at = |step: usize| {
        let share = step as f32 / (steps - 1) as f32;
        from.iter().zip(to).map(move |(a, b)| a + share * (b - a)).collect::<Vec<f32>>()
    };
    (0..steps).flat_map(at).collect()
}

/// Encodes examples and decodes the means of their posteriors.
pub(super) fn reconstruct(
    ReconstructArgs { member, input, array, beside, output }: &ReconstructArgs,
) -> Result<ExitCode> {
    let input = Input::open(input, array.array.as_deref())?;
    let together = if *beside { 2 } else { 1 };
    let mut work = AtWork::begin(member, output, Rows::Examples, together, input.count())?;
    let data = work.member.data.clone();
    let numbers = data.shape().numbers();
    let seen = Seen::Examples(&data, work.member.units());
    input.for_each_block(&seen, |block| {
        let mean = work.member.encode(block.clone()).means;
        if !beside {
            return work.decode(mean);
        }
        let decoded = work.member.decoder().means(mean)?;
        let pairs = block.chunks(numbers).zip(decoded.chunks(numbers));
        let rows: Vec<f32> = pairs.flat_map(|(example, decoded)| [example, decoded].concat()).collect();
        work.write(&rows, block.len() / numbers)
    })?;
    work.finish(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_between_two_are_at_equal_distances_from_one_to_the_other() {
        assert_eq!(interpolated(&[0.0, 1.0], &[1.0, -1.0], 3), [0.0, 1.0, 0.5, 0.0, 1.0, -1.0]);
    }

    #[test]
    fn a_code_has_as_many_numbers_as_dimensions() {
        assert_eq!(
            written_codes(&["0.5, -1".to_string(), "0,2".to_string()], 2).unwrap(),
            [0.5, -1.0, 0.0, 2.0]
        );
        for wrong in ["0.5", "a,b", "1,2,3", "nan,1"] {
            let text = written_codes(&[wrong.to_string()], 2).unwrap_err().to_string();
            assert!(text.contains("write 2 numbers such as 0.5,0.5"), "{text}");
        }
    }
}
