//! `klsweep audit --encoder --decoder`: networks in ONNX files, ours and PyTorch's, and what is wrong with such files, in words. With the
//! Cargo feature `onnx`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use onnx_network::{Bounds, OnnxNetwork};
use record::{MemberId, RunDir};
use serde_json::Value;

use crate::audit::{arrays, compare, json, write_npy};
use crate::program::{Folder, Ran, examples, repository};

#[path = "../../fuzz/src/onnx.rs"]
mod of_strangers;

const NETWORKS: [&str; 4] = ["--encoder", "encoder.onnx", "--decoder", "decoder.onnx"];

/// Trains a member, exports it and audits that, and compares every number with its own report.
fn assert_judged_alike(data: Option<&Path>, overrides: &[&str]) {
    let folder = Folder::new();
    let settings: Vec<&str> = overrides.iter().flat_map(|setting| ["--set", *setting]).collect();
    match data {
        None => folder
            .smoke(&[&settings[..], &["--set", "kl_coefficients=[1.0]", "--set", "name='own'"]].concat()),
        Some(path) => {
            let arguments = ["--c", "1", "--seeds", "1", "--epochs", "3", "--quiet", "--no-report"];
            folder.run(
                &[&[path.to_str().unwrap()], &arguments[..], &settings, &["--set", "name='own'"]].concat(),
            )
        }
    }
    .expect_code(0);
    let exported =
        folder.run(&["export", "runs/own", "--c", "1", "--to", "arrays", "--arrays"]).expect_code(0);
    let advised = exported.stdout.split(" audit arrays ").nth(1).expect("it says how to judge it").trim();
    let arguments = ["audit", "arrays", "--figures", "none"];
    let arguments: Vec<&str> = arguments.into_iter().chain(advised.split(' ')).collect();
    let own = RunDir::open(&folder.path().join("runs/own")).unwrap();
    let id = own.config().unwrap().members()[0];
    let expected = json(&own.member(id).path().join("result.json"));

    // By the arrays alone, all that needs no decoder.
    folder.run(&[&arguments[..], &["--output", "by_arrays"]].concat()).expect_code(0);
    let found = json(&folder.path().join("by_arrays").join(id.dir()).join("result.json"));
    for key in ["kl", "kl_per_dim", "mutual_information", "marginal_kl", "temperature", "distortion_floor"] {
        compare_where_known(key, &expected[key], &found[key]);
    }

    // By the networks alone.
    for array in ["means", "log_vars", "losses", "decoded"] {
        for part in ["", "train_", "validation_"] {
            let _ = fs::remove_file(
                folder.path().join("arrays").join(id.dir()).join(format!("{part}{array}.npy")),
            );
        }
    }
    folder.run(&[&arguments[..], &NETWORKS, &["--output", "by_networks"]].concat()).expect_code(0);
    let found = json(&folder.path().join("by_networks").join(id.dir()).join("result.json"));
    for (key, expected) in expected.as_object().unwrap() {
        // What only training knows, and losses for the codes that were drawn after its last epoch.
        let of_training = [
            "epochs",
            "seconds",
            "diagnostics_seconds",
            "kernels",
            "warnings",
            "clamped_log_vars",
            "reconstruction",
            "objective",
            "elbo_loss",
        ];
        if !of_training.contains(&key.as_str()) {
            compare_where_known(key, expected, &found[key]);
        }
    }
    // And what a report shows.
    let outputs = |run: &RunDir| {
        let examples = run.examples().unwrap().unwrap();
        run.member(id).outputs(&examples, own.config().unwrap().model.latent).unwrap().unwrap()
    };
    let (ours, theirs) = (outputs(&own), outputs(&RunDir::open(&folder.path().join("by_networks")).unwrap()));
    let near =
        |a: &ndarray::Array4<u8>, b: &ndarray::Array4<u8>| a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 1);
    match (&ours.manifold, &theirs.manifold) {
        (Some(ours), Some(theirs)) => {
            assert!(near(&ours.images, &theirs.images), "the decoded images differ")
        }
        (None, None) => {
            assert_eq!(ours.profiles.unwrap().errors.len(), theirs.profiles.unwrap().errors.len())
        }
        other => panic!("{other:?}"),
    }
    assert!(theirs.prior_images.is_some() == ours.prior_images.is_some());
    assert!(theirs.plane.is_some() == theirs.manifold.is_some(), "the explorer has its plane");
}

