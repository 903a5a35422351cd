//! `klsweep convert`: what a coefficient is called elsewhere.

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use report::{CONVENTIONS, Convention, Sizes};
use serde_json::json;

/// A coefficient as somebody writes it, and the sizes that means are taken over.
#[derive(Debug, Args)]
pub struct ConvertArgs {
    /// Who writes it: a convention of the list that an unknown name prints, or bce or mse with --reduction
    #[arg(long, value_name = "NAME")]
    from: String,

    /// The coefficient: a number, or M/N; the library's own constant if it has one
    #[arg(long, value_name = "NUMBER")]
    value: Option<String>,

    /// The shape of an image, channels first: 28x28, 3x64x64; or how many numbers a row has
    #[arg(long, value_name = "SHAPE")]
    shape: String,

    /// Latent dimensions
    #[arg(long, value_name = "N")]
    latent: usize,

    /// Whether a loss named bce or mse is summed or averaged over the numbers of an image
    #[arg(long, value_enum)]
    reduction: Option<Reduction>,

    /// Whether the KL is summed or averaged over the latent dimensions
    #[arg(long, value_enum, default_value_t = Reduction::Sum)]
    kl_reduction: Reduction,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Reduction {
    Sum,
    Mean,
}

/// The coefficient here and everywhere else, as text.
///
/// # Errors
///
/// Fails for a convention that is not known, and for numbers and shapes that are none.
pub fn convert(args: &ConvertArgs) -> Result<String> {
    let sizes = sizes(&args.shape, args.latent)?;
    let convention = convention(&args.from, args.reduction)?;
    let value = match (&args.value, convention.default) {
        (Some(written), _) => number(written)?,
        (None, Some(default)) => default,
        (None, None) => {
            bail!("{} has no constant of its own: name the coefficient with --value", convention.name)
        }
    };
    let averaged = match args.kl_reduction {
        Reduction::Sum => 1.0,
        Reduction::Mean => sizes.latent as f64,
    };
    let c = convention.to_here(value, &sizes) / averaged;
    let elsewhere = || convention.alike().filter(|other| other.name != "klsweep");
    if args.json {
        let values: serde_json::Map<_, _> =
            elsewhere().map(|other| (other.name.to_string(), json!(other.from_here(c, &sizes)))).collect();
        let answer = json!({ "c": c, "distortion": convention.distortion, "elsewhere": values });
        return Ok(serde_json::to_string_pretty(&answer)? + "\n");
    }
    let distortion = convention.distortion.map_or("any distortion", |distortion| distortion.name());
    let mut text = format!(
        "c = {}\n\nfor reconstruction + c * KL with {distortion},\nsummed over {} numbers an image and {} latent dimensions. \
         The same objective elsewhere:\n\n",
        short(c),
        sizes.pixels,
        sizes.latent
    );
    for other in elsewhere() {
        text += &format!("{:>18} {:>12}   {}\n", other.name, short(other.from_here(c, &sizes)), other.loss);
    }
    Ok(text)
}

/// Six digits at most.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    if rounded != 0.0 && !(1e-4..1e7).contains(&rounded.abs()) {
        format!("{rounded:e}")
    } else {
        rounded.to_string()
    }
}

fn convention(name: &str, reduction: Option<Reduction>) -> Result<&'static Convention> {
    let full = match reduction {
        Some(Reduction::Sum) => format!("{name}-sum"),
        Some(Reduction::Mean) => format!("{name}-mean"),
        None => name.to_string(),
    };
    Convention::named(&full).with_context(|| {
        if reduction.is_none() && Convention::named(&format!("{name}-sum")).is_some() {
            return format!(
                "--from {name} needs --reduction sum or --reduction mean: whether its loss is summed or averaged over the numbers of \
                 an image"
            );
        }
        let known: Vec<&str> = CONVENTIONS.iter().map(|convention| convention.name).collect();
        format!("nobody is known that writes the coefficient as {full}: use one of {}", known.join(", "))
    })
}

