//! `klsweep watch`: the report of a run that goes on, served to a browser on the same machine.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;
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
    /// As it was read for the page.
    report: Option<Report>,
    page: Option<Rendered>,
}

/// A page and the stamp of the record that it was made from.
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
        let mut watch = Self { dirs, recordings, server, report: None, page: None };
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
        if self.page.as_ref().is_none_or(|page| page.version != self.version()) {
            let started = Instant::now();
            self.recordings.iter().try_for_each(|recording| recording.update(None))?;
            let version = stamp(&self.recordings);
            let report = match self.report.take() {
                Some(report) => report.read_again()?,
                None => Report::read(&self.dirs)?,
            };
            let html = report.page(true)?;
            self.report = Some(report);
            self.page = Some(Rendered { version, html, finished: Instant::now(), took: started.elapsed() });
        }
        Ok(self.page.as_ref().map_or("", |page| &page.html))
    }

    /// A number that changes with the record of the runs, though not while the page rests.
    fn version(&self) -> u64 {
        match &self.page {
            Some(page) if page.finished.elapsed() < REST * page.took => page.version,
            _ => stamp(&self.recordings),
        }
    }
}

fn stamp(runs: &[Recording]) -> u64 {
    let mut hasher = DefaultHasher::new();
    runs.iter().for_each(|run| run.stamp().hash(&mut hasher));
    hasher.finish()
}
