//! `larder rb`: remove an empty bucket.

use super::s3_client::{AccessFlags, Connection, Location, block_on, delete_bucket};
use anyhow::ensure;
use clap::Args;
use std::process::ExitCode;

/// Remove an empty bucket from any S3 server.
#[derive(Debug, Args)]
pub struct Rb {
    #[arg(value_name = "s3://BUCKET")]
    location: Location,
    #[command(flatten)]
    access: AccessFlags,
}

impl Rb {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        ensure!(self.location.key.is_empty(), "{} names a key; name the bucket alone", self.location);
        let connection = Connection::open(&self.access)?;
        block_on(async {
            delete_bucket(&connection, &self.location.bucket).await?;
            println!("removed {}", self.location.bucket);
            Ok(())
        })
    }
}
