//! What the README promises, held against what was measured.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The kept summary of `configs/sweep.toml`, by column.
struct Row {
    c: f64,
    reconstruction: f64,
    kl: f64,
    objective: f64,
    elbo_loss: f64,
}

fn summary() -> Vec<Row> {
    let text = read("docs/sweep_summary.csv");
    let mut table = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(
        table.headers().unwrap().iter().take(7).collect::<Vec<_>>(),
        ["c", "seed", "epochs", "reconstruction", "kl", "objective", "elbo_loss"]
    );
    table
        .records()
        .map(|record| {
            let record = record.unwrap();
            let value = |column: usize| record[column].parse().unwrap();
            assert_eq!(value(2), 40.0);
            Row {
                c: value(0),
                reconstruction: value(3),
                kl: value(4),
                objective: value(5),
                elbo_loss: value(6),
            }
        })
        .collect()
}

#[test]
fn the_readmes_table_is_the_kept_summary() {
    let readme = read("README.md");
    for Row { c, reconstruction, kl, objective, elbo_loss } in summary() {
        let line = format!("| {c} | {reconstruction:.2} | {kl:.2} | {objective:.2} | {elbo_loss:.2} |");
        assert!(readme.lines().any(|found| found == line), "the README lacks {line}");
    }
}

#[test]
fn the_kept_summary_is_within_what_independent_runs_of_the_network_gave() {
    // In nats per image, from runs of the same network in another framework.
    let expected: [(f64, RangeInclusive<f64>, RangeInclusive<f64>); 5] = [
        (0.0, 142.0..=147.0, 100.0..=f64::MAX),
        (0.02, 141.0..=146.0, 25.0..=37.0),
        (1.0, 143.5..=148.5, 5.6..=6.4),
        (2.0, 145.0..=151.5, 4.6..=5.4),
        (20.0, 185.0..=194.0, 0.5..=0.85),
    ];
    let rows = summary();
    assert_eq!(rows.len(), expected.len());
    for (row, (c, reconstruction, kl)) in rows.iter().zip(&expected) {
        assert_eq!(row.c, *c);
        assert!(reconstruction.contains(&row.reconstruction), "c={c}: reconstruction {}", row.reconstruction);
        assert!(kl.contains(&row.kl), "c={c}: KL {}", row.kl);
    }
    assert!(rows.windows(2).all(|pair| pair[0].kl > pair[1].kl), "a higher c gives a lower KL");
}

#[test]
fn the_readmes_commands_name_configurations_that_are_there() {
    let readme = read("README.md");
    let named: Vec<&str> = readme
        .split_whitespace()
        .filter(|word| word.starts_with("configs/") && word.ends_with(".toml"))
        .collect();
    assert!(!named.is_empty());
    for config in named {
        read(config);
    }
}

#[test]
fn a_release_is_built_as_everything_else() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let [dev, mut release] =
        ["dev", "release"].map(|name| manifest["profile"][name].as_table().unwrap().clone());
    // What Cargo takes for development anyway.
    assert_eq!(release.remove("codegen-units"), Some(toml::Value::Integer(256)));
    assert_eq!(release, dev);
}
