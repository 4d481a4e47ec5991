//! `larder admin`: what an operator asks of a running gateway. One file per sub-verb.

mod jobs;
mod key;
mod metadata;
mod nodes;
mod status;

use crate::{
    admin::{OperatorCredentials, client::AdminClient},
    app::RootCredentials,
    config::{AdminProcess, Configuration, Flags},
};
use anyhow::Context;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::process::ExitCode;

/// Ask or tell a running gateway; uses the root credentials from the variables or from --data DIR
#[derive(Debug, Args)]
pub struct Admin {
    #[command(flatten)]
    flags: Flags<AdminProcess>,

    /// Print JSON instead of tables
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Status(status::Status),
    Nodes(nodes::Nodes),
    Key(key::Key),
    Jobs(jobs::Jobs),
    Metadata(metadata::Metadata),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Output {
    Table,
    Json,
}

impl Admin {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let client = connect(self.flags)?;
        let output = if self.json { Output::Json } else { Output::Table };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self.verb {
                Verb::Status(verb) => verb.run(&client, output).await,
                Verb::Nodes(verb) => verb.run(&client, output).await,
                Verb::Key(verb) => verb.run(&client, output).await,
                Verb::Jobs(verb) => verb.run(&client, output).await,
                Verb::Metadata(verb) => verb.run(&client, output).await,
            }
        })
    }
}

fn connect(flags: Flags<AdminProcess>) -> anyhow::Result<AdminClient> {
    let settings = Configuration::load(&flags.into_sources())?.settings()?.process;
    let credentials = RootCredentials::find(&settings)?.context(
        "no root credentials: set LARDER_ACCESS_KEY and LARDER_SECRET_KEY, or give --data DIR of the gateway",
    )?;
    let credentials = OperatorCredentials {
        access_key: credentials.access_key.clone(),
        secret_key: credentials.secret_key.reveal().into(),
    };
    Ok(AdminClient::new(settings.admin_address, credentials))
}

fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
