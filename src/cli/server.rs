//! `larder server`: gateway and nodes in one process.

use crate::{
    app,
    config::{Configuration, Flags, ServerProcess},
};
use clap::Args;
use std::process::ExitCode;

/// Run a gateway and storage nodes in one process
#[derive(Debug, Args)]
pub struct Server {
    #[command(flatten)]
    flags: Flags<ServerProcess>,
}

impl Server {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        app::run_server(&Configuration::load(&self.flags.into_sources())?)
    }
}
