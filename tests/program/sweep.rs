//! Sweeps: the same bits however they are run.

use std::fs;

use crate::program::{Folder, assert_same_bits, repository, smoke};

const FIVE: &[&str] = &["--set", "kl_coefficients=[0, 0.02, 1, 2, 20]"];

#[test]
fn one_worker_and_three_give_the_same_bits() {
    let (one, three) = (Folder::new(), Folder::new());
    one.smoke(&[FIVE, &["--workers", "1"]].concat()).expect_code(0);
    let ran = three.run(&[&["--config", &smoke(), "--workers", "3"], FIVE].concat()).expect_code(0);
    // Five cannot be dealt out evenly to three: of the first of two epochs, one has seen two thirds when it is paused, and the
    // other has finished it.
    let paused = |member: &str| ran.stderr.contains(&format!("{member} seed=0: paused"));
    let members = ["c=0", "c=0.02", "c=1", "c=2", "c=20"];
    assert_eq!(members.map(paused), [false, false, false, true, true], "{}", ran.stderr);
    let said_in_order = |lines: &[&str]| {
        let places: Vec<usize> =
            lines.iter().map(|line| ran.stderr.find(line).expect("it is said")).collect();
        assert!(places.is_sorted(), "{}", ran.stderr);
    };
    said_in_order(&["c=2 seed=0: paused", "c=2 seed=0: epoch 1/2", "c=2 seed=0: epoch 2/2"]);
    said_in_order(&["c=20 seed=0: epoch 1/2", "c=20 seed=0: paused", "c=20 seed=0: epoch 2/2"]);
    let bits = one.bits("smoke");
    // Five members with weights, outputs, losses and history; the initial weights, the examples, the collapse, the summary.
    assert_eq!(bits.len(), 24);
    assert_same_bits(&three.bits("smoke"), &bits);
}

#[test]
fn members_trained_alone_in_any_order_have_the_bits_of_the_sweep() {
    let (whole, parts) = (Folder::new(), Folder::new());
    whole.smoke(FIVE).expect_code(0);
    for part in ["5/5", "2/5", "1/5", "4/5"] {
        parts.smoke(&[FIVE, &["--member", part]].concat()).expect_code(0);
        let record = fs::read_to_string(parts.path().join("runs/smoke/run.json")).unwrap();
        assert!(record.contains("\"partial\""), "{record}");
    }
    parts.smoke(&[FIVE, &["--member", "3/5"]].concat()).expect_code(0);
    let record = fs::read_to_string(parts.path().join("runs/smoke/run.json")).unwrap();
    assert!(record.contains("\"finished\""), "{record}");
    assert_same_bits(&parts.bits("smoke"), &whole.bits("smoke"));
}

#[test]
fn coefficients_share_their_initial_weights_and_seeds_do_not() {
    let folder = Folder::new();
    folder.smoke(&["--set", "seeds=[0, 1]", "--set", "epochs=1"]).expect_code(0);
    let bytes = fs::read(folder.path().join("runs/smoke/init.safetensors")).unwrap();
    let initial = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let of = |seed: u64| initial.tensor(&format!("seed={seed}/encoder.hidden.0.weight")).unwrap().data();
    assert_eq!(initial.names().len(), 20, "two seeds of five layers with weight and bias");
    assert_ne!(of(0), of(1));
}

