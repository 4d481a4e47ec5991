//! Readers: a few connections held open. A query is one statement or one short transaction; none stays open while
//! somebody outside is waited for.

use super::{connection, error::QueryError, settings::MetadataSettings};
use sqlx::SqliteConnection;
use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Mutex, PoisonError},
};
use tokio::sync::{Semaphore, SemaphorePermit};

pub(super) struct Readers {
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Semaphore,
}

/// A connection on loan; goes back when dropped. Dropped in the middle of a statement: the engine's thread notices that
/// nobody takes its rows and ends the statement before it begins the next borrower's.
pub(super) struct Reader<'a> {
    connection: Option<SqliteConnection>,
    readers: &'a Readers,
    _permit: SemaphorePermit<'a>,
}

impl Readers {
    pub async fn open(database: &Path, settings: &MetadataSettings) -> Result<Self, QueryError> {
        let mut idle = Vec::new();
        for _ in 0..settings.metadata_readers {
            idle.push(connection::reader(database, settings).await?);
        }
        Ok(Self { permits: Semaphore::new(idle.len()), idle: Mutex::new(idle) })
    }

    /// Waits for a connection. The one used last is lent first: its cache is warm.
    pub async fn lend(&self) -> Result<Reader<'_>, QueryError> {
        let permit = self.permits.acquire().await.map_err(|_| QueryError::Closed)?;
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match connection {
            Some(connection) => Ok(Reader { connection: Some(connection), readers: self, _permit: permit }),
            None => Err(QueryError::Closed),
        }
    }

    /// Queries that come from now on are answered `Closed`.
    pub fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Deref for Reader<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect("taken only by drop")
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("taken only by drop")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let connection = self.connection.take();
        if !self.readers.permits.is_closed() {
            self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(connection);
        }
    }
}
