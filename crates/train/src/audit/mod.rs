//! `klsweep audit`: networks that other programs trained, judged by the arrays that they left, as our own are.
//!
//! What stands in the folder becomes the record of a run, and the report is made of that.

mod decoded_codes;
mod folder;
mod member;
mod networks;
mod posteriors;
mod reconstruction;
mod sets;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use data::Progress;
use record::{
    Claims, DataRecord, FileHashes, Likelihood, MemberId, NetworkConfig, RunConfig, RunDir, RunRecord,
    Status, Variance, now,
};

use self::folder::AuditFolder;
use self::member::{AuditContext, AuditedMember, audit_member};
use self::networks::{OnnxDecoder, encode, file_of};
use self::sets::{Set, Sets};
use crate::diagnostics::{DataReference, SharedReference, Subset};
use crate::recording::{record_baselines, record_collapse};

/// How the arrays of a folder are to be read.
#[derive(Clone, Debug)]
pub struct AuditOptions {
    /// What losses and decoded images are of; `None` where neither is there.
    pub likelihood: Option<Likelihood>,
    /// The variance of Gaussian pixels.
    pub variance: Option<Variance>,
    /// Whether decoded images are logits and not probabilities.
    pub logits: bool,
    /// What the spread of posteriors is given by.
    pub spread: Spread,
    /// The encoder's ONNX file, in the folder of each member; it takes the place of arrays.
    pub encoder: Option<PathBuf>,
    /// The decoder's.
    pub decoder: Option<PathBuf>,
}

impl AuditOptions {
    /// The variance of Gaussian pixels, where nothing else is said.
    fn variance(&self) -> Variance {
        self.variance.unwrap_or(Variance::Fixed(1.0))
    }
}

/// What the spread of posteriors is given by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// The logarithms of their variances, unless they look like something else.
    Expected,
    /// These logarithms, whatever they look like.
    LogVariances,
    /// The variances.
    Variances,
}

/// What an audit made.
pub struct Audited {
    /// The directory of the run.
    pub dir: PathBuf,
    /// What was read, in lines.
    pub lines: Vec<String>,
}

