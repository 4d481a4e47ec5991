//! The table again, as policies will name it: one row an operation, so that a change of the code alone fails.

use super::*;
use crate::s3::operation::Scope;

/// Operation, action, and the action with a version id where that differs.
const ROWS: &[(&str, &str, Option<&str>)] = &[
    ("AbortMultipartUpload", "AbortMultipartUpload", None),
    ("CompleteMultipartUpload", "PutObject", None),
    ("CopyObject", "PutObject", None),
    ("CreateBucket", "CreateBucket", None),
    ("CreateBucketMetadataConfiguration", "CreateBucketMetadataTableConfiguration", None),
    ("CreateBucketMetadataTableConfiguration", "CreateBucketMetadataTableConfiguration", None),
    ("CreateMultipartUpload", "PutObject", None),
    ("CreateSession", "CreateSession", None),
    ("DeleteBucket", "DeleteBucket", None),
    ("DeleteBucketAnalyticsConfiguration", "PutAnalyticsConfiguration", None),
    ("DeleteBucketCors", "PutBucketCORS", None),
    ("DeleteBucketEncryption", "PutEncryptionConfiguration", None),
    ("DeleteBucketIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration", None),
    ("DeleteBucketInventoryConfiguration", "PutInventoryConfiguration", None),
    ("DeleteBucketLifecycle", "PutLifecycleConfiguration", None),
    ("DeleteBucketMetadataConfiguration", "CreateBucketMetadataTableConfiguration", None),
    ("DeleteBucketMetadataTableConfiguration", "CreateBucketMetadataTableConfiguration", None),
    ("DeleteBucketMetricsConfiguration", "PutMetricsConfiguration", None),
    ("DeleteBucketOwnershipControls", "PutBucketOwnershipControls", None),
    ("DeleteBucketPolicy", "DeleteBucketPolicy", None),
    ("DeleteBucketReplication", "PutReplicationConfiguration", None),
    ("DeleteBucketTagging", "PutBucketTagging", None),
    ("DeleteBucketWebsite", "DeleteBucketWebsite", None),
    ("DeleteObject", "DeleteObject", Some("DeleteObjectVersion")),
    ("DeleteObjects", "DeleteObject", None),
    ("DeleteObjectTagging", "DeleteObjectTagging", Some("DeleteObjectVersionTagging")),
    ("DeletePublicAccessBlock", "PutBucketPublicAccessBlock", None),
    ("GetBucketAbac", "GetBucketAbac", None),
    ("GetBucketAccelerateConfiguration", "GetAccelerateConfiguration", None),
    ("GetBucketAcl", "GetBucketAcl", None),
    ("GetBucketAnalyticsConfiguration", "GetAnalyticsConfiguration", None),
    ("GetBucketCors", "GetBucketCORS", None),
    ("GetBucketEncryption", "GetEncryptionConfiguration", None),
    ("GetBucketIntelligentTieringConfiguration", "GetIntelligentTieringConfiguration", None),
    ("GetBucketInventoryConfiguration", "GetInventoryConfiguration", None),
    ("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration", None),
    ("GetBucketLocation", "GetBucketLocation", None),
    ("GetBucketLogging", "GetBucketLogging", None),
    ("GetBucketMetadataConfiguration", "GetBucketMetadataTableConfiguration", None),
    ("GetBucketMetadataTableConfiguration", "GetBucketMetadataTableConfiguration", None),
    ("GetBucketMetricsConfiguration", "GetMetricsConfiguration", None),
    ("GetBucketNotificationConfiguration", "GetBucketNotification", None),
    ("GetBucketOwnershipControls", "GetBucketOwnershipControls", None),
    ("GetBucketPolicy", "GetBucketPolicy", None),
    ("GetBucketPolicyStatus", "GetBucketPolicyStatus", None),
    ("GetBucketReplication", "GetReplicationConfiguration", None),
    ("GetBucketRequestPayment", "GetBucketRequestPayment", None),
    ("GetBucketTagging", "GetBucketTagging", None),
    ("GetBucketVersioning", "GetBucketVersioning", None),
    ("GetBucketWebsite", "GetBucketWebsite", None),
    ("GetObject", "GetObject", Some("GetObjectVersion")),
    ("GetObjectAcl", "GetObjectAcl", Some("GetObjectVersionAcl")),
    ("GetObjectAttributes", "GetObjectAttributes", Some("GetObjectVersionAttributes")),
    ("GetObjectLegalHold", "GetObjectLegalHold", None),
    ("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration", None),
    ("GetObjectRetention", "GetObjectRetention", None),
    ("GetObjectTagging", "GetObjectTagging", Some("GetObjectVersionTagging")),
    ("GetObjectTorrent", "GetObjectTorrent", None),
    ("GetPublicAccessBlock", "GetBucketPublicAccessBlock", None),
    ("HeadBucket", "ListBucket", None),
    ("HeadObject", "GetObject", Some("GetObjectVersion")),
    ("ListBucketAnalyticsConfigurations", "GetAnalyticsConfiguration", None),
    ("ListBucketIntelligentTieringConfigurations", "GetIntelligentTieringConfiguration", None),
    ("ListBucketInventoryConfigurations", "GetInventoryConfiguration", None),
    ("ListBucketMetricsConfigurations", "GetMetricsConfiguration", None),
    ("ListBuckets", "ListAllMyBuckets", None),
    ("ListDirectoryBuckets", "ListAllMyDirectoryBuckets", None),
    ("ListMultipartUploads", "ListBucketMultipartUploads", None),
    ("ListObjects", "ListBucket", None),
    ("ListObjectsV2", "ListBucket", None),
    ("ListObjectVersions", "ListBucketVersions", None),
    ("ListParts", "ListMultipartUploadParts", None),
    ("OptionsObject", "Preflight", None),
    ("PostObject", "PutObject", None),
    ("PutBucketAbac", "PutBucketAbac", None),
    ("PutBucketAccelerateConfiguration", "PutAccelerateConfiguration", None),
    ("PutBucketAcl", "PutBucketAcl", None),
    ("PutBucketAnalyticsConfiguration", "PutAnalyticsConfiguration", None),
    ("PutBucketCors", "PutBucketCORS", None),
    ("PutBucketEncryption", "PutEncryptionConfiguration", None),
    ("PutBucketIntelligentTieringConfiguration", "PutIntelligentTieringConfiguration", None),
    ("PutBucketInventoryConfiguration", "PutInventoryConfiguration", None),
    ("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration", None),
    ("PutBucketLogging", "PutBucketLogging", None),
    ("PutBucketMetricsConfiguration", "PutMetricsConfiguration", None),
    ("PutBucketNotificationConfiguration", "PutBucketNotification", None),
    ("PutBucketOwnershipControls", "PutBucketOwnershipControls", None),
    ("PutBucketPolicy", "PutBucketPolicy", None),
    ("PutBucketReplication", "PutReplicationConfiguration", None),
    ("PutBucketRequestPayment", "PutBucketRequestPayment", None),
    ("PutBucketTagging", "PutBucketTagging", None),
    ("PutBucketVersioning", "PutBucketVersioning", None),
    ("PutBucketWebsite", "PutBucketWebsite", None),
    ("PutObject", "PutObject", None),
    ("PutObjectAcl", "PutObjectAcl", Some("PutObjectVersionAcl")),
    ("PutObjectLegalHold", "PutObjectLegalHold", None),
    ("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration", None),
    ("PutObjectRetention", "PutObjectRetention", None),
    ("PutObjectTagging", "PutObjectTagging", Some("PutObjectVersionTagging")),
    ("PutPublicAccessBlock", "PutBucketPublicAccessBlock", None),
    ("RenameObject", "RenameObject", None),
    ("RestoreObject", "RestoreObject", None),
    ("SelectObjectContent", "GetObject", None),
    ("UpdateBucketMetadataInventoryTableConfiguration", "UpdateBucketMetadataInventoryTableConfiguration", None),
    ("UpdateBucketMetadataJournalTableConfiguration", "UpdateBucketMetadataJournalTableConfiguration", None),
    ("UpdateObjectEncryption", "UpdateObjectEncryption", None),
    ("UploadPart", "PutObject", None),
    ("UploadPartCopy", "PutObject", None),
    ("WriteGetObjectResponse", "WriteGetObjectResponse", None),
];

