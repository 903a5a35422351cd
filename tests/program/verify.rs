//! `klsweep verify`: what was changed since it was written is found, and training again gives the same bits.

use std::fs;

use crate::program::Folder;

#[test]
fn a_changed_file_is_found_and_what_helps_helps() {
    let folder = Folder::new();
    folder.smoke(&[]).expect_code(0);
    let ran = folder.run(&["verify", "runs/smoke"]).expect_code(0);
    assert!(
        ran.stdout.ends_with(" files of 3 finished members compared with their hashes: 0 differ\n"),
        "{}",
        ran.stdout
    );

    let weights = folder.path().join("runs/smoke/c=1/seed=0/weights.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    fs::remove_file(folder.path().join("runs/smoke/c=20/seed=0/history.csv")).unwrap();
    folder.run(&["verify", "runs/smoke"]).expect_failure(
        1,
        &[
            "c=1/seed=0/weights.safetensors is not as it was written; to train that member again: rm -r \
             runs/smoke/c=1/seed=0 and --resume runs/smoke",
            "c=20/seed=0/history.csv is missing",
        ],
    );
    for c in ["1", "20"] {
        fs::remove_dir_all(folder.path().join(format!("runs/smoke/c={c}/seed=0"))).unwrap();
    }
    folder.run(&["--resume", "runs/smoke", "--quiet"]).expect_code(0);
    folder.run(&["verify", "runs/smoke"]).expect_code(0);
}

#[test]
fn a_grid_of_another_size_is_no_damage() {
    let folder = Folder::new();
    folder.smoke(&[]).expect_code(0);
    folder.run(&["report", "runs/smoke", "--grid", "3"]).expect_code(0);
    folder.run(&["verify", "runs/smoke"]).expect_code(0);
}

#[test]
fn trained_again_a_member_has_the_same_bits_and_another_one_has_not() {
    let folder = Folder::new();
    folder.smoke(&[]).expect_code(0);
    let retrain = ["verify", "runs/smoke", "--retrain", "c=1"];
    let ran = folder.run(&retrain).expect_code(0);
    assert!(ran.stdout.ends_with("1 members trained again: 0 files have other bits\n"), "{}", ran.stdout);
    folder
        .run(&["verify", "runs/smoke", "--retrain", "c=3"])
        .expect_refusal(&["no such member", "[0.0, 1.0, 20.0]"]);

    // The results of another training in the place of this one's.
    let member = |c: &str| folder.path().join(format!("runs/smoke/c={c}/seed=0"));
    for file in ["weights.safetensors", "history.csv", "result.json"] {
        fs::copy(member("20").join(file), member("1").join(file)).unwrap();
    }
    folder.run(&retrain).expect_failure(
        1,
        &[
            "history.csv of c=1 seed=0 has other bits when it is trained again",
            "weights.safetensors of c=1 seed=0",
            "result.json of c=1 seed=0",
        ],
    );
}
