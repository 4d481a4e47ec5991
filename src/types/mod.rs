//! Values that every layer speaks of: parsed at the border, carried as types inside. No I/O.

mod acl;
mod acl_rules;
mod bucket_name;
mod byte_size;
mod checksum;
mod chunk;
mod cors;
mod documents;
mod duration;
mod etag;
mod extent;
mod ids;
mod lifecycle;
mod object_headers;
mod object_key;
mod object_lock;
mod order;
mod request_id;
mod scrub_status;
mod tag_set;
mod timestamp;
mod versioning;
mod volume_status;
mod website;

pub use acl::{Acl, CannedAcl, Grantee, InvalidAcl, Permission};
pub use acl_rules::{AclRefused, AclRules, BucketAccess, ObjectOwnership, PublicAccessBlock};
pub use bucket_name::{BucketName, InvalidBucketName};
pub use byte_size::{ByteSize, InvalidByteSize};
pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumKind, InvalidChecksum, ObjectChecksum};
pub use chunk::{BLOCK_LENGTH, BlockTable, ChunkData, ChunkKey, ChunkRoot, ChunkSlice, crc32c};
pub use cors::{CORS_RULES_MAX, CorsConfiguration, CorsMethod, CorsPattern, CorsRule, ExposedHeader, InvalidCors};
pub use duration::{HumanDuration, InvalidDuration};
pub use etag::{ETag, InvalidETag};
pub use extent::Extent;
pub use ids::{
    BlobId, BucketId, ClusterId, ContentId, GroupId, HistoryId, InvalidId, NodeId, RunId, UploadId, VersionId, VolumeId,
};
pub use lifecycle::{
    Expiration, FilterForm, InvalidLifecycle, LIFECYCLE_RULES_MAX, LifecycleAction, LifecycleConfiguration,
    LifecycleFilter, LifecycleRule, NoncurrentExpiration, RuleStatus, TransitionMinimum,
};
pub use object_headers::{ObjectHeaders, SystemHeaders};
pub use object_key::{InvalidObjectKey, ObjectKey};
pub use object_lock::{
    Bypass, DefaultRetention, InvalidRetentionPeriod, LegalHold, ObjectLockConfiguration, Retention, RetentionMode,
    RetentionPeriod, VersionLock,
};
pub use order::{CommitSequence, Epoch, Term};
pub use request_id::{InvalidRequestId, RequestId};
pub use scrub_status::{ScrubState, ScrubStatus};
pub use tag_set::{InvalidTagSet, TagLimit, TagSet};
pub use timestamp::Timestamp;
pub use versioning::{VersionName, Versioning};
pub use volume_status::{VolumeState, VolumeStatus};
pub use website::{
    IndexSuffix, InvalidWebsite, ROUTING_RULES_MAX, Redirect, RedirectHost, ReplacedKey, RoutingCondition, RoutingRule,
    Site, WebProtocol, WebsiteConfiguration,
};
