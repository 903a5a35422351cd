//! A number by which members are compared: what it is called, what it means, where it comes from.

use serde::Serialize;

use crate::history::EpochRow;
use crate::result::MemberResult;

/// A number that members are compared by.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Quantity {
    /// Its name in files.
    pub key: &'static str,
    /// Its name for people.
    pub label: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it is, in a sentence or two.
    pub description: &'static str,
    /// Which values are good; `None` where neither is.
    pub better: Option<Better>,
    /// Decimals shown.
    pub digits: usize,
    /// Where it comes from, which decides where it is shown.
    #[serde(skip)]
    pub kind: Kind,
    /// Its value for a finished member; `None` if it was not measured.
    #[serde(skip)]
    pub value: fn(&MemberResult) -> Option<f64>,
    /// The standard error of that value, where it has one.
    #[serde(skip)]
    pub standard_error: Option<fn(&MemberResult) -> Option<f64>>,
    /// Its value on the test images after an epoch of a member of some coefficient, where it is known by then.
    #[serde(skip)]
    pub of_epoch: Option<fn(&EpochRow, f64) -> f64>,
}

/// Which values are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// Low ones.
    Low,
    /// High ones.
    High,
}

/// Where a quantity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The objective and what it is made of.
    Term,
    /// What was measured of the trained network.
    Diagnostic,
    /// Belongs to another one: it stands in files, and readers of a report are spared it.
    Detail,
    /// Says something of the machine, nothing of the coefficient: no file that is to be the same for the same run has it.
    Machine,
}

/// The unit of terms.
pub const NATS: &str = "nats per image";
/// The unit of numbers from 0 to 1, which people read as percentages.
pub const SHARE: &str = "share";
