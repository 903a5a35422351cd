//! Bad input: refused with exit code 2 and a message that says what was wrong, where, and what would be right.

use std::fs;

use crate::program::{Folder, repository};

const C1: &str = "kl_coefficients = [1.0]\n";

#[test]
fn wrong_configurations_are_refused_before_anything_is_written() {
    for (text, expected) in [
        (format!("{C1}epoch = 3"), ["unknown field `epoch`", "did you mean `epochs`?"]),
        ("kl_coefficients = [-1.0]".into(), ["kl_coefficients holds -1", "0 or greater"]),
        ("kl_coefficients = [nan]".into(), ["kl_coefficients holds NaN", "finite"]),
        ("epochs = 3".into(), ["kl_coefficients is missing", "kl_coefficients = [1.0]"]),
        ("kl_coefficients = [1.0, 1.0]".into(), ["kl_coefficients holds 1.0 twice", "same network"]),
        (format!("{C1}epochs = 0"), ["epochs = 0", "at least one"]),
        (format!("{C1}batch_size = 0"), ["batch_size = 0", "at least one"]),
        (format!("{C1}batch_size = 60001"), ["batch_size = 60001", "only 60000 training images"]),
        (format!("{C1}[data]\ntrain_images = 60001"), ["data.train_images = 60001", "only 60000"]),
        (format!("{C1}[data]\ndir = \"nowhere\""), ["cannot read nowhere", "No such file"]),
        ("kl_coefficients = [1.0".into(), ["in ", "run.toml"]),
    ] {
        let folder = Folder::new();
        let path = folder.write("run.toml", &text);
        folder.run(&["--config", path.to_str().unwrap()]).expect_refusal(&expected);
        assert!(!folder.path().join("runs").exists(), "{text}: something was written");
    }
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    Folder::new().run(&["--config", "absent.toml"]).expect_refusal(&["cannot read", "absent.toml"]);
    Folder::new()
        .run(&["--resume", "absent"])
        .expect_refusal(&["absent is no run directory", "there is no such directory"]);
    Folder::new().run(&[]).expect_refusal(&["--config <FILE>"]);
}

#[test]
fn a_wrong_override_is_named() {
    Folder::new().smoke(&["--set", "epoch=3"]).expect_refusal(&["--set epoch=3", "did you mean `epochs`?"]);
    Folder::new().smoke(&["--set", "backend=flex"]).expect_refusal(&["--set backend=flex", "TOML"]);
    Folder::new().smoke(&["--member", "4/3"]).expect_refusal(&["4/3", "K/N"]);
}

#[test]
fn a_coefficient_that_is_none_and_too_many_seeds_are_named() {
    let train = |arguments: &[&str]| {
        Folder::new().run(&[&["--config", &crate::program::smoke()], arguments].concat())
    };
    train(&["--c", "1,nan"]).expect_refusal(&["nan", "a coefficient is a finite number, 0 or greater"]);
    train(&["--c", "1e300"]).expect_refusal(&["holds 1e300", "from 1e-30 to 1e30"]);
    train(&["--seeds", "999999999999"]).expect_refusal(&["999999999999 is not in 1..=100000"]);
}

#[test]
fn what_was_probably_meant_by_the_first_words_is_said() {
    let folder = Folder::new();
    folder
        .run(&["reprot", "runs/x"])
        .expect_refusal(&["reprot is neither a command", "did you mean report?"]);
    folder.write("a.npy", "");
    folder.write("b.npy", "");
    folder.run(&["a.npy", "b.npy"]).expect_refusal(&["Data is one file or one folder"]);
}

#[test]
fn backends_that_cannot_be_used_are_refused_with_what_can() {
    Folder::new().smoke(&["--backend", "tpu"]).expect_refusal(&["tpu", "flex", "ndarray", "wgpu"]);
    if cfg!(not(feature = "cuda")) {
        Folder::new().smoke(&["--backend", "cuda"]).expect_refusal(&[
            "built without",
            "`--features cuda`",
            "flex",
        ]);
    }
}

#[test]
#[cfg(feature = "wgpu")]
fn a_machine_without_a_graphics_driver_is_told_so() {
    let folder = Folder::new();
    let mut command = folder.command(&["--config", &crate::program::smoke(), "--backend", "wgpu"]);
    // Neither Vulkan nor OpenGL finds a driver.
    for variable in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "__EGL_VENDOR_LIBRARY_FILENAMES"] {
        command.env(variable, "/nonexistent");
    }
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("the backend wgpu found no device") && stderr.contains("--backend flex"),
        "{stderr}"
    );
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn wrong_image_files_are_refused_with_their_names() {
    let mnist = repository().join("data/mnist");
    let copy = || {
        let folder = Folder::new();
        for entry in fs::read_dir(&mnist).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().ends_with(".gz") {
                fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        folder
    };
    let refused = |folder: &Folder, parts: &[&str]| {
        folder.smoke(&["--set", "data.path=\".\""]).expect_refusal(parts);
        assert!(!folder.path().join("runs").exists());
    };

    let folder = copy();
    let path = folder.path().join("train-images-idx3-ubyte.gz");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..100_000]).unwrap();
    refused(&folder, &["cannot read ./train-images-idx3-ubyte.gz"]);

    let folder = copy();
    fs::copy(mnist.join("t10k-labels-idx1-ubyte.gz"), folder.path().join("train-labels-idx1-ubyte.gz"))
        .unwrap();
    refused(&folder, &["train-labels-idx1-ubyte.gz holds 10000 labels", "60000 images"]);

    let folder = copy();
    fs::copy(mnist.join("t10k-labels-idx1-ubyte.gz"), folder.path().join("t10k-images-idx3-ubyte.gz"))
        .unwrap();
    refused(&folder, &["t10k-images-idx3-ubyte.gz is no IDX file of unsigned bytes in 3 dimensions"]);
}

#[test]
fn a_run_directory_that_holds_another_configuration_is_left_alone() {
    let folder = Folder::new();
    folder.smoke(&["--set", "epochs=1"]).expect_code(0);
    let before = folder.bits("smoke");
    folder.smoke(&["--set", "epochs=3"]).expect_refusal(&[
        "runs/smoke already holds another run",
        "there: epochs = 1, here: epochs = 3",
        "--set 'name=",
    ]);
    assert_eq!(folder.bits("smoke"), before);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    folder.write("runs", "a file where the directory should be");
    folder.smoke(&[]).expect_refusal(&["runs/smoke"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_said_and_leaves_no_half_written_file() {
    use std::process::Command;
    let folder = Folder::new();
    // A limit on the size of files stands in for a full disk: a write fails in the middle.
    let script = "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_klsweep"), "--config", &crate::program::smoke(), "--quiet"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("cannot write runs/smoke/init.safetensors"), "{stderr}");
    assert_eq!(folder.bits("smoke").len(), 0);
    let left: Vec<_> = fs::read_dir(folder.path().join("runs/smoke"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // With room again, the same command goes on.
    folder.smoke(&[]).expect_code(0);
}

#[test]
fn kernels_that_do_not_exist_are_refused_before_anything_is_written() {
    let folder = Folder::new();
    let path = folder.write("run.toml", C1);
    let mut command = folder.command(&["--config", path.to_str().unwrap()]);
    crate::program::ran(command.env("KLSWEEP_KERNELS", "sse9"))
        .expect_refusal(&["KLSWEEP_KERNELS=sse9", "portable, avx2, avx512, avx512-packed"]);
    assert!(!folder.path().join("runs").exists());
}
