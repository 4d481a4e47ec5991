//! Which chunks are quarantined: found damaged, and not appended again or dropped since. What a node tells a gateway, so
//! that the right ones are sent to it.
//!
//! The list lives in memory; recovery fills it from the marks. A mark that compaction let go with the damaged record is
//! forgotten at the next start: a node that starts is compared with the metadata chunk by chunk anyway.

use crate::types::ChunkKey;
use std::{
    collections::BTreeSet,
    ops::Bound,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

/// Chunks that are listed, some 3 MB. What is beyond counts as unidentified: then the whole node is worth a look.
const KEYS_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub struct QuarantineList {
    keys: Mutex<BTreeSet<ChunkKey>>,
    /// Of `keys`: an append looks here and takes no lock.
    length: AtomicUsize,
    additions: AtomicU64,
    unidentified: AtomicU64,
}

impl QuarantineList {
    pub fn add(&self, key: ChunkKey) {
        let mut keys = self.lock();
        if keys.len() < KEYS_MAX {
            keys.insert(key);
            self.length.store(keys.len(), Ordering::Release);
        } else {
            self.unidentified.fetch_add(1, Ordering::Relaxed);
        }
        self.additions.fetch_add(1, Ordering::Relaxed);
    }

    pub fn remove(&self, key: ChunkKey) {
        if self.length.load(Ordering::Acquire) > 0 {
            let mut keys = self.lock();
            keys.remove(&key);
            self.length.store(keys.len(), Ordering::Release);
        }
    }

    pub fn contains(&self, key: ChunkKey) -> bool {
        self.length.load(Ordering::Acquire) > 0 && self.lock().contains(&key)
    }

    /// Damaged records of which nobody can say whose they were.
    pub fn note_unidentified(&self, count: u64) {
        self.unidentified.fetch_add(count, Ordering::Relaxed);
    }

    /// Keys in their order, from behind `after` on.
    pub fn page(&self, after: Option<ChunkKey>, limit: usize) -> Vec<ChunkKey> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.lock().range((start, Bound::Unbounded)).take(limit).copied().collect()
    }

    pub fn len(&self) -> usize {
        self.length.load(Ordering::Acquire)
    }

    /// Keys that were ever added, and damaged records without a key, since the volume was opened.
    pub fn additions(&self) -> (u64, u64) {
        (self.additions.load(Ordering::Relaxed), self.unidentified.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<ChunkKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BlobId;

    fn key(index: u32) -> ChunkKey {
        ChunkKey { blob: BlobId::from_bytes([1; 16]), index }
    }

    #[test]
    fn pages_go_through_the_list_in_order_and_what_is_repaired_is_gone() {
        let list = QuarantineList::default();
        [5, 1, 3, 4].into_iter().for_each(|index| list.add(key(index)));
        list.remove(key(4));
        assert_eq!(list.page(None, 2), [key(1), key(3)]);
        assert_eq!(list.page(Some(key(3)), 2), [key(5)]);
        assert_eq!((list.len(), list.additions()), (3, (4, 0)));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let list = QuarantineList::default();
        (0..KEYS_MAX as u32 + 2).for_each(|index| list.add(key(index)));
        assert_eq!((list.len(), list.additions()), (KEYS_MAX, (KEYS_MAX as u64 + 2, 2)));
    }
}
