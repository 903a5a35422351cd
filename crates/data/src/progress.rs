//! How far the reading of data has got, for whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Is told how far some work has got.
pub trait Progress: Sync {
    /// So much of the work is done.
    fn at(&self, work: &str, done: u64, of: u64);
}

/// Shows nothing.
impl Progress for () {
    fn at(&self, _: &str, _: u64, _: u64) {}
}

impl dyn Progress + '_ {
    /// Counts the steps of some work.
    pub(crate) fn counter<'a>(&'a self, work: &'a str, of: u64) -> Counter<'a> {
        Counter { progress: self, work, of, done: AtomicU64::new(0) }
    }
}

/// Counts the steps of some work that several threads do.
pub(crate) struct Counter<'a> {
    progress: &'a dyn Progress,
    work: &'a str,
    of: u64,
    done: AtomicU64,
}

impl Counter<'_> {
    /// So many steps more are done.
    pub fn add(&self, steps: u64) {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        self.progress.at(self.work, done, self.of);
    }
}
