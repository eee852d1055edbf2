//! The `btrt` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    btrt::cli::main(std::env::args_os().skip(1))
}
