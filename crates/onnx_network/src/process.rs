//! The process that runs a network, from outside.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Error, Result, anyhow, ensure};
use serde::de::DeserializeOwned;

use crate::message::{Answer, Description, Request, receive, send};
use crate::network::product;
use crate::{Bounds, COMMAND, TOO_LONG};

/// Bytes of stack of each thread there: the runtime reads and runs graphs within graphs, as deep as they may be.
const STACK: usize = 8 << 20;

/// A process that has read a file and waits for rows. It ends with this.
pub struct Process {
    child: Child,
    to: BufWriter<ChildStdin>,
    from: BufReader<ChildStdout>,
    bounds: Bounds,
    /// What it says beside its answers: the last words of one that ends too early.
    said: File,
}

impl Process {
    /// Starts a program for a file.
    pub fn start(mut program: Command, bounds: Bounds, path: &Path) -> Result<(Self, Description)> {
        let said = tempfile::tempfile().context("cannot make a temporary file")?;
        let name = program.get_program().to_string_lossy().into_owned();
        let mut child = program
            .arg(COMMAND)
            .arg(path)
            .args([bounds.memory, bounds.seconds].map(|bound| bound.to_string()))
            .env("RUST_MIN_STACK", STACK.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said.try_clone()?)
            .spawn()
            .with_context(|| format!("{name} cannot be started to run {}", path.display()))?;
        let (to, from) = child.stdin.take().zip(child.stdout.take()).context("a process has its pipes")?;
        let mut process = Self { child, to: BufWriter::new(to), from: BufReader::new(from), bounds, said };
        let (description, _) = process.answer::<Result<Description, String>>(path)?;
        Ok((process, description.map_err(Error::msg)?))
    }

    /// The shapes and the numbers of some outputs for some rows.
    pub fn run(
        &mut self,
        path: &Path,
        request: &Request,
        rows: &[f32],
    ) -> Result<(Vec<Vec<usize>>, Vec<f32>)> {
        // Where it has ended, that it gives no answer says why.
        let _ = send(&mut self.to, request, &[rows]);
        let (answer, numbers) = self.answer::<Answer>(path)?;
        let shapes = answer.map_err(Error::msg)?;
        let expected = shapes.iter().try_fold(0usize, |sum, shape| sum.checked_add(product(shape)?));
        ensure!(
            expected == Some(numbers.len()),
            "{} gave {} numbers for outputs of the shapes {shapes:?}",
            path.display(),
            numbers.len()
        );
        Ok((shapes, numbers))
    }

    fn answer<T: DeserializeOwned>(&mut self, path: &Path) -> Result<(T, Vec<f32>)> {
        match receive(&mut self.from) {
            Ok(Some(answer)) => Ok(answer),
            _ => Err(self.why_it_ended(path)),
        }
    }

    fn why_it_ended(&mut self, path: &Path) -> Error {
        let path = path.display();
        // Nothing more is expected of it, should it be there still.
        let _ = self.child.kill();
        let status = self.child.wait();
        let mut said = Vec::new();
        let _ = self.said.rewind().and_then(|()| self.said.read_to_end(&mut said));
        let said = String::from_utf8_lossy(&said);
        let said = said.trim();
        match status {
            Ok(status) if status.code() == Some(TOO_LONG) => {
                anyhow!("{path} cannot be run: it was not done after {} seconds", self.bounds.seconds)
            }
            _ if said.contains("memory allocation of") => anyhow!(
                "{path} cannot be run: it needs more than the {:.1} GiB of memory that a network gets here. One that is written for few rows \
                 at a time, a fixed number, needs less",
                self.bounds.memory as f64 / f64::from(1 << 30)
            ),
            Ok(status) => {
                anyhow!("{path} cannot be run: the process that ran it ended with {status}. It said: {said}")
            }
            Err(error) => anyhow!("{path} cannot be run: {error}"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn said_of(script: &str) -> String {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        let bounds = Bounds { memory: 3 << 29, seconds: 7 };
        let started = Process::start(shell, bounds, Path::new("a.onnx"));
        started.err().expect("it gives no answer").to_string()
    }

    #[test]
    fn the_end_of_a_process_is_said_in_words() {
        for (script, expected) in [
            ("kill -9 $$", "signal: 9"),
            ("echo 'thread main has overflowed its stack' >&2; kill -ABRT $$", "has overflowed its stack"),
            ("echo 'memory allocation of 8 bytes failed' >&2; kill -ABRT $$", "more than the 1.5 GiB"),
            ("exit 124", "it was not done after 7 seconds"),
            ("echo this is no answer; sleep 100", "signal: 9"),
            ("exit 0", "ended with exit status: 0"),
        ] {
            let said = said_of(script);
            assert!(
                said.starts_with("a.onnx cannot be run: ") && said.contains(expected),
                "{script}: {said}"
            );
        }
        let said = Process::start(Command::new("/no/such"), Bounds::default(), Path::new("a.onnx"));
        assert!(said.err().expect("it is not there").to_string().contains("/no/such cannot be started"));
    }

    /// What a program was told to run, and the bounds.
    #[test]
    fn a_program_is_given_the_file_and_the_bounds() {
        assert!(said_of("echo $0 $@ >&2").ends_with("said: run-network a.onnx 1610612736 7"));
    }
}
