//! Several processes on one run directory: on file systems with locks and, by injected errors, without.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{Folder, assert_same_bits, ran, smoke};

const SIX: &[&str] = &["--set", "kl_coefficients=[0, 0.1, 0.5, 1, 2, 20]", "--set", "epochs=5"];

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("it is JSON")
}

/// The program under `strace`, which refuses every lock.
fn without_locks(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:error=ENOLCK"]);
    command.arg(env!("CARGO_BIN_EXE_klsweep")).args(arguments).current_dir(folder.path());
    command
}

fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
}

/// Whether `strace` can be used here. CI has it.
fn strace_works() -> bool {
    let works =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|s| s.success());
    assert!(works || std::env::var_os("CI").is_none(), "strace is missing, or may not trace");
    works
}

#[test]
fn four_processes_share_the_members_and_make_one_report() {
    let (whole, shared) = (Folder::new(), Folder::new());
    whole.smoke(SIX).expect_code(0);
    for locks in [true, false] {
        if !locks && !strace_works() {
            continue;
        }
        let config = smoke();
        let arguments =
            [&["--config", &config, "--quiet", "--member", "auto", "--workers", "1"], SIX].concat();
        let children: Vec<Child> = (0..4)
            .map(|index| {
                let mut command =
                    if locks { shared.command(&arguments) } else { without_locks(&shared, &arguments) };
                command.env("SLURM_ARRAY_JOB_ID", "17").env("SLURM_ARRAY_TASK_ID", (index + 1).to_string());
                command.env("SLURM_ARRAY_TASK_MIN", "1");
                start(command)
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{said}");
        }
        assert_same_bits(&shared.bits("smoke"), &whole.bits("smoke"));
        let run = shared.path().join("runs/smoke");
        assert_eq!(json(&run.join("run.json"))["status"], "finished");
        assert!(run.join("report.html").exists());
        let processes: Vec<Value> = fs::read_dir(run.join("processes"))
            .unwrap()
            .map(|entry| json(&entry.unwrap().path().join("process.json")))
            .collect();
        assert_eq!(processes.len(), 4);
        for process in processes {
            assert_eq!(process["status"], "finished");
            let job = process["owner"]["job"].as_str().unwrap();
            assert!(job.starts_with("Slurm job 17, task "), "{job}");
        }
        shared.run(&["verify", "runs/smoke"]).expect_code(0);
        fs::remove_dir_all(run).unwrap();
    }
}

/// Waits until a member is in training, and gives the processes' number in its owner's file.
fn owner_of(member: &Path) -> Value {
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody trains {}", member.display());
        let owner = fs::read_dir(member).ok().and_then(|mut entries| {
            entries.find_map(|entry| {
                let path = entry.ok()?.path();
                path.file_name()?.to_str()?.starts_with("owner.").then_some(path)
            })
        });
        // It may be replaced while it is looked for.
        if let Some(text) = owner.and_then(|path| fs::read_to_string(path).ok()) {
            return serde_json::from_str(&text).unwrap();
        }
        sleep(Duration::from_millis(5));
    }
}

#[test]
#[cfg(unix)]
fn a_member_in_training_is_left_to_its_process_and_said_to_be_its() {
    let folder = Folder::new();
    let config = smoke();
    let long = ["--config", &config, "--quiet", "--set", "kl_coefficients=[1]", "--set", "epochs=2000"];
    let mut child = start(folder.command(&long));
    let owner = owner_of(&folder.path().join("runs/smoke/c=1/seed=0"));
    assert_eq!(owner["process"], child.id());

    let ran = folder.run(&["--resume", "runs/smoke", "--no-report"]).expect_code(3);
    let said = format!("c=1 seed=0 is being trained by process {} on ", child.id());
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 of 1 members are left to other processes"), "{}", ran.stderr);
    folder.run(&["--resume", "runs/smoke", "--no-report", "--member", "auto"]).expect_code(0);
    assert_eq!(json(&folder.path().join("runs/smoke/run.json"))["status"], "running");

    let status = folder.run(&["status", "runs/smoke", "--json"]).expect_code(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["members"][0]["state"], "running");
    assert_eq!(status["members"][0]["owner"]["process"], child.id());
    assert_eq!(status["processes"].as_array().unwrap().len(), 1);

    child.kill().unwrap();
    child.wait().unwrap();
    let status = folder.run(&["status", "runs/smoke"]).expect_code(0);
    assert!(
        status.stdout.contains("1 members: 0 finished, 0 running, 1 waiting, 0 failed"),
        "{}",
        status.stdout
    );
    assert!(status.stdout.ends_with("processes at work: 0\n"), "{}", status.stdout);
}

