//! What `larder admin verify` asks and says, as JSON. Sizes are bytes, times RFC 3339; a copy is a blob on a node.

use serde::{Deserialize, Serialize};

pub const VERIFY_PATH: &str = "/admin/v1/verify";

/// Asks for a verification of everything, or of a bucket's keys that begin with a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    pub bucket: Option<String>,
    /// Empty for the whole bucket.
    pub prefix: String,
}

/// How the newest verification stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// `everything`, or `s3://BUCKET/PREFIX`.
    pub scope: String,
    /// `checking`, `repairing` (what was bad is on the repair list), `naming` (the objects of what is lost) or `finished`.
    pub state: String,
    pub began: String,
    pub finished: Option<String>,
    /// Jobs that it waits for and that an operator has paused: it goes on when they are resumed.
    #[serde(default)]
    pub paused: Vec<String>,
    /// Finished, and everything is right now: nothing lost, nothing left to repair, every node has answered.
    pub is_good: bool,
    /// Blobs that there were when it began, for a verification of everything.
    pub blobs_expected: Option<u64>,
    /// Versions of objects, where a prefix is looked at.
    pub objects: u64,
    pub blobs: u64,
    pub bytes: u64,
    pub intact_copies: u64,
    /// Missing or wrong.
    pub bad_copies: u64,
    /// Of these, replaced by the right bytes from another node.
    pub repaired_copies: u64,
    /// Of these, still on the repair list; without those that are lost.
    pub bad_copies_left: u64,
    /// Nodes that had bad copies, and those that could not be asked.
    pub bad_nodes: Vec<NodeCopies>,
    pub unasked: Vec<NodeCopies>,
    /// Blobs of which no node has all chunks right.
    pub lost_blobs: u64,
    /// Versions that need one of them, and the names of the first.
    pub lost_objects: u64,
    pub named: Vec<LostObject>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeCopies {
    pub node: String,
    pub copies: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostObject {
    pub bucket: String,
    pub key: String,
    pub version: Option<String>,
    pub blob: String,
}
