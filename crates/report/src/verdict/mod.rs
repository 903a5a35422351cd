//! Which coefficient the losses of images name, how surely, and how to read one off the rate-distortion curve.
//!
//! Pure functions over numbers: nothing of files or pages. `docs/science.md` argues the rule and shows how often it errs.

mod budget;
mod convergence;
mod decision;
mod paired;
#[cfg(test)]
mod simulated;
mod student;

pub use budget::{Budget, OutOfReach, Reading, read_off};
pub use convergence::{Beaten, CrossObjectives, cross_objectives};
pub use decision::{Compared, Decision, Reservations, Verdict, decide};
pub use paired::{PairedLosses, TwoWayMean};
pub use student::t_quantile;
