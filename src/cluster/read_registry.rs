//! Reads under way, by the commit sequence at which they began (invariant 5). A read registers before its look-up and
//! leaves when its body ends; a deletion committed at sequence d is carried out only when no registered read began at or
//! before d: such a read may have found what was deleted.

use crate::types::CommitSequence;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ReadRegistry {
    /// How many reads began at each sequence. Its size is bounded by the reads under way.
    begun: Arc<Mutex<BTreeMap<CommitSequence, u32>>>,
    /// Reads that have yet to ask the metadata for extents.
    paging: Arc<AtomicU64>,
}

impl ReadRegistry {
    /// Registers a read. `newest` is asked under the registry's lock, so that no deletion can slip in between.
    pub fn begin(&self, newest: impl FnOnce() -> CommitSequence) -> ReadGuard {
        let mut begun = lock(&self.begun);
        let at = newest();
        *begun.entry(at).or_insert(0) += 1;
        drop(begun);
        ReadGuard { registry: self.clone(), at, is_paging: false }
    }

    /// Whether some read has yet to ask the metadata for extents: unrolling would take them from under it.
    pub fn has_paging_reads(&self) -> bool {
        self.paging.load(Ordering::Relaxed) > 0
    }

    /// Whether no read under way can have seen what was deleted at `deleted_at`.
    pub fn is_past(&self, deleted_at: CommitSequence) -> bool {
        lock(&self.begun).first_key_value().is_none_or(|(oldest, _)| *oldest > deleted_at)
    }

    /// Reads under way.
    pub fn count(&self) -> u64 {
        lock(&self.begun).values().map(|count| u64::from(*count)).sum()
    }
}

fn lock(begun: &Mutex<BTreeMap<CommitSequence, u32>>) -> MutexGuard<'_, BTreeMap<CommitSequence, u32>> {
    begun.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A registered read: hold it from before the look-up until the body has ended.
#[derive(Debug)]
pub struct ReadGuard {
    registry: ReadRegistry,
    at: CommitSequence,
    is_paging: bool,
}

impl ReadGuard {
    /// Says whether the read has yet to ask the metadata for extents.
    pub(super) fn set_paging(&mut self, is_paging: bool) {
        match (self.is_paging, is_paging) {
            (false, true) => self.registry.paging.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.registry.paging.fetch_sub(1, Ordering::Relaxed),
            _ => return,
        };
        self.is_paging = is_paging;
    }

    /// The newest commit when the read began.
    pub fn began_at(&self) -> CommitSequence {
        self.at
    }
}

impl Drop for ReadGuard {
    fn drop(&mut self) {
        self.set_paging(false);
        let mut begun = lock(&self.registry.begun);
        if let Some(count) = begun.get_mut(&self.at) {
            *count -= 1;
            if *count == 0 {
                begun.remove(&self.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_waits_for_reads_that_began_at_or_before_it() {
        let registry = ReadRegistry::default();
        assert!(registry.is_past(CommitSequence(10)));
        let early = registry.begin(|| CommitSequence(9));
        let same = registry.begin(|| CommitSequence(10));
        let late = registry.begin(|| CommitSequence(11));
        assert!(!registry.is_past(CommitSequence(10)));
        drop(early);
        assert!(!registry.is_past(CommitSequence(10)));
        drop(same);
        assert!(registry.is_past(CommitSequence(10)));
        assert!(!registry.is_past(CommitSequence(11)));
        assert_eq!(registry.count(), 1);
        drop(late);
        assert_eq!(registry.count(), 0);
    }
}
