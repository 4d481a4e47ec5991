//! What queries answer: plain values, free of the engine.

use super::command::{MissingReason, NodeDuty, NodeState, VersionSelector, WalkPlace};
use crate::types::{
    Acl, BlobId, BucketAccess, BucketId, BucketName, Checksum, ChecksumAlgorithm, ChecksumKind, ChunkRoot,
    CommitSequence, ContentId, ETag, Epoch, Extent, GroupId, LifecycleConfiguration, NodeId, ObjectChecksum,
    ObjectHeaders, ObjectKey, ObjectLockConfiguration, TagSet, Term, Timestamp, UploadId, VersionId, VersionLock,
    VersionName, Versioning, VolumeId,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    pub id: BucketId,
    pub name: BucketName,
    pub region: String,
    pub owner: String,
    pub created: Timestamp,
    pub versioning: Versioning,
    /// When it has Object Lock.
    pub object_lock: Option<ObjectLockConfiguration>,
    pub access: BucketAccess,
}

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectVersion {
    pub key: ObjectKey,
    pub version: VersionId,
    /// Shown as `null`: written while versioning was off.
    pub is_null: bool,
    pub is_latest: bool,
    pub is_delete_marker: bool,
    pub created: Timestamp,
    pub owner: String,
    pub size: u64,
    pub etag: ETag,
    pub checksum: Option<ObjectChecksum>,
    pub headers: ObjectHeaders,
    pub tags: TagSet,
    /// Number of parts of a multipart object.
    pub part_count: Option<u32>,
    /// Absent for a delete marker.
    pub content: Option<ContentId>,
    pub lock: VersionLock,
    pub acl: Acl,
}

impl ObjectVersion {
    pub fn name(&self) -> VersionName {
        VersionName::of(self.version, self.is_null)
    }

    /// What clients of its bucket are told.
    pub fn shown(&self, versioning: Versioning) -> Option<VersionName> {
        versioning.shows_versions().then(|| self.name())
    }
}

/// From which byte on a look-up returns extents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// No extents at all (HEAD).
    Nothing,
    Offset(u64),
    /// The last so many bytes.
    Suffix(u64),
}

/// An extent with all that a read needs to know of its blob.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacedExtent {
    /// Where the extent begins in its content, in bytes.
    pub content_offset: u64,
    pub extent: Extent,
    pub group: GroupId,
    /// Bytes in the blob.
    pub blob_size: u64,
    pub chunk_size: u32,
    /// Index of the first chunk that the extent touches.
    pub first_chunk: u32,
    /// Roots of the chunks that the extent touches, in order.
    pub roots: Arc<[ChunkRoot]>,
}

/// Answer of the one statement behind GET and HEAD: the version, and a page of extents that holds the wanted byte or ends
/// before it. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectLookup {
    pub object: Arc<ObjectVersion>,
    pub extents: Arc<[PlacedExtent]>,
    /// Content offset at which the next page begins (`Metadata::extents`); `None` when the page reaches the end.
    pub next_offset: Option<u64>,
}

/// A part of a completed object.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionPart {
    pub part_number: u32,
    /// Where the part begins in the object, in bytes.
    pub offset: u64,
    pub size: u64,
    pub checksum: Option<Checksum>,
}

/// What ListObjects and ListObjectsV2 ask. Keys and prefixes are bytes; the delimiter may be any string.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    pub bucket: BucketId,
    pub prefix: String,
    /// Empty when the client sent none.
    pub delimiter: String,
    /// Only keys and common prefixes after this one.
    pub after: Option<ListMarker>,
    /// Keys and common prefixes together.
    pub limit: u32,
}

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListMarker {
    /// After this key. When it lies under a common prefix, that prefix is still returned if keys follow it.
    Key(String),
    /// After all keys that begin with this common prefix.
    CommonPrefix(String),
}

