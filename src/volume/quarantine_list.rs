//! Which chunks are quarantined: found damaged, and not appended again or dropped since. What a node tells a gateway, so
//! that the right ones are sent to it.
//!
//! The list lives in memory; recovery fills it from the marks. A chunk that is dropped gets a tombstone about the same segment,
//! so that recovery does not list it again. When that segment is gone both marks may go, in any order, so a mark about a
//! segment that is gone counts for nothing: the chunk is forgotten at the next start. A node that starts is compared with the
//! metadata chunk by chunk anyway.

use crate::types::ChunkKey;
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

/// Chunks that are listed, some 4 MB. What is beyond counts as unidentified: then the whole node is worth a look.
const KEYS_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub struct QuarantineList {
    /// With the generation of the segment that holds the damaged record.
    keys: Mutex<BTreeMap<ChunkKey, u64>>,
    /// Of `keys`: an append looks here and takes no lock.
    length: AtomicUsize,
    additions: AtomicU64,
    unidentified: AtomicU64,
}

impl QuarantineList {
    pub fn add(&self, key: ChunkKey, generation: u64) {
        let mut keys = self.lock();
        if keys.len() < KEYS_MAX {
            keys.insert(key, generation);
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
        self.generation_of(key).is_some()
    }

    /// Of the segment with the damaged record of the chunk, if it is listed.
    pub fn generation_of(&self, key: ChunkKey) -> Option<u64> {
        if self.length.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.lock().get(&key).copied()
    }

    /// Damaged records of which nobody can say whose they were.
    pub fn note_unidentified(&self, count: u64) {
        self.unidentified.fetch_add(count, Ordering::Relaxed);
    }

    /// Keys in their order, from behind `after` on.
    pub fn page(&self, after: Option<ChunkKey>, limit: usize) -> Vec<ChunkKey> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.lock().range((start, Bound::Unbounded)).take(limit).map(|(key, _)| *key).collect()
    }

    pub fn len(&self) -> usize {
        self.length.load(Ordering::Acquire)
    }

    /// Keys that were ever added, and damaged records without a key, since the volume was opened.
    pub fn additions(&self) -> (u64, u64) {
        (self.additions.load(Ordering::Relaxed), self.unidentified.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ChunkKey, u64>> {
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
        [5, 1, 3, 4].into_iter().for_each(|index| list.add(key(index), 70 + u64::from(index)));
        list.remove(key(4));
        assert_eq!(list.page(None, 2), [key(1), key(3)]);
        assert_eq!(list.page(Some(key(3)), 2), [key(5)]);
        assert_eq!((list.len(), list.additions()), (3, (4, 0)));
        assert_eq!((list.generation_of(key(3)), list.generation_of(key(4))), (Some(73), None));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let list = QuarantineList::default();
        (0..KEYS_MAX as u32 + 2).for_each(|index| list.add(key(index), 1));
        assert_eq!((list.len(), list.additions()), (KEYS_MAX, (KEYS_MAX as u64 + 2, 2)));
    }
}
