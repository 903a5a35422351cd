//! The `train` command, for the tests of this package.

fn main() -> std::process::ExitCode {
    train::cli::main()
}
