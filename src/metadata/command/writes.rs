//! What a write of any kind carries: new bytes, attributes, and the condition that the commit decides on.

use crate::types::{
    Acl, BlobId, ChunkRoot, ETag, Epoch, Extent, GroupId, NodeId, ObjectHeaders, TagSet, Timestamp, VersionId,
    VersionLock,
};
use serde::{Deserialize, Serialize};

/// Decided inside the commit, so that of any number of racing writers exactly one wins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum WritePrecondition {
    #[default]
    None,
    /// `If-None-Match: *`: no current version that is not a delete marker.
    Absent,
    /// `If-None-Match` with tags: the current version, if there is one, has none of these.
    NoneMatches(Vec<ETag>),
    /// `If-Match`: the current version has one of these tags; `*` is `Present`.
    Matches(Vec<ETag>),
    Present,
    /// DeleteObject(s) also compare size and time: `x-amz-if-match-size`, `x-amz-if-match-last-modified-time`.
    MatchesAll {
        etags: Vec<ETag>,
        size: Option<u64>,
        last_modified_seconds: Option<i64>,
    },
}

/// A blob that was written under a group at an epoch, and where it became durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewBlob {
    pub blob: BlobId,
    pub group: GroupId,
    pub epoch: Epoch,
    /// Bytes in the blob.
    pub size: u64,
    /// Bytes in each chunk but the last.
    pub chunk_size: u32,
    /// One root a chunk, in order.
    pub roots: Vec<ChunkRoot>,
    /// Nodes on which every chunk of the blob is durable.
    pub durable_on: Vec<NodeId>,
}

/// New bytes: the blobs that hold them and the extents in order. Empty for an empty object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewContent {
    pub blobs: Vec<NewBlob>,
    pub extents: Vec<Extent>,
    /// How many members must hold each blob, from the `write_acks` setting; fewer is `GroupMoved`.
    pub copies_required: u8,
}

impl NewContent {
    /// Bytes in the content.
    pub fn size(&self) -> u64 {
        self.extents.iter().map(|extent| extent.length).sum()
    }
}

/// What a version carries besides its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionAttributes {
    pub version: VersionId,
    pub created: Timestamp,
    pub owner: String,
    pub headers: ObjectHeaders,
    pub tags: TagSet,
    /// What was asked for; the bucket's default comes to it in the commit.
    #[serde(default)]
    pub lock: VersionLock,
    #[serde(default)]
    pub acl: Acl,
}
