//! What was allowed. Made by `authorise` alone.

use crate::types::{Acl, BucketAccess, Permission};

/// What a request may do. For some it depends on what the request finds: then it says so, and goes along to where that
/// is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Permit(pub(super) Extent);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// It may, whatever is found.
    Full,
    /// Whatever is found may be shown as a page of a website, and nothing else about it.
    Page,
    /// The bucket's list gives it to everybody, as it was when the request came.
    ByBucket(Permission),
    /// The version that is found must give it to everybody by its own list.
    ByVersion(Permission),
}

impl Permit {
    /// Whether nothing is left to ask.
    pub fn is_full(self) -> bool {
        self.0 == Extent::Full
    }

    /// What the list that is about to be changed must give everybody.
    pub fn needs_grant(self) -> Option<Permission> {
        match self.0 {
            Extent::Full | Extent::Page => None,
            Extent::ByBucket(permission) | Extent::ByVersion(permission) => Some(permission),
        }
    }

    /// Whether a version with this list may be used, in a bucket with this access. Who was allowed something of the
    /// bucket alone was allowed nothing of its versions.
    pub fn covers_version(self, acl: Acl, bucket: BucketAccess) -> bool {
        match self.0 {
            Extent::Full | Extent::Page => true,
            Extent::ByBucket(_) => false,
            Extent::ByVersion(permission) => bucket.rules.give_everybody(acl, permission),
        }
    }

    /// Whether it may be told that a key or a version is not there: who may list the bucket could see it.
    pub fn may_miss(self, bucket: BucketAccess) -> bool {
        matches!(self.0, Extent::Full | Extent::Page) || bucket.gives_everybody(Permission::Read)
    }
}

#[cfg(test)]
impl Permit {
    pub fn full() -> Self {
        Self(Extent::Full)
    }

    pub fn by_version(permission: Permission) -> Self {
        Self(Extent::ByVersion(permission))
    }
}
