//! The report on a run.

pub mod figures;
