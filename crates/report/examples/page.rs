//! The report on a run from its record alone, without Burn: it is built in seconds, for work on the page and the figures.
//!
//!     cargo run -p report --example page -- runs/sweep

use std::process::ExitCode;

use report::{Report, ReportOptions, Result, Written};

fn main() -> ExitCode {
    let dirs: Vec<_> = std::env::args_os().skip(1).map(Into::into).collect();
    if dirs.is_empty() {
        eprintln!("name the directory of a run");
        return ExitCode::from(2);
    }
    match Report::read(&dirs)
        .and_then(|report| -> Result<Written> { report.write(&ReportOptions::default()) })
    {
        Ok(written) => {
            println!("{}", written.page.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
