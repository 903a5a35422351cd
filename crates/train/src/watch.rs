//! `klsweep watch`: the report of a run that goes on, served to a browser on the same machine.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use report::Report;
use tiny_http::{Header, Response, Server};

use crate::recording::Recording;
use crate::signals;

/// How often signals are looked at while nobody asks for anything.
const PATIENCE: Duration = Duration::from_millis(200);

/// A page is not made anew before so many times what making it took: it must not hold up the training.
const REST: u32 = 10;

/// A server of the report on some runs.
pub struct Watch {
    dirs: Vec<PathBuf>,
    recordings: Vec<Recording>,
    server: Server,
    page: Option<Rendered>,
}

/// A page and the state of the files that it was made from.
struct Rendered {
    version: u64,
    html: String,
    finished: Instant,
    took: Duration,
}

impl Watch {
    /// Begins to listen on the loopback interface; on any free port for `port` 0.
    ///
    /// # Errors
    ///
    /// Fails when a directory is no run's, or the port is taken.
    pub fn start(dirs: Vec<PathBuf>, port: u16) -> Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let server = Server::http(address)
            .map_err(|error| anyhow!("{error}"))
            .with_context(|| format!("cannot listen on {address}: choose another port with --port"))?;
        let recordings = dirs.iter().map(|dir| Recording::open(dir)).collect::<Result<_>>()?;
        let mut watch = Self { dirs, recordings, server, page: None };
        watch.page()?;
        Ok(watch)
    }

    /// Where a browser finds the page.
    pub fn url(&self) -> String {
        format!("http://{}/", self.server.server_addr())
    }

    /// Answers until a signal comes.
    pub fn serve(&mut self) -> Result<()> {
        while !signals::interrupted() {
            let Some(request) = self.server.recv_timeout(PATIENCE).context("the server stopped")? else {
                continue;
            };
            let (status, kind, body) = match request.url().split('?').next() {
                Some("/") => match self.page() {
                    Ok(html) => (200, "text/html; charset=utf-8", html.to_string()),
                    Err(error) => (500, "text/plain; charset=utf-8", format!("{error:#}")),
                },
                Some("/version") => (200, "text/plain", self.version().to_string()),
                _ => (404, "text/plain", "the report is at /".to_string()),
            };
            let header =
                |name: &str, value: &str| Header::from_bytes(name, value).expect("the header is plain ASCII");
            let response = Response::from_string(body)
                .with_status_code(status)
                .with_header(header("Content-Type", kind))
                .with_header(header("Cache-Control", "no-store"));
            // A browser that went away is no reason to stop.
            let _ = request.respond(response);
        }
        Ok(())
    }

    /// The page, made anew if the runs have changed.
    fn page(&mut self) -> Result<&str> {
        let version = self.version();
        if self.page.as_ref().is_none_or(|page| page.version != version) {
            let started = Instant::now();
            self.recordings.iter().try_for_each(|recording| recording.update(None))?;
            let html = Report::read(&self.dirs)?.page(true)?;
            self.page = Some(Rendered { version, html, finished: Instant::now(), took: started.elapsed() });
        }
        Ok(self.page.as_ref().map_or("", |page| &page.html))
    }

    /// A number that changes with the files of the runs, though not while the page rests.
    fn version(&self) -> u64 {
        if let Some(page) = &self.page
            && page.finished.elapsed() < REST * page.took
        {
            return page.version;
        }
        let mut hasher = DefaultHasher::new();
        for dir in &self.dirs {
            hash_files(dir, 3, &mut hasher);
        }
        hasher.finish()
    }
}

/// Hashes times and sizes of what a report is made from: `run.json`, and the members' histories and results.
fn hash_files(dir: &Path, depth: usize, hasher: &mut DefaultHasher) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if depth > 1 {
                hash_files(&path, depth - 1, hasher);
            }
        } else if ["run.json", "history.csv", "result.json"].iter().any(|name| path.ends_with(name)) {
            let metadata = path.metadata().ok();
            (&path, metadata.map(|m| (m.len(), m.modified().ok()))).hash(hasher);
        }
    }
}
