//! The one decision about every request. Today each authenticated key has full access, and what access control lists
//! give everybody, anybody may do; policies will hang here.

use super::{
    Action, Principal,
    acl_actions::{List, granted_by},
    permit::{Extent, Permit},
    principal::Grant,
};
use crate::types::{BucketAccess, BucketName, ObjectKey};
use std::fmt;

/// What a request wants to touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The account: ListBuckets.
    Service,
    Bucket(&'a BucketName),
    Object(&'a BucketName, &'a ObjectKey),
    /// An object that is written in parts, or its parts.
    Upload(&'a BucketName, &'a ObjectKey),
    /// Objects that the request names in its body: DeleteObjects.
    ObjectsOf(&'a BucketName),
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service => f.write_str("arn:aws:s3:::"),
            Self::Bucket(bucket) => write!(f, "arn:aws:s3:::{bucket}"),
            Self::Object(bucket, key) | Self::Upload(bucket, key) => write!(f, "arn:aws:s3:::{bucket}/{key}"),
            Self::ObjectsOf(bucket) => write!(f, "arn:aws:s3:::{bucket}/*"),
        }
    }
}

/// What is known of the bucket that a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketFacts {
    /// Nobody has looked: enough for a principal who is not `is_judged_by_lists`.
    Unknown,
    Absent,
    Present(BucketAccess),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nothing allows it.
    #[error("nothing allows {}", .0.name())]
    Nothing(Action),
    /// What might allow it is not there: anybody may know that a bucket does not exist.
    #[error("the bucket does not exist")]
    NoSuchBucket,
}

/// Whether `principal` may do `action` to `resource`. What nothing allows is denied.
pub fn authorise(
    principal: &Principal,
    action: Action,
    resource: &Resource<'_>,
    bucket: BucketFacts,
) -> Result<Permit, Denied> {
    let is_allowed = match (principal.grant(), resource) {
        (
            Grant::FullAccess,
            Resource::Service
            | Resource::Bucket(_)
            | Resource::Object(..)
            | Resource::Upload(..)
            | Resource::ObjectsOf(_),
        ) => true,
        (Grant::Anonymous, _) if action == Action::Preflight => true,
        (Grant::Anonymous, _) => return by_lists(action, resource, bucket),
        (Grant::Website, Resource::Object(..)) if action == Action::GetObject && may_be_shown(bucket) => {
            return Ok(Permit(Extent::Page));
        }
        (Grant::Website, _) => false,
        #[cfg(test)]
        (Grant::Nothing, _) => false,
    };
    if is_allowed { Ok(Permit(Extent::Full)) } else { Err(Denied::Nothing(action)) }
}

/// What a website shows is shown to everybody: not where the owner restricts public buckets, and not unless somebody has
/// looked.
fn may_be_shown(bucket: BucketFacts) -> bool {
    match bucket {
        BucketFacts::Unknown | BucketFacts::Absent => false,
        BucketFacts::Present(access) => !access.rules.block.is_some_and(|block| block.restrict_public_buckets),
    }
}

/// What access control lists give everybody. Nothing in the account as a whole, nothing in parts, and of several
/// objects at once only what the bucket's list gives.
fn by_lists(action: Action, resource: &Resource<'_>, bucket: BucketFacts) -> Result<Permit, Denied> {
    let denied = Err(Denied::Nothing(action));
    let Some((list, permission)) = granted_by(action) else { return denied };
    let is_of_list = match resource {
        Resource::Service | Resource::Upload(..) => false,
        Resource::Bucket(_) | Resource::ObjectsOf(_) => list == List::Bucket,
        Resource::Object(..) => true,
    };
    match (is_of_list, bucket) {
        (false, _) | (true, BucketFacts::Unknown) => denied,
        (true, BucketFacts::Absent) => Err(Denied::NoSuchBucket),
        (true, BucketFacts::Present(access)) => match list {
            List::Version => Ok(Permit(Extent::ByVersion(permission))),
            List::Bucket if access.gives_everybody(permission) => Ok(Permit(Extent::ByBucket(permission))),
            List::Bucket => denied,
        },
    }
}

#[cfg(test)]
mod tests;
