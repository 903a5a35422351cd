//! `klsweep export`: a trained network for other programs.

mod arrays;
mod card;
pub mod network;
mod onnx;
mod protobuf;
mod pytorch;

use std::path::Path;

use anyhow::{Result, ensure};
use record::{create_dir, remove_temporary_files, write_atomically};

pub use self::arrays::export_arrays;
use self::network::Network;
use crate::trained_member::TrainedMember;

/// Writes a network into a folder: `model.safetensors` and `model.py` for PyTorch, `encoder.onnx` and `decoder.onnx` for any
/// runtime, and a model card, `README.md`. Gives back the names of the files.
///
/// # Errors
///
/// Fails when the report on the run cannot be made, the folder has a file of such a name that is of no export, or a file cannot be
/// written.
pub fn export(member: &TrainedMember, to: &Path) -> Result<Vec<&'static str>> {
    let network = Network::of(&member.vae);
    let files = [
        ("model.safetensors", pytorch::safetensors(&network)?),
        ("model.py", pytorch::module(&network).into_bytes()),
        ("encoder.onnx", onnx::encoder(&network)),
        ("decoder.onnx", onnx::decoder(&network)),
        ("README.md", card::model_card(member)?.into_bytes()),
    ];
    create_dir(to)?;
    // They are written in this order, so that of an export that was killed the first ones are there.
    for [(before, _), (name, _)] in files.array_windows() {
        ensure!(
            !to.join(name).exists() || to.join(before).exists(),
            "{} is of no export, which would replace it: name another folder with --to",
            to.join(name).display()
        );
    }
    // Of an export that was killed.
    remove_temporary_files(to)?;
    for (name, content) in &files {
        write_atomically(&to.join(name), content)?;
    }
    Ok(files.iter().map(|(name, _)| *name).collect())
}
