//! `larder gateway`: the S3 side, for nodes that are processes of their own.

use crate::{
    app,
    config::{Configuration, Flags, GatewayProcess},
};
use clap::Args;
use std::process::ExitCode;

/// Run a gateway for nodes that run elsewhere
#[derive(Debug, Args)]
pub struct Gateway {
    #[command(flatten)]
    flags: Flags<GatewayProcess>,
}

impl Gateway {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        app::run_gateway(&Configuration::load(&self.flags.into_sources())?)
    }
}
