//! That something is computed, and what.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

use crate::progress::Style;

/// Time between two pictures of the spinner.
const TICK: Duration = Duration::from_millis(100);

/// What a person sees while a case is computed.
pub struct Waiting {
    style: Style,
    spinner: ProgressBar,
}

impl Waiting {
    /// Of nothing yet.
    pub fn new(style: Style) -> Self {
        let target =
            if style == Style::Bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let spinner = ProgressBar::with_draw_target(None, target);
        spinner.enable_steady_tick(TICK);
        Self { style, spinner }
    }

    /// Shows what is computed from now on.
    pub fn on(&self, name: &str) {
        self.spinner.set_message(name.to_string());
        if self.style == Style::Lines {
            eprintln!("{name} ...");
        }
    }

    /// Prints something without tearing the bar apart.
    pub fn above(&self, print: impl FnOnce()) {
        self.spinner.suspend(print);
    }

    /// Nothing is waited for any more.
    pub fn end(&self) {
        self.spinner.finish_and_clear();
    }
}
