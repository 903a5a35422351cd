//! The command line: parse, check, call the library, write.

mod backend;
mod compare;
mod config;
mod curves;
mod families;
mod files;
mod fit;
mod units;

use clap::{Parser, ValueEnum};

/// Divergences of discrete distributions, a Normal fitted by gradient descent on KL, and closed forms.
#[derive(Debug, Parser)]
#[command(name = "metrics", version, arg_required_else_help = true)]
pub enum Command {
    /// Print every divergence of two discrete distributions, in both directions.
    Compare(compare::Arguments),
    /// Fit a Normal to a target by gradient descent on KL, and draw what happened.
    Fit(fit::Arguments),
    /// Print the closed-form KL of two named distributions, in both directions.
    Families(families::Arguments),
}

impl Command {
    pub fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Compare(arguments) => compare::run(&arguments),
            Self::Fit(arguments) => fit::run(&arguments),
            Self::Families(arguments) => families::run(&arguments),
        }
    }
}

/// Form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For reading.
    #[default]
    Table,
    /// One JSON object. An infinite value is the string "inf", as JSON has no number for it.
    Json,
    /// A header and a row for each value.
    Csv,
}
