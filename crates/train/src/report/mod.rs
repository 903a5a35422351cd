//! The report on a run: figures, the page, and which coefficient to keep.

mod charts;
mod comparison;
mod explorer;
mod figures;
mod format;
mod page;
mod proposals;
mod rate_distortion;
mod recommendation;
mod run;
mod table;
mod write;

pub use figures::FigureSet;
pub use run::{Member, MemberState, Run};
use write::Measured;
pub use write::{Report, ReportOptions, Written};