#[test]
fn several_seeds_are_summarised_by_mean_and_standard_deviation() {
    let folder = Folder::new();
    let arguments = ["--set", "kl_coefficients=[1]", "--set", "seeds=[0, 1, 2]", "--set", "epochs=1"];
    folder.smoke(&arguments).expect_code(0);
    let rows = |name: &str| -> Vec<Vec<f64>> {
        let path = folder.path().join("runs/smoke").join(name);
        let mut table = csv::Reader::from_path(path).unwrap();
        // Too few images for a comparison with the prior leave its cells empty.
        let number = |cell: &str| if cell.is_empty() { f64::NAN } else { cell.parse().unwrap() };
        table.records().map(|row| row.unwrap().iter().map(number).collect()).collect()
    };
    let members = rows("summary.csv");
    let kl: Vec<f64> = members.iter().map(|row| row[4]).collect();
    let mean = kl.iter().sum::<f64>() / 3.0;
    let variance = kl.iter().map(|kl| (kl - mean).powi(2)).sum::<f64>() / 2.0;
    let over_seeds = rows("summary_over_seeds.csv");
    assert_eq!(over_seeds.len(), 1);
    assert_eq!(over_seeds[0][..2], [1.0, 3.0]);
    // The same sums in another order: a few roundings of 64-bit numbers.
    assert!((over_seeds[0][4] - mean).abs() < 1e-12 * mean);
    assert!((over_seeds[0][5] - variance.sqrt()).abs() < 1e-9 * variance.sqrt());
    assert!(variance > 0.0, "seeds differ");
}

#[test]
fn a_higher_coefficient_gives_a_lower_kl() {
    let folder = Folder::new();
    folder.smoke(&["--set", "kl_coefficients=[0.02, 1, 20]", "--set", "epochs=8"]).expect_code(0);
    let mut table = csv::Reader::from_path(folder.path().join("runs/smoke/summary.csv")).unwrap();
    let kl: Vec<f64> = table.records().map(|row| row.unwrap()[4].parse().unwrap()).collect();
    assert!(kl[0] > kl[1] && kl[1] > kl[2], "{kl:?}");
}

#[test]
fn a_finished_run_is_not_trained_again() {
    let folder = Folder::new();
    folder.smoke(&[]).expect_code(0);
    let result = folder.path().join("runs/smoke/c=1/seed=0/result.json");
    let before = fs::metadata(&result).unwrap().modified().unwrap();
    folder.smoke(&[]).expect_code(0);
    assert_eq!(fs::metadata(&result).unwrap().modified().unwrap(), before);
}

#[test]
fn every_committed_configuration_is_valid_and_prints_whole() {
    let folder = Folder::new();
    let mut trained = Vec::new();
    for entry in fs::read_dir(repository().join("configs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        if name == "normal_fit" {
            continue; // of the command `metrics`
        }
        let ran = folder.run(&["--config", path.to_str().unwrap(), "--print-config"]).expect_code(0);
        for line in [&format!("name = {name:?}"), "batch_size = 128", "latent = ", "epsilon = 0.0000001"] {
            assert!(ran.stdout.lines().any(|found| found.starts_with(line)), "{line} in {}", ran.stdout);
        }
        // What is printed is a configuration itself, and means the same.
        let printed = folder.write("printed.toml", &ran.stdout);
        let again = folder.run(&["--config", printed.to_str().unwrap(), "--print-config"]).expect_code(0);
        assert_eq!(again.stdout, ran.stdout);
        trained.push(name);
    }
    trained.sort();
    assert_eq!(
        trained,
        [
            "bernoulli",
            "conv",
            "conv_colour",
            "gaussian",
            "smoke",
            "sweep",
            "sweep_seeds",
            "vae_c0",
            "vae_c0.02",
            "vae_c1",
            "vae_c2",
            "vae_c20"
        ]
    );
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn what_is_printed_without_a_terminal_is_plain_lines() {
    let folder = Folder::new();
    let smoke = smoke();
    let ran = folder.run(&["--config", &smoke, "--workers", "1"]).expect_code(0);
    let epochs: Vec<&str> = ran.stderr.lines().filter(|line| line.contains(": epoch ")).collect();
    assert_eq!(epochs.len(), 6, "{}", ran.stderr);
    assert!(epochs[0].starts_with("c=0 seed=0: epoch 1/2: held-out objective "), "{}", epochs[0]);
    assert!(
        ran.stdout.contains("reconstruction") && ran.stdout.contains("runs/smoke/summary.csv"),
        "{}",
        ran.stdout
    );

    let quiet = Folder::new().smoke(&[]).expect_code(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}
