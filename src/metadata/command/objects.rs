//! Commands on objects and their versions.

use super::writes::{NewContent, VersionAttributes, WritePrecondition};
use crate::metadata::version_selector::VersionSelector;
use crate::types::{
    Acl, BucketId, Bypass, Checksum, ETag, ObjectChecksum, ObjectHeaders, ObjectKey, Permission, TagSet, Timestamp,
    VersionId, VersionLock,
};
use serde::{Deserialize, Serialize};

/// Afterwards the key's current version is this one. Where versions are not kept, the null version that it replaced is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PutObject {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub attributes: VersionAttributes,
    pub etag: ETag,
    pub checksum: Option<ObjectChecksum>,
    pub content: NewContent,
    pub precondition: WritePrecondition,
    /// What the bucket's list must give everybody when this is committed: who asked has no credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Permission>,
}

/// Afterwards the object is longer by the command's content. Where there was none it is as after `PutObject`; where there was one
/// its headers, tags, access control list and owner have stayed, and what the command says of them counts for nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppendObject {
    /// Tag and checksum are those of the whole afterwards; the content is what is added.
    pub put: PutObject,
    /// Bytes that the object has before: of racing appends exactly one finds it so.
    pub offset: u64,
    /// The version that tag and checksum were computed from; none: there was no object. Any other is refused.
    pub expected: Option<VersionId>,
    /// Of the bytes that are added, in the algorithm that the object has.
    pub part_checksum: Option<Checksum>,
}

/// Afterwards the object has another key and is otherwise what it was; what had that key before is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RenameObject {
    pub bucket: BucketId,
    pub source: ObjectKey,
    pub destination: ObjectKey,
    pub source_conditions: SourceConditions,
    pub destination_conditions: SourceConditions,
    /// Under which the client repeats the request: `x-amz-client-token`. A rename that was carried out under it is not
    /// carried out again.
    pub token: Option<String>,
    pub at: Timestamp,
}

/// Afterwards each key that began with `source` begins with `destination` in its place, or nothing has changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RenamePrefix {
    pub bucket: BucketId,
    pub source: ObjectKey,
    pub destination: ObjectKey,
}

/// Conditions on the source of a copy: `x-amz-copy-source-if-*`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceConditions {
    pub if_match: Option<Vec<ETag>>,
    pub if_none_match: Option<Vec<ETag>>,
    pub if_modified_since_seconds: Option<i64>,
    pub if_unmodified_since_seconds: Option<i64>,
}

/// A source version that a copy names; `apply` reads its content inside the transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CopySource {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub version: VersionSelector,
    pub conditions: SourceConditions,
    /// When set, the source must still be the version with this id (a copy that moved data read it before).
    pub expected_version: Option<VersionId>,
}

/// Whether what stands beside the bytes comes from the source or from the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Directive<T> {
    Copy,
    Replace(T),
}

/// Afterwards the destination's current version names the source's content, whose count has grown by one.
/// The ETag is the source's, also for a multipart source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CopyObject {
    pub source: CopySource,
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub version: VersionId,
    pub created: Timestamp,
    pub owner: String,
    pub headers: Directive<ObjectHeaders>,
    pub tags: Directive<TagSet>,
    /// When the client asked for another algorithm than the source has, the proposer computed it.
    pub checksum: Directive<Option<ObjectChecksum>>,
    pub precondition: WritePrecondition,
    /// What the request asks for; the source's is never copied.
    #[serde(default)]
    pub lock: VersionLock,
    /// Likewise.
    #[serde(default)]
    pub acl: Acl,
}

/// Of `Latest` where versions are kept, or were: afterwards a delete marker is the current version, and where they are no
/// longer kept it has replaced the null version. Else afterwards the version is gone, and the one below it is current.
/// A version that Object Lock keeps at the time `at` stays, and nothing changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteObject {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub version: VersionSelector,
    /// For the delete marker, where versioning makes one.
    pub marker: VersionId,
    pub owner: String,
    /// The proposer's time, never a client's.
    pub at: Timestamp,
    pub precondition: WritePrecondition,
    #[serde(default)]
    pub bypass: Bypass,
    /// As in `PutObject`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<Permission>,
}