/// Reads a folder and writes the record of a run into another one.
///
/// # Errors
///
/// Fails when the arrays cannot be read or do not fit each other, before anything is written.
pub fn audit(
    from: &Path,
    to: &Path,
    name: &str,
    options: &AuditOptions,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Audited> {
    let started = now();
    let mut folder = AuditFolder::open(from)?;
    check_likelihood(&folder, options)?;
    // It is there as long as what stands in it is read.
    let _posteriors =
        options.encoder.as_ref().map(|named| encode(&mut folder, named, progress)).transpose()?;
    let sets = Sets::read(&folder, options)?;
    let config = config(&folder, &sets, name, from, options)?;
    let reference = match &options.decoder {
        Some(_) => reference(&sets)?.map(Arc::new),
        None => None,
    };
    let examples = sets.examples(options.decoder.is_some())?;
    let context = AuditContext { sets: &sets, examples: &examples, options, reference: reference.as_deref() };
    let mut measured = Vec::new();
    for (done, member) in folder.members.iter().enumerate() {
        progress.at("members measured", done as u64, folder.members.len() as u64);
        let decoder = options.decoder.as_ref().map(|named| {
            let path = file_of(&folder, member, named, "--decoder")?;
            let images = member.require("images")?;
            OnnxDecoder::load(&path, member.require("means")?, images, options, device)
        });
        let found = decoder.transpose().and_then(|decoder| audit_member(member, decoder, &context));
        measured.push(found.with_context(|| format!("cannot audit {}", member.id))?);
    }

    let run = open_run(to, &config)?;
    let claim = run.claim(&Claims::new(false))?;
    run.write_examples(&examples)?;
    for (member, AuditedMember { result, losses, outputs }) in folder.members.iter().zip(&measured) {
        let dir = run.member(member.id);
        dir.create()?;
        dir.write_outputs(outputs)?;
        dir.write_losses(losses)?;
        dir.write_result(result)?;
    }
    let results = run.results(&config)?;
    run.write_summary(&config, &results)?;
    let mut left_out: Vec<String> = Vec::new();
    for sentence in measured.iter().flat_map(|member| &member.result.diagnostics.not_measured) {
        if !left_out.contains(sentence) {
            left_out.push(sentence.clone());
        }
    }
    let mut lines = sets.describe(&folder);
    lines.extend(left_out.iter().map(|sentence| format!("left out: {sentence}")));
    let mut record = RunRecord {
        backend: "none".to_string(),
        device: "none".to_string(),
        kernels: None,
        workers: 0,
        data: DataRecord { notes: left_out, ..sets.record(from) },
        distortion_floor: distortion_floor(&sets, options)?,
        started,
        ended: Some(now()),
        status: if results.len() == config.members().len() { Status::Finished } else { Status::Partial },
        audited: Some(from.display().to_string()),
        files: FileHashes::new(),
    };
    if let Some(dataset) = sets.into_dataset() {
        record_collapse(&run, &config, &dataset, device)?;
        let shared = reference.map(SharedReference::from).unwrap_or_default();
        record_baselines(&run, &dataset, &shared, progress)?;
    }
    let members: Vec<MemberId> = folder.members.iter().map(|member| member.id).collect();
    record.files = run.hashes(&config, FileHashes::new(), &members)?;
    run.write_record(&record)?;
    drop(claim);
    Ok(Audited { dir: to.to_path_buf(), lines })
}

/// A directory for the run: a new one, or that of an audit of the same members.
fn open_run(to: &Path, config: &RunConfig) -> Result<RunDir> {
    if let Ok(run) = RunDir::open(to)
        && run.record()?.is_none_or(|record| record.audited.is_none())
    {
        bail!("{} holds a run that was trained here: name another place with --output", to.display());
    }
    Ok(RunDir::create(to, config)?)
}

/// Refuses what means nothing without a likelihood, and a variance that the likelihood does not have.
fn check_likelihood(folder: &AuditFolder, options: &AuditOptions) -> Result<()> {
    let needs_likelihood = folder.members.iter().find_map(|member| {
        let given = ["losses", "decoded"].into_iter().find(|name| member.arrays.contains_key(*name));
        Some((member.id, given.or(options.decoder.as_ref().map(|_| "a decoder"))?))
    });
    if let (Some((id, given)), None) = (needs_likelihood, options.likelihood) {
        bail!(
            "{id} has {given}: say with --likelihood what its numbers are of: grey_bernoulli for binary cross-entropy of grey levels, \
             bernoulli of black and white, gaussian for squared errors (with --variance), continuous_bernoulli or \
             discretised_logistic"
        );
    }
    ensure!(
        options.likelihood.unwrap_or_default() == Likelihood::Gaussian || options.variance.is_none(),
        "--variance is that of --likelihood gaussian"
    );
    Ok(())
}

/// What decoded images are held against, where the images of all parts are at hand.
fn reference(sets: &Sets) -> Result<Option<DataReference>> {
    fn images(set: &Option<Set>) -> Option<&data::Split> {
        set.as_ref()?.images.as_ref()
    }
    let (Some(train), Some(test)) = (images(&sets.train), &sets.test.images) else { return Ok(None) };
    let parts = Subset::dealt(images(&sets.validation), test);
    Ok(Some(DataReference::of_parts(train, parts)?))
}

/// The configuration that the record has: as much of it as is known.
fn config(
    folder: &AuditFolder,
    sets: &Sets,
    name: &str,
    from: &Path,
    options: &AuditOptions,
) -> Result<RunConfig> {
    let likelihood = options.likelihood.unwrap_or_default();
    let MemberIds { kl_coefficients, seeds } = MemberIds::of(folder.members.iter().map(|member| member.id));
    let model = NetworkConfig {
        encoder_hidden: Vec::new(),
        decoder_hidden: Vec::new(),
        latent: sets.latent,
        likelihood,
        variance: options.variance.unwrap_or(NetworkConfig::default().variance),
        ..NetworkConfig::default()
    };
    let base = RunConfig { name: name.to_string(), kl_coefficients, seeds, model, ..RunConfig::default() };
    let data = record::DataConfig { path: from.to_path_buf(), ..base.data };
    Ok(RunConfig { data, ..base }.with_overrides(&[])?)
}

/// The coefficients and seeds of some members, each once and rising.
struct MemberIds {
    kl_coefficients: Vec<f64>,
    seeds: Vec<u64>,
}

impl MemberIds {
    fn of(ids: impl Iterator<Item = MemberId>) -> Self {
        let (mut kl_coefficients, mut seeds): (Vec<f64>, Vec<u64>) =
            ids.map(|id| (id.kl_coefficient, id.seed)).unzip();
        kl_coefficients.sort_by(f64::total_cmp);
        kl_coefficients.dedup();
        seeds.sort_unstable();
        seeds.dedup();
        Self { kl_coefficients, seeds }
    }
}

/// What no decoder's reconstruction falls below, where the images are at hand.
fn distortion_floor(sets: &Sets, options: &AuditOptions) -> Result<Option<f64>> {
    let images = sets.evaluated().images.as_ref();
    let images = images.filter(|_| options.likelihood == Some(Likelihood::GreyBernoulli));
    Ok(images.map(|images| images.grey_entropy()).transpose()?)
}
