//! `klsweep` as a person or a scheduler uses it: every test starts the program.

mod audit;
mod bad_input;
mod browser;
mod completions;
mod diagnostics;
mod faults;
mod hostile_names;
mod interruption;
mod kills;
mod likelihoods;
mod many_processes;
mod networks;
mod numbers;
#[cfg(feature = "onnx")]
mod onnx;
mod own_data;
mod program;
mod record;
mod report;
mod report_page;
mod sweep;
mod tensorboard;
mod using;
mod verify;
