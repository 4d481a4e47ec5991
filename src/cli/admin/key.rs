//! `larder admin key`: access keys beside the root key, each with full access.

use super::{Output, print_json};
use crate::{
    admin::{KeyState, client::AdminClient},
    cli::table::{print, table},
};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Manage access keys
#[derive(Debug, Args)]
pub struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an access key; its secret is shown this once
    Create {
        /// A name for people
        #[arg(long, default_value = "")]
        name: String,
    },
    /// List the access keys
    List,
    /// Refuse requests that are signed with the key, until it is enabled again
    Disable {
        /// The access key
        access_key: String,
    },
    /// Accept requests that are signed with the key again
    Enable {
        /// The access key
        access_key: String,
    },
    /// Forget the key for good
    Delete {
        /// The access key
        access_key: String,
    },
}

impl Key {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Create { name } => create(client, name, output).await?,
            Action::List => list(client, output).await?,
            Action::Disable { access_key } => client.set_key_state(&access_key, KeyState::Disabled).await?,
            Action::Enable { access_key } => client.set_key_state(&access_key, KeyState::Enabled).await?,
            Action::Delete { access_key } => client.delete_key(&access_key).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn create(client: &AdminClient, name: String, output: Output) -> anyhow::Result<()> {
    let created = client.create_key(name).await?;
    if output == Output::Json {
        return print_json(&created);
    }
    println!("access key  {}", created.access_key);
    println!("secret key  {}", created.secret_key);
    println!("The secret key is not shown again.");
    Ok(())
}

async fn list(client: &AdminClient, output: Output) -> anyhow::Result<()> {
    let keys = client.keys().await?;
    if output == Output::Json {
        return print_json(&keys);
    }
    let mut rows = table(["ACCESS KEY", "NAME", "STATE", "CREATED"]);
    for key in keys {
        let state = if key.enabled { "enabled" } else { "disabled" };
        rows.add_row([key.access_key, key.name, state.into(), key.created.unwrap_or_default()]);
    }
    print(&rows);
    Ok(())
}
