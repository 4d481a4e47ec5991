//! A backup of the metadata on its way to an operator: made in the data directory, read back and checked there, unlinked,
//! and sent from the open file.

use crate::{
    admin::{Backup, OperationError},
    metadata::Metadata,
    runtime::Random,
};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};
use tokio::task::spawn_blocking;

/// Begin of the names of files that only live while a backup is made, or the doctor looks at a copy.
pub const NAME_PREFIX: &str = "backup-";

/// Bytes read at a time for the digest.
const PIECE_LENGTH: usize = 1 << 20;

/// When the future is dropped a file may stay behind; `remove_leftovers` clears it at the next start.
pub async fn backup_metadata(
    metadata: &Metadata,
    directory: &Path,
    random: &dyn Random,
) -> Result<Backup, OperationError> {
    let path = directory.join(format!("{NAME_PREFIX}{:016x}", random.next_u64()));
    let report = metadata.backup(&path).await.map_err(|error| OperationError::Unavailable(error.to_string()))?;
    tracing::info!(sequence = %report.committed, bytes = report.bytes, "metadata backup made");
    let opened = spawn_blocking(move || open_unlinked(&path)).await;
    let failed =
        |error: &dyn std::fmt::Display| OperationError::Unavailable(format!("the backup can't be read: {error}"));
    opened.map_err(|error| failed(&error))?.map_err(|error| failed(&error))
}

/// Clears what backups that were broken off left behind.
pub fn remove_leftovers(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path: PathBuf = entry?.path();
        let is_leftover =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(NAME_PREFIX));
        if is_leftover && path.is_file() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn open_unlinked(path: &Path) -> io::Result<Backup> {
    let mut file = File::open(path)?;
    fs::remove_file(path)?;
    let (mut hash, mut piece, mut length) = (Sha256::new(), vec![0; PIECE_LENGTH], 0);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hash.update(&piece[..read]);
        length += read as u64;
    }
    file.rewind()?;
    Ok(Backup { file, length, sha256: const_hex::encode(hash.finalize()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_gone_from_the_directory_and_can_still_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backup-1");
        fs::write(&path, b"rows").unwrap();
        let mut backup = open_unlinked(&path).unwrap();
        assert!(!path.exists());
        let mut text = String::new();
        backup.file.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), backup.length), ("rows", 4));
        assert_eq!(backup.sha256, const_hex::encode(Sha256::digest(b"rows")));
    }

    #[test]
    fn leftovers_are_cleared_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["backup-1", "backup-2.partial", "credentials"] {
            fs::write(directory.path().join(name), b"x").unwrap();
        }
        remove_leftovers(directory.path()).unwrap();
        let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["credentials"]);
    }
}
