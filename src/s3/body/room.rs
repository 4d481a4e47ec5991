//! Memory for what has to be whole before it counts: long signed chunks, and documents. Shared by all requests; who finds
//! it spent waits in turn, and those who hold some and are slow are then ended (`BodySource`).

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Cheap to clone.
#[derive(Clone)]
pub struct Room {
    /// One permit a KiB.
    free: Arc<Semaphore>,
    waiters: Arc<AtomicU32>,
    wait: Duration,
}

/// Room that is taken; dropping it gives it back.
#[derive(Debug)]
pub struct Taken {
    _permit: OwnedSemaphorePermit,
}

/// There was none within the time that a request waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl Room {
    /// `wait` is how long a request waits before it finds none.
    pub fn new(kib: usize, wait: Duration) -> Self {
        Self { free: Arc::new(Semaphore::new(kib)), waiters: Arc::default(), wait }
    }

    /// Waits for room for so many bytes. Dropping the future leaves nothing behind.
    pub async fn take(&self, bytes: u64) -> Result<Taken, NoRoom> {
        let kib = u32::try_from(bytes.div_ceil(1024)).map_err(|_| NoRoom)?;
        if let Ok(permit) = self.free.clone().try_acquire_many_owned(kib) {
            return Ok(Taken { _permit: permit });
        }
        self.waiters.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiters);
        match tokio::time::timeout(self.wait, self.free.clone().acquire_many_owned(kib)).await {
            Ok(Ok(permit)) => Ok(Taken { _permit: permit }),
            _ => Err(NoRoom),
        }
    }

    pub fn has_waiters(&self) -> bool {
        self.waiters.load(Ordering::Relaxed) > 0
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("free_kib", &self.free.available_permits()).finish_non_exhaustive()
    }
}

struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_room_waits_and_gives_up_after_a_while() {
        let room = Room::new(4, Duration::from_secs(60));
        let taken = room.take(3000).await.unwrap();
        assert!(!room.has_waiters());
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { room.take(2000).await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(room.has_waiters());
        drop(taken);
        assert_eq!(waiting.await.unwrap(), Ok(()));
        assert!(!room.has_waiters());
        let room = Room::new(4, Duration::from_millis(1));
        let _all = room.take(4096).await.unwrap();
        assert_eq!(room.take(1).await.map(drop), Err(NoRoom));
        assert!(!room.has_waiters());
    }
}
