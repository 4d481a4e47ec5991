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
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// One page holds no table, and a log of no more than its head no page.
const PAGE_BYTES: u64 = 4096;
const LOG_HEAD_BYTES: u64 = 32;

/// How the last process let go of the database. What was committed last may be in its log, whose end may be damaged: SQLite leaves
/// out, without a word, what it can't read there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it is in the database, or there is none.
    Orderly,
    /// The database was in use.
    BrokenOff,
    /// The same without a mark: it was new, or its disk full.
    BrokenOffUnmarked,
}

/// Whether the end of the database is there, as far as can be known.
pub(super) type EndIsKnown = Arc<AtomicBool>;

/// The mark of an open database. Dropped before the connection that writes, with which the log may go.
pub(super) struct OpenMark {
    file: PathBuf,
    /// What it becomes when nobody looked for the end: then the log goes, and rightly so.
    left: PathBuf,
    end_is_known: EndIsKnown,
}

impl OpenMark {
    /// Before the database is opened: fails when its log is gone, or all that was in it. Else another cluster would begin.
    pub fn check(directory: &Directory) -> Result<Ending, MetadataError> {
        let (mark, left) = (directory.open_mark(), directory.left_mark());
        let (database, log) = (directory.database(), directory.log());
        let was_open = mark.exists();
        if !(was_open || left.exists()) || !database.exists() {
            return Ok(if log.exists() { Ending::BrokenOffUnmarked } else { Ending::Orderly });
        }
        let length = |file: &Path| fs::metadata(file).map_or(0, |file| file.len());
        if length(&database) == 0 || (length(&database) <= PAGE_BYTES && length(&log) <= LOG_HEAD_BYTES && log.exists())
        {
            return Err(MetadataError::Emptied(database));
        }
        if was_open {
            if !log.exists() {
                return Err(MetadataError::LogGone(log));
            }
            // Whatever keeps the database from being opened now, the log goes with the last connection.
            fs::rename(&mark, &left).map_err(MetadataError::io(&mark))?;
            directory.sync()?;
        }
        Ok(Ending::BrokenOff)
    }

    /// Durable when this returns, and so is the log's name. Called when the database was read. `None` on a full disk, which must
    /// not keep the metadata from being opened, since deleting makes room.
    pub fn set(directory: &Directory, end_is_known: EndIsKnown) -> Result<Option<Self>, MetadataError> {
        let (file, left) = (directory.open_mark(), directory.left_mark());
        let made = match left.exists() {
            true => fs::rename(&left, &file),
            false => File::create(&file).and_then(|made| made.sync_all()),
        };
        directory.sync()?;
        match made {
            Err(error) if error.kind() == ErrorKind::StorageFull => Ok(None),
            made => {
                made.map(|()| Some(Self { file: file.clone(), left, end_is_known })).map_err(MetadataError::io(file))
            }
        }
    }
}

impl Drop for OpenMark {
    fn drop(&mut self) {
        let ended = match self.end_is_known.load(Ordering::Acquire) {
            true => fs::remove_file(&self.file),
            false => fs::rename(&self.file, &self.left),
        };
        if let Err(error) =
            ended.map_err(MetadataError::io(&self.file)).and_then(|()| directory::sync_parent(&self.file))
        {
            tracing::warn!(%error, "the mark of an open database stays; so must its log");
        }
    }
}
