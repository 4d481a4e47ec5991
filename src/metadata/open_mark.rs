//! A mark beside the database from its opening to its orderly end. While it is there the log is too, and what was committed last
//! may be in the log alone: a mark without a log says that somebody removed it, and the database is older than what was
//! acknowledged. To serve it would bring back what was deleted, and hide what was written.

use super::{
    directory::{self, Directory},
    error::MetadataError,
};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
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

/// In the mark of a database that was closed in order before anybody knew that its end is there: its log is gone, and rightly so.
const CLOSED: &[u8] = b"closed, but its end was not looked for";

/// Whether the end of the database is there, as far as can be known.
pub(super) type EndIsKnown = Arc<AtomicBool>;

/// The mark of an open database. Dropped before the connection that writes, with which the log may go.
pub(super) struct OpenMark {
    file: PathBuf,
    end_is_known: EndIsKnown,
}

impl OpenMark {
    /// Before the database is opened: fails when its log is gone, or all that was in it. Else another cluster would begin.
    pub fn check(directory: &Directory) -> Result<Ending, MetadataError> {
        let (mark, database, log) = (directory.open_mark(), directory.database(), directory.log());
        if !mark.exists() || !database.exists() {
            return Ok(if log.exists() { Ending::BrokenOffUnmarked } else { Ending::Orderly });
        }
        let length = |file: &Path| fs::metadata(file).map_or(0, |file| file.len());
        if length(&database) == 0 || (length(&database) <= PAGE_BYTES && length(&log) <= LOG_HEAD_BYTES && log.exists())
        {
            return Err(MetadataError::Emptied(database));
        }
        let was_closed = fs::read(&mark).is_ok_and(|said| said == CLOSED);
        if !was_closed && !log.exists() {
            return Err(MetadataError::LogGone(log));
        }
        Ok(Ending::BrokenOff)
    }

    /// Durable when this returns, and so is the log's name. Called when the database was read. `None` on a full disk, which must
    /// not keep the metadata from being opened, since deleting makes room.
    pub fn set(directory: &Directory, end_is_known: EndIsKnown) -> Result<Option<Self>, MetadataError> {
        let file = directory.open_mark();
        let made = File::create(&file).and_then(|made| made.sync_all());
        directory.sync()?;
        match made {
            Err(error) if error.kind() == ErrorKind::StorageFull => Ok(None),
            made => made.map(|()| Some(Self { file: file.clone(), end_is_known })).map_err(MetadataError::io(file)),
        }
    }
}

impl OpenMark {
    fn keep(&self) -> io::Result<()> {
        let mut mark = File::create(&self.file)?;
        mark.write_all(CLOSED)?;
        mark.sync_all()
    }
}

impl Drop for OpenMark {
    fn drop(&mut self) {
        let ended = if self.end_is_known.load(Ordering::Acquire) { fs::remove_file(&self.file) } else { self.keep() };
        if let Err(error) =
            ended.map_err(MetadataError::io(&self.file)).and_then(|()| directory::sync_parent(&self.file))
        {
            tracing::warn!(%error, "the mark of an open database stays; so must its log");
        }
    }
}
