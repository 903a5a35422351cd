//! What is fuzzed: bytes as a file, to whatever reads such files.
//!
//! Readers may refuse anything, in words, and must neither panic nor take memory that the file does not warrant. The test
//! `crates/data/tests/fuzz_seeds.rs` runs the same functions over the seeds, without a fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use data::{Rows, arrays_in, load_at_hand, read_idx, suggest};
use record::{Checkpoint, DataConfig, MemberId, RunConfig, RunDir, TrainingPosition, read_history};
use tempfile::TempDir;

/// A target by its name, with what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 11] = [
    ("idx", idx),
    ("npy", npy),
    ("npz", npz),
    ("csv", csv),
    ("parquet", parquet),
    ("cifar", cifar),
    ("images", images),
    ("safetensors", safetensors),
    ("configuration", configuration),
    ("record", record_files),
    ("checkpoint", checkpoint),
];

/// Examples of a run, of which outputs are read.
const EXAMPLES: &[u8] = include_bytes!("../fixtures/examples.safetensors");
/// Its configuration.
const CONFIG: &str = include_str!("../fixtures/config.toml");

/// A folder of this call's own, in memory where there is such a file system.
pub fn folder() -> TempDir {
    let in_memory = Path::new("/dev/shm");
    let made = if in_memory.is_dir() { TempDir::new_in(in_memory) } else { TempDir::new() };
    made.expect("a temporary folder can be made")
}

fn written(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("the file can be written");
    path
}

/// Reads the examples at a path as a training would, also block by block.
fn load(path: &Path) {
    for memory_mib in [DataConfig::default().memory_mib, 0] {
        let config = DataConfig { path: path.to_path_buf(), memory_mib, ..DataConfig::default() };
        if let Ok(dataset) = load_at_hand(&config) {
            for part in [&dataset.train, &dataset.test] {
                let last = part.count().saturating_sub(1);
                let _ = part.rows(last..part.count());
            }
        }
    }
}

/// IDX: images and labels.
pub fn idx(bytes: &[u8]) {
    let folder = folder();
    let path = written(&folder, "train-images-idx3-ubyte", bytes);
    for rank in [1, 3, 4] {
        let _ = read_idx(&path, rank);
    }
    for name in ["t10k-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"] {
        written(&folder, name, bytes);
    }
    load(folder.path());
}

/// An array of NumPy.
pub fn npy(bytes: &[u8]) {
    let folder = folder();
    load(&written(&folder, "a.npy", bytes));
}

/// An archive of arrays.
pub fn npz(bytes: &[u8]) {
    let folder = folder();
    let path = written(&folder, "a.npz", bytes);
    load(&path);
    arrays(&path);
}

/// Tables, plain and packed.
pub fn csv(bytes: &[u8]) {
    let folder = folder();
    for name in ["a.csv", "a.tsv", "a.csv.gz"] {
        let path = written(&folder, name, bytes);
        load(&path);
        let _ = suggest(DataConfig { path, ..DataConfig::default() });
    }
}

/// A Parquet file.
pub fn parquet(bytes: &[u8]) {
    let folder = folder();
    load(&written(&folder, "a.parquet", bytes));
}

/// CIFAR-10's files, the names of its classes among them.
pub fn cifar(bytes: &[u8]) {
    let folder = folder();
    for name in ["data_batch_1.bin", "test_batch.bin", "batches.meta.txt"] {
        written(&folder, name, bytes);
    }
    load(folder.path());
}

/// A folder of two images with the same content.
pub fn images(bytes: &[u8]) {
    let folder = folder();
    // What it is, the content tells, not the name.
    for name in ["a.png", "b.jpg", "c.webp"] {
        written(&folder, name, bytes);
    }
    load(folder.path());
}

/// Arrays of other programs.
pub fn safetensors(bytes: &[u8]) {
    let folder = folder();
    arrays(&written(&folder, "a.safetensors", bytes));
}

/// A configuration, and a value put over one.
pub fn configuration(bytes: &[u8]) {
    let folder = folder();
    let path = written(&folder, "a.toml", bytes);
    if let Ok(config) = RunConfig::load(&path, &[]) {
        let again = written(&folder, "b.toml", config.to_toml().as_bytes());
        let again = RunConfig::load(&again, &[]).expect("what was read is written so that it can be read");
        assert_eq!(again, config);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = RunConfig::default().with_overrides(&[text.to_string()]);
    }
}

/// Every file of a run and of its member.
pub fn record_files(bytes: &[u8]) {
    let folder = folder();
    written(&folder, "config.toml", CONFIG.as_bytes());
    written(&folder, "examples.safetensors", EXAMPLES);
    let run = RunDir::open(folder.path()).expect("it has a configuration");
    let examples = run.examples().expect("they are not damaged").expect("they are there");
    let member = run.member(MemberId { kl_coefficient: 1.0, seed: 0 });
    member.create().expect("the folder can be made");
    for name in ["result.json", "failure.json", "history.csv", "outputs.safetensors", "losses.safetensors"] {
        fs::write(member.path().join(name), bytes).expect("the file can be written");
    }
    let _ = (member.result(), member.failure(), member.history(), member.losses());
    let _ = (member.outputs(&examples, 2), member.outputs_epoch(), member.history_file().cut_back(1));
    let _ = read_history(&member.path().join("history.csv"));
    for name in ["run.json", "baselines.json", "collapse.csv", "examples.safetensors"] {
        written(&folder, name, bytes);
    }
    let _ = (run.record(), run.baselines(), run.collapse(), run.examples());
}

/// Where a member stands, and its tensors; those of files without a checksum too, as the first version wrote them.
pub fn checkpoint(bytes: &[u8]) {
    let folder = folder();
    let path = written(&folder, "state.safetensors", bytes);
    let _ = TrainingPosition::of_file(&path);
    if let Ok(Checkpoint { tensors, .. }) = Checkpoint::read(&path) {
        for tensor in tensors.values() {
            assert_eq!(
                tensor.values().len(),
                tensor.shape.iter().product::<usize>(),
                "a tensor fills its shape"
            );
        }
    }
}

fn arrays(path: &Path) {
    let Ok(found) = arrays_in(path) else { return };
    for array in found.values() {
        let rows = |rows: &mut Rows<'_>| -> data::Result<()> {
            while rows.next()?.is_some() {}
            Ok(())
        };
        let _ = array.read_rows(rows);
    }
}
