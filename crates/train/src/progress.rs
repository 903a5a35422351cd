//! What a person sees while a sweep trains: bars on a terminal, plain lines elsewhere, or nothing.

use std::fmt;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use burn::tensor::Tensor;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use model::ElboTerms;
use record::{EpochRow, MemberId, Terms, Warning};

use crate::observer::Observer;

/// How often a bar reads the terms back from the device. Reading makes a graphics card wait; it changes no result.
const REFRESH: Duration = Duration::from_millis(250);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar for each member that has begun and one for the whole.
    Bars,
    /// A line for each epoch.
    Lines,
    /// Nothing.
    Quiet,
}

impl Style {
    /// Bars where standard error is a terminal, else lines.
    pub fn detect(quiet: bool) -> Self {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Self::Quiet,
            (false, true) => Self::Bars,
            (false, false) => Self::Lines,
        }
    }
}

/// The progress of reading data, shown once it has taken a while.
pub struct ReadingProgress {
    style: Style,
    started: Instant,
    shown: Mutex<Option<Shown>>,
}

/// What was last shown of a piece of work.
struct Shown {
    work: String,
    bar: ProgressBar,
    at: Instant,
}

/// Waits that are not worth a word.
const UNSHOWN: Duration = Duration::from_secs(2);
/// Time between two lines about the same work.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

impl ReadingProgress {
    /// Nothing is read yet.
    pub fn new(style: Style) -> Self {
        Self { style, started: Instant::now(), shown: Mutex::new(None) }
    }
}

impl data::Progress for ReadingProgress {
    fn at(&self, work: &str, done: u64, of: u64) {
        if self.style == Style::Quiet || self.started.elapsed() < UNSHOWN {
            return;
        }
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = shown.as_ref().is_none_or(|shown| shown.work != work);
        if is_new {
            if let Some(before) = shown.take() {
                before.bar.finish_and_clear();
            }
            let bar = match self.style {
                Style::Bars => ProgressBar::new(of),
                Style::Lines | Style::Quiet => ProgressBar::hidden(),
            };
            bar.set_style(bar_style("{prefix} {bar:24} {pos} of {len}, {eta} left"));
            bar.set_prefix(work.to_string());
            *shown = Some(Shown { work: work.to_string(), bar, at: Instant::now() });
        }
        let Some(shown) = shown.as_mut() else { return };
        shown.bar.set_position(done);
        if self.style == Style::Lines && (is_new || shown.at.elapsed() >= BETWEEN_LINES) {
            shown.at = Instant::now();
            match of {
                0 => eprintln!("{work}: {done}"),
                of => eprintln!("{work}: {done} of {of}"),
            }
        }
    }
}

impl Drop for ReadingProgress {
    fn drop(&mut self) {
        let shown = self.shown.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = shown {
            shown.bar.finish_and_clear();
        }
    }
}

/// The progress of a whole sweep.
pub struct SweepProgress {
    style: Style,
    bars: MultiProgress,
    whole: ProgressBar,
    images_of_member: u64,
    epochs: usize,
}

impl SweepProgress {
    /// Begins to show `members` members of `epochs` epochs of `images` training images each.
    pub fn new(style: Style, members: usize, epochs: usize, images: usize) -> Self {
        let target = match style {
            Style::Bars => ProgressDrawTarget::stderr(),
            Style::Lines | Style::Quiet => ProgressDrawTarget::hidden(),
        };
        let bars = MultiProgress::with_draw_target(target);
        let images_of_member = (epochs * images) as u64;
        let whole = bars.add(ProgressBar::new(images_of_member * members as u64));
        whole.set_style(bar_style("{prefix:16} {bar:24} {percent:>3}%  {elapsed} gone, {eta} left  {msg}"));
        whole.set_prefix("all members");
        whole.enable_steady_tick(Duration::from_secs(1));
        Self { style, bars, whole, images_of_member, epochs }
    }

