//! `larder get`: one object into a file or to standard output.

use super::s3_client::{AccessFlags, Connection, Destination, Location, block_on, download};
use anyhow::anyhow;
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

/// Download an object from any S3 server.
#[derive(Debug, Args)]
pub struct Get {
    #[arg(value_name = "s3://BUCKET/KEY")]
    source: Location,
    /// The file, a directory to put it in, or - for standard output [default: the key's last segment]
    #[arg(value_name = "FILE|-")]
    target: Option<String>,
    #[command(flatten)]
    access: AccessFlags,
}

impl Get {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let destination = destination(&self.source, self.target)?;
        let connection = Connection::open(&self.access)?;
        block_on(async { download(&connection, &self.source, &destination).await })
    }
}

fn destination(source: &Location, target: Option<String>) -> anyhow::Result<Destination> {
    let path = match target {
        Some(target) if target == "-" => return Ok(Destination::StandardOutput),
        Some(target) => PathBuf::from(target),
        None => PathBuf::from("."),
    };
    if !path.is_dir() {
        return Ok(Destination::File(path));
    }
    let name = source.file_name().ok_or_else(|| anyhow!("name the file: {source} has no last segment"))?;
    Ok(Destination::File(path.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_or_nothing_takes_the_keys_last_segment() {
        let source: Location = "s3://abc/d/y.bin".parse().unwrap();
        let to = |target: Option<&str>| destination(&source, target.map(str::to_owned)).unwrap();
        assert_eq!(to(None), Destination::File("./y.bin".into()));
        assert_eq!(to(Some("/")), Destination::File("/y.bin".into()));
        assert_eq!(to(Some("/no-such-file")), Destination::File("/no-such-file".into()));
        assert_eq!(to(Some("-")), Destination::StandardOutput);
        assert!(destination(&"s3://abc/d/".parse().unwrap(), None).is_err());
    }
}
