//! Trains one variational autoencoder across a list of KL coefficients: everything that touches a device or a terminal.
//!
//! Data flows one way: configuration, images, members, checkpoints, evaluation, report. The program is [`cli::main`]; the
//! modules are public for its tests and benchmarks.
// `forbid` would refuse the macro `s!` of ndarray, which allows it within itself.
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod audit;
pub mod batches;
pub mod checkpoint;
pub mod cli;
pub mod device;
pub mod diagnostics;
pub mod encode_images;
pub mod evaluate;
pub mod example_choice;
pub mod export;
pub mod finished_epochs;
pub mod finiteness;
pub mod image_tensors;
pub mod linear_collapse;
pub mod loopback_server;
pub mod member;
pub mod network;
mod network_check;
pub mod observer;
pub mod own_data;
pub mod progress;
pub mod random;
pub mod recorder;
pub mod recording;
pub mod rows;
pub mod run_context;
pub mod saved_network;
pub mod scheduler;
pub mod selftest;
pub mod signals;
pub mod state;
pub mod status;
pub mod sweep;
pub mod tensor_file;
pub mod tensorboard;
mod together;
pub mod trained_member;
pub mod training;
pub mod verify;
pub mod watch;
mod writer;
