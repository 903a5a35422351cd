//! The system refuses something, or the clock jumps: the next start of the same command ends in the bits of an undisturbed
//! run.
//!
//! `scripts/crashes.sh` refuses every call of every kind; by itself the test that does so takes a few of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::program::{Folder, Ran, assert_same_bits, ran, smoke};

const SMALL: &[&str] = &[
    "--set",
    "kl_coefficients=[0, 1]",
    "--set",
    "epochs=3",
    "--set",
    "checkpoint_every_steps=2",
    "--workers",
    "1",
    "--figures",
    "none",
];

/// How many calls of a kind are refused, each in a run of its own: `KLSWEEP_FAULTS`, or so many.
const FEW: usize = 3;

fn most() -> usize {
    std::env::var("KLSWEEP_FAULTS").ok().and_then(|count| count.parse().ok()).unwrap_or(FEW)
}

/// Whether `KLSWEEP_FAULT_CALLS` names one of the calls, as in `mkdir unlink`, so that the long form can be taken in parts; without it, all are.
fn is_asked_for(calls: &str) -> bool {
    let asked = std::env::var("KLSWEEP_FAULT_CALLS");
    asked.map_or(true, |asked| asked.split_whitespace().any(|name| calls.split(',').any(|call| call == name)))
}

fn arguments() -> Vec<String> {
    [&["--config", smoke().as_str(), "--quiet"], SMALL].concat().into_iter().map(String::from).collect()
}

fn run(folder: &Folder) -> Ran {
    let arguments = arguments();
    folder.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The bits of a run that nothing happened to.
fn undisturbed() -> BTreeMap<PathBuf, Vec<u8>> {
    let whole = Folder::new();
    run(&whole).expect_code(0);
    whole.bits("smoke")
}

fn has(program: &str, check: &[&str]) -> bool {
    let found = Command::new(program).args(check).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let works = found.is_ok_and(|status| status.success());
    assert!(works || std::env::var_os("CI").is_none(), "{program} {check:?} does not work here");
    works
}

/// Whether the program ended in words: with success, or with an error that is said.
fn assert_in_words(ran: &Ran, what: &str) {
    let said = ran.stderr.contains("error: ") || ran.stderr.contains("cannot ");
    let in_words = ran.code == Some(0) || matches!(ran.code, Some(2 | 3)) && said;
    assert!(in_words && !ran.stderr.contains("panicked"), "{what}: {:?}: {}", ran.code, ran.stderr);
}

/// The calls by which files are written, and what each is refused with.
const CALLS: [(&str, &str); 8] = [
    ("write,writev,pwrite64,copy_file_range", "ENOSPC"),
    ("write,writev,pwrite64,copy_file_range", "EIO"),
    ("fsync,fdatasync", "EIO"),
    ("rename,renameat,renameat2,link,linkat", "EIO"),
    ("openat", "EIO"),
    ("mkdir", "ENOSPC"),
    ("unlink,unlinkat,rmdir", "EIO"),
    ("flock", "EIO"),
];

fn traced(folder: &Folder, inject: &str) -> Ran {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "trace", "-e", inject]);
    command.arg(env!("CARGO_BIN_EXE_klsweep")).args(arguments()).current_dir(folder.path());
    ran(command.stdin(Stdio::null()))
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "takes minutes: scripts/crashes.sh runs it"]
fn a_call_that_the_system_refuses_costs_no_bit() {
    if !has("strace", &["-qq", "-o", "/dev/null", "true"]) {
        return;
    }
    let expected = undisturbed();
    let asked: Vec<_> = CALLS.iter().filter(|(calls, _)| is_asked_for(calls)).collect();
    assert!(!asked.is_empty(), "KLSWEEP_FAULT_CALLS names none of the calls");
    for (calls, error) in asked {
        // Those from the first file of the run on: what comes before loads the program.
        let folder = Folder::new();
        traced(&folder, &format!("trace={calls}")).expect_code(0);
        let trace = fs::read_to_string(folder.path().join("trace")).unwrap();
        let count = trace.lines().filter(|line| line.contains('(')).count();
        let first = trace.lines().position(|line| line.contains("runs/smoke")).unwrap_or(0);
        assert!(count > first, "{calls}: nothing of the kind is called");
        let tried = most().min(count - first);
        for index in 0..tried {
            // Evenly from the first to the last.
            let nth = first + 1 + index * (count - first - 1) / tried.saturating_sub(1).max(1);
            let folder = Folder::new();
            let inject = format!("inject={calls}:error={error}:when={nth}");
            let disturbed = traced(&folder, &inject);
            assert_in_words(&disturbed, &inject);
            let again = run(&folder);
            assert_eq!(
                again.code,
                Some(0),
                "after {inject}: {}\nat first: {}",
                again.stderr,
                disturbed.stderr
            );
            assert_same_bits(&folder.bits("smoke"), &expected);
            folder.run(&["verify", "runs/smoke"]).expect_code(0);
        }
    }
}

