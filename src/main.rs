//! The binary `larder`: everything is in the library, so that tests and examples reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    larder::cli::main()
}
