//! Trains one variational autoencoder across a list of KL coefficients: everything that touches a disk, a device or a
//! terminal.
//!
//! Data flows one way: configuration, images, members, checkpoints, evaluation, report. The program is [`cli::main`]; the
//! modules are public for its tests and benchmarks.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod backend;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod data;
pub mod diagnostics;
pub mod evaluate;
pub mod files;
pub mod member;
pub mod progress;
mod quiet;
pub mod random;
pub mod report;
pub mod run_dir;
pub mod signals;
pub mod sweep;
pub mod tensorboard;
pub mod warnings;
pub mod watch;
mod writer;