    /// Begins to show a member.
    pub fn member(&self, member: MemberId) -> MemberProgress<'_> {
        let bar = self.bars.insert_before(&self.whole, ProgressBar::new(self.images_of_member));
        bar.set_style(bar_style("{prefix:16} {bar:24} {percent:>3}%  {rate} images/s, {eta} left  {msg}"));
        bar.set_prefix(member.to_string());
        MemberProgress { sweep: self, bar, member, shown: Instant::now() }
    }

    /// Leaves out a member that this process does not train.
    pub fn leave_out(&self) {
        let length = self.whole.length().unwrap_or(0);
        self.whole.set_length(length.saturating_sub(self.images_of_member));
    }

    /// Shows a line above the bars.
    pub fn say(&self, line: &str) {
        match self.style {
            Style::Bars => drop(self.bars.println(line)),
            Style::Lines => eprintln!("{line}"),
            Style::Quiet => {}
        }
    }

    /// Takes the bars away.
    pub fn finish(&self) {
        drop(self.bars.clear());
    }
}

fn bar_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the template is well formed")
        .with_key("rate", |state: &ProgressState, text: &mut dyn fmt::Write| {
            // A bar that cannot be written to is no reason to stop.
            let _ = write!(text, "{:.0}", state.per_sec());
        })
        .progress_chars("━╸─")
}

/// The progress of one member.
pub struct MemberProgress<'a> {
    sweep: &'a SweepProgress,
    bar: ProgressBar,
    member: MemberId,
    /// When the terms were last read back.
    shown: Instant,
}

impl Observer for MemberProgress<'_> {
    fn say(&mut self, line: &str) {
        self.sweep.say(line);
    }

    fn begin(&mut self, _epochs: usize, images: usize) -> Result<()> {
        let images = images as u64;
        // If it was paused, what it had seen is counted: more than this, if its last checkpoint cannot be read.
        self.sweep.whole.inc(images.saturating_sub(self.bar.position()));
        self.sweep.whole.dec(self.bar.position().saturating_sub(images));
        self.sweep.whole.reset_eta();
        self.bar.set_position(images);
        self.bar.reset_eta();
        Ok(())
    }

    fn step(&mut self, epoch: usize, images: usize, terms: &ElboTerms) {
        self.bar.inc(images as u64);
        self.sweep.whole.inc(images as u64);
        if self.sweep.style == Style::Bars && self.shown.elapsed() >= REFRESH {
            self.shown = Instant::now();
            let read = |tensor: &Tensor<1>| f64::from(tensor.clone().into_scalar::<f32>());
            let terms = Terms { reconstruction: read(&terms.reconstruction), kl: read(&terms.kl) };
            self.bar.set_message(format!(
                "epoch {}/{}: {}",
                epoch + 1,
                self.sweep.epochs,
                self.describe(&terms)
            ));
        }
    }

    fn paused(&mut self) {
        self.state("paused: goes on at the end, so that no core is idle then");
    }

    fn measuring(&mut self) {
        self.state("measuring the trained network");
    }

    fn epoch(&mut self, row: &EpochRow, warnings: &[Warning]) -> Result<()> {
        let member = self.member;
        if self.sweep.style == Style::Lines {
            eprintln!(
                "{member}: epoch {}/{}: held-out {}",
                row.epoch,
                self.sweep.epochs,
                self.describe(&row.test)
            );
        }
        for warning in warnings {
            self.sweep.say(&format!("{member}: warning: {}", warning.message));
        }
        Ok(())
    }
}

impl MemberProgress<'_> {
    /// Shows what the member does other than training.
    fn state(&self, state: &'static str) {
        match self.sweep.style {
            Style::Bars => self.bar.set_message(state),
            Style::Lines => eprintln!("{}: {state}", self.member),
            Style::Quiet => {}
        }
    }

    fn describe(&self, terms: &Terms) -> String {
        format!(
            "objective {:.2}, reconstruction {:.2}, KL {:.2} nats",
            terms.objective(self.member.kl_coefficient),
            terms.reconstruction,
            terms.kl
        )
    }
}

impl Drop for MemberProgress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.sweep.bars.remove(&self.bar);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_paused_member_has_seen_is_counted_once() {
        let sweep = SweepProgress::new(Style::Quiet, 2, 3, 100);
        let mut member = sweep.member(MemberId { kl_coefficient: 1.0, seed: 0 });
        // It goes on from a checkpoint of an earlier process.
        member.begin(0, 50).unwrap();
        member.bar.inc(100);
        sweep.whole.inc(100);
        member.paused();
        for images in [150, 100] {
            member.begin(1, images).unwrap();
            assert_eq!([&member.bar, &sweep.whole].map(ProgressBar::position), [images as u64; 2]);
        }
    }
}
