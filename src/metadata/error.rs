//! Errors of the metadata layer. Variants say what the caller can do; nothing of the engine shows through but its text.

use super::outcome::CommandError;
use crate::types::{ByteSize, CommitSequence};
use std::{fmt, path::PathBuf};

/// What the database engine said. Only its text leaves this layer.
pub struct DatabaseError(Box<sqlx::Error>);

/// SQLITE_FULL: there was no room for the change, and nothing of it remains.
const CODE_DISK_FULL: &str = "13";

/// SQLITE_IOERR_SHMSIZE: the file beside the log that shows where in it pages are could not be made as long as it has to be.
const CODE_NO_INDEX: &str = "4874";

/// SQLITE_PERM, BUSY, LOCKED, NOMEM, READONLY, INTERRUPT, IOERR, FULL and CANTOPEN: the machine's doing, not the rows'.
const CODES_OF_WEATHER: [u32; 9] = [3, 5, 6, 7, 8, 9, 10, 13, 14];

impl DatabaseError {
    /// Whether the disk was full: deleting something helps.
    pub fn is_disk_full(&self) -> bool {
        self.has_code(CODE_DISK_FULL)
    }

    fn has_code(&self, wanted: &str) -> bool {
        self.0.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == wanted)
    }

    /// Whether it comes of what the database holds, and will be the same tomorrow.
    pub(super) fn is_of_contents(&self) -> bool {
        use sqlx::Error::{ColumnDecode, ColumnIndexOutOfBounds, ColumnNotFound, Decode, RowNotFound};
        match &*self.0 {
            ColumnDecode { .. } | ColumnIndexOutOfBounds { .. } | ColumnNotFound(_) | Decode(_) | RowNotFound => true,
            sqlx::Error::Database(error) => {
                let code = error.code().and_then(|code| code.parse::<u32>().ok());
                // The low byte is the kind of error.
                code.is_some_and(|code| !CODES_OF_WEATHER.contains(&(code & 0xFF)))
            }
            _ => false,
        }
    }

    /// Whether the change met a row with the same key: the statement alone failed.
    pub(super) fn is_duplicate(&self) -> bool {
        self.0.as_database_error().is_some_and(|error| error.is_unique_violation())
    }
}

impl fmt::Debug for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        if self.has_code(CODE_NO_INDEX) { f.write_str("; most likely its disk is full") } else { Ok(()) }
    }
}

impl std::error::Error for DatabaseError {}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        Self(Box::new(error))
    }
}

/// Opening, backing up and restoring.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    #[error("the metadata directory {} is in use by another process", .0.display())]
    InUse(PathBuf),
    #[error(
        "the metadata was written by a newer version of larder (format {found}, this one knows up to {known}); \
         start the newer version, or restore a backup"
    )]
    NewerFormat { found: i64, known: i64 },
    #[error("{} is not a database of larder: {reason}", .path.display())]
    NotOurs { path: PathBuf, reason: String },
    #[error("{} exists already; it is not overwritten", .0.display())]
    Exists(PathBuf),
    #[error(
        "nothing was looked at: the doctor looks at a copy of the metadata, for which {} must be free in {}, and {} are: \
         free {} more on that disk and ask again",
        .needed.to_human(), .folder.display(), .free.to_human(), .lacking.to_human()
    )]
    NoRoomForCopy { folder: PathBuf, needed: ByteSize, free: ByteSize, lacking: ByteSize },
    #[error("an examination is under way: ask again when it has ended")]
    ExaminationUnderWay,
    #[error("{}: {error}", .path.display())]
    Io { path: PathBuf, error: std::io::Error },
    #[error("the metadata settings are wrong: {0}")]
    Settings(String),
    #[error("the metadata database failed: {0}")]
    Database(#[from] DatabaseError),
    #[error("the metadata is damaged: {0}")]
    Damaged(String),
    /// The database was not closed in order, and what was committed last was in its log.
    #[error(
        "the log of the metadata is gone, and with it what was committed last: {} was there, put it back. (If another program has \
         opened the database since then and closed it in order, nothing is missing: remove the file `open` beside it)",
        .0.display()
    )]
    LogGone(PathBuf),
    #[error("there is nothing in the database {}, which was in use", .0.display())]
    Emptied(PathBuf),
    /// Somebody knows more than it does.
    #[error(
        "the metadata ends at command {own}, and command {newest} had been acknowledged: the end of the database was lost, or an \
         older copy was put in its place. If there is a newer one, put that back"
    )]
    Lacking { own: CommitSequence, newest: CommitSequence },
    #[error("a batch of commands that nodes keep can't be carried out: {0}")]
    NotCarriedOut(#[from] ProposeError),
}

impl MetadataError {
    /// A database that is unusable for what it holds, not for want of room or rights: the doctor can look into it.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Database(error) => error.is_of_contents(),
            Self::Damaged(_) | Self::LogGone(_) | Self::Emptied(_) | Self::Lacking { .. } => true,
            _ => false,
        }
    }

    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { path, error }
    }
}

impl From<sqlx::Error> for MetadataError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<QueryError> for MetadataError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Database(error) => Self::Database(error),
            QueryError::Damaged(what) => Self::Damaged(what),
            QueryError::Closed => Self::Damaged("closed".to_owned()),
        }
    }
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProposeError {
    /// The command was decided against; nothing of it remains, and the decision is durable.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// The metadata's disk has no room left for this command: deletes still go. Nothing of it remains.
    #[error("the disk of the metadata is full")]
    NoRoom,
    /// The metadata is closing or has failed: whether the command was carried out is known after a restart.
    #[error("the metadata is not available: {0}")]
    Unavailable(String),
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the metadata database failed: {0}")]
    Database(#[from] DatabaseError),
    /// A row holds what no command writes.
    #[error("the metadata is damaged: {0}")]
    Damaged(String),
    #[error("the metadata is closed")]
    Closed,
}

impl QueryError {
    /// With the row that it is about, where a row is at fault.
    pub(super) fn of(self, row: &str) -> Self {
        match self {
            Self::Damaged(what) => Self::Damaged(format!("{row}: {what}")),
            other => other,
        }
    }
}

impl From<sqlx::Error> for QueryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Values in rows that don't parse.
macro_rules! damaged {
    ($($kind:ty),*) => {$(
        impl From<$kind> for QueryError {
            fn from(error: $kind) -> Self {
                Self::Damaged(error.to_string())
            }
        }
    )*};
}

damaged!(
    serde_json::Error,
    crate::types::InvalidId,
    crate::types::InvalidObjectKey,
    crate::types::InvalidBucketName,
    crate::types::InvalidETag,
    crate::types::InvalidChecksum
);
