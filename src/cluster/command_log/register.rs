//! What of the command log lies where, and what of it is not needed any more.
//!
//! A snapshot up to a command supersedes the frames up to it, older snapshots, and everything of earlier reigns: this reign
//! began with a database that has all of it. What is superseded is cleared from its nodes, however long that takes; the
//! list is kept with the metadata, so that the next gateway knows of it.

use super::format::LogKind;
use crate::types::{BlobId, CommitSequence, NodeId, VolumeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Blobs to clear that are remembered; more come to light when inventories are gone through whole.
const SUPERSEDED_MAX: usize = 10_000;
/// Of these so many are kept with the metadata.
const KEPT_MAX: usize = 1000;
/// Chunks of one blob of frames.
pub const BLOB_CHUNKS_MAX: u32 = 16_384;

/// A node that got a blob, as it was then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub node: NodeId,
    pub volumes: Vec<VolumeId>,
    /// How often a volume of it was found to have gone back in time.
    pub rolled_back: u64,
}

/// A blob of this reign that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaidBlob {
    pub blob: BlobId,
    pub kind: LogKind,
    pub holders: Vec<Holder>,
    pub chunk_limit: u32,
    pub bytes: u64,
    /// The newest command in it.
    pub last: CommitSequence,
}

/// A blob that a node may drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    pub node: NodeId,
    pub blob: BlobId,
    pub chunk_limit: u32,
}

#[derive(Debug, Default)]
pub struct Register {
    live: Vec<LaidBlob>,
    /// Where frames go.
    open: Option<BlobId>,
    /// The newest one that is whole.
    snapshot: Option<BlobId>,
    /// Of earlier reigns: superseded by the first snapshot.
    former: Vec<Superseded>,
    superseded: Vec<Superseded>,
    /// A part of what is needed was found damaged on a node.
    is_damaged: bool,
    /// What is to be kept has changed.
    has_changed: bool,
}

impl Register {
    /// Enters a blob before its first piece is put.
    pub fn lay(&mut self, blob: LaidBlob) {
        if blob.kind == LogKind::Frame {
            self.open = Some(blob.blob);
        }
        self.live.push(blob);
        self.has_changed = true;
    }

    /// Notes that a frame up to `last` is about to be put; `false`: not into this blob any more.
    pub fn extend(&mut self, blob: BlobId, chunk_limit: u32, bytes: u64, last: CommitSequence) -> bool {
        if self.open != Some(blob) {
            return false;
        }
        let Some(laid) = self.live.iter_mut().find(|laid| laid.blob == blob) else { return false };
        laid.chunk_limit = laid.chunk_limit.max(chunk_limit);
        laid.bytes += bytes;
        laid.last = laid.last.max(last);
        true
    }

    /// Frames that come later go into another blob; the newest command that was put so far.
    pub fn close(&mut self) -> Option<CommitSequence> {
        self.open = None;
        self.live.iter().filter(|laid| laid.kind == LogKind::Frame).map(|laid| laid.last).max()
    }

    /// The snapshot that was laid as `blob` is whole.
    pub fn finish_snapshot(&mut self, blob: BlobId, chunk_limit: u32, bytes: u64) {
        let Some(snapshot) = self.live.iter_mut().find(|laid| laid.blob == blob) else { return };
        (snapshot.chunk_limit, snapshot.bytes) = (chunk_limit, bytes);
        let last = snapshot.last;
        (self.snapshot, self.is_damaged) = (Some(blob), false);
        let open = self.open;
        let is_needed = |laid: &LaidBlob| match laid.kind {
            LogKind::Frame => laid.last > last || Some(laid.blob) == open,
            LogKind::Snapshot => laid.blob == blob,
        };
        let (needed, others) = std::mem::take(&mut self.live).into_iter().partition(is_needed);
        self.live = needed;
        self.superseded.append(&mut self.former);
        others.iter().for_each(|laid| self.supersede(laid));
        self.has_changed = true;
    }

