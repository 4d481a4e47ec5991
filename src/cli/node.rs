//! `larder node`: one storage node.

use crate::{
    app,
    config::{Configuration, Flags, NodeProcess},
};
use clap::Args;
use std::process::ExitCode;

/// Run a storage node that registers with a gateway
#[derive(Debug, Args)]
pub struct Node {
    #[command(flatten)]
    flags: Flags<NodeProcess>,
}

impl Node {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        app::run_node(&Configuration::load(&self.flags.into_sources())?)
    }
}