/// Without locks, only the counter of a killed process tells that it is gone, after two minutes, or a person.
#[test]
#[cfg(target_os = "linux")]
fn where_locks_are_refused_a_person_can_say_that_a_process_is_gone() {
    if !strace_works() {
        return;
    }
    let (whole, folder) = (Folder::new(), Folder::new());
    let config = smoke();
    let arguments = ["--config", &config, "--quiet", "--set", "kl_coefficients=[1]", "--set", "epochs=60"];
    whole.run(&[&arguments[..], &["--no-report"]].concat()).expect_code(0);
    // The tracer passes no signal on: it gets it with the program.
    let start_group = |mut command: Command| {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        start(command)
    };
    let signal = |name: &str, child: &Child| {
        let group = Command::new("kill").args([name, "--", &format!("-{}", child.id())]).status().unwrap();
        assert!(group.success());
    };
    let mut child = start_group(without_locks(&folder, &arguments));
    let owner = owner_of(&folder.path().join("runs/smoke/c=1/seed=0"));
    signal("-KILL", &child);
    child.wait().unwrap();

    let resume = ["--resume", "runs/smoke", "--no-report"];
    let mut waiting = start_group(without_locks(&folder, &resume));
    sleep(Duration::from_secs(3));
    assert!(
        waiting.try_wait().unwrap().is_none(),
        "it waits to see whether process {} lives",
        owner["process"]
    );
    signal("-INT", &waiting);
    let said = waiting.wait_with_output().unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("waiting up to two minutes"), "{said}");

    ran(&mut without_locks(&folder, &[&resume[..], &["--take-over"]].concat())).expect_code(0);
    assert_same_bits(&folder.bits("smoke"), &whole.bits("smoke"));
}

/// On a file system where others have no locks, which a lock does not keep from it.
#[test]
fn a_member_that_is_taken_over_while_it_is_paused_is_left_to_whoever_took_it() {
    let folder = Folder::new();
    let config = smoke();
    // Three cannot be dealt out evenly to two.
    let three = ["--workers", "2", "--set", "kl_coefficients=[0, 1, 20]", "--set", "epochs=60"];
    let mut child = start(folder.command(&[&["--config", &config, "--no-report"], &three[..]].concat()));
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("c=20 seed=0: paused") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "no member was paused");
    }
    let member = folder.path().join("runs/smoke/c=20/seed=0");
    let other = r#"{"host": "elsewhere", "process": 4711, "since": "2026-11-27T00:00:00Z"}"#;
    fs::write(member.join("owner.2.json"), other).unwrap();
    // It is an epoch further by now.
    let path = member.join("history.csv");
    let mut history = fs::read_to_string(&path).unwrap();
    let row = history
        .lines()
        .last()
        .unwrap()
        .strip_prefix("20.0,0,30,")
        .expect("it is paused after half of its epochs");
    history.push_str(&format!("20.0,0,31,{row}\n"));
    fs::write(&path, &history).unwrap();

    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{rest}");
    assert!(rest.contains("c=20 seed=0 was taken over by process 4711 on elsewhere"), "{rest}");
    assert!(fs::read_to_string(&path).unwrap() == history, "its history was changed");
    assert!(!member.join("result.json").exists());
    assert!(folder.path().join("runs/smoke/c=1/seed=0/result.json").exists(), "{rest}");
}

#[test]
fn reports_are_made_while_training_writes() {
    let folder = Folder::new();
    let config = smoke();
    let mut child =
        start(folder.command(&[&["--config", &config, "--quiet"], SIX, &["--set", "epochs=60"]].concat()));
    let run = folder.path().join("runs/smoke");
    let begun = Instant::now();
    while !run.join("run.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "training does not begin");
        sleep(Duration::from_millis(5));
    }
    let mut reports = 0;
    while child.try_wait().unwrap().is_none() {
        folder.run(&["report", "runs/smoke", "--output", "page.html"]).expect_code(0);
        reports += 1;
    }
    assert!(reports > 1, "training was over before a report was made");
    assert!(child.wait().unwrap().success());
    folder.run(&["verify", "runs/smoke"]).expect_code(0);
}
