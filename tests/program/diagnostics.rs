//! What is measured of a trained member, and what is said while it trains.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Folder, smoke};

fn rows(path: &Path) -> Vec<HashMap<String, String>> {
    let mut table = csv::Reader::from_path(path).expect("the table is there");
    table.deserialize().map(|row| row.expect("the row is whole")).collect()
}

fn result(folder: &Folder, c: &str) -> Value {
    let path = folder.path().join(format!("runs/smoke/c={c}/seed=0/result.json"));
    let text = fs::read_to_string(path).expect("the member is finished");
    serde_json::from_str(&text).expect("the result is JSON")
}

#[test]
fn the_summary_has_every_diagnostic_after_the_terms() {
    let folder = Folder::new();
    folder.smoke(&["--set", "data.test_images=600", "--set", "model.latent=3"]).expect_code(0);
    let path = folder.path().join("runs/smoke/summary.csv");
    let header = fs::read_to_string(&path).unwrap().lines().next().unwrap().to_string();
    let columns: Vec<&str> = header.split(',').collect();
    assert_eq!(columns[..7], ["c", "seed", "epochs", "reconstruction", "kl", "objective", "elbo_loss"]);
    for column in
        ["active_units", "choose_nll", "report_nll", "choose_nll_se", "z_std_2", "mutual_information"]
    {
        assert!(columns.contains(&column), "{column} in {header}");
    }
    for row in rows(&path) {
        let value = |name: &str| row[name].parse::<f64>().unwrap();
        let kl = value("kl");
        // The terms are sums of 32-bit numbers, the diagnostics of 64-bit ones.
        let close = |found: f64| (found - kl).abs() < 1e-5 * kl;
        assert!(close(value("kl_dim_0") + value("kl_dim_1") + value("kl_dim_2")), "{row:?}");
        assert!(close(value("mutual_information") + value("marginal_kl")), "{row:?}");
        // One code an image: by its noise the ELBO loss may be below. Without a divergence to pay for, codes lie where the
        // prior, from which the likelihood is sampled then, does not reach.
        if value("c") > 0.0 {
            let noise = 5.0 * value("choose_elbo_loss_se");
            assert!(value("choose_nll") <= value("choose_elbo_loss") + noise, "{row:?}");
        }
        assert!((-0.1..=0.7).contains(&value("js_to_prior_nats")), "{row:?}");
        assert!(value("choose_density") >= 0.0, "{row:?}");
        for share in
            ["choose_coverage", "report_knn_accuracy", "choose_probe_accuracy", "report_few_labels_accuracy"]
        {
            assert!((0.0..=1.0).contains(&value(share)), "{share}: {row:?}");
        }
        // The images of both parts are those of the table, each part with half of them.
        let mean = 0.5 * (value("choose_kl") + value("report_kl"));
        assert!((mean - kl).abs() < 1e-5 * kl, "{row:?}");

        let result = result(&folder, row["c"].trim_end_matches(".0"));
        assert_eq!(result["mutual_information"]["value"].as_f64().unwrap(), value("mutual_information"));
        assert_eq!(result["kl_per_dim"][2].as_f64().unwrap(), value("kl_dim_2"));
        assert!(result["diagnostics_seconds"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn the_data_without_a_network_is_measured_once_for_the_run() {
    let folder = Folder::new();
    folder.smoke(&[]).expect_code(0);
    let path = folder.path().join("runs/smoke/baselines.json");
    let baselines: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let accuracy = |what: &str| baselines[what]["choose"]["knn_accuracy"]["value"].as_f64().unwrap();
    // Of ten classes, from 500 images: far above chance, in both spaces.
    assert!(accuracy("pixels") > 0.6 && accuracy("components") > 0.6, "{baselines}");
    assert!(baselines["ceiling"]["report"]["coverage"]["value"].as_f64().unwrap() > 0.8, "{baselines}");
}

#[test]
fn the_history_follows_every_dimension() {
    let folder = Folder::new();
    folder.smoke(&[]).expect_code(0);
    for c in ["0", "1", "20"] {
        let history = rows(&folder.path().join(format!("runs/smoke/c={c}/seed=0/history.csv")));
        assert_eq!(history.len(), 2);
        let last = &history[1];
        let result = result(&folder, c);
        for dimension in 0..2 {
            let found: f64 = last[&format!("test_kl_dim_{dimension}")].parse().unwrap();
            // The same posteriors; the encoder sees other batches of them.
            let expected = result["kl_per_dim"][dimension].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-5 * expected, "{found}, not {expected}");
        }
        assert_eq!(last["test_active_units"], result["active_units"].to_string());
    }
}

#[test]
fn a_collapse_is_said_once_with_its_epoch_and_kept() {
    let folder = Folder::new();
    let config = smoke();
    let arguments = ["--config", config.as_str(), "--set", "kl_coefficients=[1000]", "--set", "epochs=20"];
    let ran = folder.run(&arguments).expect_code(0);
    let said: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("collapsed")).collect();
    assert_eq!(said.len(), 2, "one for each dimension: {}", ran.stderr);
    let result = result(&folder, "1000");
    let kept: Vec<&Value> = result["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|warning| warning["kind"]["collapsed_dimension"].is_u64())
        .collect();
    assert_eq!(kept.len(), 2);
    let history = rows(&folder.path().join("runs/smoke/c=1000/seed=0/history.csv"));
    for warning in kept {
        let line = format!("c=1000 seed=0: warning: {}", warning["message"].as_str().unwrap());
        assert!(said.contains(&line.as_str()), "{line} in {said:?}");
        let epoch = warning["epoch"].as_u64().unwrap();
        assert!(line.contains(&format!("after epoch {epoch}, latent dimension ")), "{line}");
        let dimension = &warning["kind"]["collapsed_dimension"];
        let row = &history[epoch as usize - 1];
        assert!(
            row["warnings"].split(' ').any(|w| w == format!("collapsed_dimension_{dimension}")),
            "{row:?}"
        );
        assert!(row[&format!("test_kl_dim_{dimension}")].parse::<f64>().unwrap() < 0.01, "{row:?}");
    }
}

#[test]
fn an_objective_that_is_no_number_is_said_and_stands_in_the_history() {
    let folder = Folder::new();
    let config = smoke();
    let arguments = [
        "--config",
        config.as_str(),
        "--set",
        "kl_coefficients=[1]",
        "--set",
        "optimizer.learning_rate=1e30",
    ];
    let ran = folder.run(&arguments).expect_code(3);
    let warning = "c=1 seed=0: warning: after epoch 1, the objective is no longer a finite number";
    assert!(ran.stderr.lines().any(|line| line == warning), "{}", ran.stderr);
    let history = rows(&folder.path().join("runs/smoke/c=1/seed=0/history.csv"));
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["warnings"], "not_finite");
}

/// Rows of three columns that vary, the last of which is a label.
fn table(rows: usize, label: impl Fn(usize) -> &'static str) -> String {
    let row = |i: usize| format!("{},{},{}\n", i * 7919 % 101, i * i * 31 % 97, label(i));
    format!("a,b,class\n{}", (0..rows).map(row).collect::<String>())
}

#[test]
fn what_cannot_be_measured_is_said_with_its_reason_and_the_rest_is_reported() {
    let folder = Folder::new();
    for (name, text, reasons) in [
        ("one-class", table(240, |_| "only"), &["Logistic probe: ", "all samples are of class 0"][..]),
        (
            "few",
            table(10, |i| ["a", "b"][i % 2]),
            &["10 nearest neighbours: 8 samples where at least 10 are needed", "fewer than its cells"][..],
        ),
        (
            "unlabelled",
            table(240, |_| "0").replace(",class", "").replace(",0\n", "\n"),
            &["there are no labels"][..],
        ),
    ] {
        folder.write(&format!("{name}.csv"), &text);
        let file = format!("{name}.csv");
        let said = folder
            .run(&[&file, "--c", "0.1,1", "--epochs", "3", "--seeds", "1", "--set", "batch_size=8"])
            .expect_code(0);
        let run = folder.path().join("runs").join(name);
        let html = fs::read_to_string(run.join("report.html")).unwrap();
        let (_, listed) =
            html.split_once("What was not measured").unwrap_or_else(|| panic!("{name}: {}", said.stdout));
        let listed = &listed[..listed.find("</ul>").unwrap()];
        for reason in reasons {
            assert!(listed.contains(reason), "{name}: {reason:?} is not in {listed}");
        }
        assert!(listed.contains("every member"), "{listed}");
        // The rest is there.
        for row in rows(&run.join("summary.csv")) {
            assert!(row["choose_elbo_loss"].parse::<f64>().unwrap().is_finite(), "{row:?}");
        }
    }
    for shares in ["[0.5, 0.6, 0.1]", "[0.9, 0.1, 0]"] {
        folder
            .run(&["few.csv", "--set", &format!("data.shares={shares}")])
            .expect_refusal(&["data.shares", "above 0 and add up to 1"]);
    }
}
