//! What a request wants to do, in the words of IAM. Source: AWS Service Authorization Reference, "Actions, resources,
//! and condition keys for Amazon S3".

macro_rules! actions {
    ($($variant:ident,)*) => {
        /// An action of S3. Which request needs which is the table of `s3/permission.rs`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($variant,)*
        }

        impl Action {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As policies name it: `s3:GetObject`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("s3:", stringify!($variant)),)*
                }
            }
        }
    };
}

actions! {
    AbortMultipartUpload,
    // None of IAM's: to write behind what an object has. S3 has it in directory buckets alone, under their sessions.
    AppendObject,
    BypassGovernanceRetention,
    CreateBucket,
    CreateBucketMetadataTableConfiguration,
    CreateSession,
    DeleteBucket,
    DeleteBucketPolicy,
    DeleteBucketWebsite,
    DeleteObject,
    DeleteObjectTagging,
    DeleteObjectVersion,
    DeleteObjectVersionTagging,
    GetAccelerateConfiguration,
    GetAnalyticsConfiguration,
    GetBucketAbac,
    GetBucketAcl,
    GetBucketCORS,
    GetBucketLocation,
    GetBucketLogging,
    GetBucketMetadataTableConfiguration,
    GetBucketNotification,
    GetBucketObjectLockConfiguration,
    GetBucketOwnershipControls,
    GetBucketPolicy,
    GetBucketPolicyStatus,
    GetBucketPublicAccessBlock,
    GetBucketRequestPayment,
    GetBucketTagging,
    GetBucketVersioning,
    GetBucketWebsite,
    GetEncryptionConfiguration,
    GetIntelligentTieringConfiguration,
    GetInventoryConfiguration,
    GetLifecycleConfiguration,
    GetMetricsConfiguration,
    GetObject,
    GetObjectAcl,
    GetObjectAttributes,
    GetObjectLegalHold,
    GetObjectRetention,
    GetObjectTagging,
    GetObjectTorrent,
    GetObjectVersion,
    GetObjectVersionAcl,
    GetObjectVersionAttributes,
    GetObjectVersionTagging,
    GetReplicationConfiguration,
    ListAllMyBuckets,
    ListAllMyDirectoryBuckets,
    ListBucket,
    ListBucketMultipartUploads,
    ListBucketVersions,
    ListMultipartUploadParts,
    // None of IAM's: to ask whether a page of another origin may send a request. S3 lets anybody ask, and the answer is no
    // more than what the bucket's rules say.
    Preflight,
    PutAccelerateConfiguration,
    PutAnalyticsConfiguration,
    PutBucketAbac,
    PutBucketAcl,
    PutBucketCORS,
    PutBucketLogging,
    PutBucketNotification,
    PutBucketObjectLockConfiguration,
    PutBucketOwnershipControls,
    PutBucketPolicy,
    PutBucketPublicAccessBlock,
    PutBucketRequestPayment,
    PutBucketTagging,
    PutBucketVersioning,
    PutBucketWebsite,
    PutEncryptionConfiguration,
    PutIntelligentTieringConfiguration,
    PutInventoryConfiguration,
    PutLifecycleConfiguration,
    PutMetricsConfiguration,
    PutObject,
    PutObjectAcl,
    PutObjectLegalHold,
    PutObjectRetention,
    PutObjectTagging,
    PutObjectVersionAcl,
    PutObjectVersionTagging,
    PutReplicationConfiguration,
    RenameObject,
    RestoreObject,
    UpdateBucketMetadataInventoryTableConfiguration,
    UpdateBucketMetadataJournalTableConfiguration,
    UpdateObjectEncryption,
    WriteGetObjectResponse,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_iam() {
        assert_eq!(Action::GetObject.name(), "s3:GetObject");
        let mut names: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
        names.dedup();
        assert_eq!(names.len(), Action::ALL.len());
        assert!(names.is_sorted(), "the list is kept in order so that a reader finds an action");
    }
}
