//! TensorBoard event files, read back by the real `tensorboard` package.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::program::{Folder, repository};

/// The Python that has the package: the one that the environment names, or the system's.
fn python() -> Option<String> {
    let python = std::env::var("KLSWEEP_TENSORBOARD_PYTHON").unwrap_or("python3".to_string());
    let found = Command::new(&python).args(["-c", "import tensorboard"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    // A developer's machine may lack it; the machine of CI must not.
    assert!(std::env::var_os("CI").is_none(), "{python} has no package tensorboard");
    eprintln!(
        "the event files are not read back: {python} has no package tensorboard (pip install tensorboard)"
    );
    None
}

#[test]
fn tensorboard_reads_what_the_history_says_also_after_a_resume() {
    let Some(python) = python() else { return };
    let folder = Folder::new();
    folder.smoke(&["--set", "kl_coefficients=[1.0]", "--tensorboard"]).expect_code(0);
    // As if the process had been killed after the first epoch: the second is trained again, into a second file.
    let member = folder.path().join("runs/smoke/c=1/seed=0");
    fs::remove_file(member.join("result.json")).unwrap();
    folder.run(&["--resume", "runs/smoke", "--quiet", "--no-report", "--tensorboard"]).expect_code(0);

    let script = repository().join("scripts/read_tensorboard.py");
    let output =
        Command::new(python).arg(script).arg(folder.path().join("runs/smoke/tensorboard")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    let scalars = &read["c=1/seed=0"];

    let mut history = csv::Reader::from_path(member.join("history.csv")).unwrap();
    let columns = history.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = history.records().map(Result::unwrap).collect();
    for (tag, column) in [
        ("train/objective", "train_objective"),
        ("test/reconstruction", "test_reconstruction"),
        ("test/kl_dim_1", "test_kl_dim_1"),
    ] {
        let at = columns.iter().position(|name| name == column).unwrap();
        let found = scalars[tag].as_array().unwrap();
        assert_eq!(found.len(), rows.len(), "{tag}: {found:?}");
        for (pair, row) in found.iter().zip(&rows) {
            assert_eq!(pair[0].as_i64().unwrap().to_string(), row[2], "the step is the epoch");
            // Event files hold 32-bit numbers.
            assert_eq!(pair[1].as_f64().unwrap() as f32, row[at].parse::<f64>().unwrap() as f32, "{tag}");
        }
    }
    let result: Value =
        serde_json::from_str(&fs::read_to_string(member.join("result.json")).unwrap()).unwrap();
    let nll = scalars["diagnostics/choose_nll"].as_array().unwrap();
    let expected = result["choose"]["nll"]["mean"]["value"].as_f64().unwrap();
    assert_eq!(nll.last().unwrap()[1].as_f64().unwrap() as f32, expected as f32);
}
