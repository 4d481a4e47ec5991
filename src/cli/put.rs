//! `larder put`: one file or standard input into an object.

use super::s3_client::{AccessFlags, Connection, Location, Source, block_on, upload};
use anyhow::{anyhow, bail};
use clap::Args;
use std::{path::Path, process::ExitCode};

/// Upload a file, or standard input, to any S3 server.
#[derive(Debug, Args)]
pub struct Put {
    /// The file, or - for standard input
    #[arg(value_name = "FILE|-")]
    source: String,
    /// s3://BUCKET/KEY; with / at the end, or without a key, the file's name is added
    #[arg(value_name = "s3://BUCKET/KEY")]
    target: Location,
    #[command(flatten)]
    access: AccessFlags,
}

impl Put {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let source = Source::from_argument(&self.source);
        let target = with_file_name(self.target, &source)?;
        let connection = Connection::open(&self.access)?;
        block_on(async { upload(&connection, &source, &target).await })
    }
}

fn with_file_name(mut target: Location, source: &Source) -> anyhow::Result<Location> {
    if !target.key.is_empty() && !target.key.ends_with('/') {
        return Ok(target);
    }
    match source {
        Source::StandardInput => bail!("name the key: {target} is none, and standard input has no name"),
        Source::File(path) => {
            let name = Path::file_name(path).and_then(|name| name.to_str());
            target.key.push_str(name.ok_or_else(|| anyhow!("name the key: {} has no UTF-8 name", path.display()))?);
            Ok(target)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_without_a_name_takes_the_files_name() {
        let key = |target: &str, source: &str| {
            with_file_name(target.parse().unwrap(), &Source::from_argument(source)).map(|location| location.key).ok()
        };
        assert_eq!(key("s3://abc", "/x/y.bin").as_deref(), Some("y.bin"));
        assert_eq!(key("s3://abc/d/", "y.bin").as_deref(), Some("d/y.bin"));
        assert_eq!(key("s3://abc/z", "y.bin").as_deref(), Some("z"));
        assert_eq!(key("s3://abc/z", "-").as_deref(), Some("z"));
        assert_eq!(key("s3://abc/", "-"), None);
        assert_eq!(key("s3://abc/", ".."), None);
    }
}
