//! The command line: parse, check, call the library, write.

mod backend;
mod compare;
mod config;
mod curves;
mod families;
mod files;
mod fit;
mod listing;
mod matrix;
mod npy;
mod output;
mod samples;
mod table;

use std::io::{ErrorKind, Write as _};

use anyhow::{Context as _, Result};
use clap::Parser;

/// Divergences of discrete distributions, a Normal fitted by gradient descent on KL, and closed forms.
#[derive(Debug, Parser)]
#[command(name = "metrics", version, arg_required_else_help = true)]
pub enum Command {
    /// Print every divergence of two discrete distributions, in both directions.
    Compare(compare::Arguments),
    /// Print the divergences of every row of a table from every other one.
    Matrix(matrix::Arguments),
    /// Print how far apart two sets of samples are: divergences, entropies and distances, with their standard errors.
    Samples(samples::Arguments),
    /// Fit a Normal to a target by gradient descent on KL, and draw what happened.
    Fit(fit::Arguments),
    /// Print the closed-form KL of two named distributions, in both directions.
    Families(families::Arguments),
}

impl Command {
    pub fn run(self) -> Result<()> {
        match self {
            Self::Compare(arguments) => print(&compare::run(&arguments)?),
            Self::Matrix(arguments) => print(&matrix::run(&arguments)?),
            Self::Samples(arguments) => print(&samples::run(&arguments)?),
            Self::Fit(arguments) => print(&fit::run(&arguments)?),
            Self::Families(arguments) => print(&families::run(&arguments)?),
        }
    }
}

/// To standard output. A reader that has seen enough, such as `head`, is no error.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
