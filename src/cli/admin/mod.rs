//! `larder admin`: what an operator asks of a running gateway. One file per sub-verb.

mod doctor;
mod explain;
mod jobs;
mod key;
mod lifecycle;
mod metadata;
mod node;
mod nodes;
mod scrub;
mod status;
mod verify;
mod what_if;

use crate::{
    admin::{OperatorCredentials, client::AdminClient},
    app::RootCredentials,
    config::{AdminProcess, Configuration, Flags, ProcessSettings},
};
use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::process::ExitCode;
use tokio::time::Instant;

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
    Node(node::Node),
    Key(key::Key),
    Jobs(jobs::Jobs),
    Explain(explain::Explain),
    Lifecycle(lifecycle::Lifecycle),
    WhatIf(what_if::WhatIf),
    Verify(verify::Verify),
    Scrub(scrub::Scrub),
    Doctor(doctor::Doctor),
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
        let settings = Configuration::load(&self.flags.into_sources())?.settings()?;
        let output = if self.json { Output::Json } else { Output::Table };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            if let Verb::Doctor(verb) = &self.verb
                && let Some(path) = verb.offline()
            {
                return doctor::run_offline(path, output).await;
            }
            if let Verb::Jobs(verb) = &self.verb
                && let Some((name, data)) = verb.offline()
            {
                return jobs::pause_offline(name, data, &settings).await;
            }
            let deadline = match &self.verb {
                Verb::Status(verb) => verb.deadline(),
                _ => Instant::now(),
            };
            let client = connect(settings.process, deadline).await?;
            match self.verb {
                Verb::Status(verb) => verb.run(&client, output, deadline).await,
                Verb::Nodes(verb) => verb.run(&client, output).await,
                Verb::Node(verb) => verb.run(&client, output).await,
                Verb::Key(verb) => verb.run(&client, output).await,
                Verb::Scrub(verb) => verb.run(&client, output).await,
                Verb::Jobs(verb) => verb.run(&client, output).await,
                Verb::Lifecycle(verb) => verb.run(&client, output).await,
                Verb::Explain(verb) => verb.run(&client, output).await,
                Verb::Verify(verb) => verb.run(&client, output).await,
                Verb::WhatIf(verb) => verb.run(&client, output).await,
                Verb::Doctor(verb) => verb.run(&client, output).await,
                Verb::Metadata(verb) => verb.run(&client, output).await,
            }
        })
    }
}

/// A gateway that starts for the first time makes its credentials first: they are waited for until the deadline.
async fn connect(settings: ProcessSettings, deadline: Instant) -> anyhow::Result<AdminClient> {
    let credentials = loop {
        match RootCredentials::find(&settings)? {
            Some(found) => break found,
            None if Instant::now() < deadline => tokio::time::sleep(status::LOOK_INTERVAL).await,
            None => bail!(
                "no root credentials: set LARDER_ACCESS_KEY and LARDER_SECRET_KEY, or give --data DIR of the gateway"
            ),
        }
    };
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
