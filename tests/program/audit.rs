//! `klsweep audit`: arrays of other programs, held against numbers that other libraries computed from them; and what is wrong with
//! arrays, in words.

use std::fs;
use std::path::{Path, PathBuf};

use record::{MemberId, RunDir};
use serde_json::Value;

use crate::program::{Folder, Ran, examples, repository};

pub fn arrays(name: &str) -> PathBuf {
    repository().join("tests/audit").join(name)
}

pub fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).expect("the file is there")).expect("it is JSON")
}

/// Writes an array of 32-bit numbers for NumPy.
pub fn write_npy(path: &Path, shape: &[usize], numbers: &[f32]) {
    let shape: String = shape.iter().map(|size| format!("{size},")).collect();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}");
    header += &" ".repeat(63 - (10 + header.len()) % 64);
    header.push('\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, file).unwrap();
}

/// Compares what was found with what was computed elsewhere; an estimate beside a plain number is its value.
pub fn compare(path: &str, expected: &Value, found: &Value, of_part: usize) {
    match expected {
        Value::Object(fields) => {
            for (key, expected) in fields {
                let found = match found.get(key) {
                    Some(found) => found,
                    // An estimate without a known error is a plain number.
                    None if key == "value" => found,
                    None => panic!("{path}.{key} is missing in {found}"),
                };
                compare(&format!("{path}.{key}"), expected, found, of_part);
            }
        }
        Value::Array(expected) => {
            let found = found.as_array().expect(path);
            assert_eq!(found.len(), expected.len(), "{path}");
            for (place, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(&format!("{path}[{place}]"), expected, found, of_part);
            }
        }
        _ => {
            let expected = expected.as_f64().expect(path);
            let found =
                found.get("value").unwrap_or(found).as_f64().unwrap_or_else(|| panic!("{path}: {found}"));
            // Numbers of 32 bits; one image may lie so near the border of two classes that the tolerance of the descent decides.
            let tolerance =
                if path.ends_with("probe_accuracy") { 1.01 / of_part as f64 } else { 1e-4 * expected.abs() };
            assert!((found - expected).abs() <= tolerance, "{path}: {found}, not {expected}");
        }
    }
}

#[test]
fn networks_of_pytorch_get_the_numbers_of_scipy_and_scikit_learn() {
    let expected = json(&repository().join("tests/audit/expected.json"));
    for (name, arguments) in
        [("dense", &["grey_bernoulli"][..]), ("spatial", &["gaussian", "--variance", "0.1"])]
    {
        let folder = Folder::new();
        let dir = arrays(name);
        let ran = folder.run(&[&["audit", dir.to_str().unwrap(), "--likelihood"], arguments].concat());
        let said = ran.expect_code(0).stdout;
        assert!(said.contains("images: 240 test, 360 training of 8 x 8 grey pixels"), "{said}");
        assert!(said.contains("left out: −log p(x), density and coverage"), "{said}");
        for member in expected[name].as_array().unwrap() {
            let id = MemberId {
                kl_coefficient: member["c"].as_f64().unwrap(),
                seed: member["seed"].as_u64().unwrap(),
            };
            let run = folder.path().join("runs").join(name);
            let found = json(&run.join(id.dir()).join("result.json"));
            compare(&format!("{name} {id}"), member, &found, 120);
        }
        let page = fs::read_to_string(folder.path().join("runs").join(name).join("report.html")).unwrap();
        assert!(page.contains("trained elsewhere, judged by") && !page.contains("40 epochs"));
        // Again into the same place, but never over a run that was trained here, and there is nothing to train.
        folder.run(&[&["audit", dir.to_str().unwrap(), "--likelihood"], arguments].concat()).expect_code(0);
        let resumed = folder.run(&["--resume", &format!("runs/{name}")]).expect_code(2);
        assert!(resumed.stderr.contains("there is nothing to train"), "{}", resumed.stderr);
    }
}

#[test]
fn the_example_of_the_page_does_what_it_says() {
    let commands = examples("docs/audit.md");
    // The other one, of networks, is run by the tests of the feature `onnx`.
    assert_eq!(commands.len(), 2, "{commands:?}");
    let folder = Folder::new();
    let path = arrays("dense").display().to_string();
    let arguments: Vec<&str> = commands[0]
        .iter()
        .map(|word| if word == "tests/audit/dense" { path.as_str() } else { word })
        .collect();
    folder.run(&arguments).expect_code(0);
    assert!(folder.path().join("runs/dense/report.html").is_file());
}