fn number(written: &str) -> Result<f64> {
    let value = match written.split_once('/') {
        Some((over, under)) => {
            over.trim().parse::<f64>().ok().zip(under.trim().parse().ok()).map(|(a, b): (f64, f64)| a / b)
        }
        None => written.trim().parse().ok(),
    };
    let value = value.filter(|value| value.is_finite() && *value >= 0.0);
    value
        .with_context(|| format!("--value {written}: a coefficient is a finite number, 0 or greater, or M/N"))
}

fn sizes(shape: &str, latent: usize) -> Result<Sizes> {
    let sides: Option<Vec<usize>> =
        shape.split('x').map(|side| side.parse().ok().filter(|&side| side > 0)).collect();
    let sides = sides.filter(|sides| sides.len() <= 3);
    let sides = sides.with_context(|| {
        format!("--shape {shape}: write height x width, channels x height x width, or one number: 28x28, 3x64x64, 784")
    })?;
    ensure!(latent > 0, "--latent 0: a code has at least one dimension");
    let pixels = sides.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
    let pixels =
        pixels.with_context(|| format!("--shape {shape}: so many numbers an image cannot be counted"))?;
    Ok(Sizes { channels: if let [channels, _, _] = sides[..] { channels } else { 1 }, pixels, latent })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: ConvertArgs,
    }

    fn converted(args: &str) -> Result<serde_json::Value> {
        let words = ["convert"].into_iter().chain(args.split_whitespace()).chain(["--json"]);
        Ok(serde_json::from_str(&convert(&Program::parse_from(words).args)?)?)
    }

    #[test]
    fn the_constant_of_a_library_is_a_coefficient_here() {
        let found = converted("--from pytorch-vae --shape 3x64x64 --latent 128").unwrap();
        // 0.00025 * 12288 / 2, a noise of sqrt(1.536).
        assert_eq!((found["c"].as_f64().unwrap() * 1e6).round(), 1_536_000.0);
        assert_eq!((found["elsewhere"]["sigma"].as_f64().unwrap() * 1e4).round(), 12394.0);
        let found = converted("--from klsweep --value 1 --shape 28x28 --latent 2").unwrap();
        let elsewhere = |name: &str| (found["elsewhere"][name].as_f64().unwrap() * 1e5).round();
        assert_eq!([elsewhere("bce-mean"), elsewhere("beta-norm")], [128.0, 255.0]);
    }

    #[test]
    fn reductions_and_fractions_are_taken_as_written() {
        let c = |args: &str| converted(args).unwrap()["c"].as_f64().unwrap();
        assert_eq!(c("--from mse --reduction mean --value 1/8 --shape 16 --latent 4"), 1.0);
        assert_eq!(
            c("--from bce --reduction mean --kl-reduction mean --value 0.5 --shape 2x8 --latent 4"),
            2.0
        );
        assert_eq!(c("--from keras --shape 3x2x2 --latent 4"), 3.0);
    }

    #[test]
    fn what_is_none_is_said() {
        for (args, expected) in [
            ("--from nobody --value 1 --shape 28x28 --latent 2", "use one of klsweep, beta-norm"),
            ("--from mse-mean --shape 28x28 --latent 2", "name the coefficient with --value"),
            (
                "--from klsweep --value nan --shape 28x28 --latent 2",
                "--value nan: a coefficient is a finite number",
            ),
            ("--from klsweep --value 1/0 --shape 28x28 --latent 2", "--value 1/0"),
            ("--from klsweep --value 1 --shape 28x0 --latent 2", "--shape 28x0: write height x width"),
            ("--from klsweep --value 1 --shape 28x28 --latent 0", "--latent 0"),
        ] {
            let error = converted(args).unwrap_err().to_string();
            assert!(error.contains(expected), "{args}: {error}");
        }
    }
}
