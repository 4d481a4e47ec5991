//! What an outage costs: objects and blobs that are lost or nearly so, counted and named.

use crate::types::{BucketName, NodeId, ObjectKey, VersionId};
use std::collections::BTreeSet;

/// What the nodes' loss would mean.
#[derive(Clone, Debug, Default)]
pub struct Outage {
    pub blobs_seen: u64,
    pub now: Tolls,
    pub then: Tolls,
    /// The first objects without any copy then.
    pub unavailable: Vec<ObjectAtRisk>,
    /// The first objects with one copy then.
    pub one_copy: Vec<ObjectAtRisk>,
    /// Blobs that some node may have and was not asked for, there were too many. They count as `copies_left` says.
    pub unasked: u64,
    /// The same because a node did not answer, and which nodes did not.
    pub unanswered: u64,
    pub silent: BTreeSet<NodeId>,
    pub writes: WriteOutlook,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolls {
    pub unavailable: Toll,
    pub one_copy: Toll,
}

/// Versions of objects, their bytes, and blobs: those of open uploads too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toll {
    pub objects: u64,
    pub object_bytes: u64,
    pub blobs: u64,
    pub blob_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectAtRisk {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub version: Option<VersionId>,
    pub size: u64,
}

/// Whether writes would go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOutlook {
    pub groups: usize,
    /// Groups in which enough members could be written to.
    pub writable_groups: usize,
    /// Nodes that groups could be made of, and how many one takes.
    pub serving_nodes: usize,
    pub replicas: usize,
    /// Why the nodes' places would not be taken by others after `replace_after`.
    pub halt: Option<String>,
}

impl Tolls {
    /// Where something is counted of which so many copies are left.
    pub fn of(&mut self, copies: usize) -> Option<&mut Toll> {
        match copies {
            0 => Some(&mut self.unavailable),
            1 => Some(&mut self.one_copy),
            _ => None,
        }
    }
}
