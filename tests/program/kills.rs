//! SIGKILL at any moment: whatever is started again ends in the bits of a run that was not killed.
//!
//! `KLSWEEP_KILLS` says how many kills a test takes; by itself it takes twenty.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::own_data::folder_of_digits;
use crate::program::{Folder, assert_same_bits, ran};

fn kills() -> usize {
    std::env::var("KLSWEEP_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20)
}

/// Shares of a duration, the same in every run of the tests: a linear congruential generator (Knuth's MMIX constants).
struct Moments(u64);

impl Moments {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }
}

/// Starts a command and kills it after so long. Whether it had ended by then.
fn killed(mut command: Command, after: Duration) -> bool {
    let mut child = command.spawn().unwrap();
    sleep(after.max(Duration::from_millis(5)));
    let ended = child.try_wait().unwrap().is_some();
    child.kill().unwrap();
    child.wait().unwrap();
    ended
}

/// The files of a folder, those too whose names begin with a dot.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.file_name().unwrap().into(), fs::read(&path).unwrap())).collect()
}

/// Without what was not written to its end.
fn named(files: BTreeMap<PathBuf, Vec<u8>>) -> BTreeMap<PathBuf, Vec<u8>> {
    files.into_iter().filter(|(name, _)| !name.to_string_lossy().starts_with('.')).collect()
}

#[test]
fn killed_at_random_moments_and_started_again_gives_the_same_bits() {
    let kills = kills();
    let smoke = crate::program::smoke();
    // So many epochs that training takes its share beside what is measured and drawn after it.
    // Three members on two workers: one is trained in two parts.
    let training = ["--workers", "2", "--set", "epochs=100", "--set", "checkpoint_every_steps=3"];
    let training = [&training[..], &["--set", "kl_coefficients=[0, 1, 2]"]].concat();
    let start = [&["--config", smoke.as_str(), "--quiet", "--tensorboard"], &training[..]].concat();
    let whole = Folder::new();
    let begun = Instant::now();
    whole.run(&start).expect_code(0);
    let duration = begun.elapsed();

    let (mut folder, mut in_training, mut in_report, mut ended) = (Folder::new(), 0, 0, 0);
    let mut moments = Moments(20_261_122);
    for _ in 0..kills {
        let run = folder.path().join("runs/smoke");
        // Short ones more often: each start goes on where the one before was killed.
        let exited = killed(folder.command(&start), duration.mul_f64(moments.next().powi(2)));
        let finished = ["c=0", "c=1", "c=2"].iter().all(|c| run.join(c).join("seed=0/result.json").exists());
        match (exited, finished) {
            (true, _) => {
                ended += 1;
                assert_same_bits(&folder.bits("smoke"), &whole.bits("smoke"));
                folder.run(&["verify", "runs/smoke"]).expect_code(0);
                folder = Folder::new();
            }
            (false, true) => in_report += 1,
            (false, false) => in_training += 1,
        }
    }
    println!("{in_training} kills in training, {in_report} in the report, {ended} after the end");
    assert!(in_training > kills / 10, "too few kills in training: {in_training}");
    folder.run(&start).expect_code(0);
    assert!(folder.path().join("runs/smoke/report.html").exists());
    assert_same_bits(&folder.bits("smoke"), &whole.bits("smoke"));
    folder.run(&["verify", "runs/smoke"]).expect_code(0);
}

#[test]
fn killed_while_images_are_kept_in_the_cache_it_is_made_anew() {
    let digits = folder_of_digits();
    let cache = |name: &str| digits.path().join(name);
    let look = |name: &str| {
        let mut command = digits.command(&["data", "digits"]);
        command.env("KLSWEEP_CACHE", cache(name));
        command
    };
    let begun = Instant::now();
    let expected = ran(&mut look("whole")).expect_code(0).stdout;
    let (duration, whole) = (begun.elapsed(), files(&cache("whole")));
    assert_eq!(whole.len(), 1, "one set of images has one cache");
    let [mut before, mut after] = [0, 0];
    let mut moments = Moments(20_261_123);
    for _ in 0..kills() {
        killed(look("killed"), duration.mul_f64(moments.next()));
        if named(files(&cache("killed"))).is_empty() {
            before += 1;
        } else {
            after += 1;
        }
        // What was left is in nobody's way.
        assert_eq!(ran(&mut look("killed")).expect_code(0).stdout, expected);
        assert_same_bits(&named(files(&cache("killed"))), &whole);
        fs::remove_dir_all(cache("killed")).unwrap();
    }
    println!("{before} kills before the cache had its name, {after} after it");
    assert!(before > 0);
}

#[test]
fn killed_in_an_export_it_leaves_whole_files_alone() {
    let folder = Folder::new();
    folder.smoke(&[]).expect_code(0);
    let export = |to: &str| folder.command(&["export", "runs/smoke", "--c", "1", "--to", to]);
    let begun = Instant::now();
    ran(&mut export("whole")).expect_code(0);
    let (duration, whole) = (begun.elapsed(), files(&folder.path().join("whole")));
    let mut moments = Moments(20_261_124);
    let mut in_between = 0;
    for _ in 0..kills() {
        killed(export("killed"), duration.mul_f64(moments.next()));
        let left = named(files(&folder.path().join("killed")));
        for (name, bytes) in &left {
            assert!(whole[name] == *bytes, "{} is not whole", name.display());
        }
        in_between += usize::from((1..whole.len()).contains(&left.len()));
        if left.len() == whole.len() {
            fs::remove_dir_all(folder.path().join("killed")).unwrap();
        }
    }
    println!("{in_between} kills left some of the files");
    ran(&mut export("killed")).expect_code(0);
    assert_same_bits(&files(&folder.path().join("killed")), &whole);
}
