//! The process that runs a network, from inside.

use std::io::{stdin, stdout};
use std::path::Path;
use std::process::{ExitCode, exit};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::message::{Answer, Description, Request, receive, send};
use crate::network::{MOST_NUMBERS, OnnxNetwork, OnnxOutput};
use crate::{Bounds, TOO_LONG};

/// Reads a file, says what network it has, and runs it for rows as long as they come.
pub fn serve(path: &Path, bounds: Bounds) -> ExitCode {
    limit_memory(bounds.memory);
    match answer_all(path, Duration::from_secs(bounds.seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads the answers any more.
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer_all(path: &Path, time: Duration) -> Result<()> {
    let (mut from, mut to) = (stdin().lock(), std::io::BufWriter::new(stdout().lock()));
    let network = within(time, || OnnxNetwork::load_here(path));
    let said: Result<&Description, String> =
        network.as_ref().map(OnnxNetwork::description).map_err(|error| format!("{error:#}"));
    send(&mut to, &said, &[])?;
    let Ok(network) = &network else { return Ok(()) };
    while let Some((request, rows)) = receive::<Request>(&mut from)? {
        let found = within(time, || run(network, &request, rows));
        let outputs = found.as_deref().unwrap_or_default();
        let numbers: Vec<&[f32]> = outputs.iter().map(|output| &output.numbers[..]).collect();
        let shapes = outputs.iter().map(|output| output.axes.clone()).collect();
        let answer: Answer = match &found {
            Ok(_) => Ok(shapes),
            Err(error) => Err(format!("{error:#}")),
        };
        send(&mut to, &answer, &numbers)?;
    }
    Ok(())
}

fn run(network: &OnnxNetwork, request: &Request, rows: Vec<f32>) -> Result<Vec<OnnxOutput>> {
    let found = network.run_block(rows, request)?;
    let numbers: usize = found.iter().map(|output| output.numbers.len()).sum();
    ensure!(
        numbers <= MOST_NUMBERS,
        "{} gives {numbers} numbers at a time: more than {MOST_NUMBERS} are not taken",
        network.path().display()
    );
    Ok(found)
}

/// What something gives, if it is done in time; where it is not, the process ends.
fn within<T: Send>(time: Duration, f: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let (done, is_done) = mpsc::channel();
        // Where it is not sent, the process has ended.
        scope.spawn(move || done.send(f()));
        match is_done.recv_timeout(time) {
            Ok(found) => found,
            Err(RecvTimeoutError::Timeout) => exit(TOO_LONG),
            Err(RecvTimeoutError::Disconnected) => panic!("the thread of the network has ended"),
        }
    })
}

#[cfg(unix)]
fn limit_memory(bytes: u64) {
    use rlimit::Resource;
    let least = |limit: u64| limit.min(bytes);
    // Where the system cannot be told so, it has its own bounds.
    let _ = Resource::AS.get().and_then(|(soft, hard)| Resource::AS.set(least(soft), least(hard)));
}

#[cfg(not(unix))]
fn limit_memory(_: u64) {}
