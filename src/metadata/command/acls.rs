//! Commands on access control lists.

use crate::metadata::version_selector::VersionSelector;
use crate::types::{Acl, BucketId, ObjectKey, Permission};
use serde::{Deserialize, Serialize};

/// Afterwards the bucket has this list, or its rules about lists refuse it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetBucketAcl {
    pub bucket: BucketId,
    pub acl: Acl,
    /// What the present list has to give everybody, else nothing changes: of a request that nobody signed. It may have
    /// been long under way since it was authorised.
    pub granted: Option<Permission>,
}

/// Afterwards the version has this list, or the bucket's rules about lists refuse it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetObjectAcl {
    pub bucket: BucketId,
    pub key: ObjectKey,
    pub version: VersionSelector,
    pub acl: Acl,
    /// As in `SetBucketAcl`.
    pub granted: Option<Permission>,
}
