//! From an error to what the person sees and the exit code that the caller's script sees.

use super::s3_client::Interrupted;
use crate::{app::UsageError, config::ConfigError};
use std::process::ExitCode;

/// The same code that clap uses for unknown verbs and flags.
const USAGE: u8 = 2;

/// Says what went wrong on standard error. 2 when the command line, the environment or the file has to be put right; after
/// a signal the code that a shell gives.
pub fn report(error: &anyhow::Error) -> ExitCode {
    eprintln!("larder: {error:#}");
    if let Some(interrupted) = error.downcast_ref::<Interrupted>() {
        return ExitCode::from(interrupted.exit_code());
    }
    let is_usage = error.chain().any(|cause| cause.is::<UsageError>() || cause.is::<ConfigError>());
    if is_usage { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}
