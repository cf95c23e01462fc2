//! The `chaobiao` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    chaobiao::cli::run()
}