#[test]
fn a_member_of_ours_gets_the_numbers_of_its_own_report() {
    let folder = Folder::new();
    folder.smoke(&["--set", "kl_coefficients=[1.0]"]).expect_code(0);
    let run = RunDir::open(&folder.path().join("runs/smoke")).unwrap();
    let id = run.config().unwrap().members()[0];
    folder.run(&["export", "runs/smoke", "--c", "1", "--to", "arrays", "--arrays"]).expect_code(0);
    // After two epochs no posterior is narrower than the prior.
    let arguments = ["audit", "arrays", "--likelihood", "grey_bernoulli", "--logits", "--figures", "none"];
    let refused = folder.run(&arguments).expect_code(2).stderr;
    assert!(refused.contains("log_vars.npy holds no number below 0"), "{refused}");
    folder.run(&[&arguments[..], &["--log-variances"]].concat()).expect_code(0);
    let own = json(&run.member(id).path().join("result.json"));
    let found = json(&folder.path().join("runs/arrays").join(id.dir()).join("result.json"));
    for key in [
        "kl",
        "active_units",
        "kl_per_dim",
        "collapsed_share",
        "posterior_variance",
        "mutual_information",
        "information_upper",
        "marginal_kl",
        "total_correlation",
        "dimension_kl",
        "neighbour_kl_to_prior_nats",
        "temperature",
        "calibrated_elbo_loss",
        "distortion_floor",
        "z_mean",
        "z_std",
    ] {
        compare(key, &own[key], &found[key], 1);
    }
    for part in ["choose", "report"] {
        for key in [
            "images",
            "reconstruction",
            "kl",
            "elbo_loss",
            "probe_accuracy",
            "few_labels_accuracy",
            "knn_accuracy",
        ] {
            assert!(!own[part][key].is_null(), "{part}.{key} was measured");
            compare(&format!("{part}.{key}"), &own[part][key], &found[part][key], usize::MAX);
        }
    }
}

/// Audits a folder of one member after a change, and gives back what was said.
fn audited(change: impl FnOnce(&Path), arguments: &[&str]) -> Ran {
    let folder = Folder::new();
    let member = folder.path().join("arrays/c=1");
    let means: Vec<f32> = (0..600).map(|i| (i as f32 * 0.37).sin()).collect();
    write_npy(&member.join("means.npy"), &[300, 2], &means);
    write_npy(
        &member.join("log_vars.npy"),
        &[300, 2],
        &means.iter().map(|mean| -2.0 - mean).collect::<Vec<_>>(),
    );
    change(&member);
    let ran = folder.run(&[&["audit", "arrays", "--figures", "none"], arguments].concat());
    assert_eq!(folder.path().join("runs").exists(), ran.code == Some(0), "nothing is half-written");
    ran
}

#[test]
fn posteriors_alone_are_enough_and_what_is_left_out_is_named() {
    let ran = audited(|_| {}, &[]).expect_code(0);
    for sentence in [
        "Reconstruction and ELBO loss",
        "there are no posteriors of training images",
        "Temperature",
        "−log p(x)",
    ] {
        assert!(ran.stdout.contains(sentence), "{sentence}: {}", ran.stdout);
    }
}

#[cfg(not(feature = "onnx"))]
#[test]
fn networks_need_the_feature_that_is_named() {
    for flag in ["--encoder", "--decoder"] {
        let network = |member: &Path| {
            fs::write(member.join("network.onnx"), "some network").unwrap();
            write_npy(&member.join("images.npy"), &[300, 8, 8], &[0.5; 300 * 64]);
        };
        let said =
            audited(network, &[flag, "network.onnx", "--likelihood", "gaussian"]).expect_code(2).stderr;
        assert!(said.contains("build it with `--features onnx`"), "{said}");
    }
}

#[test]
fn variances_are_read_where_it_is_said() {
    let variances: Vec<f32> = (0..600).map(|i| 0.1 + (i % 7) as f32 / 10.0).collect();
    let write = |member: &Path| write_npy(&member.join("log_vars.npy"), &[300, 2], &variances);
    let refused = audited(write, &[]).expect_code(2).stderr;
    assert!(refused.contains("look like variances") && refused.contains("--variances"), "{refused}");
    audited(write, &["--variances"]).expect_code(0);
    let refused = audited(|_| {}, &["--variances"]).expect_code(2).stderr;
    assert!(refused.contains("a variance is above 0"), "{refused}");
}