impl ListMarker {
    /// Of a marker that is one text, as key markers of S3 are: it is a common prefix when a page of this list would have
    /// given it as one.
    pub fn of_text(text: String, prefix: &str, delimiter: &str) -> Self {
        let rest = text.strip_prefix(prefix).unwrap_or("");
        let is_common_prefix =
            !delimiter.is_empty() && rest.find(delimiter).is_some_and(|at| at + delimiter.len() == rest.len());
        if is_common_prefix { Self::CommonPrefix(text) } else { Self::Key(text) }
    }
}

/// An entry of a list, in byte order of keys and prefixes.
#[derive(Clone, Debug, PartialEq)]
pub enum ListEntry<T> {
    Item(T),
    CommonPrefix(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct ListPage<T> {
    pub entries: Vec<ListEntry<T>>,
    pub is_truncated: bool,
    /// SQL statements that the page took: a test holds it to what the page returns.
    pub statements: u32,
}

/// An object as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedObject {
    pub key: ObjectKey,
    pub size: u64,
    pub etag: ETag,
    pub modified: Timestamp,
    pub owner: String,
    pub checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
}

/// A version or delete marker as ListObjectVersions shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedVersion {
    pub object: ListedObject,
    pub version: VersionId,
    pub is_null: bool,
    pub is_latest: bool,
    pub is_delete_marker: bool,
}

impl ListedVersion {
    pub fn name(&self) -> VersionName {
        VersionName::of(self.version, self.is_null)
    }
}

/// A version or delete marker of one key, as an operator sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyVersion {
    pub sequence: CommitSequence,
    pub version: VersionId,
    pub is_null: bool,
    pub is_latest: bool,
    pub is_delete_marker: bool,
    pub created: Timestamp,
    pub size: u64,
    pub etag: ETag,
    pub part_count: Option<u32>,
    pub content: Option<ContentId>,
    pub lock: VersionLock,
    pub acl: Acl,
}

/// Where ListObjectVersions goes on: inside the versions of a key when the version is given.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionMarker {
    pub after: ListMarker,
    pub version: Option<VersionSelector>,
}

/// A multipart upload.
#[derive(Clone, Debug, PartialEq)]
pub struct Upload {
    pub upload: UploadId,
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub initiated: Timestamp,
    pub owner: String,
    pub headers: ObjectHeaders,
    pub tags: TagSet,
    pub checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
}

/// A part of an upload that is still open.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadPart {
    pub part_number: u32,
    pub size: u64,
    pub etag: ETag,
    pub modified: Timestamp,
    pub checksum: Option<Checksum>,
}

/// A bucket of which some lifecycle rule is enabled.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchedBucket {
    pub bucket: BucketId,
    pub name: BucketName,
    pub owner: String,
    pub versioning: Versioning,
    pub rules: Arc<LifecycleConfiguration>,
    /// The commit that set the rules.
    pub rules_set_at: CommitSequence,
}

/// How far the keys of a bucket have been gone through since its lifecycle rules were set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleWalk {
    pub bucket: BucketId,
    pub place: WalkPlace,
}

/// A key that the lifecycle rules of its bucket are to be asked about again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueKey {
    pub bucket: BucketId,
    pub key: ObjectKey,
    /// Not before this time.
    pub at: Timestamp,
    /// The commit that changed something of the key last.
    pub changed_at: CommitSequence,
}

/// What lifecycle rules look at in a version.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedVersion {
    pub key: ObjectKey,
    pub sequence: CommitSequence,
    pub name: VersionName,
    pub is_latest: bool,
    pub is_delete_marker: bool,
    pub created: Timestamp,
    pub size: u64,
    pub tags: TagSet,
}

/// What lifecycle rules look at in an open upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedUpload {
    pub key: ObjectKey,
    pub upload: UploadId,
    pub initiated: Timestamp,
}

/// A storage node as the metadata knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub node: NodeId,
    pub name: String,
    pub address: Option<String>,
    pub zone: String,
    pub capacity: u64,
    pub device: Option<String>,
    pub volumes: Vec<VolumeId>,
    pub state: NodeState,
    pub duty: NodeDuty,
    pub registered: Timestamp,
}

