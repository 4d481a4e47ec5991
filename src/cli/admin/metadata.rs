//! `larder admin metadata`: backups of the metadata, and an operator's word after a restore.

use super::{Output, print_json};
use crate::{admin::client::AdminClient, types::ByteSize};
use anyhow::Context;
use clap::{Args, Subcommand};
use std::{
    fs::{self, File},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Back up the metadata, or confirm it after a restore
#[derive(Debug, Args)]
pub struct Metadata {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a verified backup of the metadata to a file, while the gateway runs
    Backup {
        /// The file to make; it must not exist
        file: PathBuf,
    },
    /// After a restore: let the clean-up of data that no name points to go on
    Confirm,
}

impl Metadata {
    pub async fn run(self, client: &AdminClient, output: Output) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Backup { file } => {
                let length = backup(client, &file).await?;
                match output {
                    Output::Json => print_json(&serde_json::json!({ "file": file, "length": length }))?,
                    Output::Table => println!("{} of metadata in {}", ByteSize(length).to_human(), file.display()),
                }
            }
            Action::Confirm => client.confirm_metadata().await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The file appears under its name only when it is whole, checked and durable.
async fn backup(client: &AdminClient, file: &Path) -> anyhow::Result<u64> {
    anyhow::ensure!(!file.exists(), "{} exists", file.display());
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let context = || format!("cannot write {}", partial.display());
    let mut target =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&partial).with_context(context)?;
    let received = client.backup_metadata(&mut target).await;
    let length = match received {
        Ok(length) => length,
        Err(error) => {
            // What is left has no use; that it can't be removed matters less than why the backup failed.
            let _ = fs::remove_file(&partial);
            return Err(error.into());
        }
    };
    target.sync_all().with_context(context)?;
    fs::rename(&partial, file).with_context(|| format!("cannot make {}", file.display()))?;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()?;
    Ok(length)
}
