//! A blob while its chunks are being written: where each chunk belongs, and which members have all of them.

use super::{chunk_send::SendReport, member_set::MemberSet, topology::PlacedGroup};
use crate::{
    metadata::command::NewBlob,
    types::{BlobId, ChunkData, ChunkKey, ChunkRoot, NodeId},
};
use std::sync::Arc;

/// Chunks after which a blob that some member does not get is closed: the member may be back by then.
const CHUNKS_WITHOUT_A_MEMBER_MAX: usize = 16;
/// Chunks of a blob: its roots are one row (512 KiB), and its repair one unit.
const CHUNKS_MAX: usize = 16_384;

#[derive(Debug)]
pub struct OpenBlob {
    blob: BlobId,
    group: Arc<PlacedGroup>,
    /// Members that chunks are sent to.
    targets: MemberSet,
    /// Members that have every accepted chunk.
    durable: MemberSet,
    required: usize,
    chunk_size: u32,
    /// Roots of the chunks that were given a place; the first `accepted` of them count.
    roots: Vec<ChunkRoot>,
    accepted: usize,
    size: u64,
    is_closing: bool,
}

/// A blob that is complete.
#[derive(Debug)]
pub struct ClosedBlob {
    pub named: NewBlob,
    pub blob: BlobId,
    pub size: u64,
    pub required: u8,
}

impl OpenBlob {
    pub fn new(blob: BlobId, group: Arc<PlacedGroup>, targets: MemberSet, required: usize, chunk_size: u32) -> Self {
        Self {
            blob,
            group,
            targets,
            durable: targets,
            required,
            chunk_size,
            roots: Vec::new(),
            accepted: 0,
            size: 0,
            is_closing: false,
        }
    }

    pub fn group(&self) -> &Arc<PlacedGroup> {
        &self.group
    }

    pub fn targets(&self) -> MemberSet {
        self.targets
    }

    pub fn required(&self) -> usize {
        self.required
    }

    /// Whether no further chunk may be given a place.
    pub fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Gives the next chunk its place.
    pub fn place(&mut self, chunk: &ChunkData) -> (ChunkKey, ChunkRoot) {
        // At most `CHUNKS_MAX` of them.
        let index = u32::try_from(self.roots.len()).unwrap_or(u32::MAX);
        let key = ChunkKey { blob: self.blob, index };
        let root = chunk.table.root(key, chunk.length);
        self.roots.push(root);
        // Only the last chunk of a blob may be short, and a blob's length is bounded.
        self.is_closing |= chunk.length < self.chunk_size || self.roots.len() >= CHUNKS_MAX;
        (key, root)
    }

    /// Nodes that the chunk was sent to and that don't have it.
    pub fn failed(&self, report: &SendReport) -> Vec<NodeId> {
        self.targets.without(report.durable).iter().map(|position| self.group.members[position].id()).collect()
    }

    /// Takes the oldest chunk that is not accepted yet into the blob, when enough members have it and all before it.
    pub fn accept(&mut self, chunk: &ChunkData, durable_on: MemberSet) -> bool {
        let durable = self.durable.and(durable_on);
        if durable.count() < self.required {
            self.is_closing = true;
            return false;
        }
        self.durable = durable;
        self.accepted += 1;
        self.size += u64::from(chunk.length);
        self.is_closing |= durable != self.targets || self.is_long_without_a_member();
        true
    }

    pub fn is_long_without_a_member(&self) -> bool {
        self.targets.count() < self.group.members.len() && self.accepted >= CHUNKS_WITHOUT_A_MEMBER_MAX
    }

    /// The blob up to its last accepted chunk; `None` when there is none.
    pub fn close(mut self) -> Option<ClosedBlob> {
        if self.accepted == 0 {
            return None;
        }
        self.roots.truncate(self.accepted);
        let named = NewBlob {
            blob: self.blob,
            group: self.group.group,
            epoch: self.group.epoch,
            size: self.size,
            chunk_size: self.chunk_size,
            roots: self.roots,
            durable_on: self.durable.iter().map(|position| self.group.members[position].id()).collect(),
        };
        // A group has at most 16 members.
        let required = u8::try_from(self.required).unwrap_or(u8::MAX);
        Some(ClosedBlob { named, blob: self.blob, size: self.size, required })
    }
}
