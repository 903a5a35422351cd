//! The `train` command as a person or a scheduler uses it: every test starts the program.

mod bad_input;
mod diagnostics;
mod interruption;
mod program;
mod report;
mod sweep;
mod tensorboard;
