//! What `larder admin what-if` says, as JSON: what the loss of nodes would cost.

use serde::{Deserialize, Serialize};

pub const WHAT_IF_PATH: &str = "/admin/v1/what-if";

/// Bound of each list of names: keys may have a kilobyte, and an answer is read into memory.
pub const NAMES_MAX: u32 = 5000;

/// Asks what it would mean if these nodes, and all nodes of these zones, went now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIfRequest {
    pub down: Vec<String>,
    pub zones: Vec<String>,
    /// Objects that are named of each kind, at most `NAMES_MAX`.
    pub list: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhatIfReport {
    /// The nodes that would be gone.
    pub down: Vec<String>,
    /// Other nodes that give nothing now already: copies on them are not counted.
    pub away: Vec<NodeNote>,
    /// Other nodes whose copies are counted and still looked at: they may hold less.
    pub in_doubt: Vec<String>,
    pub now: Tolls,
    pub then: Tolls,
    /// The first objects that nothing could be read of.
    pub unavailable: Vec<ObjectAtRisk>,
    /// The first objects that one copy would be left of.
    pub one_copy: Vec<ObjectAtRisk>,
    /// Blobs of which it is not known whether a node that leaves their group, or arrives in it, has them: there were too many
    /// to ask for, or it did not answer. Counted as if not.
    pub unasked_blobs: u64,
    pub writes: WriteOutlook,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeNote {
    pub name: String,
    /// As `larder admin nodes` says.
    pub standing: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tolls {
    /// Without any copy on a node that is there.
    pub unavailable: Toll,
    pub one_copy: Toll,
}

/// Each version counts as an object. Blobs are those of open uploads too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toll {
    pub objects: u64,
    pub object_bytes: u64,
    pub blobs: u64,
    pub blob_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectAtRisk {
    pub bucket: String,
    pub key: String,
    /// `None` for a version that was written while versioning was off.
    pub version: Option<String>,
    pub size: u64,
}

/// Whether writes would go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteOutlook {
    pub go_on: bool,
    pub groups: u64,
    /// Groups in which enough members could be written to.
    pub writable_groups: u64,
    /// Nodes that a group could be made of, and how many one takes.
    pub serving_nodes: u64,
    pub replicas: u64,
    /// Whether others could take the places of the lost nodes after `replace_after`.
    pub would_be_replaced: bool,
    /// Why not.
    pub not_replaced_because: Option<String>,
}
