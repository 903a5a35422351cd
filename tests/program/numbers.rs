//! NaN and infinity in training: that member stops, with the step and the tensor, and the others go on.

use std::fs;

use serde_json::Value;

use crate::program::{Folder, Ran, assert_same_bits};

fn failure(folder: &Folder, member: &str) -> Value {
    let path = folder.path().join("runs/smoke").join(member).join("failure.json");
    serde_json::from_str(&fs::read_to_string(path).expect("the failure is written")).expect("it is JSON")
}

/// Of a coefficient so great that its gradients are finite and their squares are not: all losses stay finite.
#[test]
fn a_gradient_whose_square_is_infinite_stops_its_member_and_no_other() {
    let (folder, alone) = (Folder::new(), Folder::new());
    let ran = folder.smoke(&["--set", "kl_coefficients=[1, 1e30]"]).expect_code(3);
    assert!(ran.stderr.ends_with("1 of 2 members failed\n"), "{}", ran.stderr);
    let failure = failure(&folder, "c=1000000000000000000000000000000/seed=0");
    assert_eq!(failure["not_finite"]["epoch"], 1);
    assert_eq!(failure["not_finite"]["step"], 1);
    let tensor = failure["not_finite"]["tensor"].as_str().unwrap();
    assert!(tensor.starts_with("the squared gradient of encoder."), "{tensor}");
    assert!(ran.stderr.contains(failure["message"].as_str().unwrap()), "{}", ran.stderr);

    alone.smoke(&["--set", "kl_coefficients=[1]"]).expect_code(0);
    let [found, expected] = [&folder, &alone].map(|folder| {
        let mut bits = folder.bits("smoke");
        bits.retain(|path, _| path.starts_with("c=1"));
        bits
    });
    assert_same_bits(&found, &expected);
}

#[test]
fn the_last_good_checkpoint_is_kept_and_leads_to_the_same_step_again() {
    let folder = Folder::new();
    // The first step is good, and makes weights so great that the second is not.
    let arguments = ["--set", "kl_coefficients=[1]", "--set", "optimizer.learning_rate=1e6"];
    folder.smoke(&[&arguments[..], &["--set", "checkpoint_every_steps=1"]].concat()).expect_code(3);
    let first = failure(&folder, "c=1/seed=0");
    let [epoch, step] = ["epoch", "step"].map(|key| first["not_finite"][key].as_u64().unwrap());
    assert_eq!((epoch, step), (1, 2), "{first}");
    let checkpoint = folder.path().join("runs/smoke/c=1/seed=0/checkpoint/state.safetensors");
    let kept = fs::read(&checkpoint).unwrap();

    let Ran { stderr, .. } = folder.run(&["--resume", "runs/smoke", "--quiet"]).expect_code(3);
    assert!(stderr.contains(&format!("after step {step} of epoch {epoch}")), "{stderr}");
    assert_eq!(failure(&folder, "c=1/seed=0"), first);
    assert!(fs::read(&checkpoint).unwrap() == kept);
}
