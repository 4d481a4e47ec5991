//! The verbs. A new verb is a file beside this one and one line in each of the two lists here.

use super::{admin::Admin, bench::Bench, config::Config, get::Get, ls::Ls, mb::Mb, put::Put, rb::Rb, rm::Rm};
use clap::Subcommand;
use std::process::ExitCode;

/// What the first word on the command line may be.
#[derive(Debug, Subcommand)]
pub enum Verb {
    Admin(Admin),
    Config(Config),
    Put(Put),
    Get(Get),
    Ls(Ls),
    Rm(Rm),
    Mb(Mb),
    Rb(Rb),
    Bench(Bench),
}

impl Verb {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Admin(verb) => verb.run(),
            Self::Config(config) => config.run(),
            Self::Put(verb) => verb.run(),
            Self::Get(verb) => verb.run(),
            Self::Ls(verb) => verb.run(),
            Self::Rm(verb) => verb.run(),
            Self::Mb(verb) => verb.run(),
            Self::Rb(verb) => verb.run(),
            Self::Bench(verb) => verb.run(),
        }
    }
}
