//! The verbs. A new verb is a file beside this one and one line in each of the two lists here.

use super::config::Config;
use clap::Subcommand;
use std::process::ExitCode;

/// What the first word on the command line may be.
#[derive(Debug, Subcommand)]
pub enum Verb {
    Config(Config),
}

impl Verb {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Config(config) => config.run(),
        }
    }
}
