//! Commands: one metadata change each, as a versioned value. The proposer puts ids and times in; `apply` reads no
//! clock, draws no random number, and does no I/O but SQL. Whatever a command names by a number that the metadata
//! gives out (bucket, content) is the commit sequence of the command that made it.

use crate::types::{
    BlobId, BucketId, BucketName, Checksum, ChecksumAlgorithm, ChecksumKind, ChunkRoot, CommitSequence,
    CorsConfiguration, ETag, Epoch, Extent, GroupId, NodeId, ObjectChecksum, ObjectHeaders, ObjectKey, TagSet, Term,
    Timestamp, UploadId, VersionId, Versioning, VolumeId,
};
use serde::{Deserialize, Serialize};

pub use super::version_selector::VersionSelector;

/// One metadata change. Serialised with its format version by `CommandRecord`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    // Buckets
    CreateBucket(CreateBucket),
    /// Afterwards the bucket is gone, its open uploads are queued to end, or it had versions and nothing changed.
    DeleteBucket {
        bucket: BucketId,
    },
    SetBucketTags {
        bucket: BucketId,
        tags: Option<TagSet>,
    },
    /// Afterwards the bucket has these rules for other origins and no others.
    SetBucketCors {
        bucket: BucketId,
        cors: Option<CorsConfiguration>,
    },
    /// Afterwards writes to the bucket keep versions, or no longer do. `Never` is refused: there is no way back.
    SetBucketVersioning {
        bucket: BucketId,
        versioning: Versioning,
    },

    // Objects
    PutObject(PutObject),
    CopyObject(CopyObject),
    DeleteObject(DeleteObject),
    SetObjectTags {
        bucket: BucketId,
        key: ObjectKey,
        version: VersionSelector,
        tags: TagSet,
    },

    // Multipart
    CreateUpload(CreateUpload),
    PutPart(PutPart),
    CopyPart(CopyPart),
    CompleteUpload(CompleteUpload),
    /// Afterwards the upload's parts are released and the upload is gone. Of an upload already gone: `NoSuchUpload`.
    AbortUpload {
        bucket: BucketId,
        key: ObjectKey,
        upload: UploadId,
    },
    /// Forgets the outcomes of completions before `before`.
    ForgetCompletedUploads {
        before: Timestamp,
        limit: u32,
    },

    // Deletion, in bounded steps
    /// Unrolls contents whose count reached 0: at most `limit` extents lose their hold on their blobs; a blob without
    /// extents becomes a row of `deletions` that carries this command's sequence.
    UnrollDeletedContents {
        limit: u32,
    },
    /// The nodes that were asked have dropped the blobs: their rows leave `deletions` once no node is left to ask.
    FinishDeletions {
        blobs: Vec<BlobId>,
    },

    // Cluster
    /// Begins a gateway's reign: the term grows to one more than itself and than `above`, and is the outcome.
    BeginTerm {
        gateway: String,
        /// Where the database lies (`Metadata::place`): tells at the next start whether it is still the one of this reign.
        #[serde(default)]
        place: Option<String>,
        above: Term,
        at: Timestamp,
    },
    RegisterNode(RegisterNode),
    SetNodeState {
        node: NodeId,
        state: NodeState,
        at: Timestamp,
    },
    CreateGroups {
        groups: Vec<NewGroup>,
    },
    ReplaceMember(ReplaceMember),
    /// All that the group's arriving member lacks is on the repair list.
    NoteArrivalListed {
        group: GroupId,
        epoch: Epoch,
    },
    /// The group's arriving member holds everything.
    FinishArrival {
        group: GroupId,
        epoch: Epoch,
    },
    /// The former member of the group holds nothing of it any more, or is gone for good.
    ForgetFormerMember {
        group: GroupId,
        epoch: Epoch,
        node: NodeId,
    },
    /// What the operator wants of the node.
    SetNodeDuty {
        node: NodeId,
        duty: NodeDuty,
        at: Timestamp,
    },
    /// A member lacks the blob, or holds a bad copy of one of its chunks.
    MarkMissing {
        copies: Vec<BlobCopy>,
        reason: MissingReason,
    },
    /// A member holds good copies of every chunk of the blob again, as was looked at from the commit `as_of` on: a copy
    /// that was marked after it stays on the repair list.
    MarkRepaired {
        copies: Vec<BlobCopy>,
        as_of: CommitSequence,
    },

    // Identities and settings
    CreateAccessKey(NewAccessKey),
    SetAccessKeyEnabled {
        access_key: String,
        enabled: bool,
    },
    DeleteAccessKey {
        access_key: String,
    },
    /// Afterwards the job has kept this state and no other.
    SaveJobState(SaveJobState),
    /// An operator's word after a restore: reclaiming may go on, in a history of its own.
    ConfirmHistory {
        history: crate::types::HistoryId,
        at: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateBucket {
    pub name: BucketName,
    /// The location constraint as the client gave it; empty for the default region.
    pub region: String,
    pub owner: String,
    pub created: Timestamp,
    pub tags: Option<TagSet>,
}

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
}

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
}

/// Of `Latest` where versions are kept, or were: afterwards a delete marker is the current version, and where they are no
/// longer kept it has replaced the null version. Else afterwards the version is gone, and the one below it is current.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteObject {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub version: VersionSelector,
    /// For the delete marker, where versioning makes one.
    pub marker: VersionId,
    pub owner: String,
    pub at: Timestamp,
    pub precondition: WritePrecondition,
}

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

/// A small text that a job finds again after a restart: its cursor and counts, or what an operator wants of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaveJobState {
    pub name: String,
    /// `None` forgets it.
    pub state: Option<String>,
}

impl SaveJobState {
    pub const NAME_BYTES_MAX: usize = 64;
    /// A job's state is written anew whenever it gets on: what would be longer belongs into a table of its own.
    pub const STATE_BYTES_MAX: usize = 256 << 10;
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct NewAccessKey {
    pub access_key: String,
    /// The secret, sealed (AEAD) under a key derived from the cluster secret.
    pub sealed_secret: Vec<u8>,
    pub name: String,
    pub created: Timestamp,
}

impl std::fmt::Debug for NewAccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAccessKey")
            .field("access_key", &self.access_key)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A command as it is recorded: with the format version and the sequence under which it was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandRecord {
    pub format: u32,
    pub sequence: CommitSequence,
    pub command: Command,
}

impl CommandRecord {
    /// Grows when the meaning of a recorded command changes.
    pub const FORMAT: u32 = 1;
}