#[test]
fn every_operation_needs_the_action_of_its_row() {
    assert_eq!(ROWS.len(), Operation::ALL.len());
    for (operation, (name, action, with_version)) in Operation::ALL.iter().zip(ROWS) {
        assert_eq!(operation.name(), *name);
        assert_eq!(action_of(*operation, false).name(), format!("s3:{action}"), "{name}");
        let expected = format!("s3:{}", with_version.unwrap_or(action));
        assert_eq!(action_of(*operation, true).name(), expected, "{name} with a version");
    }
}

#[test]
fn the_resource_is_what_the_address_names() {
    let bucket: BucketName = "bucket".parse().unwrap();
    let key = ObjectKey::new("a/../b").unwrap();
    for operation in Operation::ALL {
        let scope = operation.scope();
        let subject = Subject {
            operation: *operation,
            bucket: (scope != Scope::Service).then_some(&bucket),
            key: (scope == Scope::Object).then_some(&key),
            names_version: false,
            names_prefix: false,
            copy_source: None,
            headers: &HeaderMap::new(),
        };
        let expected = match (operation, scope) {
            (Operation::DeleteObjects, _) => Resource::ObjectsOf(&bucket),
            (_, Scope::Service) => Resource::Service,
            (_, Scope::Bucket) => Resource::Bucket(&bucket),
            (_, Scope::Object) if operation.name().contains("Part") || operation.name().contains("MultipartUpload") => {
                Resource::Upload(&bucket, &key)
            }
            (_, Scope::Object) => Resource::Object(&bucket, &key),
        };
        assert_eq!(resource_of(&subject), expected, "{operation:?}");
    }
}