/// A placement group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub group: GroupId,
    pub epoch: Epoch,
    pub members: Vec<NodeId>,
    pub scheme: String,
    /// Nodes that left it and may still hold copies.
    pub former: Vec<NodeId>,
    /// The member that does not hold everything yet.
    pub arriving: Option<NodeId>,
    /// Whether all that the arriving member lacks is on the repair list.
    pub is_listed: bool,
}

/// A blob that a member lacks, with what its repair needs.
#[derive(Clone, Debug, PartialEq)]
pub struct UnderReplicatedBlob {
    pub blob: BlobId,
    pub node: NodeId,
    pub group: GroupId,
    pub size: u64,
    pub chunk_size: u32,
    pub roots: Vec<ChunkRoot>,
}

/// A blob that a node is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedCopy {
    pub blob: BlobId,
    pub chunk_count: u32,
    /// On the repair list.
    pub is_missing: bool,
}

/// A row of the repair list with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingCopy {
    pub blob: BlobId,
    pub node: NodeId,
    pub reason: MissingReason,
    /// The commit that put it there.
    pub sequence: CommitSequence,
}

/// A blob of which some node holds a copy that its group does not need.
#[derive(Clone, Debug, PartialEq)]
pub struct SurplusBlob {
    pub blob: BlobId,
    pub size: u64,
    pub chunk_size: u32,
    pub roots: Vec<ChunkRoot>,
}

/// A blob, where it is, and which members of its group are on the repair list for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedBlob {
    pub blob: BlobId,
    pub group: GroupId,
    pub size: u64,
    pub missing: Vec<NodeId>,
}

/// What it takes to ask a node for a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRoots {
    pub blob: BlobId,
    pub group: GroupId,
    pub size: u64,
    pub chunk_size: u32,
    pub roots: Vec<ChunkRoot>,
}

/// An extent of a version, with where its blob is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedPiece {
    pub place: PieceCursor,
    /// `None` for a version that was written while versioning was off.
    pub version: Option<VersionId>,
    /// Of the whole version.
    pub size: u64,
    pub blob: BlobId,
    pub group: GroupId,
    /// Members of the group that are on the repair list for the blob.
    pub missing: Vec<NodeId>,
}

/// A place in a walk over the extents of a bucket's versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceCursor {
    pub key: ObjectKey,
    pub sequence: CommitSequence,
    pub content_offset: u64,
}

/// An extent by what it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedBlob {
    pub place: ExtentCursor,
    pub blob: BlobId,
}

/// A place in a walk over all extents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtentCursor {
    pub content: ContentId,
    pub content_offset: u64,
}

/// A blob and how many chunks each member of its group should hold of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountedBlob {
    pub blob: BlobId,
    pub group: GroupId,
    pub chunk_count: u64,
}

/// A blob that no extent names any more, to be dropped by the members of its group.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletedBlob {
    pub blob: BlobId,
    pub group: GroupId,
    pub chunk_count: u32,
    /// Bytes that dropping it frees on each member.
    pub size: u64,
    /// The commit sequence at which the last extent went.
    pub deleted_at: CommitSequence,
}

/// Access key as the identity layer needs it.
#[derive(Clone)]
pub struct AccessKey {
    pub access_key: String,
    pub sealed_secret: Vec<u8>,
    pub name: String,
    pub enabled: bool,
    pub created: Timestamp,
}

/// What a bucket holds: all versions, delete markers left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketUsage {
    pub objects: u64,
    pub bytes: u64,
}

/// Totals for `larder admin status` and for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub buckets: u64,
    pub blobs: u64,
    /// Bytes in all blobs, one copy.
    pub blob_bytes: u64,
    pub under_replicated: u64,
    pub deletions: u64,
    pub uploads: u64,
    /// Rows of what nothing names any more: contents, their extents and parts, parts of ended uploads.
    pub to_release: u64,
}

/// The reign that was begun last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastReign {
    /// 0 when none was.
    pub term: Term,
    /// Where the database lay; `None` from a release that did not note it.
    pub place: Option<String>,
}
