//! The report on a run: figures, the page, and which coefficient to keep.

mod comparison;
mod explorer;
pub mod figures;
mod page;
mod proposals;
mod rate_distortion;
mod recommendation;
mod run;
mod write;

pub use comparison::{Choice, choose};
pub use proposals::{Proposal, proposals};
pub use rate_distortion::{Gap, Point, front, gaps, knee};
pub use recommendation::{Number, Purpose, Recommendation, Verdict, recommend};
pub use run::{Member, MemberState, Run};
use write::Measured;
pub use write::{Report, ReportOptions, Written};
