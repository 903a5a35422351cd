//! What a run leaves on disk for whoever reads it: read by the crate `record` alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use record::{Examples, MemberDir, MemberId, Outputs, RunDir, Shape};
use safetensors::SafeTensors;

use crate::program::{Folder, repository};

const LATENT: usize = 3;

fn run(folder: &Folder) -> RunDir {
    RunDir::open(&folder.path().join("runs/smoke")).unwrap()
}

fn member(folder: &Folder) -> MemberDir {
    run(folder).member(MemberId { kl_coefficient: 1.0, seed: 0 })
}

fn smoke(arguments: &[&str]) -> Folder {
    let folder = Folder::new();
    folder
        .smoke(&[&["--set", "kl_coefficients=[1.0]", "--set", "model.latent=3"], arguments].concat())
        .expect_code(0);
    folder
}

fn recorded(folder: &Folder) -> (Examples, Outputs) {
    let examples = run(folder).examples().unwrap().expect("the examples are recorded");
    let outputs = member(folder).outputs(&examples, LATENT).unwrap().expect("the outputs are recorded");
    (examples, outputs)
}

fn names(path: &Path) -> BTreeSet<String> {
    let bytes = fs::read(path).unwrap();
    SafeTensors::deserialize(&bytes).unwrap().names().into_iter().map(String::from).collect()
}

#[test]
fn training_leaves_everything_that_a_report_shows() {
    let folder = smoke(&[]);
    let (examples, outputs) = recorded(&folder);
    let result = member(&folder).result().unwrap().expect("the member is finished");
    let config = run(&folder).config().unwrap();
    assert_eq!(outputs.epoch, result.epochs);
    assert_eq!(examples.shape, Shape::grey(28, 28));
    assert_eq!(examples.test.positions.len(), config.data.test_images);
    assert_eq!(examples.train.labels.as_ref().map(|labels| labels.len()), Some(config.data.train_images));

    // All test images are examples here, so their means are the diagnostics'.
    let test = outputs.test.as_ref().expect("the test examples are encoded");
    let mean =
        |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64;
    let kl: f64 = result.diagnostics.kl_per_dim.iter().sum();
    let found = mean(&test.kl.as_ref().unwrap().to_vec());
    // Numbers of 32 bits.
    assert!((found - kl).abs() < 1e-5 * kl, "{found}, not {kl}");
    let code = test.code.as_ref().unwrap();
    for (dimension, z_mean) in result.diagnostics.z_mean.iter().enumerate() {
        let found = mean(&code.column(dimension).to_vec());
        assert!((found - z_mean).abs() < 1e-5 * (1.0 + z_mean.abs()), "{found}, not {z_mean}");
    }
    // Another drawing of the codes: of hundreds of images the mean differs by a few nats.
    let found = mean(&test.reconstruction.as_ref().unwrap().to_vec());
    assert!(
        (found / result.test.reconstruction - 1.0).abs() < 0.05,
        "{found}, not {}",
        result.test.reconstruction
    );
    assert_eq!(run(&folder).collapse().unwrap().expect("it is computed").len(), LATENT);
}

#[test]
fn every_array_is_documented() {
    let folder = smoke(&[]);
    let text = fs::read_to_string(repository().join("docs/record.md")).unwrap();
    let root = folder.path().join("runs/smoke");
    let all = names(&root.join("examples.safetensors"))
        .into_iter()
        .chain(names(&root.join("c=1/seed=0/outputs.safetensors")));
    let mut count = 0;
    for name in all {
        let documented = match name.split('.').collect::<Vec<_>>()[..] {
            ["decoder", _, what] => format!("`decoder.I.{what}`"),
            _ => format!("`{name}`"),
        };
        assert!(text.contains(&documented), "docs/record.md lacks {documented}");
        count += 1;
    }
    assert_eq!(count, 10 + 10 + 2 + 9 + 4, "examples, encodings, images without a grid, grids, two layers");
}

#[test]
fn the_report_records_what_training_did_not() {
    let folder = smoke(&[]);
    let (_, before) = recorded(&folder);
    // As a run of an older version.
    let root = folder.path().join("runs/smoke");
    for name in ["examples.safetensors", "collapse.csv", "c=1/seed=0/outputs.safetensors"] {
        fs::remove_file(root.join(name)).unwrap();
    }
    folder.run(&["report", "runs/smoke"]).expect_code(0);
    assert_eq!(recorded(&folder).1, before);
    assert!(run(&folder).collapse().unwrap().is_some());

    let written = || fs::metadata(root.join("c=1/seed=0/outputs.safetensors")).unwrap().modified().unwrap();
    let first = written();
    folder.run(&["report", "runs/smoke"]).expect_code(0);
    assert_eq!(written(), first, "what is up to date is not written again");

    folder.run(&["report", "runs/smoke", "--grid", "5"]).expect_code(0);
    let manifold = recorded(&folder).1.manifold.unwrap();
    assert_eq!(manifold.images.shape(), [5, 5, 28, 28]);
}

#[test]
#[cfg(unix)]
fn a_member_in_training_is_recorded_as_its_checkpoint_is() {
    let folder = Folder::new();
    crate::interruption::interrupt(&folder);
    folder.run(&["report", "runs/smoke"]).expect_code(0);
    let examples = run(&folder).examples().unwrap().unwrap();
    let id = MemberId { kl_coefficient: 0.0, seed: 0 };
    let outputs = run(&folder).member(id).outputs(&examples, 2).unwrap().expect("it has a checkpoint");
    assert!((1..25).contains(&outputs.epoch), "{}", outputs.epoch);
}
