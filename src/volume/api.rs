//! The values that go into a volume and come out of it.

use crate::types::{ChunkData, ChunkKey, ChunkRoot, ClusterId, GroupId, NodeId, Term};
use std::iter::Sum;

/// Counters of several volumes together: a field that is left out does not compile.
macro_rules! sum_of_fields {
    ($kind:ident { $($field:ident),* $(,)? }) => {
        impl Sum for $kind {
            fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
                all.fold(Self::default(), |sum, one| Self { $($field: sum.$field + one.$field),* })
            }
        }
    };
}

/// Whose directory it is: a directory of another cluster or node is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeOwner {
    pub cluster: ClusterId,
    pub node: NodeId,
}

/// A chunk to make durable. That data and root fit was checked by the caller.
#[derive(Clone, Debug)]
pub struct AppendChunk {
    pub term: Term,
    pub group: GroupId,
    pub key: ChunkKey,
    pub root: ChunkRoot,
    pub data: ChunkData,
}

/// Longest payload of a chunk: four times the default chunk size. Longer ones would hold up a group commit.
pub const CHUNK_LENGTH_MAX: u32 = 16 << 20;

/// One line of an inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldChunk {
    pub key: ChunkKey,
    pub group: GroupId,
    pub term: Term,
    /// Length of the payload in bytes.
    pub length: u32,
}

/// A place in an inventory: generation of a segment, offset in it.
pub type InventoryCursor = (u64, u64);

/// Some of what is held, and where the next page begins; `None` at the end.
pub type InventoryPage = (Vec<HeldChunk>, Option<InventoryCursor>);

/// What opening a volume found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    pub segments: u64,
    pub chunks: u64,
    /// Segments whose records were known from a hint file, without a scan.
    pub from_hints: u64,
    /// Bytes behind the last whole record of segments that were open when the volume stopped: never acknowledged.
    pub torn_bytes: u64,
    /// Places of records that were durable once and are damaged now, as (segment file number, offset).
    pub corrupt: Vec<(u32, u64)>,
    /// Segment files of which neither header can be read. They are left alone.
    pub unreadable_segments: Vec<u32>,
}

/// Chunks that were found damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuarantineCounts {
    /// Not yet replaced or dropped.
    pub now: u64,
    /// Since the volume was opened.
    pub additions: u64,
    /// Damaged records since the volume was opened of which nobody can say whose they were.
    pub unidentified: u64,
}

sum_of_fields!(QuarantineCounts { now, additions, unidentified });

/// What a step of background work found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Something was done and more may be waiting: call again soon.
    Busy,
    /// Nothing to do.
    Idle,
}

/// Counters since the volume was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VolumeStats {
    pub appends: u64,
    pub appended_bytes: u64,
    /// Group commits, and the syncs that they took.
    pub batches: u64,
    pub syncs: u64,
    pub tombstones: u64,
    pub quarantined: u64,
    pub reads: u64,
    pub punched_bytes: u64,
    pub compacted_segments: u64,
    pub recycled_segments: u64,
    /// Bytes that compaction copied.
    pub copied_bytes: u64,
    /// Bytes of records that scrub has checked, and records that it found damaged.
    pub scrubbed_bytes: u64,
    pub scrub_found: u64,
}

sum_of_fields!(VolumeStats {
    appends,
    appended_bytes,
    batches,
    syncs,
    tombstones,
    quarantined,
    reads,
    punched_bytes,
    compacted_segments,
    recycled_segments,
    copied_bytes,
    scrubbed_bytes,
    scrub_found,
});