    /// A snapshot that was begun is not going to be whole.
    pub fn give_up(&mut self, blob: BlobId, chunk_limit: u32) {
        if let Some(position) = self.live.iter().position(|laid| laid.blob == blob) {
            let mut laid = self.live.swap_remove(position);
            laid.chunk_limit = chunk_limit;
            self.supersede(&laid);
            self.has_changed = true;
        }
    }

    fn supersede(&mut self, laid: &LaidBlob) {
        let of = |holder: &Holder| Superseded { node: holder.node, blob: laid.blob, chunk_limit: laid.chunk_limit };
        self.superseded.extend(laid.holders.iter().map(of).filter(|of| of.chunk_limit > 0));
        self.superseded.truncate(SUPERSEDED_MAX);
    }

    /// An inventory shows a blob of the log: one that is not known is of an earlier reign, or was forgotten.
    pub fn note_seen(&mut self, seen: Superseded) {
        let is_known = self.live.iter().any(|laid| laid.blob == seen.blob)
            || self.former.iter().chain(&self.superseded).any(|of| of.blob == seen.blob && of.node == seen.node);
        if is_known || self.former.len() + self.superseded.len() >= SUPERSEDED_MAX {
            return;
        }
        match self.snapshot {
            Some(_) => self.superseded.push(seen),
            None => self.former.push(seen),
        }
        self.has_changed = true;
    }

    pub fn note_damaged(&mut self, blob: BlobId) {
        self.is_damaged |= self.live.iter().any(|laid| laid.blob == blob);
    }

    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// No log is kept: nothing of it is needed.
    pub fn supersede_all(&mut self) {
        self.superseded.append(&mut self.former);
    }

    /// What may be dropped, by node.
    pub fn to_clear(&self) -> BTreeMap<NodeId, Vec<Superseded>> {
        let mut by_node: BTreeMap<NodeId, Vec<Superseded>> = BTreeMap::new();
        for of in &self.superseded {
            by_node.entry(of.node).or_default().push(*of);
        }
        by_node
    }

    /// The node has none of them any more.
    pub fn note_cleared(&mut self, node: NodeId, blobs: &[BlobId]) {
        let before = self.superseded.len();
        self.superseded.retain(|of| of.node != node || !blobs.contains(&of.blob));
        self.has_changed |= self.superseded.len() != before;
    }

    pub fn live(&self) -> &[LaidBlob] {
        &self.live
    }

    /// The newest whole snapshot of this reign.
    pub fn snapshot(&self) -> Option<&LaidBlob> {
        self.live.iter().find(|laid| Some(laid.blob) == self.snapshot)
    }

    pub fn open(&self) -> Option<&LaidBlob> {
        self.live.iter().find(|laid| Some(laid.blob) == self.open)
    }

    /// Bytes of frames that a recovery would read.
    pub fn frame_bytes(&self) -> u64 {
        self.live.iter().filter(|laid| laid.kind == LogKind::Frame).map(|laid| laid.bytes).sum()
    }

    /// Chunks that all nodes together hold of it at most.
    pub fn chunks(&self) -> u64 {
        let of = |laid: &LaidBlob| u64::from(laid.chunk_limit) * laid.holders.len() as u64;
        let waiting = self.former.iter().chain(&self.superseded).map(|of| u64::from(of.chunk_limit));
        self.live.iter().map(of).sum::<u64>() + waiting.sum::<u64>()
    }

