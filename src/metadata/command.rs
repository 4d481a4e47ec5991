//! Commands: one metadata change each, as a versioned value. The proposer puts ids and times in; `apply` reads no
//! clock, draws no random number, and does no I/O but SQL. Whatever a command names by a number that the metadata
//! gives out (bucket, content) is the commit sequence of the command that made it.

mod acls;
mod cluster;
mod lifecycle;
mod multipart;
mod object_lock;
mod objects;
mod writes;

use crate::types::{
    Acl, BlobId, BucketId, BucketName, CommitSequence, CorsConfiguration, Epoch, GroupId, NodeId, ObjectKey,
    ObjectLockConfiguration, ObjectOwnership, PublicAccessBlock, TagSet, Term, Timestamp, UploadId, Versioning,
    WebsiteConfiguration,
};
use serde::{Deserialize, Serialize};

pub use super::version_selector::VersionSelector;
pub use acls::{SetBucketAcl, SetObjectAcl};
pub use cluster::{BlobCopy, MissingReason, NewGroup, NodeDuty, NodeState, RegisterNode, ReplaceMember};
pub use lifecycle::{ExpireAction, ExpireKey, ForgetDueKeys, ScheduleKeys, SetBucketLifecycle, WalkPlace, WalkStage};
pub use multipart::{CompleteUpload, CompletedPart, CopyPart, CreateUpload, PutPart};
pub use object_lock::{SetObjectLegalHold, SetObjectRetention};
pub use objects::{
    AppendObject, CopyObject, CopySource, DeleteObject, Directive, PutObject, RenameObject, RenamePrefix,
    SourceConditions,
};
pub use writes::{NewBlob, NewContent, VersionAttributes, WritePrecondition};

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
    /// Afterwards the bucket is this website, or none.
    SetBucketWebsite {
        bucket: BucketId,
        website: Option<WebsiteConfiguration>,
    },
    /// Afterwards writes to the bucket keep versions, or no longer do. `Never` is refused: there is no way back.
    SetBucketVersioning {
        bucket: BucketId,
        versioning: Versioning,
    },
    /// Afterwards the bucket has Object Lock, for good, with this default and no other. Refused where versions aren't kept.
    SetBucketObjectLock {
        bucket: BucketId,
        configuration: ObjectLockConfiguration,
    },
    SetBucketLifecycle(SetBucketLifecycle),
    SetBucketAcl(SetBucketAcl),
    /// Afterwards the bucket has this Object Ownership, or none; or its list is public and lists were to be disabled.
    SetBucketOwnership {
        bucket: BucketId,
        ownership: Option<ObjectOwnership>,
    },
    /// Afterwards the bucket has these flags about public access, or none.
    SetPublicAccessBlock {
        bucket: BucketId,
        block: Option<PublicAccessBlock>,
    },

    // Lifecycle, in bounded steps
    ScheduleKeys(ScheduleKeys),
    ExpireKey(ExpireKey),
    ForgetDueKeys(ForgetDueKeys),

    // Objects
    PutObject(PutObject),
    AppendObject(AppendObject),
    RenameObject(RenameObject),
    RenamePrefix(RenamePrefix),
    CopyObject(CopyObject),
    DeleteObject(DeleteObject),
    SetObjectTags {
        bucket: BucketId,
        key: ObjectKey,
        version: VersionSelector,
        tags: TagSet,
    },
    SetObjectRetention(SetObjectRetention),
    SetObjectLegalHold(SetObjectLegalHold),
    SetObjectAcl(SetObjectAcl),

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
    /// Forgets the outcomes of completions, and the tokens of renames, from before `before`.
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
    /// A bucket with Object Lock keeps versions from its beginning on.
    #[serde(default)]
    pub object_lock: Option<ObjectLockConfiguration>,
    #[serde(default)]
    pub acl: Acl,
    #[serde(default)]
    pub ownership: Option<ObjectOwnership>,
    /// More buckets than this there can't be. (Older records don't name it.)
    #[serde(default = "default_buckets_max")]
    pub buckets_max: u32,
}

/// The default quota of an AWS account.
fn default_buckets_max() -> u32 {
    10_000
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