#[test]
fn what_headers_ask_for_is_a_permission_of_its_own() {
    use Operation as Op;
    let asked = |operation, name: &'static str, value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let names = actions_of_headers(operation, &headers).map(Action::name);
        names.collect::<Vec<_>>().join(" ")
    };
    let bypass = "x-amz-bypass-governance-retention";
    for operation in [Op::DeleteObject, Op::DeleteObjects, Op::PutObjectRetention] {
        assert_eq!(asked(operation, bypass, "true"), "s3:BypassGovernanceRetention", "{operation:?}");
        assert_eq!(asked(operation, bypass, "anything"), "s3:BypassGovernanceRetention", "{operation:?}");
        assert_eq!(asked(operation, bypass, "False"), "", "{operation:?}");
    }
    assert_eq!(asked(Op::GetObject, bypass, "true"), "");
    for operation in [Op::CopyObject, Op::CreateMultipartUpload, Op::PostObject, Op::PutObject] {
        assert_eq!(asked(operation, "x-amz-object-lock-mode", "GOVERNANCE"), "s3:PutObjectRetention");
        assert_eq!(asked(operation, "x-amz-object-lock-retain-until-date", "x"), "s3:PutObjectRetention");
        assert_eq!(asked(operation, "x-amz-object-lock-legal-hold", "OFF"), "s3:PutObjectLegalHold");
    }
    assert_eq!(asked(Op::PutObject, "x-amz-write-offset-bytes", "0"), "s3:AppendObject");
    assert_eq!(
        asked(Op::CreateBucket, "x-amz-bucket-object-lock-enabled", "true"),
        "s3:PutBucketObjectLockConfiguration s3:PutBucketVersioning"
    );
}
