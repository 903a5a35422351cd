//! `rten`, which runs networks.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rten::{Dimension, Model, ModelOptions, NodeId, Value};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

use crate::message::{Description, Request};
use crate::network::OnnxOutput;
use crate::structure::flaw;

/// Bytes of a file at most: what the format allows.
const LARGEST_FILE: u64 = 1 << 31;

/// A network of an ONNX file, with one input, in this process.
pub struct Runtime {
    model: Model,
    input: NodeId,
}

impl Runtime {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Fails when it is none of a network, or has what the runtime does not know.
    pub fn load(path: &Path) -> Result<(Self, Description)> {
        check_file(path)?;
        let model = caught(path, || ModelOptions::with_all_ops().load_file(path))?
            .map_err(|error| anyhow!("{} cannot be run: {error}", path.display()))?;
        let name = |id: &NodeId| model.node_info(*id)?.name().map(str::to_string);
        let outputs: Option<Vec<String>> = model.output_ids().iter().map(name).collect();
        let outputs = outputs.with_context(|| format!("{} has an output without a name", path.display()))?;
        let &[input] = model.input_ids() else {
            let names: Vec<String> = model.input_ids().iter().filter_map(name).collect();
            bail!(
                "{} has {} inputs ({}): an encoder takes images and a decoder takes codes, and nothing beside them",
                path.display(),
                names.len(),
                names.join(", ")
            )
        };
        ensure!(!outputs.is_empty(), "{} has no output", path.display());
        let size = |dimension: &Dimension| match dimension {
            Dimension::Fixed(size) => Some(*size),
            Dimension::Symbolic(_) => None,
        };
        let axes = model.input_shape(0).unwrap_or_default().iter().map(size).collect();
        Ok((Self { input, model }, Description { axes, outputs }))
    }

    /// Outputs for some rows.
    pub fn run(&self, path: &Path, rows: Vec<f32>, request: &Request) -> Result<Vec<OnnxOutput>> {
        let id = |name: &String| {
            self.model.node_id(name).map_err(|_| anyhow!("{} has no output {name}", path.display()))
        };
        let ids: Vec<NodeId> = request.outputs.iter().map(id).collect::<Result<_>>()?;
        let input = Tensor::from_data(&request.shape[..], rows);
        let found = caught(path, || self.model.run(vec![(self.input, input.into())], &ids, None))?
            .map_err(|error| anyhow!("{} cannot be run: {error}", path.display()))?;
        let output = |(value, name): (Value, &String)| {
            let kind = value.dtype();
            let tensor = Tensor::<f32>::try_from(value).map_err(|_| {
                anyhow!(
                    "{}: its output {name} is of the type {kind:?}, and not of 32-bit numbers",
                    path.display()
                )
            })?;
            Ok(OnnxOutput { axes: tensor.shape().to_vec(), numbers: tensor.into_data() })
        };
        found.into_iter().zip(&request.outputs).map(output).collect()
    }
}

/// Refuses what cannot be a file of a network before it is read.
fn check_file(path: &Path) -> Result<()> {
    let cannot_read = || format!("cannot read {}", path.display());
    let metadata = path.metadata().with_context(cannot_read)?;
    ensure!(metadata.is_file(), "{} is no file", path.display());
    let bytes = metadata.len();
    ensure!(bytes > 0, "{} is empty", path.display());
    ensure!(
        bytes <= LARGEST_FILE,
        "{} has {bytes} bytes: an ONNX file has at most {LARGEST_FILE}",
        path.display()
    );
    if let Some(flaw) = flaw(path).with_context(cannot_read)? {
        bail!("{} {}", path.display(), flaw.in_words());
    }
    Ok(())
}

/// What the runtime gives; its panics, on files that it does not expect, are errors.
fn caught<T>(path: &Path, f: impl FnOnce() -> T) -> Result<T> {
    data::catch_panic(f).map_err(|message| anyhow!("{} cannot be run: {message}", path.display()))
}
