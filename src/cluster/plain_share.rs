//! Memory in pieces, and a share of it that is handed out first come, first served.

use super::error::ClusterError;
use crate::runtime::PIECE_LENGTH_BYTES;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Number of pieces that hold `bytes`.
pub fn pieces_of(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE_LENGTH_BYTES)).unwrap_or(u32::MAX)
}

/// Whoever finds it spent waits in turn, for a time.
#[derive(Debug)]
pub struct PlainShare {
    free: Arc<Semaphore>,
    total: u32,
    waiters: AtomicU32,
    wait: Duration,
}

/// Pieces of a share; dropping them gives them back.
#[derive(Debug)]
pub struct Pieces {
    permit: OwnedSemaphorePermit,
}

impl Pieces {
    pub fn count(&self) -> u32 {
        u32::try_from(self.permit.num_permits()).unwrap_or(u32::MAX)
    }
}

impl PlainShare {
    pub(super) fn new(total: u32, wait: Duration) -> Self {
        let total = total.max(1);
        Self { free: Arc::new(Semaphore::new(total as usize)), total, waiters: AtomicU32::new(0), wait }
    }

    /// Takes the pieces if they are free now and nobody waits for them.
    pub fn try_take(&self, pieces: u32) -> Option<Pieces> {
        if self.has_waiters() {
            return None;
        }
        let permit = self.free.clone().try_acquire_many_owned(pieces.min(self.total)).ok()?;
        Some(Pieces { permit })
    }

    /// Waits for the pieces, but not for ever. More than the whole share is the whole share: a bound, not a promise.
    /// Dropping the future leaves nothing behind.
    pub async fn take(&self, pieces: u32) -> Result<Pieces, ClusterError> {
        if let Some(taken) = self.try_take(pieces) {
            return Ok(taken);
        }
        let _waiting = Waiting::new(&self.waiters);
        let waited = tokio::time::timeout(self.wait, self.free.clone().acquire_many_owned(pieces.min(self.total)));
        match waited.await {
            Ok(Ok(permit)) => Ok(Pieces { permit }),
            Ok(Err(_)) => Err(ClusterError::Stopping),
            Err(_) => Err(ClusterError::Busy),
        }
    }

    pub(super) fn has_waiters(&self) -> bool {
        self.waiters.load(Ordering::Relaxed) > 0
    }

    pub(super) fn total(&self) -> u32 {
        self.total
    }

    pub(super) fn used(&self) -> u32 {
        self.total.saturating_sub(u32::try_from(self.free.available_permits()).unwrap_or(u32::MAX))
    }
}

/// Counts one waiter for as long as it lives.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
