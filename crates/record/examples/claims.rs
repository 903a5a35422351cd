//! How many members a second a folder lets processes claim and release: what `docs/clusters.md` says of a folder on disk.
//!
//! ```sh
//! cargo run -p train -p record --example claims -- FOLDER
//! ```
//!
//! Eight workers, each with claims of its own as a process has, take and release each of 1,000 members.

use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use record::{Claims, RunConfig, RunDir, Taken};

const MEMBERS: u32 = 1000;
const WORKERS: usize = 8;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("name a folder")?;
    let folder = tempfile::Builder::new().prefix(".klsweep-claims").tempdir_in(folder)?;
    let coefficients = (0..MEMBERS).map(f64::from).collect();
    let config = RunConfig { kl_coefficients: coefficients, ..RunConfig::default() };
    let run = RunDir::create(&folder.path().join("run"), &config)?;
    let members = config.members();
    let (run, members) = (&run, &members);
    let claim_all = move |worker: usize| -> record::Result<[usize; 2]> {
        let (claims, mut count) = (Claims::new(false), [0; 2]);
        let first = worker * members.len() / WORKERS;
        for &id in members[first..].iter().chain(&members[..first]) {
            match run.member(id).claim(&claims)? {
                Taken::Ours(_) => count[0] += 1,
                Taken::Theirs { .. } => count[1] += 1,
            }
        }
        Ok(count)
    };
    let began = Instant::now();
    let counts = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || claim_all(worker))).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no worker panics"))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let seconds = began.elapsed().as_secs_f64();
    let [ours, theirs] = [0, 1].map(|which| counts.iter().map(|count| count[which]).sum::<usize>());
    println!(
        "{:.0} claims a second by {WORKERS} workers: {ours} taken and released in {seconds:.1} s, {theirs} found taken",
        ours as f64 / seconds
    );
    Ok(())
}
