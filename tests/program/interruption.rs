//! Runs that were stopped and resumed: the same bits as those that were not.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::program::{Folder, assert_same_bits};

/// Long enough to be stopped often, and to be stopped within epochs and between them.
const LONG: &[&str] =
    &["--set", "epochs=25", "--set", "checkpoint_every_steps=3", "--set", "kl_coefficients=[0, 1]"];
const RESUME: &[&str] = &["--resume", "runs/smoke", "--quiet"];

#[test]
#[cfg(unix)]
fn ctrl_c_saves_says_how_to_resume_and_exits_130() {
    let (whole, stopped) = (Folder::new(), Folder::new());
    whole.smoke(LONG).expect_code(0);
    let ran = interrupt(&stopped);
    assert_eq!(ran.0, Some(130));
    assert!(
        ran.1.contains("stopped and saved; go on with: cargo run -p train -- --resume runs/smoke"),
        "{}",
        ran.1
    );
    let record = fs::read_to_string(stopped.path().join("runs/smoke/run.json")).unwrap();
    assert!(record.contains("\"interrupted\""), "{record}");
    stopped.run(RESUME).expect_code(0);
    assert_same_bits(&stopped.bits("smoke"), &whole.bits("smoke"));
}

#[test]
#[cfg(unix)]
fn what_a_scheduler_stops_is_saved_and_exits_75() {
    let whole = Folder::new();
    whole.smoke(LONG).expect_code(0);
    for signal in ["TERM", "USR1"] {
        let stopped = Folder::new();
        let (code, said) = interrupt_with(&stopped, signal);
        assert_eq!(code, Some(75), "{signal}: {said}");
        stopped.run(RESUME).expect_code(0);
        assert_same_bits(&stopped.bits("smoke"), &whole.bits("smoke"));
    }
}

#[test]
#[cfg(unix)]
fn a_damaged_checkpoint_leads_back_to_the_one_before_and_to_the_same_bits() {
    let (whole, folder) = (Folder::new(), Folder::new());
    whole.smoke(LONG).expect_code(0);
    interrupt(&folder);
    let path = folder.path().join("runs/smoke/c=0/seed=0/checkpoint/state.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let ran = folder.run(&["--resume", "runs/smoke", "--no-report"]).expect_code(0);
    for part in
        ["c=0 seed=0", "checkpoint/state.safetensors is damaged: it is no whole", "the checkpoint before"]
    {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert_same_bits(&folder.bits("smoke"), &whole.bits("smoke"));
}

#[test]
#[cfg(unix)]
fn where_no_checkpoint_can_be_used_that_is_said_with_what_helps() {
    let folder = Folder::new();
    interrupt(&folder);
    let checkpoints = folder.path().join("runs/smoke/c=0/seed=0/checkpoint");
    for entry in fs::read_dir(&checkpoints).unwrap() {
        fs::write(entry.unwrap().path(), "no checkpoint").unwrap();
    }
    folder.run(RESUME).expect_failure(
        3,
        &[
            "c=0 seed=0",
            "checkpoint/state.safetensors is damaged: it is no whole safetensors file",
            "to train it from its first step, delete runs/smoke/c=0/seed=0/checkpoint",
        ],
    );
    // The other member was trained to its end all the same, and deleting helps as promised.
    assert!(folder.path().join("runs/smoke/c=1/seed=0/result.json").exists());
    fs::remove_dir_all(&checkpoints).unwrap();
    folder.run(RESUME).expect_code(0);
}

/// Of a processor with no other set than the portable one, there is nothing to test.
#[test]
#[cfg(unix)]
fn a_run_goes_on_with_other_kernels_only_where_that_is_allowed() {
    let folder = Folder::new();
    interrupt(&folder);
    let kernels = |of: &str| {
        let text = fs::read_to_string(folder.path().join("runs/smoke").join(of)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value["kernels"].as_str().unwrap().to_string()
    };
    let trained_with = kernels("run.json");
    if trained_with == "portable" {
        return;
    }
    let resume = |more: &[&str]| {
        let mut command = folder.command(&[RESUME, more].concat());
        crate::program::ran(command.env("KLSWEEP_KERNELS", "portable"))
    };
    resume(&[]).expect_failure(
        3,
        &[
            &format!("was trained with the kernels {trained_with} up to here"),
            "goes on with portable",
            "--allow-other-processor",
        ],
    );
    resume(&["--allow-other-processor"]).expect_code(0);
    assert_eq!(kernels("c=0/seed=0/result.json"), "portable");
}

/// Starts a long run and presses Ctrl-C once both members have a checkpoint; gives the exit code and what was said.
#[cfg(unix)]
pub fn interrupt(folder: &Folder) -> (Option<i32>, String) {
    interrupt_with(folder, "INT")
}

#[cfg(unix)]
fn interrupt_with(folder: &Folder, signal: &str) -> (Option<i32>, String) {
    let smoke = crate::program::smoke();
    let command = folder.command(&[&["--config", smoke.as_str(), "--workers", "2"], LONG].concat());
    interrupt_command(command, &folder.path().join("runs/smoke"), ["c=0", "c=1"], signal)
}

/// Starts a command and sends it a signal as soon as two of its members have a checkpoint.
#[cfg(unix)]
pub fn interrupt_command(
    mut command: Command,
    run: &Path,
    members: [&str; 2],
    signal: &str,
) -> (Option<i32>, String) {
    let child =
        command.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while members.iter().any(|c| !run.join(c).join("seed=0/checkpoint/state.safetensors").exists()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no checkpoint after a minute");
        sleep(Duration::from_millis(1));
    }
    let kill = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}
