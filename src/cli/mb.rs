//! `larder mb`: make a bucket.

use super::s3_client::{AccessFlags, Connection, Location, block_on, create_bucket};
use anyhow::ensure;
use clap::Args;
use std::process::ExitCode;

/// Make a bucket on any S3 server.
#[derive(Debug, Args)]
pub struct Mb {
    #[arg(value_name = "s3://BUCKET")]
    location: Location,
    #[command(flatten)]
    access: AccessFlags,
}

impl Mb {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        ensure!(self.location.key.is_empty(), "{} names a key; name the bucket alone", self.location);
        let connection = Connection::open(&self.access)?;
        block_on(async {
            create_bucket(&connection, &self.location.bucket).await?;
            println!("made {}", self.location.bucket);
            Ok(())
        })
    }
}