/// What a power failure leaves: a name stands for a file whose content is on the disk, and whatever was renamed is in its folder on the
/// disk before anything relies on it. The kills cannot show it, since what a killed process wrote is in the system's memory.
#[test]
#[cfg(target_os = "linux")]
fn what_is_renamed_was_synced_before_and_its_folder_is_after() {
    if !has("strace", &["-qq", "-o", "/dev/null", "true"]) {
        return;
    }
    let folder = Folder::new();
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-qq",
        "-y",
        "-s",
        "0",
        "-o",
        "trace",
        "-e",
        "trace=write,fsync,fdatasync,rename,renameat,renameat2",
    ]);
    command.arg(env!("CARGO_BIN_EXE_klsweep")).args(arguments()).current_dir(folder.path());
    ran(command.stdin(Stdio::null())).expect_code(0);
    let trace = fs::read_to_string(folder.path().join("trace")).unwrap();
    // Where it was written and not synced since, and folders in which something was renamed since they were.
    let (mut unsynced, mut folders) = (BTreeSet::new(), BTreeSet::new());
    let mut renamed = 0;
    for line in trace.lines() {
        // `1234 fsync(5</tmp/a/b>) = 0`, `1234 rename("a", "b") = 0`: a call of one thread may be shown in two parts.
        let Some((call, rest)) = line.split_once('(') else { continue };
        let call = call.rsplit(' ').next().unwrap_or_default();
        let of_descriptor =
            || rest.split_once('<').and_then(|(_, path)| Some(PathBuf::from(path.split_once('>')?.0)));
        match call {
            "write" => {
                unsynced.extend(of_descriptor().filter(|path| path.starts_with(folder.path().join("runs"))))
            }
            "fsync" | "fdatasync" => {
                let path = of_descriptor().expect("a file is synced");
                unsynced.remove(&path);
                folders.remove(&path);
            }
            _ => {
                let named: Vec<&str> = rest.split('"').skip(1).step_by(2).collect();
                let [from, to] = [named[0], named[1]].map(|path| folder.path().join(path));
                // Who owns what is of no use after it: not synced, as `Owner::temporary` says.
                if to.file_name().unwrap().to_string_lossy().starts_with("owner.") {
                    unsynced.remove(&from);
                    continue;
                }
                assert!(!unsynced.contains(&from), "{line}: its content may not be on the disk");
                let member = to.parent().and_then(Path::parent).unwrap();
                let history = member.join("history.csv");
                assert!(
                    !unsynced.contains(&history),
                    "{line}: the checkpoint knows rows that may not be on the disk"
                );
                folders.insert(to.parent().unwrap().to_path_buf());
                renamed += 1;
            }
        }
    }
    assert!(renamed > 20, "{renamed} files");
    assert!(folders.is_empty() && unsynced.is_empty(), "not synced at the end: {folders:?} {unsynced:?}");
}

