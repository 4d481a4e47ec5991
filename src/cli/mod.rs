//! The command line: one verb per file. A verb is a `clap::Args` struct with a `run` that returns the exit code.
//!
//! Exit codes: 0 done, 1 failed (the reason is on standard error), 2 used wrongly: unknown verbs and flags, settings
//! that are wrong or missing, 128 and the signal's number for an upload or download that SIGINT or SIGTERM ended.

mod admin;
mod bench;
mod broken_pipe;
mod certificate_hint;
mod config;
mod failure;
mod gateway;
mod get;
mod ls;
mod mb;
mod node;
mod put;
mod rb;
mod rm;
mod s3_client;
mod server;
mod table;
mod verb;
mod volume;

use clap::Parser;
use std::process::ExitCode;

/// An S3-compatible object store in one binary.
#[derive(Debug, Parser)]
#[command(name = "larder", version, subcommand_required = true, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    verb: verb::Verb,
}

/// Runs the verb that the process's arguments name.
pub fn main() -> ExitCode {
    broken_pipe::end_quietly();
    match CommandLine::parse().verb.run() {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
