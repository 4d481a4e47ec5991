//! Commands on uploads and their parts.

use super::objects::CopySource;
use super::writes::{NewContent, WritePrecondition};
use crate::types::{
    Acl, BucketId, Checksum, ChecksumAlgorithm, ChecksumKind, ETag, ObjectChecksum, ObjectHeaders, ObjectKey, TagSet,
    Timestamp, UploadId, VersionId, VersionLock,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateUpload {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub upload: UploadId,
    pub initiated: Timestamp,
    pub owner: String,
    pub headers: ObjectHeaders,
    pub tags: TagSet,
    /// `x-amz-checksum-algorithm` and `-type`, when the client chose one.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
    /// Of the version that comes of it.
    #[serde(default)]
    pub lock: VersionLock,
    /// Likewise.
    #[serde(default)]
    pub acl: Acl,
}

/// Afterwards the part has this content; what an earlier upload of the same number held has one count less.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PutPart {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub upload: UploadId,
    pub part_number: u32,
    pub modified: Timestamp,
    pub etag: ETag,
    pub checksum: Option<Checksum>,
    pub content: NewContent,
}

/// Afterwards the part names a slice of the source's extents, no data moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CopyPart {
    pub source: CopySource,
    /// First byte and length; the whole source when absent.
    pub range: Option<(u64, u64)>,
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub upload: UploadId,
    pub part_number: u32,
    pub modified: Timestamp,
    /// MD5 of the slice, which the proposer computed by reading it (its version is `expected_version`).
    pub etag: ETag,
    pub checksum: Option<Checksum>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompletedPart {
    pub part_number: u32,
    pub etag: ETag,
    pub checksum: Option<Checksum>,
}

/// Afterwards the key's current version is the parts one behind the other, parts that were not named are released, the
/// upload is gone, and its outcome is kept so that a repeated Complete gets the same answer. Order and sizes are checked here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompleteUpload {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub upload: UploadId,
    pub version: VersionId,
    pub created: Timestamp,
    pub parts: Vec<CompletedPart>,
    /// ETag and checksum of the whole, which the proposer computed from the parts that it read.
    pub etag: ETag,
    pub checksum: Option<ObjectChecksum>,
    /// `x-amz-mp-object-size`.
    pub expected_size: Option<u64>,
    pub precondition: WritePrecondition,
}
