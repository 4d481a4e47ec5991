//! What `larder admin explain` says of one key, as JSON: its versions, where their bytes are, and what each node answered
//! when it was asked for them.

use serde::{Deserialize, Serialize};

pub const EXPLAIN_PATH: &str = "/admin/v1/explain";

/// Asks for everything about one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    pub bucket: String,
    pub key: String,
    /// Whether nodes read payloads however long that takes.
    pub check: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainReport {
    pub bucket: String,
    pub key: String,
    /// The newest first.
    pub versions: Vec<VersionReport>,
    /// Whether there are more versions, or more extents of them, than are shown.
    pub is_cut: bool,
    /// Multipart uploads that are open for the key.
    pub open_uploads: u64,
    /// Groups that the extents name.
    pub groups: Vec<GroupReport>,
    /// Whether nodes read the payloads; else they were asked for the chunks' tables alone.
    pub payloads_read: bool,
    pub chunks: u64,
    /// Fewer than `chunks`: an even sample was asked for.
    pub chunks_asked: u64,
}

/// A version or delete marker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionReport {
    /// The commit that made it.
    pub commit_sequence: u64,
    /// `null` for one that was written while versioning was off.
    pub version: String,
    pub is_latest: bool,
    pub is_delete_marker: bool,
    /// RFC 3339.
    pub created: String,
    pub size: u64,
    pub etag: String,
    /// `GOVERNANCE` or `COMPLIANCE`, while the version is retained or has been, and until when (RFC 3339).
    pub retention_mode: Option<String>,
    pub retain_until: Option<String>,
    pub legal_hold: bool,
    /// What its access control list grants to others than its owner: `AllUsers READ`.
    #[serde(default)]
    pub grants: Vec<String>,
    /// Of a multipart object.
    pub part_count: Option<u32>,
    /// The first of them.
    pub parts: Vec<PartReport>,
    pub extents: Vec<ExtentReport>,
    /// Bytes that the extents shown cover. Less than the size, and not cut: the metadata is damaged.
    pub covered: u64,
    /// Good copies of the chunk that has the fewest, among those that were asked for; `None` when none was.
    pub copies_min: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartReport {
    pub part_number: u32,
    pub offset: u64,
    pub size: u64,
}

/// A run of the version's bytes that lies in one blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtentReport {
    /// Where it begins in the object.
    pub offset: u64,
    pub length: u64,
    pub blob: String,
    pub blob_offset: u64,
    pub blob_size: u64,
    pub chunk_size: u32,
    pub first_chunk: u32,
    pub chunk_count: u32,
    pub group: u64,
    pub copies: Vec<CopyReport>,
}

/// What a node has of an extent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CopyReport {
    pub node: String,
    /// `member`, `arriving` (a member that does not hold everything yet) or `former` (it left the group).
    pub role: String,
    /// Why the blob is on the repair list for this node, if it is.
    pub on_repair_list: Option<String>,
    pub answers: Vec<ChunkAnswer>,
}

/// What a node answered for a run of chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkAnswer {
    pub first_chunk: u32,
    /// Chunks between that were not asked for are not meant.
    pub last_chunk: u32,
    /// `whole` (payload read and compared), `held` (its table is right; the payload was not read), `absent`, `corrupt`,
    /// or `silent: ` and why.
    pub answer: String,
}

/// A placement group, and why its nodes were chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupReport {
    pub group: u64,
    pub epoch: u64,
    pub scheme: String,
    pub nodes: Vec<GroupNode>,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNode {
    pub name: String,
    pub zone: String,
    /// As `larder admin nodes` says.
    pub standing: String,
    /// As in `CopyReport`.
    pub role: String,
    /// Groups that the node is a member of.
    pub groups: u32,
    /// When the node last finished reading and checking all that it holds (its scrub), in RFC 3339.
    pub last_verified: Option<String>,
}
