//! `klsweep watch`: the report of a run that goes on, served to a browser on the same machine.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Cursor;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use record::{RunDir, Status};
use report::Report;
use tiny_http::{Header, Method, Request, Response, Server};

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
    /// Whether it asks for news.
    live: bool,
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
        watch.page(true)?;
        Ok(watch)
    }

    /// Where a browser finds the page.
    pub fn url(&self) -> String {
        format!("http://{}/", self.server.server_addr())
    }

    /// Answers until the runs have ended and their last page was fetched, or a signal comes.
    pub fn serve(&mut self) -> Result<()> {
        let last_page = Arc::new(AtomicBool::new(false));
        while !signals::interrupted() && !last_page.load(Ordering::Relaxed) {
            let Some(request) = self.server.recv_timeout(PATIENCE).context("the server stopped")? else {
                continue;
            };
            let answer = match refusal(&request) {
                Some(refusal) => refusal,
                None => self.answer(&request),
            };
            let is_last = answer.is_last;
            let fetched = last_page.clone();
            // Apart, since it takes as long as the client likes. A browser that went away is no reason to stop.
            let send = move || {
                if request.respond(answer.into_response()).is_ok() && is_last {
                    fetched.store(true, Ordering::Relaxed);
                }
            };
            thread::Builder::new().name("answer".to_string()).spawn(send).context("cannot start a thread")?;
        }
        Ok(())
    }

    fn answer(&mut self, request: &Request) -> Answer {
        match request.url().split('?').next() {
            Some("/") => {
                // Before the page is made, which may be longer than the run still takes.
                let ended = self.have_ended();
                match self.page(!ended) {
                    Ok(html) => Answer {
                        kind: "text/html; charset=utf-8",
                        is_last: ended && *request.method() == Method::Get,
                        ..Answer::text(200, html)
                    },
                    Err(error) => Answer::text(500, &format!("{error:#}")),
                }
            }
            Some("/version") => Answer::text(200, &self.version().to_string()),
            _ => Answer::text(404, "the report is at /"),
        }
    }

    /// Whether no process trains any of the runs any more, as far as they say.
    fn have_ended(&self) -> bool {
        self.dirs.iter().all(|dir| {
            let record = RunDir::open(dir).and_then(|dir| dir.record());
            matches!(record, Ok(Some(record)) if record.status != Status::Running)
        })
    }

    /// The page, made anew if the runs have changed.
    fn page(&mut self, live: bool) -> Result<&str> {
        if self.page.as_ref().is_none_or(|page| page.version != self.version() || page.live != live) {
            let started = Instant::now();
            self.recordings.iter().try_for_each(|recording| recording.update(None))?;
            let version = stamp(&self.recordings);
            let report = match self.report.take() {
                Some(report) => report.read_again()?,
                None => Report::read(&self.dirs)?,
            };
            let html = report.page(live)?;
            self.report = Some(report);
            self.page =
                Some(Rendered { version, live, html, finished: Instant::now(), took: started.elapsed() });
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

/// What is sent to a browser.
struct Answer {
    status: u16,
    kind: &'static str,
    body: Vec<u8>,
    /// Whether it is the page of runs that have ended.
    is_last: bool,
}

impl Answer {
    fn text(status: u16, body: &str) -> Self {
        Self { status, kind: "text/plain; charset=utf-8", body: body.into(), is_last: false }
    }

    fn into_response(self) -> Response<Cursor<Vec<u8>>> {
        let header =
            |name: &str, value: &str| Header::from_bytes(name, value).expect("the header is plain ASCII");
        // Whole, with its length, so that a client knows when it is cut short.
        Response::from_data(self.body)
            .with_chunked_threshold(usize::MAX)
            .with_status_code(self.status)
            .with_header(header("Content-Type", self.kind))
            .with_header(header("Cache-Control", "no-store"))
            .with_header(header("X-Content-Type-Options", "nosniff"))
    }
}

/// Why a request is not answered, if it is not: it must be a reading one of a page that this server has sent. Another site
/// can have its name stand for this machine, and a browser then sends that site's pages' requests here, but with its name.
fn refusal(request: &Request) -> Option<Answer> {
    let value = |name: &'static str| {
        let header = request.headers().iter().find(|header| header.field.equiv(name));
        header.map(|header| header.value.as_str())
    };
    if !matches!(request.method(), Method::Get | Method::Head) {
        return Some(Answer::text(405, "only GET and HEAD are answered"));
    }
    let origin_is_here = |origin: &str| origin.strip_prefix("http://").is_some_and(is_this_machine);
    let is_ours = value("Host").is_some_and(is_this_machine) && value("Origin").is_none_or(origin_is_here);
    (!is_ours).then(|| {
        Answer::text(403, "the report is for browsers on this machine: localhost, 127.0.0.1 or [::1]")
    })
}

/// Whether `host` or `host:port` is a name of this machine itself.
fn is_this_machine(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        // The colons of `[::1]` are none before a port.
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => authority,
    };
    host.eq_ignore_ascii_case("localhost") || ["127.0.0.1", "[::1]"].contains(&host)
}

fn stamp(runs: &[Recording]) -> u64 {
    let mut hasher = DefaultHasher::new();
    runs.iter().for_each(|run| run.stamp().hash(&mut hasher));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_pass_with_any_port_and_no_others() {
        for ours in ["localhost", "LocalHost:80", "127.0.0.1:39121", "127.0.0.1", "[::1]", "[::1]:9"] {
            assert!(is_this_machine(ours), "{ours}");
        }
        for other in
            ["", "evil.example", "localhost.evil.example:80", "127.0.0.1.nip.io", "::1", "localhost:", "a:b"]
        {
            assert!(!is_this_machine(other), "{other}");
        }
    }
}