    /// What the next gateway is to know, if that has changed.
    pub fn take_changed(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.has_changed) {
            return None;
        }
        let of_laid = |laid: &LaidBlob| {
            // It still grows.
            let chunk_limit = if Some(laid.blob) == self.open { BLOB_CHUNKS_MAX } else { laid.chunk_limit };
            let (blob, nodes) = (laid.blob, laid.holders.iter().map(|holder| holder.node).collect::<Vec<_>>());
            nodes.into_iter().map(move |node| Superseded { node, blob, chunk_limit })
        };
        let live = self.live.iter().flat_map(of_laid);
        let kept: Vec<Superseded> =
            live.chain(self.former.iter().copied()).chain(self.superseded.iter().copied()).take(KEPT_MAX).collect();
        serde_json::to_string(&kept).ok()
    }

    /// What an earlier gateway kept. What another version has written is as if it had not been.
    pub fn resume(&mut self, kept: &str) {
        for of in serde_json::from_str::<Vec<Superseded>>(kept).unwrap_or_default() {
            self.note_seen(of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId::from_bytes([1; 16]);

    fn blob(number: u8) -> BlobId {
        BlobId::from_bytes([number; 16])
    }

    fn laid(number: u8, kind: LogKind, last: u64) -> LaidBlob {
        let holders = vec![Holder { node: NODE, volumes: Vec::new(), rolled_back: 0 }];
        LaidBlob { blob: blob(number), kind, holders, chunk_limit: 1, bytes: 0, last: CommitSequence(last) }
    }

    fn cleared(register: &Register) -> Vec<BlobId> {
        let mut blobs: Vec<BlobId> = register.to_clear().into_values().flatten().map(|of| of.blob).collect();
        blobs.sort_unstable();
        blobs
    }

    #[test]
    fn a_snapshot_supersedes_what_it_shows_and_all_of_earlier_reigns() {
        let mut register = Register::default();
        register.note_seen(Superseded { node: NODE, blob: blob(9), chunk_limit: 5 });
        register.lay(laid(1, LogKind::Frame, 0));
        assert!(register.extend(blob(1), 2, 100, CommitSequence(10)));
        assert_eq!(register.close(), Some(CommitSequence(10)));
        assert!(!register.extend(blob(1), 3, 100, CommitSequence(11)), "it is closed");
        register.lay(laid(2, LogKind::Snapshot, 10));
        register.lay(laid(3, LogKind::Frame, 0));
        assert!(register.extend(blob(3), 1, 7, CommitSequence(11)));
        assert!(cleared(&register).is_empty(), "the snapshot is not whole");
        register.finish_snapshot(blob(2), 4, 400);
        assert_eq!(cleared(&register), [blob(1), blob(9)]);
        assert_eq!((register.frame_bytes(), register.snapshot().unwrap().bytes), (7, 400));
        register.close();
        register.lay(laid(4, LogKind::Snapshot, 10));
        register.finish_snapshot(blob(4), 1, 1);
        assert_eq!(cleared(&register), [blob(1), blob(2), blob(9)], "a frame behind the snapshot stays");
        register.note_cleared(NODE, &[blob(1), blob(2), blob(9)]);
        assert!(cleared(&register).is_empty());
    }

    #[test]
    fn a_snapshot_that_failed_is_cleared_and_supersedes_nothing() {
        let mut register = Register::default();
        register.lay(laid(1, LogKind::Frame, 5));
        register.lay(laid(2, LogKind::Snapshot, 5));
        register.give_up(blob(2), 3);
        assert_eq!(cleared(&register), [blob(2)]);
        assert!(register.snapshot().is_none());
    }

    #[test]
    fn the_next_gateway_knows_what_there_is() {
        let mut register = Register::default();
        register.lay(laid(1, LogKind::Frame, 5));
        let kept = register.take_changed().unwrap();
        assert_eq!(register.take_changed(), None);
        let mut next = Register::default();
        next.resume(&kept);
        assert!(cleared(&next).is_empty());
        next.lay(laid(2, LogKind::Snapshot, 5));
        next.finish_snapshot(blob(2), 1, 1);
        let of = Superseded { node: NODE, blob: blob(1), chunk_limit: BLOB_CHUNKS_MAX };
        assert_eq!(next.to_clear().remove(&NODE), Some(vec![of]));
        next.resume("what is this");
    }

    #[test]
    fn what_is_seen_is_cleared_unless_it_is_needed() {
        let mut register = Register::default();
        register.lay(laid(1, LogKind::Snapshot, 5));
        register.finish_snapshot(blob(1), 1, 1);
        for number in [1, 2, 2] {
            register.note_seen(Superseded { node: NODE, blob: blob(number), chunk_limit: 1 });
        }
        assert_eq!(cleared(&register), [blob(2)]);
    }
}
