//! Draws the figures of a finished run into another folder, and says what it took.
//!
//!     cargo run -p train --example figures -- runs/sweep /tmp/figures

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use burn::module::Module;
use burn::tensor::Device;
use model::{NamedTensor, load_parameters};
use train::config::RunConfig;
use train::data;
use train::diagnostics::EncodedImages;
use train::evaluate::{LatentUse, Terms};
use train::files::read_safetensors;
use train::member::{EpochRow, MemberResult, initial_vae, read_result};
use train::report::figures::*;

fn history(path: &std::path::Path) -> Result<Vec<EpochRow>> {
    let mut reader = csv::Reader::from_path(path)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let f = |i: usize| record[i].parse::<f64>().unwrap_or(f64::NAN);
        rows.push(EpochRow {
            epoch: record[2].parse()?,
            train: Terms { reconstruction: f(3), kl: f(4) },
            test: Terms { reconstruction: f(7), kl: f(8) },
            test_latent: LatentUse { kl_per_dim: Vec::new(), active_units: 0 },
            saturated_log_vars: 0,
        });
    }
    Ok(rows)
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let run = arguments.next().context("name a run")?;
    let out = arguments.next().context("name a folder")?;
    let unlabelled = arguments.next().is_some();
    let config = RunConfig::load(&run.join("config.toml"), &[])?;
    let mut dataset = data::load(&config.data)?;
    if unlabelled {
        dataset.test.labels = None;
    }
    let device = Device::flex();
    let mut members = Vec::new();
    let started = Instant::now();
    for id in config.members() {
        let dir = run.join(id.dir());
        let Some(result) = read_result(&dir)? else { continue };
        let parameters = read_safetensors(&dir.join("weights.safetensors"))?
            .tensors
            .into_iter()
            .map(|(name, data)| NamedTensor { name, data })
            .collect();
        let vae = load_parameters(initial_vae(&config, dataset.test.pixels(), id.seed, &device), parameters)?
            .valid();
        let encoded = EncodedImages::encode(&vae, &dataset.test, &device);
        members.push((id, result, vae, encoded, history(&dir.join("history.csv"))?));
    }
    println!("read and encoded: {:.2} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let range = common_range(
        members.iter().map(|(_, result, _, encoded, _)| (encoded, &result.diagnostics.kl_per_dim[..])),
    );
    let options = FigureOptions { grid: 8, common_range: range };
    let mut files = Vec::new();
    for (id, result, vae, encoded, history) in &members {
        let member = MemberFigures {
            c: id.kl_coefficient,
            seed: id.seed,
            vae: Some(vae),
            device: &device,
            size: [dataset.test.height, dataset.test.width],
            test: Some(&dataset.test),
            encoded: Some(encoded),
            kl_per_dim: &result.diagnostics.kl_per_dim,
            history,
        };
        files.extend(write_member_figures(&out.join(id.dir()).join("figures"), &member, &options)?.files);
    }
    println!("members: {:.2} s", started.elapsed().as_secs_f64());
    let quantities: Vec<Quantity> =
        QUANTITIES.map(|(key, label, unit, value)| Quantity { key, label, unit, value }).to_vec();
    let sweep_members: Vec<SweepMember<'_>> = members
        .iter()
        .map(|(id, result, _, encoded, _)| SweepMember {
            c: id.kl_coefficient,
            seed: id.seed,
            kl_per_dim: &result.diagnostics.kl_per_dim,
            test: Some(result.test),
            result: Some(result),
            encoded: Some(encoded),
        })
        .collect();
    let sweep = SweepFigures {
        members: &sweep_members,
        labels: dataset.test.labels.as_deref(),
        quantities: &quantities,
        common_range: range,
    };
    let written = write_sweep_figures(&out.join("figures"), &sweep)?;
    files.extend(written.files);
    println!(
        "all: {:.2} s, {} files, left out {:?}",
        started.elapsed().as_secs_f64(),
        files.len(),
        written.left_out
    );
    Ok(())
}

type Value = fn(&MemberResult) -> Option<f64>;

const QUANTITIES: [(&str, &str, &str, Value); 13] = [
    ("reconstruction", "Reconstruction", "nats per image", |r| Some(r.test.reconstruction)),
    ("kl", "KL", "nats per image", |r| Some(r.test.kl)),
    ("objective", "Objective", "nats per image", |r| Some(r.objective)),
    ("elbo_loss", "ELBO loss", "nats per image", |r| Some(r.elbo_loss)),
    ("iwae_nll", "IW-NLL", "nats per image", |r| Some(r.diagnostics.iwae_nll)),
    ("mutual_information", "I(x; z)", "nats", |r| Some(r.diagnostics.mutual_information)),
    ("marginal_kl", "KL(q(z) ‖ p(z))", "nats", |r| Some(r.diagnostics.marginal_kl)),
    ("total_correlation", "Total correlation", "nats", |r| Some(r.diagnostics.total_correlation)),
    ("dimension_kl", "Dimension KL", "nats", |r| Some(r.diagnostics.dimension_kl)),
    ("js_to_prior", "JS to prior", "bits", |r| r.diagnostics.js_to_prior),
    ("kl_to_prior", "KL to prior", "bits", |r| r.diagnostics.kl_to_prior),
    ("knn_accuracy", "10-NN accuracy", "share", |r| r.diagnostics.knn_accuracy),
    ("active_units", "Active units", "dimensions", |r| Some(r.diagnostics.active_units as f64)),
];
