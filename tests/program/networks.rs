//! Networks of other layers than the classic one's, from a line of their configuration to the report.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::program::{Folder, assert_same_bits};
use crate::report::data;

const SMALL: &str = "model.encoder_hidden=[8]";
const CONVOLUTIONS: &str = "model.convolutions=[{filters=4}, {filters=6, kernel=3}]";

fn with_values<'a>(values: &[&'a str]) -> Vec<&'a str> {
    values.iter().flat_map(|value| ["--set", value]).collect()
}

#[test]
fn every_kind_of_layer_trains_is_measured_and_shown() {
    for kind in [
        vec!["model.activation=\"gelu\"", "model.norm=\"layer\"", SMALL],
        vec!["model.activation=\"silu\"", "model.dropout=0.2", SMALL],
        vec![CONVOLUTIONS, SMALL, "model.decoder_hidden=[]", "model.latent=3"],
        vec![CONVOLUTIONS, "model.upsampling=\"resize\"", "model.norm=\"batch\"", "model.activation=\"elu\""],
        vec![CONVOLUTIONS, "model.residual_blocks=1", "model.norm=\"layer\"", "model.activation=\"tanh\""],
    ] {
        let folder = Folder::new();
        let smoke = crate::program::smoke();
        folder
            .run(&[&["--config", smoke.as_str(), "--quiet"], &with_values(&kind)[..]].concat())
            .expect_code(0);
        folder.run(&["verify", "runs/smoke"]).expect_code(0);
        // A page decodes a grid beforehand where it has no network that it could compute.
        let page = data(&folder.path().join("runs/smoke/report.html"));
        let members = page["explorer"]["members"].as_array().expect("the page has an explorer");
        assert_eq!(members.len(), 3);
        for member in members {
            assert_eq!(member["decoder"], Value::Null, "{kind:?}");
            assert_ne!(member["tiles"], Value::Null, "{kind:?}");
        }
    }
}

#[test]
fn averages_and_masks_go_on_where_they_stopped_and_give_the_same_bits() {
    let values = [
        CONVOLUTIONS,
        SMALL,
        "model.norm=\"batch\"",
        "model.dropout=0.3",
        "epochs=4",
        "checkpoint_every_steps=1",
    ];
    let smoke = crate::program::smoke();
    let start = [&["--config", smoke.as_str(), "--quiet", "--no-report"], &with_values(&values)[..]].concat();
    let (whole, killed) = (Folder::new(), Folder::new());
    whole.run(&start).expect_code(0);
    let checkpoint = killed.path().join("runs/smoke/c=0/seed=0/checkpoint/state.safetensors");
    let mut child = killed.command(&start).spawn().unwrap();
    while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    killed.run(&start).expect_code(0);
    assert_same_bits(&killed.bits("smoke"), &whole.bits("smoke"));
}

#[test]
fn a_network_is_listed_with_its_outputs_parameters_and_products() {
    let folder = Folder::new();
    let classic = folder.run(&["model", &crate::program::smoke()]).expect_code(0).stdout;
    let sum = classic.lines().find(|line| line.starts_with("sum")).expect("the sums stand below");
    assert_eq!(sum.split_whitespace().collect::<Vec<_>>(), ["sum", "404,244", "402,944"]);
    let path = folder.write(
        "conv.toml",
        "kl_coefficients = [1.0]\n[model]\nconvolutions = [{ filters = 32 }, { filters = 64 }]\nlatent = 16\n",
    );
    let said = folder.run(&["model", path.to_str().unwrap()]).expect_code(0).stdout;
    for part in ["convolution 4 x 4, stride 2", "14 x 14 x 32", "7 x 7 x 64", "1,688,289", "3.86 GFLOP"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn layers_that_cannot_be_trained_are_refused_before_anything_is_written() {
    for (values, expected) in [
        (
            vec!["model.convolutions=[{filters=4, kernel=8, stride=8, padding=0}, {filters=4}, {filters=4}]"],
            vec![
                "convolution 3 has a kernel of 4 x 4",
                "its input of 1 x 1",
                "a smaller kernel, more padding",
            ],
        ),
        (vec!["model.convolutions=[{filters=0}]"], vec!["the filters of convolution 1 is 0"]),
        (
            vec!["model.encoder_hidden=[100000000]"],
            vec!["GB to train", "this process may use", "klsweep model"],
        ),
        (
            vec!["model.norm=\"batch\"", "data.train_images=257", "batch_size=128"],
            vec!["the last of 257 training images in batches of 128", "choose another batch_size"],
        ),
        (vec!["model.activation=\"rellu\""], vec!["unknown variant `rellu`", "did you mean `relu`?"]),
    ] {
        let folder = Folder::new();
        folder.smoke(&with_values(&values)).expect_refusal(&expected);
        assert!(!folder.path().join("runs").exists(), "{values:?}: something was written");
    }
    let folder = Folder::new();
    let table = folder.write("table.csv", &"1,2\n3,4\n5,6\n".repeat(20));
    folder
        .run(&[table.to_str().unwrap(), "--set", "model.convolutions=[{filters=4}]"])
        .expect_refusal(&["model.convolutions are of images, and the data is a table"]);
    assert!(fs::read_dir(folder.path()).unwrap().count() <= 1);
}
