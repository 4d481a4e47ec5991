//! The verbs. A new verb is a file beside this one and one line in each of the two lists here.

use super::{
    admin::Admin, bench::Bench, config::Config, gateway::Gateway, get::Get, ls::Ls, mb::Mb, node::Node, put::Put,
    rb::Rb, rm::Rm, server::Server, volume::Volume,
};
use clap::Subcommand;
use std::process::ExitCode;

/// What the first word on the command line may be.
#[derive(Debug, Subcommand)]
pub enum Verb {
    Server(Server),
    Gateway(Gateway),
    Node(Node),
    Admin(Admin),
    Config(Config),
    Put(Put),
    Get(Get),
    Ls(Ls),
    Rm(Rm),
    Mb(Mb),
    Rb(Rb),
    Bench(Bench),
    Volume(Volume),
}

impl Verb {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Server(verb) => verb.run(),
            Self::Gateway(verb) => verb.run(),
            Self::Node(verb) => verb.run(),
            Self::Admin(verb) => verb.run(),
            Self::Config(config) => config.run(),
            Self::Put(verb) => verb.run(),
            Self::Get(verb) => verb.run(),
            Self::Ls(verb) => verb.run(),
            Self::Rm(verb) => verb.run(),
            Self::Mb(verb) => verb.run(),
            Self::Rb(verb) => verb.run(),
            Self::Bench(verb) => verb.run(),
            Self::Volume(verb) => verb.run(),
        }
    }
}
