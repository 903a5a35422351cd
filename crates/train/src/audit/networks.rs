//! Encoders and decoders of members, from ONNX files: what they compute takes the place of arrays.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use data::{NamedArray, Progress, arrays_in};
use model::{Likelihood, PixelDistribution, Variance};
use onnx_network::{OnnxNetwork, OnnxOutput};
use tempfile::TempDir;

use super::AuditOptions;
use super::folder::{AuditFolder, MemberArrays, TRAIN, VALIDATION};
use super::reconstruction::{check_probability, logit};
use crate::diagnostics::Decode;
use crate::encode_images::values;
use crate::network::likelihood_of;
use crate::rows::{BLOCK, Content, Output};

/// The output of a decoder that holds the logarithms of its variances or scales, as our own have it.
const LOG_SCALES: &str = "log_scales";
/// The output that the likelihood is of, as our own decoders have it beside the means.
const OUTPUTS: &str = "outputs";

/// The file of a member's network: one that stands in its folder, or a file by itself where there is one member.
///
/// # Errors
///
/// Fails when there is none.
pub fn file_of(folder: &AuditFolder, member: &MemberArrays, named: &Path, flag: &str) -> Result<PathBuf> {
    let beside = member.dir.join(named);
    if named.is_relative() && beside.is_file() {
        return Ok(beside);
    }
    if folder.members.len() == 1 && named.exists() {
        return Ok(named.to_path_buf());
    }
    if named.is_file() {
        bail!(
            "{flag} {}: there are {} members, each with its own network: put each into the folder of its member, such as {}, and name it \
             as it is called there",
            named.display(),
            folder.members.len(),
            member.dir.join(named.file_name().unwrap_or_default()).display()
        );
    }
    bail!("{flag} {}: there is no {} of {}", named.display(), beside.display(), member.id)
}

/// Encodes the images of every part with the encoder of each member, and puts the posteriors into the places of their arrays. They
/// are in the directory that is given back.
///
/// # Errors
///
/// Fails when there are no images, or an encoder fails.
pub fn encode(folder: &mut AuditFolder, named: &Path, progress: &dyn Progress) -> Result<TempDir> {
    let dir = TempDir::new()?;
    let files: Vec<PathBuf> = folder
        .members
        .iter()
        .map(|member| file_of(folder, member, named, "--encoder"))
        .collect::<Result<_>>()?;
    for (number, (member, file)) in folder.members.iter_mut().zip(files).enumerate() {
        let encoder = OnnxNetwork::load(&file)?;
        let to = dir.path().join(number.to_string());
        std::fs::create_dir(&to)?;
        for part in ["", TRAIN, VALIDATION] {
            let Some(images) = member.arrays.get(&format!("{part}images")) else {
                ensure!(
                    !part.is_empty(),
                    "--encoder needs what it encodes: {} has no array images",
                    member.id
                );
                continue;
            };
            let work = format!("{} encodes {part}images", member.id);
            encode_part(&encoder, images, &to, part, &|done| {
                progress.at(&work, done as u64, images.rows() as u64);
            })?;
        }
        member.arrays.extend(arrays_in(&to)?);
    }
    Ok(dir)
}

