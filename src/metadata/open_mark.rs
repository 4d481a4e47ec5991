//! A mark beside the database from its opening to its orderly end. While it is there the log is too, and what was committed last
//! may be in the log alone: a mark without a log says that somebody removed it, and the database is older than what was
//! acknowledged. To serve it would bring back what was deleted, and hide what was written.

use super::{
    directory::{self, Directory},
    error::MetadataError,
};
use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// One page holds no table, and a log of no more than its head no page.
const PAGE_BYTES: u64 = 4096;
const LOG_HEAD_BYTES: u64 = 32;

/// The mark of an open database. Dropped before the connection that writes, with which the log may go.
pub(super) struct OpenMark {
    file: PathBuf,
}

impl OpenMark {
    /// Before the database is opened: fails when its log is gone, or all that was in it. Else another cluster would begin.
    pub fn check(directory: &Directory) -> Result<(), MetadataError> {
        let (mark, database, log) = (directory.open_mark(), directory.database(), directory.log());
        if !mark.exists() || !database.exists() {
            return Ok(());
        }
        let length = |file: &Path| fs::metadata(file).map_or(0, |file| file.len());
        if length(&database) == 0 || (length(&database) <= PAGE_BYTES && length(&log) <= LOG_HEAD_BYTES && log.exists())
        {
            return Err(MetadataError::Emptied(database));
        }
        if !log.exists() {
            return Err(MetadataError::LogGone(log));
        }
        Ok(())
    }

    /// Durable when this returns, and so is the log's name. Called when the database was read. `None` on a full disk, which must
    /// not keep the metadata from being opened, since deleting makes room.
    pub fn set(directory: &Directory) -> Result<Option<Self>, MetadataError> {
        let file = directory.open_mark();
        let made = File::create(&file).and_then(|made| made.sync_all());
        directory.sync()?;
        match made {
            Err(error) if error.kind() == ErrorKind::StorageFull => Ok(None),
            made => made.map(|()| Some(Self { file: file.clone() })).map_err(MetadataError::io(file)),
        }
    }
}

impl Drop for OpenMark {
    fn drop(&mut self) {
        let removed = fs::remove_file(&self.file);
        if let Err(error) =
            removed.map_err(MetadataError::io(&self.file)).and_then(|()| directory::sync_parent(&self.file))
        {
            tracing::warn!(%error, "the mark of an open database stays; so must its log");
        }
    }
}
