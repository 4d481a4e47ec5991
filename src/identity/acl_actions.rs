//! What an access control list allows: each action that one can grant, which list is asked, and for which permission.
//! What does not stand here, no list grants. Source: Amazon S3 User Guide, "Access control list (ACL) overview",
//! "Mapping of ACL permissions and access policy permissions".

use super::Action;
use crate::types::Permission;

/// Whose list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Bucket,
    /// Of the version that the request means.
    Version,
}

/// S3 lets bucket WRITE overwrite and delete as well where the grantee owns the object; with one account everything
/// that is written belongs to the bucket's owner, so it does here. Torrents, which READ of an object would grant, are
/// not here.
const TABLE: &[(Action, List, Permission)] = &[
    (Action::DeleteObject, List::Bucket, Permission::Write),
    (Action::GetBucketAcl, List::Bucket, Permission::ReadAcp),
    (Action::GetObject, List::Version, Permission::Read),
    (Action::GetObjectAcl, List::Version, Permission::ReadAcp),
    (Action::GetObjectVersion, List::Version, Permission::Read),
    (Action::GetObjectVersionAcl, List::Version, Permission::ReadAcp),
    (Action::ListBucket, List::Bucket, Permission::Read),
    (Action::ListBucketMultipartUploads, List::Bucket, Permission::Read),
    (Action::ListBucketVersions, List::Bucket, Permission::Read),
    (Action::PutBucketAcl, List::Bucket, Permission::WriteAcp),
    (Action::PutObject, List::Bucket, Permission::Write),
    (Action::PutObjectAcl, List::Version, Permission::WriteAcp),
    (Action::PutObjectVersionAcl, List::Version, Permission::WriteAcp),
];

pub(super) fn granted_by(action: Action) -> Option<(List, Permission)> {
    TABLE.iter().find(|(known, ..)| *known == action).map(|(_, list, permission)| (*list, *permission))
}