#[test]
fn what_is_wrong_with_arrays_is_said_in_words() {
    type Change = fn(&Path);
    let cases: [(Change, &[&str], &str); 13] = [
        (
            |member| write_npy(&member.join("log_vars.npy"), &[300, 3], &[0.0; 900]),
            &[],
            "log_vars.npy has the shape [300, 3], and the means of c=1 seed=0 [300, 2]",
        ),
        (
            |member| write_npy(&member.join("means.npy"), &[600], &[0.0; 600]),
            &[],
            "means.npy has the shape [600]: means are [images, latent dimensions, …]",
        ),
        (
            |member| {
                write_npy(
                    &member.join("means.npy"),
                    &[300, 2],
                    &[[0.0; 599].as_slice(), &[f32::NAN]].concat(),
                )
            },
            &[],
            "means.npy holds NaN in row 299",
        ),
        (
            |member| {
                write_npy(&member.join("means.npy"), &[300, 2], &[[0.0; 599].as_slice(), &[1e30]].concat())
            },
            &[],
            "means.npy and the variances beside it give row 299 a KL of 5e59 nats",
        ),
        (
            |member| {
                let numbers: Vec<u8> =
                    [1.0; 299].into_iter().chain([1e200]).flat_map(f64::to_le_bytes).collect();
                fs::write(member.join("losses.npy"), super::own_data::npy("<f8", "(300,)", numbers)).unwrap();
            },
            &["--likelihood", "bernoulli"],
            "losses.npy holds 1e200 in row 299: every number has to be below 3e38",
        ),
        (
            |member| write_npy(&member.join("losses.npy"), &[299], &[1.0; 299]),
            &["--likelihood", "bernoulli"],
            "losses.npy has the shape [299], and there are means of 300 images",
        ),
        (
            |member| write_npy(&member.join("losses.npy"), &[300], &[1.0; 300]),
            &[],
            "c=1 seed=0 has losses: say with --likelihood what its numbers are of",
        ),
        (
            |member| write_npy(&member.join("losses.npy"), &[300, 64], &[1.0; 300 * 64]),
            &["--likelihood", "bernoulli"],
            "losses are one number for each image, summed over its pixels",
        ),
        (
            |member| write_npy(&member.join("labels.npy"), &[300], &[0.5; 300]),
            &[],
            "labels.npy holds 0.5 in row 0: classes are whole numbers from 0 to 255",
        ),
        (|member| write_npy(&member.join("label.npy"), &[300], &[1.0; 300]), &[], "did you mean labels?"),
        (
            |member| write_npy(&member.parent().unwrap().join("c=2/means.npy"), &[300, 2], &[0.0; 600]),
            &[],
            "c=2 seed=0 has no array log_vars; it has: means",
        ),
        (
            |member| {
                let other = member.parent().unwrap().join("c=2");
                write_npy(&other.join("means.npy"), &[200, 2], &[0.0; 400]);
                write_npy(&other.join("log_vars.npy"), &[200, 2], &[-1.0; 400]);
            },
            &[],
            "c=2 seed=0 has means of 200 images and 2 latent dimensions, and c=1 seed=0 of 300 and 2",
        ),
        (
            |member| fs::rename(member, member.with_file_name("model")).unwrap(),
            &[],
            "holds no member: put the arrays of each network into a folder of its coefficient, such as arrays/c=1/means.npy",
        ),
    ];
    for (change, arguments, expected) in cases {
        let stderr = audited(change, arguments).expect_code(2).stderr;
        assert!(stderr.contains(expected), "{expected}: {stderr}");
    }
    let logits = |member: &Path| {
        write_npy(&member.join("decoded.npy"), &[300, 8, 8], &[2.5; 300 * 64]);
        write_npy(&member.join("images.npy"), &[300, 1, 8, 8], &[0.5; 300 * 64]);
    };
    let refused = audited(logits, &["--likelihood", "grey_bernoulli"]).expect_code(2).stderr;
    assert!(refused.contains("say with --logits that they are logits"), "{refused}");
    audited(logits, &["--likelihood", "grey_bernoulli", "--logits"]).expect_code(0);
}

/// Codes of 4 x 16 x 16: of more images than are kept in memory, the KL is that of all.
#[test]
fn spatial_codes_are_judged_by_some_of_the_images_and_their_kl_by_all() {
    const IMAGES: usize = 4200;
    const LATENT: usize = 1024;
    let spatial = |member: &Path| {
        let means: Vec<f32> = (0..IMAGES * LATENT)
            .map(|i| if i % LATENT == 0 { (i / LATENT) as f32 / IMAGES as f32 } else { 0.0 })
            .collect();
        write_npy(&member.join("means.npy"), &[IMAGES, 4, 16, 16], &means);
        let log_vars: Vec<f32> =
            (0..IMAGES * LATENT).map(|i| if i % LATENT == 0 { -1.0 } else { 0.0 }).collect();
        write_npy(&member.join("log_vars.npy"), &[IMAGES, 4, 16, 16], &log_vars);
    };
    let folder = Folder::new();
    let member = folder.path().join("arrays/c=1");
    spatial(&member);
    let ran = folder.run(&["audit", "arrays", "--figures", "none"]).expect_code(0);
    assert!(ran.stdout.contains("of 2100 of the 4200 images, evenly spaced"), "{}", ran.stdout);
    let found = json(&folder.path().join("runs/arrays/c=1/seed=0/result.json"));
    // The mean of (i / N)² is (N - 1)(2N - 1) / 6N²; the dimension's variance is 1/e.
    let n = IMAGES as f64;
    let squares = (n - 1.0) * (2.0 * n - 1.0) / (6.0 * n * n);
    let expected = 0.5 * (squares + (-1f64).exp());
    assert!((found["kl"].as_f64().unwrap() - expected).abs() < 1e-6, "{}, not {expected}", found["kl"]);
    assert_eq!(found["active_units"], 1);
}
