//! What came of a command. A refusal is an outcome too: it is answered only after its batch is durable.

use crate::types::{
    BlobId, BucketId, ChecksumAlgorithm, ETag, GroupId, ObjectChecksum, Term, Timestamp, VersionId, VersionName,
};
use serde::{Deserialize, Serialize};

/// A command that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    Done,
    BucketCreated {
        bucket: BucketId,
    },
    Written(WrittenVersion),
    Deleted(DeletedVersion),
    /// Something that is kept with a version was changed.
    Changed(ChangedVersion),
    Completed(CompletedUpload),
    Expired(ExpiredKey),
    TermBegun {
        term: Term,
    },
    /// Rows that the step worked on; 0 when nothing is left.
    Progress {
        rows: u64,
    },
}

/// A version that became current.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WrittenVersion {
    pub version: VersionId,
    /// Whether the bucket shows version ids (versioning is or was on).
    pub versioned: bool,
    #[serde(default = "yes")]
    pub is_null: bool,
    pub etag: ETag,
    pub size: u64,
    pub created: Timestamp,
    pub checksum: Option<ObjectChecksum>,
}

/// An older release had no other.
fn yes() -> bool {
    true
}

impl WrittenVersion {
    /// What clients are told: of a null version nothing, also while versioning is suspended. Amazon S3 API Reference,
    /// PutObject, the examples "Versioning suspended" and "Versioning enabled".
    pub fn shown(&self) -> Option<VersionName> {
        (self.versioned && !self.is_null).then_some(VersionName::Id(self.version))
    }
}

/// Deleting what is not there succeeds, as in S3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeletedVersion {
    /// What clients are told: the version that was asked for by name, or the marker that was made.
    pub version: Option<VersionName>,
    /// A marker was made, or one was deleted.
    pub is_delete_marker: bool,
    /// Something was made or deleted.
    pub existed: bool,
}

/// What a bucket's rules did to one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiredKey {
    /// Versions and delete markers that are gone for good.
    pub versions: u32,
    /// Current versions that a delete marker stands in front of now.
    pub behind_markers: u32,
    pub uploads: u32,
    /// What may not go yet.
    pub kept: u32,
}

impl ExpiredKey {
    pub fn gone(&self) -> u32 {
        self.versions + self.behind_markers + self.uploads
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangedVersion {
    /// What clients are told.
    pub version: Option<VersionName>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompletedUpload {
    pub kept: KeptCompletion,
    /// True when this answers a repeated Complete from the kept outcome.
    pub repeated: bool,
}

/// What is kept of a completed upload, to answer its Complete again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptCompletion {
    #[serde(flatten)]
    pub written: WrittenVersion,
    /// The numbers of its parts; `None` where an older release kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<PartRuns>,
}

/// Ascending part numbers as runs of first and last: nearly always one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartRuns(Vec<(u32, u32)>);

impl PartRuns {
    pub fn of(ascending: impl IntoIterator<Item = u32>) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for number in ascending {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => runs.push((number, number)),
            }
        }
        Self(runs)
    }
}

/// A command that was refused: nothing of it remains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum CommandError {
    #[error("the bucket does not exist")]
    NoSuchBucket,
    #[error("the bucket exists and is yours")]
    BucketAlreadyOwnedByYou,
    #[error("the bucket exists and is somebody else's")]
    BucketAlreadyExists,
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    #[error("too many buckets")]
    TooManyBuckets,
    #[error("the key does not exist")]
    NoSuchKey,
    #[error("the version does not exist")]
    NoSuchVersion,
    #[error("the version is a delete marker")]
    IsDeleteMarker,
    #[error("a precondition does not hold")]
    PreconditionFailed,
    #[error("a precondition on the source does not hold")]
    SourcePreconditionFailed,
    #[error("the bucket keeps versions, or kept them")]
    BucketKeepsVersions,
    #[error("the object has {size} bytes")]
    WrongWriteOffset { size: u64 },
    #[error("the object changed since it was read")]
    ObjectChanged,
    #[error("the object has {limit} parts, as many as are allowed")]
    TooManyParts { limit: u32 },
    #[error("more than {limit} keys begin with the prefix")]
    TooManyKeys { limit: u32 },
    #[error("a key would be longer than is allowed")]
    KeyTooLong,
    #[error("the token belongs to another request")]
    TokenTaken,
    #[error("the source changed since it was read")]
    SourceChanged,
    #[error("the range is not inside the source")]
    SourceRangeInvalid,
    #[error("the content would have more than {limit} extents")]
    TooManyExtents { limit: u64 },
    /// Not now: a later command may find the retention over, or the legal hold off.
    #[error("the version is kept by Object Lock")]
    ObjectLocked,
    #[error("the bucket has no Object Lock")]
    NoObjectLock,
    #[error("a bucket with Object Lock keeps versions for good")]
    VersioningIsLocked,
    #[error("Object Lock needs a bucket that keeps versions")]
    VersionsNotKept,
    #[error("access control lists are disabled in the bucket")]
    AclsDisabled,
    #[error("public access control lists are blocked in the bucket")]
    PublicAclsBlocked,
    #[error("the bucket's public access control list does not go with an enforced owner")]
    AclAgainstOwnership,
    #[error("the access control list does not grant it")]
    NotGranted,
    #[error("the upload does not exist")]
    NoSuchUpload,
    #[error("part {part_number} is unknown or its tag or checksum differs")]
    InvalidPart { part_number: u32 },
    #[error("the parts are not in ascending order")]
    InvalidPartOrder,
    #[error("part {part_number} has {size} bytes, too few for a part that is not the last")]
    EntityTooSmall { part_number: u32, size: u64, etag: ETag },
    #[error("the parts have {actual} bytes, not {expected}")]
    SizeMismatch { expected: u64, actual: u64 },
    #[error("part {part_number} lacks a {algorithm} checksum")]
    PartChecksumMissing { part_number: u32, algorithm: ChecksumAlgorithm },
    #[error("the object would be larger than 5 TiB")]
    TooLarge,
    #[error("the lifecycle rules, or what they were asked about, have changed")]
    LifecycleOvertaken,
    #[error("the group of blob {blob} has other members now, fewer than needed hold it")]
    GroupMoved { blob: BlobId },
    #[error("blob {blob} names a group that does not exist")]
    NoSuchGroup { blob: BlobId },
    #[error("group {group} has changed, or a change of it is under way")]
    GroupChanged { group: GroupId },
    #[error("the node is still in groups")]
    NodeInGroups,
    #[error("the node does not exist")]
    NoSuchNode,
    #[error("the name belongs to another node")]
    NodeNameTaken,
    #[error("the access key does not exist")]
    NoSuchAccessKey,
    #[error("the access key exists already")]
    AccessKeyExists,
    #[error("the command breaks a rule of its own: {reason}")]
    Malformed { reason: String },
}