/// Every number of one value within the other, to 1e-4; a share of images may differ by one image.
fn compare_where_known(path: &str, expected: &Value, found: &Value) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, expected) in expected {
                compare_where_known(&format!("{path}.{key}"), expected, &found[key]);
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "{path}: {expected:?}, not {found:?}");
            for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare_where_known(&format!("{path}[{place}]"), expected, found);
            }
        }
        (Value::Number(expected), Value::Number(found)) => {
            let (expected, found) = (expected.as_f64().unwrap(), found.as_f64().unwrap());
            let of_images = ["accuracy", "generated", "unreliable"].iter().any(|share| path.contains(share));
            // Numbers of 32 bits, of which large ones are subtracted; and of 100 images.
            let tolerance = if of_images { 0.011 } else { 1e-4 * expected.abs().max(0.1) };
            assert!((found - expected).abs() <= tolerance, "{path}: {found}, not {expected}");
        }
        _ => assert_eq!(expected, found, "{path}"),
    }
}

#[test]
fn a_member_of_ours_is_judged_alike_by_its_own_files() {
    assert_judged_alike(None, &[]);
    assert_judged_alike(
        None,
        &[
            "model.convolutions=[{filters=4,kernel=4,stride=2},{filters=6,kernel=3,stride=2}]",
            "model.upsampling='resize'",
            "model.norm='batch'",
            "model.activation='silu'",
            "model.likelihood='discretised_logistic'",
        ],
    );
    assert_judged_alike(
        None,
        &[
            "model.likelihood='gaussian'",
            "model.variance=0.05",
            "model.activation='gelu'",
            "model.norm='layer'",
        ],
    );
    assert_judged_alike(Some(&repository().join("tests/data/wine.csv")), &[]);
}

#[test]
fn networks_of_pytorch_have_the_likelihoods_of_a_lattice_of_scipy() {
    let expected = json(&repository().join("tests/audit/expected.json"));
    let folder = Folder::new();
    // The example of the page.
    let (command, dir) = (examples("docs/audit.md").remove(1), arrays("dense"));
    let place = |word: &String| if word == "networks" { dir.display().to_string() } else { word.clone() };
    let arguments: Vec<String> = command.iter().map(place).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = folder.run(&[&arguments[..], &["--figures", "none"]].concat()).expect_code(0).stdout;
    assert!(!said.contains("left out: −log p(x)"), "{said}");
    for (member, of_arrays) in
        expected["likelihoods"].as_array().unwrap().iter().zip(expected["dense"].as_array().unwrap())
    {
        let id = MemberId {
            kl_coefficient: member["c"].as_f64().unwrap(),
            seed: member["seed"].as_u64().unwrap(),
        };
        let found = json(&folder.path().join("runs/dense").join(id.dir()).join("result.json"));
        compare(&format!("dense {id}"), member, &found, 120);
        for key in ["kl", "kl_per_dim", "active_units", "posterior_variance", "information_upper"] {
            compare(&format!("dense {id} {key}"), &of_arrays[key], &found[key], 120);
        }
    }
    let page = fs::read_to_string(folder.path().join("runs/dense/report.html")).unwrap();
    assert!(page.contains("trained elsewhere, judged by"));
    // Of convolutions, codes with axes, forty rows at a time, and both halves of the posterior in one output.
    let dir = arrays("spatial");
    let arguments = [
        "audit",
        dir.to_str().unwrap(),
        "--likelihood",
        "gaussian",
        "--variance",
        "0.1",
        "--figures",
        "none",
    ];
    folder.run(&[&arguments[..], &NETWORKS].concat()).expect_code(0);
    for member in expected["spatial"].as_array().unwrap() {
        let id = MemberId {
            kl_coefficient: member["c"].as_f64().unwrap(),
            seed: member["seed"].as_u64().unwrap(),
        };
        let found = json(&folder.path().join("runs/spatial").join(id.dir()).join("result.json"));
        for key in ["kl", "kl_per_dim", "information_upper"] {
            compare(&format!("spatial {id} {key}"), &member[key], &found[key], 120);
        }
        for part in ["choose", "report"] {
            let [nll, elbo_loss] = [&found[part]["nll"]["mean"], &found[part]["elbo_loss"]]
                .map(|estimate| estimate["value"].as_f64());
            assert!(nll.unwrap() < elbo_loss.unwrap(), "the ELBO is a bound: {nll:?} {elbo_loss:?}");
        }
    }
}

/// A folder with one member of PyTorch's after a change.
fn audited(change: impl FnOnce(&Path), arguments: &[&str]) -> Ran {
    let folder = Folder::new();
    let member = folder.path().join("arrays/c=1");
    fs::create_dir_all(&member).unwrap();
    for (file, to) in files() {
        fs::copy(file, folder.path().join("arrays").join(to)).unwrap();
    }
    change(&member);
    let ran = folder.run(&[&["audit", "arrays", "--figures", "none"], arguments].concat());
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert_eq!(folder.path().join("runs").exists(), ran.code == Some(0), "nothing is half-written");
    ran
}