/// A row that was begun when the process was killed.
#[test]
#[cfg(target_os = "linux")]
fn a_table_that_cannot_be_cut_back_is_said_and_is_cut_back_later() {
    if !has("strace", &["-qq", "-o", "/dev/null", "true"]) {
        return;
    }
    let smoke = smoke();
    let long = [
        "--set",
        "kl_coefficients=[0]",
        "--set",
        "epochs=60",
        "--set",
        "checkpoint_every_steps=2",
        "--no-report",
    ];
    let start = [&["--config", smoke.as_str(), "--quiet"], &long[..]].concat();
    let (whole, folder) = (Folder::new(), Folder::new());
    whole.run(&start).expect_code(0);
    let history = folder.path().join("runs/smoke/c=0/seed=0/history.csv");
    let mut child = folder.command(&start).spawn().unwrap();
    while fs::read_to_string(&history).unwrap_or_default().lines().count() < 4 {
        assert!(child.try_wait().unwrap().is_none(), "it has ended before");
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let begun = [fs::read(&history).unwrap(), b"0,0,99,1".to_vec()].concat();
    fs::write(&history, &begun).unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "trace", "-e", "inject=ftruncate:error=EIO:when=1"]);
    command.arg(env!("CARGO_BIN_EXE_klsweep")).args(&start).current_dir(folder.path());
    let refused = ran(command.stdin(Stdio::null()));
    assert!(matches!(refused.code, Some(2 | 3)), "{:?} {}", refused.code, refused.stderr);
    assert!(
        refused.stderr.contains("history.csv") && !refused.stderr.contains("panicked"),
        "{}",
        refused.stderr
    );
    assert!(fs::read(&history).unwrap() == begun, "nothing was written into it");
    folder.run(&start).expect_code(0);
    assert_same_bits(&folder.bits("smoke"), &whole.bits("smoke"));
}

/// Runs a script in a namespace of mounts of its own; `$1` is the program, the others are its arguments.
fn in_namespace(folder: &Folder, script: &str) -> Ran {
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-ec", script, "sh", env!("CARGO_BIN_EXE_klsweep")]).args(arguments());
    ran(command.current_dir(folder.path()).stdin(Stdio::null()))
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_said_and_with_room_again_the_run_goes_on() {
    if !has("unshare", &["-m", "true"]) {
        return;
    }
    let expected = undisturbed();
    for megabytes in [1, 3, 6, 9, 12] {
        let folder = Folder::new();
        // What is on the small disk is copied to a larger one before it goes.
        let script = format!(
            "mkdir runs left; mount -t tmpfs -o size={megabytes}m tmpfs runs; code=0; \"$@\" || code=$?; cp -a runs/. left; \
             exit $code"
        );
        let disturbed = in_namespace(&folder, &script);
        assert_in_words(&disturbed, &format!("{megabytes} MB"));
        assert!(megabytes > 3 || disturbed.code != Some(0), "{megabytes} MB are not enough");
        fs::remove_dir(folder.path().join("runs")).unwrap();
        fs::rename(folder.path().join("left"), folder.path().join("runs")).unwrap();
        run(&folder).expect_code(0);
        assert_same_bits(&folder.bits("smoke"), &expected);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_is_read_only_is_said_and_a_report_can_be_made_of_it_elsewhere() {
    if !has("unshare", &["-m", "true"]) {
        return;
    }
    let folder = Folder::new();
    run(&folder).expect_code(0);
    fs::remove_dir_all(folder.path().join("runs/smoke/c=1")).unwrap();
    let before = folder.bits("smoke");
    let mount = "mount --bind runs runs; mount -o remount,ro,bind runs; \"$@\"";
    let ran = in_namespace(&folder, mount);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("runs/smoke") && ran.stderr.contains("Read-only"), "{}", ran.stderr);
    let report = format!(
        "{mount} >/dev/null 2>&1 || true; \"$1\" report runs/smoke --figures none --output page.html"
    );
    let ran = in_namespace(&folder, &report);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(folder.path().join("page.html").exists());
    assert_same_bits(&folder.bits("smoke"), &before);
}

#[test]
#[cfg(target_os = "linux")]
fn a_clock_that_jumps_changes_no_bit() {
    const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    assert!(Path::new(LIBRARY).exists() || std::env::var_os("CI").is_none(), "faketime is missing");
    if !Path::new(LIBRARY).exists() {
        return;
    }
    let folder = Folder::new();
    let clock = folder.write("clock", "+0");
    let mut command = folder.command(&[]);
    command.args(arguments()).env("LD_PRELOAD", LIBRARY).env("FAKETIME_NO_CACHE", "1");
    command.env("FAKETIME_TIMESTAMP_FILE", &clock).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let mut child = command.spawn().unwrap();
    for jump in ["-400d", "+30y", "-1d", "+0"].iter().cycle() {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        fs::write(&clock, jump).unwrap();
        sleep(Duration::from_millis(40));
    }
    assert!(child.wait().unwrap().success());
    assert_same_bits(&folder.bits("smoke"), &undisturbed());
    run(&folder).expect_code(0);
}
