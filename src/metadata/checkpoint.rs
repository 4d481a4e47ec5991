//! Checkpoints: the write-ahead log's pages go into the database file, on a connection of their own, beside the writer.
//!
//! A pass never waits for readers and never stops them. A log can start over only when a pass got all of it, which a busy
//! writer always outruns: so above the limit the writer waits for a pass before its next batch.

use super::{columns::Columns, error::QueryError, script::Script};
use sqlx::SqliteConnection;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::{Notify, watch};

/// Commands between two looks at the log. A small put writes about 40 KB of log, so it grows by 5 MB in between.
const COMMANDS_BETWEEN_LOOKS: u64 = 128;

/// Bytes of a frame of the log besides its page.
const FRAME_HEADER_BYTES: u64 = 24;

/// The writer's side.
pub(super) struct Checkpoints {
    shared: Arc<Shared>,
    passes: watch::Receiver<u64>,
    /// Commands since the last look was asked for.
    commands: u64,
    limit: u64,
}

struct Shared {
    look: Notify,
    /// Bytes in the log that no pass has got yet, as of the last look.
    log_bytes: AtomicU64,
}

/// The side of the task: ends when the writer is gone.
pub(super) struct Checkpointer {
    connection: SqliteConnection,
    shared: Arc<Shared>,
    passes: watch::Sender<u64>,
    page_bytes: u64,
    begin_at: u64,
}

const READ_PAGE_SIZE: &str = "SELECT page_size FROM pragma_page_size";
const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
const PASS: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// `begin_at` and `limit` in bytes of the log.
pub(super) async fn checkpoints(
    mut connection: SqliteConnection,
    begin_at: u64,
    limit: u64,
) -> Result<(Checkpoints, Checkpointer), QueryError> {
    let page_bytes = Script::of(READ_PAGE_SIZE).fetch_one(&mut connection).await?.number(0)?;
    let shared = Arc::new(Shared { look: Notify::new(), log_bytes: AtomicU64::new(0) });
    let (sender, passes) = watch::channel(0);
    Ok((
        Checkpoints { shared: Arc::clone(&shared), passes, commands: 0, limit },
        Checkpointer { connection, shared, passes: sender, page_bytes, begin_at },
    ))
}

impl Checkpoints {
    /// Called by the writer after each commit. Above the limit it returns only after the next pass; a reader that pins
    /// the log makes the writer slow, not stuck.
    pub async fn after_commit(&mut self, commands: u64) {
        self.commands += commands;
        if self.commands >= COMMANDS_BETWEEN_LOOKS {
            self.commands = 0;
            self.shared.look.notify_one();
        }
        if self.shared.log_bytes.load(Ordering::Relaxed) > self.limit {
            self.passes.mark_unchanged();
            self.shared.look.notify_one();
            // An error means that the task is gone; what remains is a growing log, which the task has reported.
            let _ = self.passes.changed().await;
        }
    }
}

impl Checkpointer {
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                () = self.shared.look.notified() => {}
                // All receivers are gone: the writer has ended.
                () = self.passes.closed() => break,
            }
            if let Err(error) = self.step().await {
                tracing::error!(%error, "a checkpoint of the metadata failed; the log grows until one succeeds");
            }
            self.passes.send_modify(|count| *count += 1);
        }
    }

    async fn step(&mut self) -> Result<(), QueryError> {
        let mut log = self.frames(LOOK).await?;
        self.publish(&log);
        if self.bytes(log.in_log) >= self.begin_at {
            log = self.frames(PASS).await?;
            self.publish(&log);
        }
        Ok(())
    }

    /// A log of which all is in the database starts over with the next write.
    fn publish(&self, log: &Frames) {
        let waiting = if log.in_database >= log.in_log { 0 } else { log.in_log };
        self.shared.log_bytes.store(self.bytes(waiting), Ordering::Relaxed);
    }

    fn bytes(&self, frames: u64) -> u64 {
        frames * (self.page_bytes + FRAME_HEADER_BYTES)
    }

    async fn frames(&mut self, statement: &'static str) -> Result<Frames, QueryError> {
        let row = Script::of(statement).fetch_one(&mut self.connection).await?;
        // -1 when there is no log yet.
        let count = |column| row.number(column).map(|count| u64::try_from(count.cast_signed()).unwrap_or(0));
        Ok(Frames { in_log: count(1)?, in_database: count(2)? })
    }
}

struct Frames {
    in_log: u64,
    in_database: u64,
}
