//! Every operation of S3, as a closed enum: `ops/handlers.rs` matches on it without a wildcard, so the compiler is the
//! checklist. Source: Amazon S3 API Reference, "Actions", with POST Object and the CORS preflight ("OPTIONS object"), which
//! have pages of their own.

use http::Method;

macro_rules! operations {
    ($($variant:ident $scope:ident,)*) => {
        /// An operation, by the name that AWS gives it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Operation {
            $($variant,)*
        }

        impl Operation {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                }
            }

            pub const fn scope(self) -> Scope {
                match self {
                    $(Self::$variant => Scope::$scope,)*
                }
            }
        }
    };
}

impl Operation {
    /// Whether a request of this method may bring a body that means something.
    pub fn has_body(self, method: &Method) -> bool {
        let is_bare = [Method::GET, Method::HEAD, Method::DELETE].contains(method);
        let is_without = matches!(
            self,
            Self::CopyObject
                | Self::CreateMultipartUpload
                | Self::OptionsObject
                | Self::RenameObject
                | Self::UploadPartCopy
        );
        !is_bare && !is_without
    }
}

/// What an operation is about: which parts of the address it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Service,
    Bucket,
    Object,
}

operations! {
    AbortMultipartUpload Object,
    CompleteMultipartUpload Object,
    CopyObject Object,
    CreateBucket Bucket,
    CreateBucketMetadataConfiguration Bucket,
    CreateBucketMetadataTableConfiguration Bucket,
    CreateMultipartUpload Object,
    CreateSession Bucket,
    DeleteBucket Bucket,
    DeleteBucketAnalyticsConfiguration Bucket,
    DeleteBucketCors Bucket,
    DeleteBucketEncryption Bucket,
    DeleteBucketIntelligentTieringConfiguration Bucket,
    DeleteBucketInventoryConfiguration Bucket,
    DeleteBucketLifecycle Bucket,
    DeleteBucketMetadataConfiguration Bucket,
    DeleteBucketMetadataTableConfiguration Bucket,
    DeleteBucketMetricsConfiguration Bucket,
    DeleteBucketOwnershipControls Bucket,
    DeleteBucketPolicy Bucket,
    DeleteBucketReplication Bucket,
    DeleteBucketTagging Bucket,
    DeleteBucketWebsite Bucket,
    DeleteObject Object,
    DeleteObjects Bucket,
    DeleteObjectTagging Object,
    DeletePublicAccessBlock Bucket,
    GetBucketAbac Bucket,
    GetBucketAccelerateConfiguration Bucket,
    GetBucketAcl Bucket,
    GetBucketAnalyticsConfiguration Bucket,
    GetBucketCors Bucket,
    GetBucketEncryption Bucket,
    GetBucketIntelligentTieringConfiguration Bucket,
    GetBucketInventoryConfiguration Bucket,
    GetBucketLifecycleConfiguration Bucket,
    GetBucketLocation Bucket,
    GetBucketLogging Bucket,
    GetBucketMetadataConfiguration Bucket,
    GetBucketMetadataTableConfiguration Bucket,
    GetBucketMetricsConfiguration Bucket,
    GetBucketNotificationConfiguration Bucket,
    GetBucketOwnershipControls Bucket,
    GetBucketPolicy Bucket,
    GetBucketPolicyStatus Bucket,
    GetBucketReplication Bucket,
    GetBucketRequestPayment Bucket,
    GetBucketTagging Bucket,
    GetBucketVersioning Bucket,
    GetBucketWebsite Bucket,
    GetObject Object,
    GetObjectAcl Object,
    GetObjectAttributes Object,
    GetObjectLegalHold Object,
    GetObjectLockConfiguration Bucket,
    GetObjectRetention Object,
    GetObjectTagging Object,
    GetObjectTorrent Object,
    GetPublicAccessBlock Bucket,
    HeadBucket Bucket,
    HeadObject Object,
    ListBucketAnalyticsConfigurations Bucket,
    ListBucketIntelligentTieringConfigurations Bucket,
    ListBucketInventoryConfigurations Bucket,
    ListBucketMetricsConfigurations Bucket,
    ListBuckets Service,
    ListDirectoryBuckets Service,
    ListMultipartUploads Bucket,
    ListObjects Bucket,
    ListObjectsV2 Bucket,
    ListObjectVersions Bucket,
    ListParts Object,
    OptionsObject Bucket,
    PostObject Bucket,
    PutBucketAbac Bucket,
    PutBucketAccelerateConfiguration Bucket,
    PutBucketAcl Bucket,
    PutBucketAnalyticsConfiguration Bucket,
    PutBucketCors Bucket,
    PutBucketEncryption Bucket,
    PutBucketIntelligentTieringConfiguration Bucket,
    PutBucketInventoryConfiguration Bucket,
    PutBucketLifecycleConfiguration Bucket,
    PutBucketLogging Bucket,
    PutBucketMetricsConfiguration Bucket,
    PutBucketNotificationConfiguration Bucket,
    PutBucketOwnershipControls Bucket,
    PutBucketPolicy Bucket,
    PutBucketReplication Bucket,
    PutBucketRequestPayment Bucket,
    PutBucketTagging Bucket,
    PutBucketVersioning Bucket,
    PutBucketWebsite Bucket,
    PutObject Object,
    PutObjectAcl Object,
    PutObjectLegalHold Object,
    PutObjectLockConfiguration Bucket,
    PutObjectRetention Object,
    PutObjectTagging Object,
    PutPublicAccessBlock Bucket,
    RenameObject Object,
    RestoreObject Object,
    SelectObjectContent Object,
    UpdateBucketMetadataInventoryTableConfiguration Bucket,
    UpdateBucketMetadataJournalTableConfiguration Bucket,
    UpdateObjectEncryption Object,
    UploadPart Object,
    UploadPartCopy Object,
    WriteGetObjectResponse Service,
}
