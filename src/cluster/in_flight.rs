//! Blobs in flight: written by this gateway, not yet known to be named by a commit or not (invariant 5). Whoever looks for
//! garbage asks this table first and the metadata second: a blob that the table denies has had its commit's outcome
//! decided, so the metadata that is read afterwards tells the truth about it.

use crate::types::{BlobId, Epoch, GroupId};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A blob that was begun and, as far as its writer knew, never named: what an aborted upload leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbandonedBlob {
    pub blob: BlobId,
    pub group: GroupId,
    /// Highest chunk index that was sent to a node, plus one.
    pub chunk_limit: u32,
}

/// Abandoned blobs that are remembered. More than that are found by the inventory of the nodes, later.
const ABANDONED_MAX: usize = 100_000;

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct InFlight {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// With the group that each is written to, as it was when the blob was begun.
    blobs: HashMap<BlobId, (GroupId, Epoch)>,
    abandoned: VecDeque<AbandonedBlob>,
    /// Some were forgotten: only an inventory finds them.
    has_forgotten: bool,
}

impl InFlight {
    /// The blobs of one write, none yet.
    pub fn begin(&self) -> WriteInFlight {
        WriteInFlight { table: self.clone(), blobs: Vec::new() }
    }

    pub fn contains(&self, blob: BlobId) -> bool {
        self.lock().blobs.contains_key(&blob)
    }

    /// Whether a blob is in flight that was begun when the group had other members than at `epoch`.
    pub fn has_older(&self, group: GroupId, epoch: Epoch) -> bool {
        self.lock().blobs.values().any(|(of, begun_at)| *of == group && *begun_at < epoch)
    }

    /// Blobs in flight.
    pub fn count(&self) -> usize {
        self.lock().blobs.len()
    }

    /// Takes up to `limit` abandoned blobs, oldest first.
    pub fn take_abandoned(&self, limit: usize) -> Vec<AbandonedBlob> {
        let mut state = self.lock();
        let count = limit.min(state.abandoned.len());
        state.abandoned.drain(..count).collect()
    }

    /// Whether abandoned blobs were forgotten since the last call.
    pub fn take_has_forgotten(&self) -> bool {
        std::mem::take(&mut self.lock().has_forgotten)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blobs of one write. Dropped, they are abandoned: nobody is going to name them any more.
#[derive(Debug)]
pub struct WriteInFlight {
    table: InFlight,
    blobs: Vec<AbandonedBlob>,
}

impl WriteInFlight {
    /// Enters a blob, before the first of its chunks is sent.
    pub fn add(&mut self, blob: BlobId, group: GroupId, epoch: Epoch) {
        self.table.lock().blobs.insert(blob, (group, epoch));
        self.blobs.push(AbandonedBlob { blob, group, chunk_limit: 0 });
    }

    /// A chunk of the newest blob is about to be sent.
    pub fn sends(&mut self, index: u32) {
        if let Some(newest) = self.blobs.last_mut() {
            newest.chunk_limit = newest.chunk_limit.max(index + 1);
        }
    }

    /// The commit that names `named` is known to have happened.
    pub fn committed(mut self, named: &[BlobId]) {
        let blobs = std::mem::take(&mut self.blobs);
        let mut state = self.table.lock();
        for entry in blobs {
            state.blobs.remove(&entry.blob);
            if !named.contains(&entry.blob) {
                state.abandon(entry);
            }
        }
    }

    /// The outcome can't be known (the metadata failed, so the process is about to stop): the blobs stay in flight.
    pub fn outcome_is_unknown(mut self) {
        self.blobs.clear();
    }
}

impl State {
    fn abandon(&mut self, entry: AbandonedBlob) {
        if entry.chunk_limit == 0 {
            return;
        }
        if self.abandoned.len() >= ABANDONED_MAX {
            self.has_forgotten = true;
        } else {
            self.abandoned.push_back(entry);
        }
    }
}

impl Drop for WriteInFlight {
    fn drop(&mut self) {
        if self.blobs.is_empty() {
            return;
        }
        let mut state = self.table.lock();
        for entry in self.blobs.drain(..) {
            state.blobs.remove(&entry.blob);
            state.abandon(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(number: u8) -> BlobId {
        BlobId::from_bytes([number; 16])
    }

    fn write(table: &InFlight, numbers: &[u8]) -> WriteInFlight {
        let mut write = table.begin();
        for number in numbers {
            write.add(blob(*number), GroupId(1), Epoch(1));
            write.sends(2);
        }
        write
    }

    #[test]
    fn a_blob_is_in_flight_until_its_outcome_is_known() {
        let table = InFlight::default();
        let first = write(&table, &[1, 2]);
        let second = write(&table, &[3]);
        assert!(table.has_older(GroupId(1), Epoch(2)));
        assert!(!table.has_older(GroupId(1), Epoch(1)) && !table.has_older(GroupId(2), Epoch(2)));
        assert!([1, 2, 3].map(blob).iter().all(|blob| table.contains(*blob)));
        first.committed(&[blob(1)]);
        assert!(!table.contains(blob(1)) && !table.contains(blob(2)) && table.contains(blob(3)));
        drop(second);
        assert_eq!(table.count(), 0);
        let abandoned = table.take_abandoned(10);
        assert_eq!(abandoned.iter().map(|entry| entry.blob).collect::<Vec<_>>(), [blob(2), blob(3)]);
        assert!(abandoned.iter().all(|entry| entry.chunk_limit == 3));
        assert!(table.take_abandoned(10).is_empty());
    }

    #[test]
    fn a_blob_whose_outcome_is_unknown_stays_in_flight() {
        let table = InFlight::default();
        write(&table, &[1]).outcome_is_unknown();
        assert!(table.contains(blob(1)));
        assert!(table.take_abandoned(10).is_empty());
    }

    #[test]
    fn what_is_forgotten_is_said_once() {
        let table = InFlight::default();
        for _ in 0..=ABANDONED_MAX {
            drop(write(&table, &[1]));
        }
        assert!(table.take_has_forgotten());
        assert!(!table.take_has_forgotten());
        assert_eq!(table.take_abandoned(usize::MAX).len(), ABANDONED_MAX);
    }
}
