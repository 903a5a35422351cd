//! `klsweep data`: what there is in data.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use record::RunConfig;

use crate::own_data::{Understood, describe_columns, describe_data, understand};
use crate::progress::{ReadingProgress, Style};

/// Which data.
#[derive(Args, Debug)]
pub(super) struct DataArgs {
    /// A configuration file, or data itself
    #[arg(value_name = "CONFIG")]
    path: PathBuf,

    /// Put a value over the configuration's
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,

    /// Where to write the sheet of images
    #[arg(long, value_name = "FILE", default_value = "contact-sheet.png")]
    sheet: PathBuf,
}

/// Images along each side of a contact sheet.
const SHEET_SIDE: usize = 10;

/// Says what there is in data, and writes a sheet of its images.
pub(super) fn run(DataArgs { path, overrides, sheet }: &DataArgs) -> Result<ExitCode> {
    let progress = ReadingProgress::new(Style::detect(false));
    let Understood { config, dataset } = if path.extension().is_some_and(|extension| extension == "toml") {
        let config = RunConfig::load(path, overrides)?;
        let dataset = data::load(&config.data, &progress).context("cannot read the data")?;
        Understood { config, dataset }
    } else {
        understand(path, overrides, &progress)?
    };
    drop(progress);
    describe_data(&dataset, config.data.scale).iter().for_each(|line| println!("{line}"));
    match data::contact_sheet(&dataset.train, SHEET_SIDE * SHEET_SIDE, SHEET_SIDE)? {
        Some(png) => {
            record::write_atomically(sheet, &png)?;
            println!("images: {}", sheet.display());
        }
        None => describe_columns(&dataset).iter().for_each(|line| println!("{line}")),
    }
    Ok(ExitCode::SUCCESS)
}
