//! Which actions an operation needs, on what. The one place that turns a request into questions for `authorise`.
//! Source: Amazon S3 User Guide, "Required permissions for Amazon S3 API operations".

use super::{copy_source::CopySource, error::S3Error, operation::Operation};
use crate::{
    identity::{Action, BucketFacts, Denied, Permit, Principal, Resource, authorise},
    types::{BucketName, ObjectKey},
};
use http::HeaderMap;

/// What of a request decides about its permissions.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub operation: Operation,
    pub bucket: Option<&'a BucketName>,
    pub key: Option<&'a ObjectKey>,
    /// A version id stands in the query: another action for most operations on objects.
    pub names_version: bool,
    /// The keys that it names are the beginnings of others.
    pub names_prefix: bool,
    /// Of a copy or a rename.
    pub copy_source: Option<&'a CopySource>,
    /// As the operation is to see them.
    pub headers: &'a HeaderMap,
}

/// Called once for every request, after authentication and before dispatch.
///
/// What the request says besides, and what it copies, must be allowed whatever is found: only the permit for the
/// operation itself goes along. Who may write an object says what it begins with, its access control list and tags
/// included.
pub fn authorise_request(principal: &Principal, subject: &Subject<'_>, bucket: BucketFacts) -> Result<Permit, S3Error> {
    let permit =
        authorise(principal, action_of(subject.operation, subject.names_version), &resource_of(subject), bucket)?;
    for action in actions_of_headers(subject.operation, subject.headers) {
        authorise_fully(principal, action, &resource_of(subject))?;
    }
    if let Some(source) = subject.copy_source {
        let action = if source.version.is_some() { Action::GetObjectVersion } else { Action::GetObject };
        let resource = match subject.names_prefix {
            true => Resource::ObjectsOf(&source.bucket),
            false => Resource::Object(&source.bucket, &source.key),
        };
        authorise_fully(principal, action, &resource)?;
        if subject.operation == Operation::RenameObject {
            authorise_fully(principal, Action::DeleteObject, &resource)?;
        }
    }
    Ok(permit)
}

/// By what the principal is, and by no access control list.
fn authorise_fully(principal: &Principal, action: Action, resource: &Resource<'_>) -> Result<(), Denied> {
    let permit = authorise(principal, action, resource, BucketFacts::Unknown)?;
    if permit.is_full() { Ok(()) } else { Err(Denied::Nothing(action)) }
}

/// Operations whose version gets a lock.
const LOCKING: &[Operation] =
    &[Operation::CopyObject, Operation::CreateMultipartUpload, Operation::PostObject, Operation::PutObject];

/// Writes that may stand under a condition. Source: Amazon S3 User Guide, "How to perform conditional deletes".
const CONDITIONAL: &[Operation] =
    &[Operation::CompleteMultipartUpload, Operation::CopyObject, Operation::DeleteObject, Operation::PutObject];

/// What a request asks for besides: to lock what it writes, to break a retention, to write behind what is there.
/// Source: Amazon S3 User Guide, "Object Lock considerations"; API Reference, CreateBucket, PutObject.
const ASKED_BY_HEADERS: &[(&str, &[Operation], &[Action])] = &[
    (
        "x-amz-bypass-governance-retention",
        &[Operation::DeleteObject, Operation::DeleteObjects, Operation::PutObjectRetention],
        &[Action::BypassGovernanceRetention],
    ),
    // A condition asks what is there, which who may write need not know.
    ("if-match", CONDITIONAL, &[Action::GetObject]),
    ("if-none-match", CONDITIONAL, &[Action::GetObject]),
    ("x-amz-if-match-last-modified-time", CONDITIONAL, &[Action::GetObject]),
    ("x-amz-if-match-size", CONDITIONAL, &[Action::GetObject]),
    ("x-amz-object-lock-mode", LOCKING, &[Action::PutObjectRetention]),
    ("x-amz-object-lock-retain-until-date", LOCKING, &[Action::PutObjectRetention]),
    ("x-amz-object-lock-legal-hold", LOCKING, &[Action::PutObjectLegalHold]),
    ("x-amz-write-offset-bytes", &[Operation::PutObject], &[Action::AppendObject]),
    (
        "x-amz-bucket-object-lock-enabled",
        &[Operation::CreateBucket],
        &[Action::PutBucketObjectLockConfiguration, Action::PutBucketVersioning],
    ),
];

/// A header counts whatever its value is, unless it says no.
fn actions_of_headers(operation: Operation, headers: &HeaderMap) -> impl Iterator<Item = Action> {
    let says = |name| headers.get(name).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"false"));
    let asked = ASKED_BY_HEADERS.iter().filter(move |(name, on, _)| on.contains(&operation) && says(*name));
    asked.flat_map(|(_, _, actions)| actions.iter().copied())
}

/// Operations on multipart uploads.
const IN_PARTS: &[Operation] = &[
    Operation::AbortMultipartUpload,
    Operation::CompleteMultipartUpload,
    Operation::CreateMultipartUpload,
    Operation::ListParts,
    Operation::UploadPart,
    Operation::UploadPartCopy,
];

