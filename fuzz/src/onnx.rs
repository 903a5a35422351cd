//! What is done with an ONNX file of a stranger: it is read, and run once on few rows of either of two sizes.

use std::fs;
use std::path::{Path, PathBuf};

use onnx_network::OnnxNetwork;

/// Rows that are tried: what a file wants beyond is not a small input.
const MOST_ROWS: usize = 100;

/// A file of these bytes, and beside it the weights that it may name, which are always the same.
pub fn written(folder: &Path, bytes: &[u8]) -> PathBuf {
    let path = folder.join("a.onnx");
    let weights = (0u16..1024).flat_map(|number| (0.1 * f32::from(number % 7) - 0.3).to_le_bytes());
    fs::write(folder.join("a.onnx.data"), weights.collect::<Vec<_>>()).expect("the file can be written");
    fs::write(&path, bytes).expect("the file can be written");
    path
}

/// Runs a network that was read. What it said where it failed.
pub fn run_once(network: &OnnxNetwork) -> Vec<String> {
    let rows = network.rows_at_a_time().unwrap_or(3);
    if rows > MOST_ROWS {
        return Vec::new();
    }
    let outputs: Vec<&str> = network.outputs().iter().map(String::as_str).collect();
    let mut said = Vec::new();
    for (numbers, usual) in [(2, &[2][..]), (64, &[8, 8, 1][..])] {
        if let Ok(axes) = network.row_axes(numbers, usual) {
            let input: Vec<f32> = (0..rows * numbers).map(|number| number as f32 * 0.01 - 0.5).collect();
            let (found, constant) =
                (network.run(&input, &axes, &outputs), network.constant(outputs[0], &axes));
            said.extend(found.err().into_iter().chain(constant.err()).map(|error| error.to_string()));
        }
    }
    said
}
