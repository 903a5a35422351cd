//! Runs that were stopped or killed and resumed: the same bits as those that were not.

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

/// `KLSWEEP_KILLS` kills, or twenty, at moments anywhere between the start of the program and the end of its report.
#[test]
fn killed_at_random_moments_and_started_again_gives_the_same_bits() {
    let kills = std::env::var("KLSWEEP_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20);
    let smoke = crate::program::smoke();
    // So many epochs that training takes its share beside what is measured and drawn after it.
    let training =
        ["--set", "epochs=150", "--set", "checkpoint_every_steps=3", "--set", "kl_coefficients=[0, 1]"];
    let start = [&["--config", smoke.as_str(), "--quiet", "--tensorboard"], &training[..]].concat();
    let whole = Folder::new();
    let begun = Instant::now();
    whole.run(&start).expect_code(0);
    let duration = begun.elapsed();

    let (mut killed, mut in_training, mut in_report, mut ended) = (Folder::new(), 0, 0, 0);
    // A linear congruential generator (Knuth's MMIX constants): the same moments in every run of the test.
    let mut state: u64 = 20_261_122;
    for _ in 0..kills {
        let run = killed.path().join("runs/smoke");
        let mut child = killed.command(&start).spawn().unwrap();
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Short ones more often: each start goes on where the one before was killed.
        let share = ((state >> 33) as f64 / (1u64 << 31) as f64).powi(2);
        sleep(duration.mul_f64(share).max(Duration::from_millis(5)));
        let exited = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        let finished = ["c=0", "c=1"].iter().all(|c| run.join(c).join("seed=0/result.json").exists());
        match (exited, finished) {
            (true, _) => {
                ended += 1;
                assert_same_bits(&killed.bits("smoke"), &whole.bits("smoke"));
                killed.run(&["verify", "runs/smoke"]).expect_code(0);
                killed = Folder::new();
            }
            (false, true) => in_report += 1,
            (false, false) => in_training += 1,
        }
    }
    println!("{in_training} kills in training, {in_report} in the report, {ended} after the end");
    assert!(in_training > kills / 10, "too few kills in training: {in_training}");
    killed.run(&start).expect_code(0);
    assert!(killed.path().join("runs/smoke/report.html").exists());
    assert_same_bits(&killed.bits("smoke"), &whole.bits("smoke"));
    killed.run(&["verify", "runs/smoke"]).expect_code(0);
}

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
        ["c=0 seed=0", "checkpoint/state.safetensors is damaged or cut short", "the checkpoint before"]
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
            "checkpoint/state.safetensors is damaged or cut short",
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
