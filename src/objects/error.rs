//! Why a verb did not do what it was asked. Each variant says what the caller can do about it; `s3/error.rs` alone
//! turns them into codes.

use super::body::BodyError;
use crate::{
    cluster::{ClusterError, CommitError},
    metadata::{CommandError, ProposeError, QueryError},
    types::{ChecksumAlgorithm, ETag, Timestamp, VersionName},
};

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ObjectError {
    // Buckets
    #[error("the bucket does not exist")]
    NoSuchBucket,
    #[error("the bucket exists and is yours")]
    BucketAlreadyOwnedByYou,
    #[error("the bucket exists and is somebody else's")]
    BucketAlreadyExists,
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    #[error("there are as many buckets as are allowed")]
    TooManyBuckets,
    #[error("the resource has no tags")]
    NoSuchTagSet,
    #[error("the bucket has no rules for other origins")]
    NoSuchCorsConfiguration,
    /// The bucket's configuration was asked for.
    #[error("the bucket has no Object Lock")]
    NoSuchObjectLockConfiguration,
    /// A version's lock was asked for, or to be set: the request makes no sense there.
    #[error("the bucket has no Object Lock, so its versions have no locks")]
    BucketHasNoLock,
    #[error("a bucket with Object Lock keeps versions for good")]
    VersioningIsLocked,
    #[error("Object Lock needs a bucket that keeps versions")]
    VersionsNotKept,
    #[error("the bucket has no lifecycle rules")]
    NoSuchLifecycleConfiguration,
    #[error("the bucket is no website")]
    NoSuchWebsiteConfiguration,
    #[error("the bucket's Object Ownership was not set")]
    NoSuchOwnershipControls,
    #[error("the bucket has no public access block")]
    NoSuchPublicAccessBlock,
    #[error("access control lists are disabled in the bucket")]
    AclsDisabled,
    #[error("public access control lists are blocked in the bucket")]
    PublicAclsBlocked,
    #[error("the bucket's access control list does not go with an enforced owner")]
    AclAgainstOwnership,
    /// No access control list gives it. Says nothing of what is there.
    #[error("no access control list allows it")]
    AccessDenied,

    // Objects
    #[error("the key does not exist")]
    NoSuchKey,
    #[error("the version does not exist")]
    NoSuchVersion,
    /// The current version is a delete marker: S3 says `NoSuchKey` and names the marker.
    #[error("the current version is a delete marker")]
    CurrentIsDeleteMarker { version: VersionName, modified: Timestamp },
    /// The version that was named, or that was to get tags, is a delete marker: S3 says `MethodNotAllowed`.
    #[error("the version is a delete marker")]
    VersionIsDeleteMarker { version: VersionName, modified: Timestamp },
    /// A retention whose date has not come, or a legal hold: the version stays as it is.
    #[error("the version is kept by Object Lock")]
    ObjectLocked,
    #[error("nothing of the kind was set on the version")]
    VersionHasNoLock,
    #[error("the source of the copy is a delete marker")]
    SourceIsDeleteMarker,

    // Conditions
    /// The header that did not hold, as S3 names it in `<Condition>`.
    #[error("the precondition {condition} does not hold")]
    PreconditionFailed { condition: &'static str },
    /// Not a failure to a client: 304.
    #[error("not modified")]
    NotModified(Box<NotModified>),
    #[error("the range begins behind the last of {size} bytes")]
    InvalidRange { size: u64 },
    /// Of a copy: the range does not lie inside the source.
    #[error("the range does not lie inside the source of {size} bytes")]
    InvalidCopyRange { size: u64 },
    #[error("the object has {part_count} parts, not {part_number}")]
    NoSuchPartNumber { part_number: u32, part_count: u32 },

    // Appends and renames
    #[error("the object has {size} bytes")]
    WrongWriteOffset { size: u64 },
    /// Another request has replaced the object since it was looked up: the client is to look again.
    #[error("the object was replaced meanwhile")]
    Conflict,
    #[error("the object has {limit} parts, as many as are allowed")]
    TooManyParts { limit: u32 },
    #[error("the bucket keeps versions, or kept them")]
    BucketKeepsVersions,
    #[error("a key would be longer than is allowed")]
    KeyTooLong,
    #[error("the token belongs to another request")]
    TokenTaken,

    // Multipart
    #[error("the upload does not exist")]
    NoSuchUpload,
    #[error("part {part_number} is unknown, or its entity tag or checksum differs")]
    InvalidPart { part_number: u32 },
    #[error("the parts are not in ascending order")]
    InvalidPartOrder,
    #[error("part {part_number} has {size} bytes, fewer than the 5 MiB of a part that is not the last")]
    EntityTooSmall { part_number: u32, size: u64, etag: ETag },

    // Bytes
    #[error("the body has more than {limit} bytes")]
    EntityTooLarge { limit: u64 },
    #[error("the bytes don't have the Content-MD5 that came with them")]
    BadContentMd5 { expected: [u8; 16], actual: [u8; 16] },
    #[error("the bytes don't have the SHA-256 that was signed")]
    ContentSha256Mismatch { expected: [u8; 32], actual: [u8; 32] },
    #[error("the bytes don't have the {0} checksum that came with them")]
    BadChecksum(ChecksumAlgorithm),
    #[error(transparent)]
    Body(#[from] BodyError),

    // The request makes no sense to S3
    #[error("{reason}")]
    InvalidArgument { name: &'static str, value: String, reason: &'static str },
    #[error("{0}")]
    InvalidRequest(String),

    // The server
    /// Memory or hash budget is spent: come back later (`SlowDown`).
    #[error("the server is busy")]
    Busy,
    /// Another request has replaced or deleted the version before all that was needed of it had been read: begin anew. To a
    /// client: come back later (`SlowDown`), after several tries.
    #[error("the version was replaced or deleted while it was read")]
    Overtaken,
    /// Writes are not possible now (`ServiceUnavailable`); the text says what is needed.
    #[error("{0}")]
    Unavailable(String),
    #[error("the cluster has no room left")]
    NoRoom,
    /// No replica gave the right bytes, or a rule inside was broken: logged where it is handled.
    #[error("{0}")]
    Internal(String),
}

/// What a cache is told of the object that it has: what the whole answer would have said (RFC 9110, section 15.4.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotModified {
    pub etag: ETag,
    pub modified: Timestamp,
    pub cache_control: Option<String>,
    pub expires: Option<String>,
}

impl From<CommandError> for ObjectError {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::NoSuchBucket => Self::NoSuchBucket,
            CommandError::BucketAlreadyOwnedByYou => Self::BucketAlreadyOwnedByYou,
            CommandError::BucketAlreadyExists => Self::BucketAlreadyExists,
            CommandError::BucketNotEmpty => Self::BucketNotEmpty,
            CommandError::TooManyBuckets => Self::TooManyBuckets,
            CommandError::NoSuchKey => Self::NoSuchKey,
            CommandError::NoSuchVersion => Self::NoSuchVersion,
            CommandError::IsDeleteMarker => Self::SourceIsDeleteMarker,
            CommandError::PreconditionFailed => Self::PreconditionFailed { condition: "If-Match" },
            CommandError::SourcePreconditionFailed => {
                Self::PreconditionFailed { condition: "x-amz-copy-source-If-Match" }
            }
            CommandError::WrongWriteOffset { size } => Self::WrongWriteOffset { size },
            CommandError::ObjectChanged => Self::Conflict,
            CommandError::TooManyParts { limit } => Self::TooManyParts { limit },
            CommandError::BucketKeepsVersions => Self::BucketKeepsVersions,
            CommandError::KeyTooLong => Self::KeyTooLong,
            CommandError::TokenTaken => Self::TokenTaken,
            CommandError::TooManyKeys { limit } => Self::InvalidRequest(format!(
                "More than {limit} keys begin with the prefix: as many are renamed at once at most. Nothing was renamed."
            )),
            CommandError::SourceChanged => Self::Overtaken,
            CommandError::SourceRangeInvalid => Self::InvalidCopyRange { size: 0 },
            CommandError::ObjectLocked => Self::ObjectLocked,
            CommandError::NoObjectLock => Self::BucketHasNoLock,
            CommandError::VersioningIsLocked => Self::VersioningIsLocked,
            CommandError::VersionsNotKept => Self::VersionsNotKept,
            CommandError::AclsDisabled => Self::AclsDisabled,
            CommandError::PublicAclsBlocked => Self::PublicAclsBlocked,
            CommandError::AclAgainstOwnership => Self::AclAgainstOwnership,
            CommandError::NotGranted => Self::AccessDenied,
            CommandError::NoSuchUpload => Self::NoSuchUpload,
            CommandError::InvalidPart { part_number } => Self::InvalidPart { part_number },
            CommandError::InvalidPartOrder => Self::InvalidPartOrder,
            CommandError::EntityTooSmall { part_number, size, etag } => {
                Self::EntityTooSmall { part_number, size, etag }
            }
            CommandError::SizeMismatch { expected, actual } => Self::InvalidRequest(format!(
                "The provided 'x-amz-mp-object-size' header value {expected} does not match what was computed: {actual}"
            )),
            CommandError::PartChecksumMissing { .. } => Self::InvalidRequest(error.to_string()),
            CommandError::TooLarge => Self::EntityTooLarge { limit: super::OBJECT_LENGTH_MAX_BYTES },
            CommandError::TooManyExtents { .. }
            | CommandError::GroupMoved { .. }
            | CommandError::NoSuchGroup { .. }
            | CommandError::LifecycleOvertaken
            | CommandError::GroupChanged { .. }
            | CommandError::NodeInGroups
            | CommandError::NoSuchNode
            | CommandError::NodeNameTaken
            | CommandError::NoSuchAccessKey
            | CommandError::AccessKeyExists
            | CommandError::Malformed { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<QueryError> for ObjectError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Closed => Self::Unavailable("the server is stopping".to_owned()),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<ProposeError> for ObjectError {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Refused(refusal) => refusal.into(),
            ProposeError::NoRoom => Self::NoRoom,
            ProposeError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<ClusterError> for ObjectError {
    fn from(error: ClusterError) -> Self {
        match error {
            ClusterError::NotEnoughNodes { .. }
            | ClusterError::Deposed { .. }
            | ClusterError::OldMetadata { .. }
            | ClusterError::EndLost { .. }
            | ClusterError::Unreadable { .. }
            | ClusterError::Metadata(_)
            | ClusterError::DamagedMetadata(_)
            | ClusterError::Node(_)
            | ClusterError::Stopping => Self::Unavailable(error.to_string()),
            ClusterError::NoRoom | ClusterError::MetadataFull => Self::NoRoom,
            ClusterError::Busy => Self::Busy,
            ClusterError::ContentReleased => Self::Overtaken,
            ClusterError::Malformed(_)
            | ClusterError::NoSuchNode
            | ClusterError::NodeInGroups
            | ClusterError::NodeIsInside
            | ClusterError::CannotDrain(_)
            | ClusterError::NodeTaken { .. }
            | ClusterError::OtherGateway { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<CommitError> for ObjectError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refusal) => refusal.into(),
            CommitError::Cluster(error) => error.into(),
        }
    }
}
