//! Starting the program in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The repository, where `configs/` and `data/` are.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder to run the program in, so that its `runs/` is this test's alone.
pub struct Folder {
    path: PathBuf,
    /// Removed with everything in it when the test ends.
    _temporary: Option<TempDir>,
}

/// What the program said and how it ended.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
pub fn ran(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

impl Folder {
    pub fn new() -> Self {
        let temporary = TempDir::new().expect("a temporary folder can be made");
        Self { path: temporary.path().to_path_buf(), _temporary: Some(temporary) }
    }

    /// A folder that stays.
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_path_buf(), _temporary: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file and gives its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("the file can be written");
        path
    }

    /// The program with arguments, not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_klsweep"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Runs the program with arguments to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// Runs the smoke configuration with more arguments to its end, without the report.
    pub fn smoke(&self, arguments: &[&str]) -> Ran {
        self.run(&[&["--config", smoke().as_str(), "--quiet", "--no-report"], arguments].concat())
    }

    /// What of a run must not depend on how it came about: the bytes of its weights and tables, without times.
    pub fn bits(&self, run: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.path().join("runs").join(run);
        let mut bits = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("the folder can be read") {
                let path = entry.expect("the folder can be read").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path
                    .extension()
                    .is_some_and(|extension| extension == "csv" || extension == "safetensors")
                {
                    let name = path.strip_prefix(&root).expect("the file is in the run").to_path_buf();
                    bits.insert(name, fs::read(path).expect("the file can be read"));
                }
            }
        }
        bits
    }
}

/// The commands of the examples of a page: the lines of its blocks of shell code that call the program, without its name.
pub fn examples(page: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(repository().join(page)).expect("the page is there");
    let blocks = text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let arguments = |line: &str| {
        let call = line.split(" #").next()?.trim().strip_prefix("klsweep ")?;
        Some(call.split_whitespace().map(str::to_string).collect())
    };
    blocks.flat_map(str::lines).filter_map(arguments).collect()
}

impl Ran {
    /// Panics with all that the program said unless it ended with this code.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Panics unless the program refused its input with a message that holds all of these.
    pub fn expect_refusal(self, parts: &[&str]) {
        self.expect_failure(2, parts);
    }

    /// Panics unless the program ended with this code and a message that holds all of these.
    pub fn expect_failure(self, code: i32, parts: &[&str]) {
        let ran = self.expect_code(code);
        for part in parts {
            assert!(ran.stderr.contains(part), "expected {part:?} in {:?}", ran.stderr);
        }
    }
}

/// The path of the smoke configuration.
pub fn smoke() -> String {
    repository().join("configs/smoke.toml").to_str().expect("the path is UTF-8").to_string()
}

/// Panics unless two runs left the same files with the same bytes.
pub fn assert_same_bits(found: &BTreeMap<PathBuf, Vec<u8>>, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    let names = |bits: &BTreeMap<PathBuf, Vec<u8>>| bits.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    for (name, bytes) in expected {
        assert!(found[name] == *bytes, "{} differs", name.display());
    }
}
