//! The report on a run: which coefficient to keep, figures, and a page in one file.
//!
//! Reads the record that training leaves ([`record`], documented in `docs/record.md`) and nothing else, whoever trained the
//! networks: it knows nothing of Burn.
//!
//! ```no_run
//! use report::{Report, ReportOptions};
//!
//! let report = Report::read(&["runs/sweep".into()])?;
//! let written = report.write(&ReportOptions::default())?;
//! println!("{}: {}", report.recommendation(None).headline, written.page.display());
//! # Ok::<(), report::ReportError>(())
//! ```
#![cfg_attr(not(test), warn(clippy::unwrap_used))]
#![forbid(unsafe_code)]

mod calibration;
mod charts;
mod collapse;
mod convention;
mod convergence;
mod elsewhere;
mod error;
mod evidence;
mod explorer;
mod figures;
#[cfg(test)]
mod for_tests;
mod format;
mod measured;
mod packed;
mod page;
mod proposals;
mod purposes;
mod rate_distortion;
mod recommendation;
mod report;
mod run;
mod table;
pub mod verdict;

pub use convention::{CONVENTIONS, Convention, Distortion, Sizes};
pub use error::{ReportError, Result};
pub use figures::FigureSet;
pub use recommendation::{Answer, Answers, Number, Purpose, Recommendation};
pub use report::{Report, ReportOptions, Written};
pub use run::{Member, MemberState, Run};
