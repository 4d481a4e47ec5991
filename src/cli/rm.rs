//! `larder rm`: one object, or everything below a prefix.

use super::s3_client::{AccessFlags, Connection, Depth, Location, block_on, delete_keys, list_page};
use anyhow::ensure;
use clap::Args;
use std::process::ExitCode;

/// Delete objects of any S3 server.
#[derive(Debug, Args)]
pub struct Rm {
    #[arg(value_name = "s3://BUCKET/KEY")]
    location: Location,
    /// Delete every object whose key begins with KEY; without KEY, all objects of the bucket
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    access: AccessFlags,
}

impl Rm {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        ensure!(self.recursive || !self.location.key.is_empty(), "name a key, or use -r to delete all objects");
        let connection = Connection::open(&self.access)?;
        block_on(async {
            if self.recursive {
                return delete_below(&connection, &self.location).await;
            }
            delete_keys(&connection, &self.location.bucket, std::slice::from_ref(&self.location.key)).await?;
            println!("deleted {}", self.location);
            Ok(())
        })
    }
}

/// Page by page; a continuation token stays good when the keys before it are gone.
async fn delete_below(connection: &Connection, location: &Location) -> anyhow::Result<()> {
    let mut deleted_count = 0;
    let mut after = None;
    loop {
        let page = list_page(connection, location, Depth::Everything, after.as_deref()).await?;
        let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
        if !keys.is_empty() {
            delete_keys(connection, &location.bucket, &keys).await?;
        }
        deleted_count += keys.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    println!("deleted {deleted_count} objects below {location}");
    Ok(())
}