fn encode_part(
    encoder: &OnnxNetwork,
    images: &NamedArray,
    to: &Path,
    part: &str,
    done: &dyn Fn(usize),
) -> Result<()> {
    let layout = images.layout()?;
    let axes = encoder.row_axes(images.row_numbers(), &images.shape()[1..])?;
    let pixels = Pixels::of(&axes, layout.shape.image(), layout.planar);
    let unit = if images.is_bytes() { 255.0 } else { 1.0 };
    let outputs = posterior_outputs(encoder)?;
    let mut files: Option<[Output; 2]> = None;
    let mut write = |block: &[f32]| -> Result<()> {
        let found = encoder.run(block, &axes, &outputs)?;
        let posteriors = posteriors(encoder, found, block.len() / images.row_numbers())?;
        let files = match &mut files {
            Some(files) => files,
            none => {
                let latent = posteriors[0].len() / (block.len() / images.row_numbers());
                let names: Vec<String> = (0..latent).map(|dimension| dimension.to_string()).collect();
                let begin = |name: &str| {
                    Output::begin(&to.join(format!("{part}{name}.npy")), Content::plain(names.clone()), 1)
                };
                none.insert([begin("means")?, begin("log_vars")?])
            }
        };
        for (file, numbers) in files.iter_mut().zip(&posteriors) {
            file.write(numbers)?;
        }
        Ok(())
    };
    images.read_rows(|rows| {
        let (mut block, mut count) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let row: Vec<f32> =
                layout.channels_last(row).iter().map(|number| (number / unit) as f32).collect();
            block.extend(pixels.planes_last_to_first(row));
            count += 1;
            if count % BLOCK == 0 {
                write(&std::mem::take(&mut block))?;
                done(count);
            }
        }
        if !block.is_empty() {
            write(&block)?;
        }
        Ok::<_, anyhow::Error>(())
    })?;
    for file in files.into_iter().flatten() {
        file.finish()?;
    }
    Ok(())
}

/// The outputs with the means and the log-variances, or the one that holds both.
fn posterior_outputs(encoder: &OnnxNetwork) -> Result<Vec<&str>> {
    let outputs: Vec<&str> = encoder.outputs().iter().map(String::as_str).collect();
    let named = |names: [&str; 2]| outputs.iter().copied().find(|output| names.contains(output));
    match (named(["mean", "means"]), named(["log_var", "log_vars"]), &outputs[..]) {
        (Some(means), Some(log_vars), _) => Ok(vec![means, log_vars]),
        (_, _, [_] | [_, _]) => Ok(outputs),
        _ => bail!(
            "{} has the outputs {}: call two of them mean and log_var",
            encoder.path().display(),
            outputs.join(", ")
        ),
    }
}

/// Means and log-variances, each `[rows, latent]`.
fn posteriors(encoder: &OnnxNetwork, found: Vec<OnnxOutput>, rows: usize) -> Result<[Vec<f32>; 2]> {
    let path = encoder.path().display();
    match <[OnnxOutput; 2]>::try_from(found) {
        Ok([means, log_vars]) => {
            ensure!(
                means.axes == log_vars.axes,
                "{path} gives means of the shape {:?} and log-variances of {:?}: every mean has its log-variance",
                means.axes,
                log_vars.axes
            );
            Ok([means.numbers, log_vars.numbers])
        }
        Err(one) => {
            let OnnxOutput { axes, numbers } = &one[0];
            ensure!(
                axes.first().is_some_and(|channels| channels % 2 == 0),
                "{path} gives {axes:?} numbers for an image: means and log-variances are two outputs, or the halves of one"
            );
            let width = numbers.len() / rows;
            let half = |second: usize| {
                numbers
                    .chunks(width)
                    .flat_map(|row| &row[second * width / 2..][..width / 2])
                    .copied()
                    .collect()
            };
            Ok([half(0), half(1)])
        }
    }
}

/// How the numbers of an image lie in a network, and here with the channels of a pixel beside each other.
struct Pixels {
    /// Channels that the network has one after another; 1 where there is nothing to change.
    planes: usize,
}

impl Pixels {
    /// Of rows of these axes; `planar` is how images without axes lie, as they do in their file.
    fn of(axes: &[usize], image: Option<[usize; 3]>, planar: bool) -> Self {
        let Some([height, width, channels]) = image else { return Self { planes: 1 } };
        let planar = match *axes {
            [c, h, w] if [h, w, c] == [height, width, channels] => true,
            [h, w, c] if [h, w, c] == [height, width, channels] => false,
            _ => planar,
        };
        Self { planes: if planar { channels } else { 1 } }
    }

