//! What follows a member while it trains, and changes nothing about it.

use anyhow::Result;
use model::ElboTerms;
use record::{EpochRow, MemberResult, Warning};

/// Follows one member: a progress bar, an event file.
pub trait Observer: Send {
    /// Something to tell a person.
    fn say(&mut self, line: &str) {
        let _ = line;
    }

    /// Training begins, or goes on where it was paused: after so many finished epochs, with the image of that number.
    fn begin(&mut self, epochs: usize, images: usize) -> Result<()>;

    /// A step over so many images of an epoch, counted from 0, is done. The terms are still on the device.
    fn step(&mut self, epoch: usize, images: usize, terms: &ElboTerms) {
        let _ = (epoch, images, terms);
    }

    /// An epoch is finished, with what it gave reason to warn of.
    fn epoch(&mut self, row: &EpochRow, warnings: &[Warning]) -> Result<()>;

    /// The member makes room for others, and is gone on with later.
    fn paused(&mut self) {}

    /// The last epoch is finished, and the network is measured: that takes some seconds.
    fn measuring(&mut self) {}

    /// The member is trained to its end.
    fn finished(&mut self, result: &MemberResult) -> Result<()> {
        let _ = result;
        Ok(())
    }
}

impl Observer for Vec<Box<dyn Observer + '_>> {
    fn say(&mut self, line: &str) {
        self.iter_mut().for_each(|observer| observer.say(line));
    }

    fn begin(&mut self, epochs: usize, images: usize) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.begin(epochs, images))
    }

    fn step(&mut self, epoch: usize, images: usize, terms: &ElboTerms) {
        self.iter_mut().for_each(|observer| observer.step(epoch, images, terms));
    }

    fn epoch(&mut self, row: &EpochRow, warnings: &[Warning]) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.epoch(row, warnings))
    }

    fn paused(&mut self) {
        self.iter_mut().for_each(|observer| observer.paused());
    }

    fn measuring(&mut self) {
        self.iter_mut().for_each(|observer| observer.measuring());
    }

    fn finished(&mut self, result: &MemberResult) -> Result<()> {
        self.iter_mut().try_for_each(|observer| observer.finished(result))
    }
}
