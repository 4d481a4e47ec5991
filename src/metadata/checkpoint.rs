//! Checkpoints: the write-ahead log's pages go into the database file, on a connection of their own, beside the writer.
//!
//! A pass never waits for readers and never stops them. The log starts over only when a transaction begins after a pass
//! got all of it: a writer that is never idle outruns every pass. So above the limit the writer holds still for one, which
//! has little to do then, because earlier ones got the rest. The log's file keeps its length when it starts over; where
//! the disk has little room left, the writer holds still for it to be cut.

use super::{columns::Columns, error::QueryError, reserve::Room, script::Script};
use sqlx::SqliteConnection;
use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot};

/// Commands between two looks at the log. A small put in a batch of its own writes about 40 KB of log, 5 MB in all.
const COMMANDS_BETWEEN_LOOKS: u64 = 128;

/// Bytes of a frame of the log besides its page.
const FRAME_HEADER_BYTES: u64 = 24;

/// The writer's side.
pub(super) struct Checkpoints {
    requests: mpsc::Sender<Request>,
    log_bytes: Arc<AtomicU64>,
    reusable_bytes: Arc<AtomicU64>,
    /// Commands since the last look was asked for.
    commands: u64,
    limit: u64,
}

enum Request {
    /// Look, and make a pass when the log is long enough.
    Look,
    /// The writer holds still until this is answered.
    Pass(oneshot::Sender<()>),
    /// The same; the disk has little room, and the log's file is cut when it is long.
    Shrink(oneshot::Sender<()>),
}

/// The side of the task: ends when the writer is gone.
pub(super) struct Checkpointer {
    connection: SqliteConnection,
    requests: mpsc::Receiver<Request>,
    /// Length of the log as of the last look; 0 when it starts over with the next transaction.
    log_bytes: Arc<AtomicU64>,
    /// Emptied pages of the database, as of the last `Shrink`.
    reusable_bytes: Arc<AtomicU64>,
    log: PathBuf,
    page_bytes: u64,
    begin_at: u64,
}

const READ_PAGE_SIZE: &str = "SELECT page_size FROM pragma_page_size";
const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
const PASS: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Waits for readers, as long as the connection is patient.
const CUT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
const READ_EMPTIED: &str = "SELECT freelist_count FROM pragma_freelist_count";

/// `begin_at` and `limit` in bytes of the log, which is the file `log`.
pub(super) async fn checkpoints(
    mut connection: SqliteConnection,
    log: PathBuf,
    begin_at: u64,
    limit: u64,
) -> Result<(Checkpoints, Checkpointer), QueryError> {
    let page_bytes = Script::of(READ_PAGE_SIZE).fetch_one(&mut connection).await?.number(0)?;
    let (log_bytes, reusable_bytes) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    // One look that waits is as good as many.
    let (sender, requests) = mpsc::channel(1);
    let writers = Checkpoints {
        requests: sender,
        log_bytes: Arc::clone(&log_bytes),
        reusable_bytes: Arc::clone(&reusable_bytes),
        commands: 0,
        limit,
    };
    Ok((writers, Checkpointer { connection, requests, log_bytes, reusable_bytes, log, page_bytes, begin_at }))
}

impl Checkpoints {
    /// Called by the writer after each commit. Above the limit it returns only after a pass; a reader that pins the log
    /// makes the writer slow, not stuck.
    pub async fn after_commit(&mut self, commands: u64, room: Room) {
        self.commands += commands;
        if room != Room::Enough && self.commands >= COMMANDS_BETWEEN_LOOKS {
            self.commands = 0;
            self.shrink_log().await;
        } else if self.log_bytes.load(Ordering::Relaxed) > self.limit {
            self.hold_still(Request::Pass).await;
        } else if self.commands >= COMMANDS_BETWEEN_LOOKS {
            self.commands = 0;
            let _ = self.requests.try_send(Request::Look);
        }
    }

    /// The disk has little room: the log gives back what it does not need.
    pub async fn shrink_log(&mut self) {
        self.hold_still(Request::Shrink).await;
    }

    /// What the database can take without a longer file; 0 until it was looked at.
    pub fn reusable_bytes(&self) -> u64 {
        self.reusable_bytes.load(Ordering::Relaxed)
    }

    async fn hold_still(&mut self, request: impl FnOnce(oneshot::Sender<()>) -> Request) {
        let (done, answered) = oneshot::channel();
        // Errors mean that the task is gone; the log grows on, which the task has reported.
        if self.requests.send(request(done)).await.is_ok() {
            let _ = answered.await;
        }
    }
}

impl Checkpointer {
    pub async fn run(mut self) {
        while let Some(request) = self.requests.recv().await {
            let result = match &request {
                Request::Look => self.look().await,
                Request::Pass(_) => self.pass_while_writer_waits().await,
                Request::Shrink(_) => self.shrink().await,
            };
            if let Err(error) = result {
                tracing::error!(%error, "a checkpoint of the metadata failed; the log grows until one succeeds");
            }
            if let Request::Pass(done) | Request::Shrink(done) = request {
                // Nobody waits when the writer has ended.
                let _ = done.send(());
            }
        }
    }

    async fn look(&mut self) -> Result<(), QueryError> {
        let log = self.frames(LOOK).await?;
        self.publish(log.in_log);
        if self.bytes(log.in_log) >= self.begin_at && log.in_database < log.in_log {
            self.frames(PASS).await?;
        }
        Ok(())
    }

    async fn pass_while_writer_waits(&mut self) -> Result<(), QueryError> {
        let log = self.frames(PASS).await?;
        // When all of it is in the database, it starts over with the transaction that comes next.
        self.publish(if log.in_database >= log.in_log { 0 } else { log.in_log });
        Ok(())
    }

    async fn shrink(&mut self) -> Result<(), QueryError> {
        let emptied = Script::of(READ_EMPTIED).fetch_one(&mut self.connection).await?.number(0)?;
        self.reusable_bytes.store(emptied * self.page_bytes, Ordering::Relaxed);
        // No log yet is a short one.
        if fs::metadata(&self.log).is_ok_and(|log| log.len() > self.begin_at) {
            let log = self.frames(CUT).await?;
            self.publish(log.in_log);
        }
        Ok(())
    }

    fn publish(&self, frames: u64) {
        self.log_bytes.store(self.bytes(frames), Ordering::Relaxed);
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
