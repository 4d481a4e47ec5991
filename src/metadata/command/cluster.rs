//! Commands on nodes, groups and the repair list.

use crate::types::{BlobId, Epoch, GroupId, NodeId, Timestamp, VolumeId};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NodeState {
    Healthy,
    Suspect,
    Failed,
}

/// What an operator wants of a node, whatever its state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NodeDuty {
    Serving,
    /// Its copies move to others; until they have, it is read from, and written to where nobody else can be.
    Draining,
    /// It left for good: it is in no group, and does not come back under its identity.
    Removed,
}

/// Afterwards `arriving` is a member of the group in the place of `leaving`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceMember {
    pub group: GroupId,
    /// As the proposer knows the group; at another one it is refused.
    pub epoch: Epoch,
    pub leaving: NodeId,
    pub arriving: NodeId,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisterNode {
    pub node: NodeId,
    /// Name for people and for `larder admin node`: `node-1`, or the host's name.
    pub name: String,
    /// Where others reach it; `None` for an embedded node.
    pub address: Option<String>,
    pub zone: String,
    pub capacity: u64,
    /// Identity of the file system, so that nodes on one device are known to share it.
    pub device: Option<String>,
    pub volumes: Vec<VolumeId>,
    pub at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewGroup {
    pub group: GroupId,
    pub members: Vec<NodeId>,
    /// Redundancy scheme, `replica:3`.
    pub scheme: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlobCopy {
    pub blob: BlobId,
    pub node: NodeId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingReason {
    /// The member was away or late when the blob was written.
    NotWritten,
    /// A read or check found no such chunk on the member.
    Absent,
    /// A read or check found a wrong chunk on the member, now quarantined.
    Corrupt,
    /// The member may have lost data: its copy does not count before each chunk was looked at.
    InDoubt,
    /// The member came into the group after the blob was written.
    Arriving,
}

impl MissingReason {
    pub const ALL: [Self; 5] = [Self::NotWritten, Self::Absent, Self::Corrupt, Self::InDoubt, Self::Arriving];
}