    fn planes_last_to_first(&self, row: Vec<f32>) -> Vec<f32> {
        let planes = self.planes;
        match planes {
            1 => row,
            _ => (0..planes).flat_map(|plane| row.iter().skip(plane).step_by(planes)).copied().collect(),
        }
    }

    fn planes_first_to_last(&self, row: &[f32]) -> Vec<f32> {
        let (planes, size) = (self.planes, row.len() / self.planes);
        (0..row.len()).map(|place| row[place % planes * size + place / planes]).collect()
    }
}

/// A decoder of an ONNX file.
pub struct OnnxDecoder {
    network: OnnxNetwork,
    /// The output that is taken, and whether it holds probabilities, of which logits are made.
    output: String,
    probabilities: bool,
    /// The axes of a code.
    axes: Vec<usize>,
    pixels: Pixels,
    numbers: usize,
    likelihood: Likelihood,
    /// The logarithms of the variances or scales; none where the likelihood has none.
    log_scales: Vec<f32>,
    device: Device,
}

impl OnnxDecoder {
    /// That of a member, whose codes have the axes of its means and whose images are these.
    ///
    /// # Errors
    ///
    /// Fails when the file holds no decoder of these codes and images.
    pub fn load(
        path: &Path,
        means: &NamedArray,
        images: &NamedArray,
        options: &AuditOptions,
        device: &Device,
    ) -> Result<Self> {
        let network = OnnxNetwork::load(path)?;
        let Some(likelihood) = options.likelihood else { bail!("--decoder needs --likelihood") };
        let axes = network.row_axes(means.row_numbers(), &means.shape()[1..])?;
        let layout = images.layout()?;
        let ours = network.outputs().iter().any(|output| output == OUTPUTS);
        let output =
            match network.outputs().iter().filter(|output| *output != LOG_SCALES).collect::<Vec<_>>()[..] {
                _ if ours => OUTPUTS.to_string(),
                [only] => only.clone(),
                ref several => {
                    let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
                    bail!(
                        "{} has the outputs {}: call the one that --likelihood is of {OUTPUTS}",
                        path.display(),
                        names.join(", ")
                    )
                }
            };
        let of_nothing = vec![0.0; axes.iter().product()];
        let one = network.run(&of_nothing, &axes, &[output.as_str()])?;
        let (numbers, shape) = (layout.shape.numbers(), &one[0].axes);
        ensure!(
            shape.iter().product::<usize>() == numbers,
            "{} makes {shape:?} numbers of a code, and images are of {}",
            path.display(),
            layout.shape
        );
        let in_file = match network.outputs().iter().any(|output| output == LOG_SCALES) {
            true => Some(network.constant(LOG_SCALES, &axes)?),
            false => None,
        };
        let Scales { likelihood, log_scales } =
            Scales::of(path, likelihood, options.variance, in_file, numbers)?;
        Ok(Self {
            probabilities: !options.logits
                && !matches!(likelihood, Likelihood::Gaussian { .. } | Likelihood::DiscretisedLogistic)
                && (!ours || network.outputs().len() == 1),
            pixels: Pixels::of(shape, layout.shape.image(), layout.planar),
            network,
            output,
            axes,
            numbers,
            likelihood,
            log_scales,
            device: device.clone(),
        })
    }

    /// Whether the variance of its pixels is still to be found.
    pub fn lacks_variance(&self) -> bool {
        self.log_scales.is_empty() && matches!(self.likelihood, Likelihood::Gaussian { .. })
    }

    /// The same with this variance of Gaussian pixels.
    pub fn with_variance(self, variance: f64) -> Self {
        Self { log_scales: vec![variance.ln() as f32], ..self }
    }
}

/// A likelihood with its scales.
struct Scales {
    likelihood: Likelihood,
    log_scales: Vec<f32>,
}

