//! `larder ls`: buckets, or the objects below a prefix, with their sizes and the total.

use super::s3_client::{AccessFlags, Connection, Depth, Location, Page, block_on, list_buckets, list_page};
use crate::types::ByteSize;
use clap::Args;
use std::{
    io::{self, Write, stdout},
    process::ExitCode,
};

/// List buckets or objects of any S3 server.
#[derive(Debug, Args)]
pub struct Ls {
    /// What to list [default: all buckets]
    #[arg(value_name = "s3://BUCKET[/PREFIX]")]
    location: Option<Location>,
    /// Go below every /
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    access: AccessFlags,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Total {
    objects: u64,
    bytes: u64,
}

impl Ls {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let connection = Connection::open(&self.access)?;
        let depth = if self.recursive { Depth::Everything } else { Depth::OneLevel };
        block_on(async {
            match self.location {
                Some(location) => print_objects(&connection, &location, depth).await,
                None => print_buckets(&connection).await,
            }
        })
    }
}

async fn print_buckets(connection: &Connection) -> anyhow::Result<()> {
    for bucket in list_buckets(connection).await? {
        writeln!(stdout(), "{:<24}  {}", bucket.creation_date, bucket.name)?;
    }
    Ok(())
}

async fn print_objects(connection: &Connection, location: &Location, depth: Depth) -> anyhow::Result<()> {
    let mut total = Total::default();
    let mut after = None;
    loop {
        let page = list_page(connection, location, depth, after.as_deref()).await?;
        print_page(&page, &mut total, &mut stdout().lock())?;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let size = ByteSize(total.bytes);
    writeln!(stdout(), "total: {} objects, {} bytes ({})", total.objects, total.bytes, size.to_human())?;
    Ok(())
}

fn print_page(page: &Page, total: &mut Total, out: &mut dyn Write) -> io::Result<()> {
    for prefix in &page.prefixes {
        writeln!(out, "{:<24}  {:>14}  {prefix}", "", "PREFIX")?;
    }
    for object in &page.objects {
        total.objects += 1;
        total.bytes += object.size;
        writeln!(out, "{:<24}  {:>14}  {}", object.last_modified, object.size, object.key)?;
    }
    Ok(())
}
