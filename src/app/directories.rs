//! What lies where below `--data DIR`, and the lock on it.
//!
//! ```text
//! DIR/lock              held while a process uses the directory
//! DIR/credentials       the root credentials, as an AWS credentials file; only its owner reads it
//! DIR/cluster-secret    a server's own cluster secret; only its owner reads it
//! DIR/metadata/         a gateway's database
//! DIR/nodes/1..N/       a server's embedded nodes
//! DIR/node/             a node process's volume and identity
//! ```

use super::usage::UsageError;
use crate::{config::ProcessSettings, runtime::make_durable_directory};
use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A data directory that this process alone uses, as long as the value lives.
#[derive(Debug)]
pub struct DataDirectory {
    root: PathBuf,
    /// The kernel releases the lock with the descriptor, also when the process is killed.
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory where it is missing, and locks it.
    pub fn claim(root: &Path) -> anyhow::Result<Self> {
        make_durable_directory(root).with_context(|| format!("cannot make the data directory {}", root.display()))?;
        let path = root.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => anyhow::anyhow!("{} is in use by another process", root.display()),
            other => anyhow::Error::from(other).context(format!("cannot lock {}", path.display())),
        })?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn metadata(&self) -> PathBuf {
        self.root.join("metadata")
    }

    /// Of an embedded node, numbered from 1.
    pub fn embedded_node(&self, number: u32) -> PathBuf {
        self.root.join("nodes").join(number.to_string())
    }

    /// Of a node process.
    pub fn node(&self) -> PathBuf {
        self.root.join("node")
    }

    /// How many embedded nodes have a directory: those of 1..=N that exist without a gap.
    pub fn embedded_nodes_present(&self) -> u32 {
        (1..).take_while(|number| self.embedded_node(*number).is_dir()).count() as u32
    }
}

/// The directory that `--data` names; every process needs one.
pub fn wanted(settings: &ProcessSettings) -> Result<&Path, UsageError> {
    let missing =
        UsageError::Missing { flag: "--data", meaning: "the directory for everything that this process keeps" };
    settings.data.as_deref().ok_or(missing)
}

/// Writes a file that only its owner reads, whole or not at all: durable under its name when this returns.
pub fn write_private_file(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().ok_or_else(|| io::Error::other("a file has a directory"))?;
    let temporary = path.with_extension("new");
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_second_process_is_kept_out_until_the_first_is_gone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/data");
        let first = DataDirectory::claim(&path).unwrap();
        assert!(DataDirectory::claim(&path).unwrap_err().to_string().contains("in use"));
        drop(first);
        DataDirectory::claim(&path).unwrap();
    }

    #[test]
    fn embedded_nodes_are_counted_up_to_the_first_gap() {
        let parent = tempfile::tempdir().unwrap();
        let data = DataDirectory::claim(parent.path()).unwrap();
        assert_eq!(data.embedded_nodes_present(), 0);
        for number in [1, 2, 4] {
            make_durable_directory(&data.embedded_node(number)).unwrap();
        }
        assert_eq!(data.embedded_nodes_present(), 2);
    }

    #[test]
    fn a_private_file_is_replaced_whole_and_only_its_owner_reads_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("secret");
        for text in ["first", "second"] {
            write_private_file(&path, text).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1, "no temporary file stays");
    }
}
