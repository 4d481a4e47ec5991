//! How connections are opened: one that writes, some that read, one for checkpoints.

use super::{error::QueryError, settings::MetadataSettings};
use sqlx::{
    ConnectOptions, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use std::{path::Path, time::Duration};

/// Prepared statements kept per connection. Each statement of the writer stands there with each of the four prefixes that
/// travel in front of it, and scripts in their few shapes.
const STATEMENTS_KEPT: usize = 512;

/// Rows that the engine's thread may be ahead of the reader: a list page whole, so that it wakes the reader rarely.
const ROWS_AHEAD: usize = 1024;

/// A checkpoint holds the write lock for a moment, and so does recovery; nobody holds it for long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// WAL, and a commit is durable when it returns.
fn options(database: &Path, settings: &MetadataSettings, thread: &'static str) -> SqliteConnectOptions {
    let cache_kib = settings.metadata_cache.bytes() >> 10;
    SqliteConnectOptions::new()
        .filename(database)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .row_buffer_size(ROWS_AHEAD)
        // Negative: in KiB.
        .pragma("cache_size", format!("-{cache_kib}"))
        // Checkpoints have a connection of their own.
        .pragma("wal_autocheckpoint", "0")
        .pragma("temp_store", "MEMORY")
        .thread_name(move |_| format!("metadata-{thread}"))
        .disable_statement_logging()
}

pub(super) async fn writer(database: &Path, settings: &MetadataSettings) -> Result<SqliteConnection, QueryError> {
    Ok(options(database, settings, "write").create_if_missing(true).connect().await?)
}

pub(super) async fn reader(database: &Path, settings: &MetadataSettings) -> Result<SqliteConnection, QueryError> {
    Ok(options(database, settings, "read").pragma("query_only", "ON").connect().await?)
}

/// How long a checkpoint that cuts the log waits for readers: the writer holds still meanwhile.
const CUT_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) async fn checkpointer(database: &Path, settings: &MetadataSettings) -> Result<SqliteConnection, QueryError> {
    Ok(options(database, settings, "log").busy_timeout(CUT_TIMEOUT).connect().await?)
}

/// Copies the database elsewhere, which a connection that may only query must not.
pub(super) async fn copier(database: &Path, settings: &MetadataSettings) -> Result<SqliteConnection, QueryError> {
    Ok(options(database, settings, "copy").connect().await?)
}

/// A file that nobody writes: read as it is, without a log beside it.
pub(super) async fn backup(file: &Path) -> Result<SqliteConnection, QueryError> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
    Ok(options.disable_statement_logging().connect().await?)
}

/// An empty database that is gone with its connection.
pub(super) async fn in_memory() -> Result<SqliteConnection, QueryError> {
    Ok(SqliteConnectOptions::new().in_memory(true).disable_statement_logging().connect().await?)
}

/// A database that is being made and has its name only when it is whole: nothing is synced before, and what is taken back is
/// kept in memory. It lies in one file.
pub(super) async fn rebuilder(file: &Path, settings: &MetadataSettings) -> Result<SqliteConnection, QueryError> {
    let options = options(file, settings, "rebuild").journal_mode(SqliteJournalMode::Memory);
    Ok(options.synchronous(SqliteSynchronous::Off).connect().await?)
}

/// A copy that nobody else uses and nobody misses: neither a log nor a sync, and what is sorted may go to files.
pub(super) async fn scratch(file: &Path) -> Result<SqliteConnection, QueryError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Off)
        .synchronous(SqliteSynchronous::Off)
        .pragma("temp_store", "FILE");
    Ok(options.disable_statement_logging().connect().await?)
}
