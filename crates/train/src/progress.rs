//! What a person sees while a sweep trains: bars on a terminal, plain lines elsewhere, or nothing.

use std::fmt;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use burn::tensor::Tensor;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::config::MemberId;
use crate::evaluate::Terms;
use crate::member::EpochRow;

/// How often a bar reads the terms back from the device. Reading makes a graphics card wait; it changes no result.
const REFRESH: Duration = Duration::from_millis(250);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar for each running member and one for the whole.
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
        MemberProgress { sweep: self, bar, name: member.to_string(), shown: Instant::now().into() }
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
    name: String,
    shown: std::cell::Cell<Instant>,
}

impl MemberProgress<'_> {
    /// Begins where a checkpoint left off: after so many images.
    pub fn start(&self, images: usize) {
        let images = images as u64;
        self.bar.set_position(images);
        self.bar.reset_eta();
        self.sweep.whole.inc(images);
        self.sweep.whole.reset_eta();
    }

    /// A step over so many images is done, with these terms in nats per image.
    pub fn step(&self, images: usize, epoch: usize, c: f64, reconstruction: &Tensor<1>, kl: &Tensor<1>) {
        self.bar.inc(images as u64);
        self.sweep.whole.inc(images as u64);
        if self.sweep.style == Style::Bars && self.shown.get().elapsed() >= REFRESH {
            self.shown.set(Instant::now());
            let read = |tensor: &Tensor<1>| f64::from(tensor.clone().into_scalar::<f32>());
            let terms = Terms { reconstruction: read(reconstruction), kl: read(kl) };
            self.bar.set_message(format!(
                "epoch {}/{}: {}",
                epoch + 1,
                self.sweep.epochs,
                describe(&terms, c)
            ));
        }
    }

    /// Something deserves a word.
    pub fn warn(&self, message: &str) {
        self.sweep.say(&format!("{}: warning: {message}", self.name));
    }

    /// An epoch is done.
    pub fn epoch(&self, row: &EpochRow, c: f64) {
        if self.sweep.style == Style::Lines {
            eprintln!(
                "{}: epoch {}/{}: test {}",
                self.name,
                row.epoch,
                self.sweep.epochs,
                describe(&row.test, c)
            );
        }
    }
}

impl Drop for MemberProgress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.sweep.bars.remove(&self.bar);
    }
}

fn describe(terms: &Terms, c: f64) -> String {
    format!(
        "objective {:.2}, reconstruction {:.2}, KL {:.2} nats",
        terms.objective(c),
        terms.reconstruction,
        terms.kl
    )
}
