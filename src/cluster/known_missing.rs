//! Copies that are known to be missing, so that reads ask those nodes last. A hint in memory and no more: the repair list in
//! the metadata is the truth. What is noted wrongly costs another order, what is forgotten one trip in vain.
//!
//! Noted by commits that did not reach a member, by reads that met a bad copy, and by repair, which goes through the list
//! anyway; so after a restart it is filled by the first round of repair. Forgotten when the copy was repaired, which is counted.

use crate::{
    metadata::command::{BlobCopy, NewBlob},
    types::{BlobId, NodeId},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Copies that are remembered: half a megabyte. Beyond it all are forgotten, which also clears those of blobs that are gone.
const REMEMBERED_MAX: usize = 10_000;

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct KnownMissing {
    copies: Arc<RwLock<HashSet<BlobCopy>>>,
    /// How many there are, so that reads take no lock while all is well.
    count: Arc<AtomicUsize>,
    /// Copies of each node that were repaired since the start.
    repaired: Arc<Mutex<HashMap<NodeId, u64>>>,
}

impl KnownMissing {
    pub fn note(&self, missing: impl IntoIterator<Item = BlobCopy>) {
        self.change(|copies| {
            for copy in missing {
                if copies.len() >= REMEMBERED_MAX {
                    copies.clear();
                }
                copies.insert(copy);
            }
        });
    }

    /// Notes the members that a commit left without the blob.
    pub fn note_unreached(&self, blob: &NewBlob, members: impl IntoIterator<Item = NodeId>) {
        let unreached: Vec<NodeId> = members.into_iter().filter(|member| !blob.durable_on.contains(member)).collect();
        if !unreached.is_empty() {
            self.note(unreached.into_iter().map(|node| BlobCopy { blob: blob.blob, node }));
        }
    }

    pub fn forget(&self, repaired: &[BlobCopy]) {
        if !self.is_empty() {
            self.change(|copies| repaired.iter().for_each(|copy| _ = copies.remove(copy)));
        }
        let mut counts = self.repaired.lock().unwrap_or_else(PoisonError::into_inner);
        repaired.iter().for_each(|copy| *counts.entry(copy.node).or_default() += 1);
    }

    /// Copies of these nodes that were repaired since the start: while the number grows, repair gets on.
    pub fn repaired_count<'a>(&self, nodes: impl Iterator<Item = &'a NodeId>) -> u64 {
        let counts = self.repaired.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.filter_map(|node| counts.get(node)).sum()
    }

    pub fn contains(&self, blob: BlobId, node: NodeId) -> bool {
        let copy = BlobCopy { blob, node };
        !self.is_empty() && self.copies.read().unwrap_or_else(PoisonError::into_inner).contains(&copy)
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    fn change(&self, change: impl FnOnce(&mut HashSet<BlobCopy>)) {
        let mut copies = self.copies.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut copies);
        self.count.store(copies.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(number: u128) -> BlobCopy {
        BlobCopy { blob: BlobId::from_bytes(number.to_be_bytes()), node: NodeId::from_bytes([1; 16]) }
    }

    #[test]
    fn a_copy_is_known_until_it_is_repaired() {
        let known = KnownMissing::default();
        known.note([copy(1), copy(2)]);
        known.forget(&[copy(1)]);
        assert!(!known.contains(copy(1).blob, copy(1).node));
        assert!(known.contains(copy(2).blob, copy(2).node));
        assert!(!known.contains(copy(2).blob, NodeId::from_bytes([2; 16])));
        let [node, other] = [1, 2].map(|number| NodeId::from_bytes([number; 16]));
        assert_eq!((known.repaired_count([node, other].iter()), known.repaired_count([other].iter())), (1, 0));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let known = KnownMissing::default();
        known.note((0..3 * REMEMBERED_MAX as u128).map(copy));
        assert!(known.count.load(Ordering::Relaxed) <= REMEMBERED_MAX);
    }
}
