//! The command line: parse, call, exit code. Each command has a file.

mod arguments;
mod audit;
mod convert;
mod data;
mod export;
mod member;
mod model;
mod report;
mod results;
mod selftest;
mod status;
mod submit;
mod train;
mod using;
mod verify;
mod watch;

use std::path::Path;
#[cfg(feature = "onnx")]
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use self::audit::AuditArgs;
use self::convert::ConvertArgs;
use self::data::DataArgs;
use self::export::ExportArgs;
use self::model::ModelArgs;
use self::report::ReportArgs;
use self::selftest::SelftestArgs;
use self::status::StatusArgs;
use self::submit::Job;
use self::train::TrainArgs;
use self::using::{DecodeArgs, EncodeArgs, ReconstructArgs, SampleArgs};
use self::verify::VerifyArgs;
use self::watch::WatchArgs;

/// Trains one variational autoencoder across a list of KL coefficients, from the same initial weights.
#[derive(Debug, Parser)]
#[command(name = "klsweep", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    train: TrainArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the report on one or several runs anew, finished or not: report.html and the figures
    Report(ReportArgs),
    /// Judge networks that other programs trained, by the arrays that they left
    Audit(AuditArgs),
    /// Say what a coefficient is called elsewhere, and what another library's is here
    Convert(ConvertArgs),
    /// Serve the report on runs while they go on, on this machine alone
    Watch(WatchArgs),
    /// Say what there is in data, by a configuration or alone, and show some of its images
    Data(DataArgs),
    /// Draw examples from a trained network
    Sample(SampleArgs),
    /// Encode examples with a trained network
    Encode(EncodeArgs),
    /// Decode codes with a trained network
    Decode(DecodeArgs),
    /// Encode examples with a trained network and decode them again
    Reconstruct(ReconstructArgs),
    /// Write a trained network for PyTorch and as ONNX, with a model card
    Export(ExportArgs),
    /// Say what layers a network has, by a configuration or data alone: outputs, parameters and multiply-adds
    Model(ModelArgs),
    /// Check that the files of a finished run are as they were written
    Verify(VerifyArgs),
    /// Show which members of a run are finished, running, waiting or failed
    Status(StatusArgs),
    /// Print the file by which a scheduler trains a sweep with many processes, or submit it
    Submit(Job),
    /// Check the training and the diagnostics of this program against cases whose answers are known; 1 if one is missed
    Selftest(SelftestArgs),
    /// Run the network of an ONNX file for another process of this program
    #[cfg(feature = "onnx")]
    #[command(name = onnx_network::COMMAND, hide = true)]
    RunNetwork {
        /// The file
        path: PathBuf,
        /// Bytes of memory that it may take
        memory: u64,
        /// Seconds that it may take at a time
        seconds: u64,
    },
    /// Print the completions of a shell, to be put where that looks for them
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// The exit codes of the program that neither success nor a signal gives.
#[derive(Clone, Copy)]
enum Failed {
    /// A check found something.
    Check = 1,
    /// The input cannot be worked with.
    Input = 2,
    /// Members could not be trained to their end, or another process has them, or the report could not be written; all else was done.
    Part = 3,
}

impl From<Failed> for ExitCode {
    fn from(failed: Failed) -> Self {
        ExitCode::from(failed as u8)
    }
}

/// How many of a kind are named: failures, and left-out figures, which are often the same of every member.
const NAMED: usize = 8;

/// The program. It exits with 0 when everything asked for was done, with a number of `Failed`, or as the signal demands
/// that stopped it: 130 for Ctrl-C, 75 where a scheduler is to start the same command again.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Where it cannot be printed, there is nobody to tell.
            let _ = error.print();
            if let Some(hint) = error.use_stderr().then(command_or_data).flatten() {
                eprintln!("\n{hint}");
            }
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            Failed::Input.into()
        }
    }
}

/// What may have been meant, where the first argument names a command and data too, or neither, or there is more than one of data.
fn command_or_data() -> Option<String> {
    let mut words = std::env::args().skip(1);
    let (first, second) = (words.next()?, words.next());
    let command = Args::command();
    let commands: Vec<&str> = command.get_subcommands().map(|command| command.get_name()).collect();
    let exists = |name: &str| Path::new(name).exists();
    if commands.contains(&first.as_str()) {
        return exists(&first).then(|| {
            format!("{first} is a command, and there is something here that is called so: to train on it, write ./{first}")
        });
    }
    if exists(&first) {
        return second.is_some_and(|second| exists(&second)).then(|| {
            "Data is one file or one folder: put several into a folder, as its parts if they are called train and test."
                .to_string()
        });
    }
    let meant = record::nearest(&first, commands).filter(|_| !first.starts_with('-'))?;
    Some(format!("{first} is neither a command nor data that is here: did you mean {meant}?"))
}

fn run(args: &Args) -> Result<ExitCode> {
    let Some(command) = &args.command else { return train::run(&args.train) };
    match command {
        Command::Report(args) => report::run(args),
        Command::Audit(args) => audit::run(args),
        Command::Convert(args) => {
            print!("{}", convert::convert(args)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Watch(args) => watch::run(args),
        Command::Data(args) => data::run(args),
        Command::Sample(args) => using::sample(args),
        Command::Encode(args) => using::encode(args),
        Command::Decode(args) => using::decode(args),
        Command::Reconstruct(args) => using::reconstruct(args),
        Command::Export(args) => export::run(args),
        Command::Model(args) => model::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Status(args) => status::run(args),
        Command::Submit(job) => {
            job.run()?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Selftest(args) => selftest::run(args),
        #[cfg(feature = "onnx")]
        Command::RunNetwork { path, memory, seconds } => {
            Ok(onnx_network::serve(path, onnx_network::Bounds { memory: *memory, seconds: *seconds }))
        }
        Command::Completions { shell } => {
            let mut command = Args::command();
            let name = command.get_name().to_string();
            clap_complete::generate(*shell, &mut command, name, &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// How this program was called, to name in advice.
fn program() -> &'static str {
    // Cargo sets the variable for what `cargo run` starts.
    if std::env::var_os("CARGO").is_some() { "cargo run -p train --" } else { "klsweep" }
}