fn files() -> Vec<(PathBuf, String)> {
    let (dir, own) = (arrays("dense"), arrays("dense").join("c=1.0/seed=0"));
    let shared = ["images.npy"].map(|name| (dir.join(name), name.to_string()));
    let networks = ["encoder.onnx", "encoder.onnx.data", "decoder.onnx", "decoder.onnx.data"]
        .map(|name| (own.join(name), format!("c=1/{name}")));
    shared.into_iter().chain(networks).collect()
}

#[test]
fn what_is_wrong_with_networks_is_said_in_words() {
    type Change = fn(&Path);
    const GREY: [&str; 2] = ["--likelihood", "grey_bernoulli"];
    let cases: [(Change, &[&str], &str); 9] = [
        (|_| {}, &NETWORKS, "has a decoder: say with --likelihood"),
        (|_| {}, &[&NETWORKS[2..], &GREY].concat(), "c=1 seed=0 has no array log_vars"),
        (
            |member| fs::remove_file(member.join("decoder.onnx")).unwrap(),
            &[&NETWORKS[..], &GREY].concat(),
            "--decoder decoder.onnx: there is no arrays/c=1/decoder.onnx of c=1 seed=0",
        ),
        (
            |member| fs::remove_file(member.parent().unwrap().join("images.npy")).unwrap(),
            &[&NETWORKS[..], &GREY].concat(),
            "--encoder needs what it encodes: c=1 seed=0 has no array images",
        ),
        (
            |member| fs::write(member.join("encoder.onnx"), "").unwrap(),
            &[&NETWORKS[..], &GREY].concat(),
            "encoder.onnx is empty",
        ),
        (
            |member| fs::write(member.join("encoder.onnx"), "not a network").unwrap(),
            &[&NETWORKS[..], &GREY].concat(),
            "encoder.onnx is damaged or no ONNX file",
        ),
        (
            |member| fs::remove_file(member.join("decoder.onnx.data")).unwrap(),
            &[&NETWORKS[..], &GREY].concat(),
            "decoder.onnx.data",
        ),
        (
            |_| {},
            &[&["--encoder", "decoder.onnx", "--decoder", "decoder.onnx"][..], &GREY].concat(),
            "decoder.onnx takes rows of 2, and there are rows of 64 numbers",
        ),
        (
            |_| {},
            &[&NETWORKS[..], &["--likelihood", "discretised_logistic"]].concat(),
            "discretised_logistic has scales, and there is no output log_scales",
        ),
    ];
    for (change, arguments, expected) in cases {
        let said = audited(change, arguments).expect_code(2).stderr;
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // Logits that are said to be probabilities are none, and of several members each has its own network.
    let folder = Folder::new();
    let member = folder.path().join("arrays/c=1");
    let numbers: Vec<f32> = (0..600).map(|i| (i as f32 * 0.37).sin()).collect();
    write_npy(&member.join("means.npy"), &[300, 2], &numbers);
    write_npy(&member.join("log_vars.npy"), &[300, 2], &[-1.0; 600]);
    write_npy(&folder.path().join("arrays/images.npy"), &[300, 8, 8], &[0.5; 300 * 64]);
    let network = arrays("dense").join("c=1.0/seed=0/decoder.onnx");
    let arguments = [
        "audit",
        "arrays",
        "--likelihood",
        "gaussian",
        "--decoder",
        network.to_str().unwrap(),
        "--figures",
        "none",
    ];
    folder.run(&arguments).expect_code(0);
    write_npy(&folder.path().join("arrays/c=2/means.npy"), &[300, 2], &numbers);
    write_npy(&folder.path().join("arrays/c=2/log_vars.npy"), &[300, 2], &[-1.0; 600]);
    let said = folder.run(&arguments).expect_code(2).stderr;
    assert!(said.contains("there are 2 members, each with its own network"), "{said}");
}

/// Cut short, with bytes changed, and nested without end: an error or a judgement, but no panic, and soon.
#[test]
fn damaged_networks_are_refused_or_judged() {
    let whole = fs::read(arrays("spatial").join("c=0.5/seed=0/decoder.onnx")).unwrap();
    let member = arrays("spatial").join("c=0.5/seed=0");
    let folder = Folder::new();
    let own = folder.path().join("arrays/c=1");
    fs::create_dir_all(&own).unwrap();
    for name in ["means.npy", "log_vars.npy"] {
        fs::copy(member.join(name), own.join(name)).unwrap();
    }
    fs::copy(arrays("spatial").join("images.npy"), folder.path().join("arrays/images.npy")).unwrap();
    let mut damaged: Vec<Vec<u8>> = (1..12).map(|part| whole[..whole.len() * part / 12].to_vec()).collect();
    damaged.extend((0..24).map(|seed: usize| {
        let mut bytes = whole.clone();
        for change in 0..4 {
            let place = (seed * 7919 + change * 104_729 + seed * seed * 31) % bytes.len();
            bytes[place] = (seed * 89 + change * 57) as u8;
        }
        bytes
    }));
    damaged.push(nested(20_000));
    for (number, bytes) in damaged.iter().enumerate() {
        fs::write(own.join("decoder.onnx"), bytes).unwrap();
        let arguments =
            ["audit", "arrays", "--likelihood", "gaussian", "--decoder", "decoder.onnx", "--figures", "none"];
        let ran = folder.run(&[&arguments[..], &["--output", &format!("out/{number}")]].concat());
        assert!(matches!(ran.code, Some(0 | 2)), "{number}: {:?} {}", ran.code, ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{number}: {}", ran.stderr);
    }
}

/// A graph within an attribute of a node of a graph, and so on.
fn nested(depth: usize) -> Vec<u8> {
    let wrap = |field: u8, inner: Vec<u8>| {
        let mut bytes = vec![field << 3 | 2];
        let mut length = inner.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend(inner);
        bytes
    };
    let mut graph = Vec::new();
    for _ in 0..depth {
        // GraphProto.node, NodeProto.attribute, AttributeProto.g.
        graph = wrap(1, wrap(5, wrap(6, graph)));
    }
    wrap(7, graph)
}

fn klsweep() -> Command {
    Command::new(env!("CARGO_BIN_EXE_klsweep"))
}

/// Every seed of the fuzzer is run or refused by the process that runs networks, which survives all of them. See `scripts/fuzz.sh`.
#[test]
fn seeds_of_the_fuzzer_are_run_or_refused_in_words() {
    let bounds = Bounds { memory: 4 << 30, seconds: 60 };
    let mut run = 0;
    for seed in fs::read_dir(repository().join("fuzz/seeds/onnx")).unwrap() {
        let (seed, folder) = (seed.unwrap().path(), Folder::new());
        let path = of_strangers::written(folder.path(), &fs::read(&seed).unwrap());
        let said = match OnnxNetwork::load_by(klsweep(), bounds, &path) {
            Ok(network) => {
                run += 1;
                of_strangers::run_once(&network)
            }
            Err(error) => vec![error.to_string()],
        };
        let crashed = said.iter().find(|said| said.contains("the process that ran it ended"));
        assert_eq!(crashed, None, "{}", seed.display());
    }
    assert!(run > 0, "a seed is a network");
}

/// The file names weights beyond its folder, where there are some.
#[test]
fn weights_outside_of_the_folder_are_not_read() {
    let folder = Folder::new();
    let beside = folder.path().join("beside");
    fs::create_dir(&beside).unwrap();
    let bytes = fs::read(repository().join("tests/data/onnx/outside.onnx")).unwrap();
    let path = of_strangers::written(&beside, &bytes);
    fs::copy(beside.join("a.onnx.data"), folder.path().join("a.onnx.data")).unwrap();
    let bounds = Bounds::default();
    let said = OnnxNetwork::load_by(klsweep(), bounds, &path).err().expect("it is refused").to_string();
    assert!(said.contains("../a.onnx.data"), "{said}");
    // The same weights in the file's own folder are read: nothing else was wrong.
    let inside = fs::read(repository().join("tests/data/onnx/inside.onnx")).unwrap();
    let path = of_strangers::written(&beside, &inside);
    assert!(OnnxNetwork::load_by(klsweep(), bounds, &path).is_ok());
}

/// Of 128 TB of weights, of 4 PB of numbers, of a loop without end: see `scripts/onnx_fixtures.py`.
#[test]
fn networks_beyond_all_bounds_are_ended_in_words() {
    let bounds = Bounds { memory: 4 << 30, seconds: 2 };
    for (name, expected) in [
        ("weights", "needs more than the 4.0 GiB of memory"),
        ("memory", "needs more than the 4.0 GiB of memory"),
        ("time", "was not done after 2 seconds"),
    ] {
        let folder = Folder::new();
        let bytes = fs::read(repository().join(format!("tests/data/onnx/{name}.onnx"))).unwrap();
        let path = of_strangers::written(folder.path(), &bytes);
        let said = OnnxNetwork::load_by(klsweep(), bounds, &path)
            .and_then(|network| network.run(&[0.5, 0.5], &[2], &["y"]))
            .unwrap_err()
            .to_string();
        assert!(said.contains(expected), "{name}: {said}");
    }
    let said = audited(
        |member| {
            fs::copy(repository().join("tests/data/onnx/memory.onnx"), member.join("decoder.onnx")).unwrap();
        },
        &[&NETWORKS[..], &["--likelihood", "grey_bernoulli"]].concat(),
    );
    let said = said.expect_code(2).stderr;
    assert!(said.contains("needs more than the 16.0 GiB of memory"), "{said}");
}