impl Scales {
    /// By what the command says, or else by what the file does. The optimal variance of a file that has none is found later.
    fn of(
        path: &Path,
        likelihood: record::Likelihood,
        variance: Option<record::Variance>,
        in_file: Option<Vec<f32>>,
        numbers: usize,
    ) -> Result<Self> {
        let fits = in_file.as_ref().is_none_or(|scales| [1, numbers].contains(&scales.len()));
        ensure!(
            fits && in_file.iter().flatten().all(|scale| scale.is_finite()),
            "{}: its output {LOG_SCALES} has to hold one finite number, or one for each of the {numbers} numbers of an image",
            path.display()
        );
        let gaussian =
            |variance, log_scales| Self { likelihood: Likelihood::Gaussian { variance }, log_scales };
        let other = |log_scales| Self {
            likelihood: likelihood_of(likelihood, record::Variance::Fixed(1.0)),
            log_scales,
        };
        Ok(match (likelihood, variance, in_file) {
            (record::Likelihood::Gaussian, Some(record::Variance::Fixed(variance)), _) => {
                gaussian(Variance::Fixed(variance), vec![variance.ln() as f32])
            }
            (record::Likelihood::Gaussian, Some(_), in_file) => {
                gaussian(Variance::Optimal, in_file.unwrap_or_default())
            }
            (record::Likelihood::Gaussian, None, None) => gaussian(Variance::Fixed(1.0), vec![0.0]),
            (record::Likelihood::Gaussian, None, Some(in_file)) => match in_file.len() {
                1 => gaussian(Variance::Learned, in_file),
                _ => gaussian(Variance::LearnedPerPixel, in_file),
            },
            (record::Likelihood::DiscretisedLogistic, _, Some(in_file)) => other(in_file),
            (record::Likelihood::DiscretisedLogistic, _, None) => bail!(
                "{}: discretised_logistic has scales, and there is no output {LOG_SCALES} with their logarithms",
                path.display()
            ),
            _ => other(Vec::new()),
        })
    }
}

impl Decode for OnnxDecoder {
    fn latent(&self) -> usize {
        self.axes.iter().product()
    }

    fn numbers(&self) -> usize {
        self.numbers
    }

    fn likelihood(&self) -> Likelihood {
        self.likelihood
    }

    fn likelihood_on_host(&self) -> kernels::Likelihood {
        self.likelihood.on_host(self.numbers, &self.log_scales)
    }

    fn outputs(&self, codes: Vec<f32>) -> Result<Vec<f32>> {
        let found = self.network.run(&codes, &self.axes, &[self.output.as_str()])?;
        let path = self.network.path().display();
        let mut outputs = Vec::new();
        for row in found.iter().flat_map(|output| output.numbers.chunks(self.numbers)) {
            for (place, number) in row.iter().enumerate() {
                ensure!(number.is_finite(), "{path} gave {number} as number {place} of an image");
                if self.probabilities {
                    check_probability(f64::from(*number))
                        .map_err(|reason| anyhow::anyhow!("{path} gave {reason}"))?;
                }
            }
            let row = self.pixels.planes_first_to_last(row);
            match self.probabilities {
                true => outputs.extend(row.iter().map(|probability| logit(f64::from(*probability)) as f32)),
                false => outputs.extend(row),
            }
        }
        Ok(outputs)
    }

    fn means(&self, codes: Vec<f32>) -> Result<Vec<f32>> {
        let outputs = self.outputs(codes)?;
        let shape = [outputs.len() / self.numbers, self.numbers];
        let log_scales = (!self.log_scales.is_empty()).then(|| {
            Tensor::from_data(TensorData::new(self.log_scales.clone(), [self.log_scales.len()]), &self.device)
        });
        let outputs = Tensor::from_data(TensorData::new(outputs, shape), &self.device);
        Ok(values(PixelDistribution { likelihood: self.likelihood, outputs, log_scales }.mean()))
    }
}
