//! `klsweep watch`: the report of a run that goes on, served to a browser on the same machine.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use record::{RunDir, Status};
use report::Report;

use crate::loopback_server::{Answer, Server};
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
        let server = Server::listen(port)?;
        let recordings = dirs.iter().map(|dir| Recording::open(dir)).collect::<Result<_>>()?;
        let mut watch = Self { dirs, recordings, server, report: None, page: None };
        watch.page(true)?;
        Ok(watch)
    }

    /// Where a browser finds the page.
    pub fn url(&self) -> String {
        format!("http://{}/", self.server.address())
    }

    /// Answers until the runs have ended and their last page was fetched, or a signal comes.
    pub fn serve(&mut self) -> Result<()> {
        let last_page = Arc::new(AtomicBool::new(false));
        while !signals::interrupted() && !last_page.load(Ordering::Relaxed) {
            let Some(request) = self.server.next(PATIENCE) else { continue };
            // Before the page is made, which may be longer than the run still takes.
            let ended = self.have_ended();
            let is_last = ended && request.path == "/" && request.wants_content;
            let answer = match request.path.as_str() {
                "/" => match self.page(!ended) {
                    Ok(html) => Answer { kind: "text/html; charset=utf-8", ..Answer::text(200, html) },
                    Err(error) => Answer::text(500, &format!("{error:#}")),
                },
                "/version" => Answer::text(200, &self.version().to_string()),
                _ => Answer::text(404, "the report is at /"),
            };
            let is_last = is_last && answer.status == 200;
            let fetched = last_page.clone();
            request.answer(answer, move || {
                if is_last {
                    fetched.store(true, Ordering::Relaxed);
                }
            })?;
        }
        Ok(())
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

fn stamp(runs: &[Recording]) -> u64 {
    let mut hasher = DefaultHasher::new();
    runs.iter().for_each(|run| run.stamp().hash(&mut hasher));
    hasher.finish()
}