fn resource_of<'a>(subject: &Subject<'a>) -> Resource<'a> {
    match (subject.bucket, subject.key) {
        (Some(bucket), _) if subject.operation == Operation::DeleteObjects => Resource::ObjectsOf(bucket),
        (Some(bucket), Some(_)) if subject.names_prefix => Resource::ObjectsOf(bucket),
        (Some(bucket), Some(key)) if IN_PARTS.contains(&subject.operation) => Resource::Upload(bucket, key),
        (Some(bucket), Some(key)) => Resource::Object(bucket, key),
        (Some(bucket), None) => Resource::Bucket(bucket),
        (None, _) => Resource::Service,
    }
}

/// The table. Operations that only read a configuration share the action with the one that writes it where IAM does so.
const fn action_of(operation: Operation, names_version: bool) -> Action {
    use Operation as Op;
    match (operation, names_version) {
        (Op::AbortMultipartUpload, _) => Action::AbortMultipartUpload,
        (Op::CompleteMultipartUpload | Op::CreateMultipartUpload | Op::UploadPart, _) => Action::PutObject,
        (Op::CopyObject | Op::PutObject | Op::PostObject | Op::UploadPartCopy, _) => Action::PutObject,
        (Op::CreateBucket, _) => Action::CreateBucket,
        (Op::CreateBucketMetadataConfiguration, _) => Action::CreateBucketMetadataTableConfiguration,
        (Op::CreateBucketMetadataTableConfiguration, _) => Action::CreateBucketMetadataTableConfiguration,
        (Op::DeleteBucketMetadataConfiguration, _) => Action::CreateBucketMetadataTableConfiguration,
        (Op::DeleteBucketMetadataTableConfiguration, _) => Action::CreateBucketMetadataTableConfiguration,
        (Op::CreateSession, _) => Action::CreateSession,
        (Op::DeleteBucket, _) => Action::DeleteBucket,
        (Op::DeleteBucketPolicy, _) => Action::DeleteBucketPolicy,
        (Op::DeleteBucketWebsite, _) => Action::DeleteBucketWebsite,
        (Op::DeleteBucketAnalyticsConfiguration | Op::PutBucketAnalyticsConfiguration, _) => {
            Action::PutAnalyticsConfiguration
        }
        (Op::DeleteBucketCors | Op::PutBucketCors, _) => Action::PutBucketCORS,
        (Op::DeleteBucketEncryption | Op::PutBucketEncryption, _) => Action::PutEncryptionConfiguration,
        (Op::DeleteBucketIntelligentTieringConfiguration | Op::PutBucketIntelligentTieringConfiguration, _) => {
            Action::PutIntelligentTieringConfiguration
        }
        (Op::DeleteBucketInventoryConfiguration | Op::PutBucketInventoryConfiguration, _) => {
            Action::PutInventoryConfiguration
        }
        (Op::DeleteBucketLifecycle | Op::PutBucketLifecycleConfiguration, _) => Action::PutLifecycleConfiguration,
        (Op::DeleteBucketMetricsConfiguration | Op::PutBucketMetricsConfiguration, _) => {
            Action::PutMetricsConfiguration
        }
        (Op::DeleteBucketOwnershipControls | Op::PutBucketOwnershipControls, _) => Action::PutBucketOwnershipControls,
        (Op::DeleteBucketReplication | Op::PutBucketReplication, _) => Action::PutReplicationConfiguration,
        (Op::DeleteBucketTagging | Op::PutBucketTagging, _) => Action::PutBucketTagging,
        (Op::DeletePublicAccessBlock | Op::PutPublicAccessBlock, _) => Action::PutBucketPublicAccessBlock,
        (Op::DeleteObject, false) => Action::DeleteObject,
        (Op::DeleteObject, true) => Action::DeleteObjectVersion,
        (Op::DeleteObjects, _) => Action::DeleteObject,
        (Op::DeleteObjectTagging, false) => Action::DeleteObjectTagging,
        (Op::DeleteObjectTagging, true) => Action::DeleteObjectVersionTagging,
        (Op::GetBucketAbac, _) => Action::GetBucketAbac,
        (Op::GetBucketAccelerateConfiguration, _) => Action::GetAccelerateConfiguration,
        (Op::GetBucketAcl, _) => Action::GetBucketAcl,
        (Op::GetBucketAnalyticsConfiguration | Op::ListBucketAnalyticsConfigurations, _) => {
            Action::GetAnalyticsConfiguration
        }
        (Op::GetBucketCors, _) => Action::GetBucketCORS,
        (Op::GetBucketEncryption, _) => Action::GetEncryptionConfiguration,
        (Op::GetBucketIntelligentTieringConfiguration | Op::ListBucketIntelligentTieringConfigurations, _) => {
            Action::GetIntelligentTieringConfiguration
        }
        (Op::GetBucketInventoryConfiguration | Op::ListBucketInventoryConfigurations, _) => {
            Action::GetInventoryConfiguration
        }
        (Op::GetBucketLifecycleConfiguration, _) => Action::GetLifecycleConfiguration,
        (Op::GetBucketLocation, _) => Action::GetBucketLocation,
        (Op::GetBucketLogging, _) => Action::GetBucketLogging,
        (Op::GetBucketMetadataConfiguration, _) => Action::GetBucketMetadataTableConfiguration,
        (Op::GetBucketMetadataTableConfiguration, _) => Action::GetBucketMetadataTableConfiguration,
        (Op::GetBucketMetricsConfiguration | Op::ListBucketMetricsConfigurations, _) => Action::GetMetricsConfiguration,
        (Op::GetBucketNotificationConfiguration, _) => Action::GetBucketNotification,
        (Op::GetBucketOwnershipControls, _) => Action::GetBucketOwnershipControls,
        (Op::GetBucketPolicy, _) => Action::GetBucketPolicy,
        (Op::GetBucketPolicyStatus, _) => Action::GetBucketPolicyStatus,
        (Op::GetBucketReplication, _) => Action::GetReplicationConfiguration,
        (Op::GetBucketRequestPayment, _) => Action::GetBucketRequestPayment,
        (Op::GetBucketTagging, _) => Action::GetBucketTagging,
        (Op::GetBucketVersioning, _) => Action::GetBucketVersioning,
        (Op::GetBucketWebsite, _) => Action::GetBucketWebsite,
        (Op::GetObject | Op::HeadObject, false) => Action::GetObject,
        (Op::GetObject | Op::HeadObject, true) => Action::GetObjectVersion,
        (Op::GetObjectAcl, false) => Action::GetObjectAcl,
        (Op::GetObjectAcl, true) => Action::GetObjectVersionAcl,
        (Op::GetObjectAttributes, false) => Action::GetObjectAttributes,
        (Op::GetObjectAttributes, true) => Action::GetObjectVersionAttributes,
        (Op::GetObjectLegalHold, _) => Action::GetObjectLegalHold,
        (Op::GetObjectLockConfiguration, _) => Action::GetBucketObjectLockConfiguration,
        (Op::GetObjectRetention, _) => Action::GetObjectRetention,
        (Op::GetObjectTagging, false) => Action::GetObjectTagging,
        (Op::GetObjectTagging, true) => Action::GetObjectVersionTagging,
        (Op::GetObjectTorrent, _) => Action::GetObjectTorrent,
        (Op::GetPublicAccessBlock, _) => Action::GetBucketPublicAccessBlock,
        (Op::HeadBucket | Op::ListObjects | Op::ListObjectsV2, _) => Action::ListBucket,
        (Op::ListBuckets, _) => Action::ListAllMyBuckets,
        (Op::ListDirectoryBuckets, _) => Action::ListAllMyDirectoryBuckets,
        (Op::ListMultipartUploads, _) => Action::ListBucketMultipartUploads,
        (Op::ListObjectVersions, _) => Action::ListBucketVersions,
        (Op::ListParts, _) => Action::ListMultipartUploadParts,
        (Op::OptionsObject, _) => Action::Preflight,
        (Op::PutBucketAbac, _) => Action::PutBucketAbac,
        (Op::PutBucketAccelerateConfiguration, _) => Action::PutAccelerateConfiguration,
        (Op::PutBucketAcl, _) => Action::PutBucketAcl,
        (Op::PutBucketLogging, _) => Action::PutBucketLogging,
        (Op::PutBucketNotificationConfiguration, _) => Action::PutBucketNotification,
        (Op::PutBucketPolicy, _) => Action::PutBucketPolicy,
        (Op::PutBucketRequestPayment, _) => Action::PutBucketRequestPayment,
        (Op::PutBucketVersioning, _) => Action::PutBucketVersioning,
        (Op::PutBucketWebsite, _) => Action::PutBucketWebsite,
        (Op::PutObjectAcl, false) => Action::PutObjectAcl,
        (Op::PutObjectAcl, true) => Action::PutObjectVersionAcl,
        (Op::PutObjectLegalHold, _) => Action::PutObjectLegalHold,
        (Op::PutObjectLockConfiguration, _) => Action::PutBucketObjectLockConfiguration,
        (Op::PutObjectRetention, _) => Action::PutObjectRetention,
        (Op::PutObjectTagging, false) => Action::PutObjectTagging,
        (Op::PutObjectTagging, true) => Action::PutObjectVersionTagging,
        (Op::RenameObject, _) => Action::RenameObject,
        (Op::RestoreObject, _) => Action::RestoreObject,
        (Op::SelectObjectContent, _) => Action::GetObject,
        (Op::UpdateBucketMetadataInventoryTableConfiguration, _) => {
            Action::UpdateBucketMetadataInventoryTableConfiguration
        }
        (Op::UpdateBucketMetadataJournalTableConfiguration, _) => Action::UpdateBucketMetadataJournalTableConfiguration,
        (Op::UpdateObjectEncryption, _) => Action::UpdateObjectEncryption,
        (Op::WriteGetObjectResponse, _) => Action::WriteGetObjectResponse,
    }
}

#[cfg(test)]
mod tests;
