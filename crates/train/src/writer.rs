//! Files that are written while training goes on.

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

/// Writes on a thread of its own, one job after another: syncing to disk is waiting, which a worker has no time for.
#[derive(Default)]
pub struct Writer {
    job: Option<JoinHandle<Result<()>>>,
}

impl Writer {
    /// Starts a job when the one before is done.
    ///
    /// # Errors
    ///
    /// Fails as the job before did, and then does not start this one.
    pub fn begin(&mut self, job: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        self.finish()?;
        let thread = thread::Builder::new().name("writer".to_string()).spawn(job);
        self.job = Some(thread.context("cannot start a thread that writes")?);
        Ok(())
    }

    /// Waits until everything is on disk.
    ///
    /// # Errors
    ///
    /// Fails as the job did.
    pub fn finish(&mut self) -> Result<()> {
        match self.job.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(result)) => result,
            Some(Err(panic)) => resume_unwind(panic),
        }
    }
}

impl Drop for Writer {
    /// Where training ends with an error, that error is the one to be told.
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            let _ = job.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn jobs_run_beside_the_caller_and_one_after_another() {
        let (go, wait) = channel();
        let (said, hear) = channel();
        let mut writer = Writer::default();
        let first = said.clone();
        writer
            .begin(move || {
                wait.recv()?;
                // Long enough for a second job that did not wait to come before.
                thread::sleep(Duration::from_millis(50));
                Ok(first.send("first")?)
            })
            .unwrap();
        go.send(()).unwrap();
        writer.begin(move || Ok(said.send("second")?)).unwrap();
        drop(writer);
        assert_eq!(hear.iter().collect::<Vec<_>>(), ["first", "second"]);
    }

    #[test]
    fn what_went_wrong_is_told_by_the_next_call() {
        let mut writer = Writer::default();
        writer.begin(|| bail!("no room")).unwrap();
        assert_eq!(writer.begin(|| Ok(())).unwrap_err().to_string(), "no room");
        writer.finish().unwrap();
    }
}
