//! Every likelihood from configuration to report, and data that a likelihood does not know.

use std::fs;

use crate::program::{Folder, Ran};

fn with<'a>(settings: &[&'a str]) -> Vec<&'a str> {
    settings.iter().flat_map(|setting| ["--set", setting]).chain(["--set", "epochs=1"]).collect()
}

/// The columns of a member's row of `summary.csv`.
fn summary(folder: &Folder, key: &str) -> Vec<Option<f64>> {
    let text =
        fs::read_to_string(folder.path().join("runs/smoke/summary.csv")).expect("the summary is written");
    let mut rows = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = rows.next().expect("there is a header");
    let column =
        header.iter().position(|&name| name == key).unwrap_or_else(|| panic!("there is no column {key}"));
    rows.map(|row| row[column].parse().ok()).collect()
}

#[test]
fn every_likelihood_trains_and_is_reported_on() {
    // Whether it has a temperature, and whether it counts bits.
    let cases: [(&[&str], bool, bool); 8] = [
        (&["model.likelihood=\"grey_bernoulli\""], true, false),
        (&["model.likelihood=\"bernoulli\"", "data.binarise=\"dynamic\""], false, true),
        (&["model.likelihood=\"bernoulli\"", "data.binarise=0.5"], false, true),
        (&["model.likelihood=\"continuous_bernoulli\""], false, false),
        (&["model.likelihood=\"gaussian\"", "model.variance=0.05"], true, false),
        (&["model.likelihood=\"gaussian\"", "model.variance=\"learned_per_pixel\""], false, false),
        (&["model.likelihood=\"gaussian\"", "model.variance=\"optimal\""], false, false),
        (
            &[
                "model.likelihood=\"discretised_logistic\"",
                "model.encoder_hidden=[]",
                "model.decoder_hidden=[]",
            ],
            false,
            true,
        ),
    ];
    for (settings, has_temperature, counts_bits) in cases {
        let folder = Folder::new();
        folder.smoke(&with(settings)).expect_code(0);
        let members = summary(&folder, "reconstruction");
        assert_eq!(members.len(), 3, "{settings:?}");
        assert!(members.iter().all(|value| value.is_some_and(f64::is_finite)), "{settings:?}: {members:?}");
        for (key, expected) in [("temperature", has_temperature), ("bits_per_dimension", counts_bits)] {
            let found = summary(&folder, key);
            assert!(found.iter().all(|value| value.is_some() == expected), "{settings:?}: {key} {found:?}");
        }
        folder.run(&["report", "runs/smoke", "--figures", "none"]).expect_code(0);
        let page =
            fs::read_to_string(folder.path().join("runs/smoke/report.html")).expect("the report is written");
        assert_eq!(
            page.contains("By its own likelihood the data would choose"),
            has_temperature,
            "{settings:?}"
        );
    }
}

#[test]
fn data_that_a_likelihood_does_not_know_is_refused_before_training() {
    let cases: [(&[&str], &str); 4] = [
        (&["model.likelihood=\"bernoulli\""], "make them so with data.binarise"),
        (&["data.binarise=\"static\""], "model.likelihood is \"grey_bernoulli\""),
        (&["data.scale=\"standardise\""], "need the likelihood \"gaussian\""),
        (&["model.variance=0.5"], "model.variance is that of the likelihood \"gaussian\""),
    ];
    for (settings, expected) in cases {
        let folder = Folder::new();
        let Ran { stderr, .. } = folder.smoke(&with(settings)).expect_code(2);
        assert!(stderr.contains(expected), "{settings:?}: {stderr}");
        assert!(!folder.path().join("runs/smoke").exists());
    }
}

#[test]
fn losses_of_two_likelihoods_stand_in_no_report_together() {
    let folder = Folder::new();
    folder.smoke(&with(&[])).expect_code(0);
    folder.smoke(&with(&["model.likelihood=\"gaussian\"", "name=\"other\""])).expect_code(0);
    let ran = folder.run(&["report", "runs/smoke", "runs/other", "--output", "both.html"]).expect_code(2);
    assert!(ran.stderr.contains("likelihood"), "{}", ran.stderr);
}
